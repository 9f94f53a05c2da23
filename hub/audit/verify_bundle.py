"""Verify an export bundle without the hub, and without trusting who made it.

This one file needs Python and the `cryptography` package alone, and runs as `python -I
verify_bundle.py BUNDLE.zip --key log.pub [--opened cases.zip]`. The key is the log's C2SP
verifier key, had from elsewhere. It recomputes every digest, leaf, proof and signature, and
names what does not hold. `--opened` is what the named auditor decrypted out of cases.p7m:
its payloads are held against the digests on the leaves.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import hashlib
import json
import re
import sys
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_NOTE = re.compile(
    r"(?P<text>(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,18})\n(?P<root>[A-Za-z0-9+/]{43}=)\n)"
    r"\n(?P<signatures>(?:— [^\s+]+ [A-Za-z0-9+/]+={0,2}\n)+)"
)
_MOST_BYTES = 1 << 30
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError),
    *(KeyError, ValueError, TypeError, AttributeError),
)
"""What reading a damaged file can raise; RecursionError is a RuntimeError."""
_PARTS = ("payload", "decoded", "salt")
_Keys = list[tuple[str, bytes, Ed25519PublicKey]]


def verify_bundle(bundle: Path, keys: str, opened: Path | None = None) -> list[str]:
    """Everything that does not hold, one line each; empty when all does.

    ValueError for a key that is none; OSError where a file cannot be read.
    """
    known = [_key(line) for line in keys.split("\n") if line]
    if not known:
        raise ValueError("no public key was given")
    findings: list[str] = []
    try:
        with zipfile.ZipFile(bundle) as file:
            for part in _parts(file, known, opened):
                findings += part
    except _DAMAGE as error:
        findings.append(f"bundle: cannot be read: {type(error).__name__}")
    return findings


def _parts(file: zipfile.ZipFile, keys: _Keys, opened: Path | None) -> Iterator[Iterator[str]]:
    """What is found, part by part: damage in one of them hides nothing of the others."""
    yield _guarded("manifest.json", _contents(file))
    yield _guarded("bundle", _records(file, keys))
    yield _guarded("manifest.json", _range(file))
    if opened is not None:
        yield _guarded(opened.name, _opened(file, opened))


def _guarded(name: str, found: Iterator[str]) -> Iterator[str]:
    """*found*, and damage that ends it as one more finding about the file *name*."""
    try:
        yield from found
    except _DAMAGE as error:
        yield f"{name}: cannot be read: {type(error).__name__}"


def expired(bundle: Path, now: dt.datetime) -> bool:
    """Whether the auditor's term for keeping the bundle, which has no findings, is over."""
    with zipfile.ZipFile(bundle) as file:
        manifest = json.loads(file.read("manifest.json"))
    return now >= dt.datetime.fromisoformat(manifest["expiresAt"])


def _contents(file: zipfile.ZipFile) -> Iterator[str]:
    manifest = json.loads(_read(file, "manifest.json"))
    names = set(file.namelist()) - {"manifest.json"}
    if len(file.namelist()) != len(set(file.namelist())):
        yield "bundle: a file stands in it twice"
    for name in sorted(names ^ manifest["files"].keys()):
        yield f"{name}: {'not listed' if name in names else 'missing'}"
    for name in sorted(names & manifest["files"].keys()):
        yield from _guarded(name, _digest(file, name, manifest["files"][name]))
    for name in sorted(names):
        if name.startswith("mappings/") and name.endswith(".toml"):
            yield from _guarded(name, _mapping(file, name))


def _digest(file: zipfile.ZipFile, name: str, due: str) -> Iterator[str]:
    if _sha(_read(file, name)) != due:
        yield f"{name}: not the one that was exported"


def _mapping(file: zipfile.ZipFile, name: str) -> Iterator[str]:
    """A mapping's name is SHA-256 over its text, a zero byte, and its code lists."""
    codes = name.removesuffix(".toml") + ".codes"
    text = _read(file, name) + b"\x00" + (_read(file, codes) if codes in file.namelist() else b"")
    if hashlib.sha256(text).hexdigest() != Path(name).stem:
        yield f"{name}: its text is not that of its digest"


def _records(file: zipfile.ZipFile, keys: _Keys) -> Iterator[str]:
    heads: dict[int, bytes] = {}
    yield from _heads(file, keys, heads)
    names = sorted(name for name in file.namelist() if name.startswith("records/"))
    if not names:
        yield "bundle: holds no record"
    for name in names:
        yield from _guarded(name, _record(file, name, heads))


def _record(file: zipfile.ZipFile, name: str, heads: dict[int, bytes]) -> Iterator[str]:
    proof_name = f"proofs/{Path(name).name}"
    if proof_name not in file.namelist():
        yield f"{name}: its proof is missing"
        return
    leaf, proof = _read(file, name), json.loads(_read(file, proof_name))
    if not _included(leaf, proof, heads.get(proof["size"])):
        yield f"{name}: its proof does not lead to a good checkpoint"
    elif _index(name) != proof["index"]:
        yield f"{name}: stands under another number than its own"


