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
_PARTS = ("payload", "decoded", "salt")
_Keys = list[tuple[str, bytes, Ed25519PublicKey]]


def verify_bundle(bundle: Path, keys: str, opened: Path | None = None) -> list[str]:
    """Everything that does not hold, one line each; empty when all does.

    ValueError for a key that is none; OSError where a file cannot be read.
    """
    known = [_key(line) for line in keys.split("\n") if line]
    if not known:
        raise ValueError("no public key was given")
    try:
        with zipfile.ZipFile(bundle) as file:
            findings = list(_contents(file))
            findings += _records(file, known)
            if opened is not None:
                with zipfile.ZipFile(opened) as inner:
                    findings += _opened(file, inner)
            return findings
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError) as error:
        return [f"bundle: cannot be read: {type(error).__name__}"]


def expired(bundle: Path, now: dt.datetime) -> bool:
    """Whether the auditor's term for keeping the bundle is over."""
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
        if hashlib.sha256(_read(file, name)).hexdigest() != manifest["files"][name]:
            yield f"{name}: not the one that was exported"
    for name in sorted(names):
        if name.startswith("mappings/") and name.endswith(".toml"):
            yield from _mapping(file, name)


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
        leaf, proof = _read(file, name), json.loads(_read(file, f"proofs/{Path(name).name}"))
        if not _included(leaf, proof, heads.get(proof["size"])):
            yield f"{name}: its proof does not lead to a good checkpoint"
        elif int(Path(name).name.split("-")[0]) != proof["index"]:
            yield f"{name}: stands under another number than its own"


def _heads(file: zipfile.ZipFile, keys: _Keys, heads: dict[int, bytes]) -> Iterator[str]:
    for name in sorted(name for name in file.namelist() if name.startswith("checkpoints/")):
        try:
            size, root = _head(_read(file, name).decode(), keys)
        except ValueError as error:
            yield f"{name}: {error}"
            continue
        if heads.setdefault(size, root) != root:
            yield f"{name}: two roots of one size: the log has forked"


def _opened(file: zipfile.ZipFile, inner: zipfile.ZipFile) -> Iterator[str]:
    """Hold each opened payload against the digest that its leaf commits to."""
    leaves = {Path(n).stem: n for n in file.namelist() if n.startswith("records/")}
    names = set(inner.namelist())
    for stem in sorted({name.split("/")[0] for name in names}):
        if stem not in leaves:
            yield f"{stem}: opened, and not among the records"
            continue
        header = json.loads(_read(file, leaves[stem]))
        held = {
            name: _read(inner, f"{stem}/{name}") for name in _PARTS if f"{stem}/{name}" in names
        }
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
    if not findings and expired(given.bundle, dt.datetime.fromtimestamp(time.time(), dt.UTC)):
        sys.stdout.write("EXPIRED: the bundle was to be destroyed by now\n")
    sys.stdout.write(f"{len(findings) or 'no'} findings\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