def _range(file: zipfile.ZipFile) -> Iterator[str]:
    """A period that was exported whole is one run of records between two that are not of it."""
    period = json.loads(_read(file, "manifest.json")).get("period")
    if period is None:
        return
    names = {_index(n): n for n in file.namelist() if n.startswith("records/")}
    first, last = period["first"], period["last"]
    missing = [n for n in range(max(first - 1, 0), last + 2) if n not in names]
    if missing:
        yield f"period: {len(missing)} records are missing, the first of them {missing[0]}"
    since, until = (dt.datetime.fromisoformat(period[name]) for name in ("since", "until"))
    for index in {first - 1, last + 1} & names.keys():
        at = json.loads(_read(file, names[index]))["at"] / 1000
        if since.timestamp() <= at < until.timestamp():
            yield f"{names[index]}: is of the period, which goes on beyond what was exported"


def scope(bundle: Path) -> str:
    """What a bundle without findings says about what is not in it."""
    with zipfile.ZipFile(bundle) as file:
        period = json.loads(file.read("manifest.json")).get("period")
    if period is None:
        return "a selection of records: it says nothing of what was left out"
    return f"every record from {period['since']} to {period['until']}"


def _index(name: str) -> int:
    return int(Path(name).name.split("-")[0])


def _heads(file: zipfile.ZipFile, keys: _Keys, heads: dict[int, bytes]) -> Iterator[str]:
    for name in sorted(name for name in file.namelist() if name.startswith("checkpoints/")):
        try:
            size, root = _head(_read(file, name).decode(), keys)
        except _DAMAGE as error:
            yield f"{name}: {error}"
            continue
        if heads.setdefault(size, root) != root:
            yield f"{name}: two roots of one size: the log has forked"


def _opened(file: zipfile.ZipFile, opened: Path) -> Iterator[str]:
    with zipfile.ZipFile(opened) as inner:
        for stem in sorted({name.split("/")[0] for name in inner.namelist()}):
            yield from _guarded(stem, _payload(file, inner, stem))


def _payload(file: zipfile.ZipFile, inner: zipfile.ZipFile, stem: str) -> Iterator[str]:
    """Hold an opened payload against the digest that its leaf commits to."""
    leaves = {Path(n).stem: n for n in file.namelist() if n.startswith("records/")}
    names = set(inner.namelist())
    if stem not in leaves:
        yield f"{stem}: opened, and not among the records"
        return
    header = json.loads(_read(file, leaves[stem]))
    held = {name: _read(inner, f"{stem}/{name}") for name in _PARTS if f"{stem}/{name}" in names}
    given = held.get("payload")
    if given is not None and "answer" in header and _sha(given) != header["answer"]:
        yield f"{stem}: the answer is not the one on record"
    salted = held.get("salt", b"") + held.get("decoded", b"")
    if "decoded" in held and _sha(salted) != header.get("decoded"):
        yield f"{stem}: what was decoded is not what is on record"


def _sha(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _included(leaf: bytes, proof: dict[str, Any], root: bytes | None) -> bool:
    """RFC 9162 section 2.1.3.2."""
    size: int = proof["size"]
    index, path = proof["index"], [base64.b64decode(step, validate=True) for step in proof["path"]]
    if root is None or not 0 <= index < size:
        return False
    first, last, carried = index, size - 1, hashlib.sha256(b"\x00" + leaf).digest()
    for step in path:
        if last == 0:
            return False
        if first & 1 or first == last:
            carried = hashlib.sha256(b"\x01" + step + carried).digest()
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            carried = hashlib.sha256(b"\x01" + carried + step).digest()
        first, last = first >> 1, last >> 1
    return last == 0 and carried == root


def _head(note: str, keys: _Keys) -> tuple[int, bytes]:
    match = _NOTE.fullmatch(note)
    if match is None:
        raise ValueError("is not a checkpoint in its canonical form")
    for line in match["signatures"].splitlines():
        _, name, value = line.split(" ")
        raw = base64.b64decode(value, validate=True)
        for known, hint, key in keys:
            if (name, raw[:4]) == (known, hint) and name == match["origin"]:
                try:
                    key.verify(raw[4:], match["text"].encode())
                except InvalidSignature:
                    raise ValueError("its signature does not verify") from None
                return int(match["size"]), base64.b64decode(match["root"])
    raise ValueError("is not signed for its log by the given key")


def _key(line: str) -> tuple[str, bytes, Ed25519PublicKey]:
    name, hint, text = (*line.strip().split("+", 2), "", "")[:3]
    raw = base64.b64decode(text, validate=True)
    due = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if raw[:1] != b"\x01" or due.hex() != hint:
        raise ValueError("not an Ed25519 verifier key in the form name+hint+key")
    return name, due, Ed25519PublicKey.from_public_bytes(raw[1:])


def _read(file: zipfile.ZipFile, name: str) -> bytes:
    if file.getinfo(name).file_size > _MOST_BYTES:
        raise ValueError("a file of the bundle is too large")
    return file.read(name)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when all holds, 1 when something does not, 2 when it cannot run."""
    parser = argparse.ArgumentParser(description="Verify an export bundle.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--key", type=Path, required=True, help="the log's public key (log.pub)")
    parser.add_argument("--opened", type=Path, help="cases.zip, decrypted out of cases.p7m")
    given = parser.parse_args(arguments)
    try:
        findings = verify_bundle(given.bundle, given.key.read_text("utf-8"), given.opened)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot verify: {error}\n")
        return 2
    sys.stdout.writelines(f"FOUND {finding}\n" for finding in findings)
    if not findings:
        sys.stdout.write(f"{scope(given.bundle)}\n")
    if not findings and expired(given.bundle, dt.datetime.fromtimestamp(time.time(), dt.UTC)):
        sys.stdout.write("EXPIRED: the bundle was to be destroyed by now\n")
    sys.stdout.write(f"{len(findings) or 'no'} findings\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
