"""Verify an export bundle without the hub, and without trusting who made it.

This one file needs Python and the `cryptography` package alone, and runs as `python -I
verify_bundle.py BUNDLE.zip --key log.pub [--opened cases.zip]`. The key is the log's C2SP
verifier key, had from elsewhere. It recomputes every digest, leaf, proof and signature, and
names what does not hold. `--opened` is what the named auditor decrypted out of cases.p7m:
its payloads are held against the digests on the leaves. Of a time-stamp it shows what it is
about; the authority's own signature is left to the command of openssl that it prints.
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
from itertools import pairwise
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
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_TST_INFO = bytes.fromhex("2a864886f70d0109100104")
_SHA_256 = bytes.fromhex("608648016503040201")
_SEQUENCE, _OCTETS, _OID, _INTEGER, _TIME, _EXPLICIT = 0x30, 0x04, 0x06, 0x02, 0x18, 0xA0
_Element = tuple[int, bytes]
"""Tag and content."""
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
    yield _guarded("timestamps", _stamps(file))
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
    yield from _growth(file, heads)
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


def moments(bundle: Path) -> list[str]:
    """What the time-stamps of a bundle without findings say, if openssl accepts them."""
    told, folder = [], "timestamps/"
    with zipfile.ZipFile(bundle) as file:
        names = set(file.namelist())
        indexes = [_index(name) for name in names if name.startswith("records/")]
        for token in sorted(n for n in names if n.startswith(folder) and n.endswith(".tsr")):
            size, note = int(Path(token).stem), f"{token.removesuffix('tsr')}txt"
            later = sum(index >= size for index in indexes)
            told.append(
                f"time-stamp: the log had {size} records, all but {later} of the {len(indexes)} in"
                f" the bundle among them, at {_stamped(_read(file, token))[1]} by an authority"
                " that you have yet to verify:\n"
                f"  openssl ts -verify -data {note} -in {token} -CAfile AUTHORITY.pem"
            )
    return told or ["no time-stamp: nobody outside says when the records were there"]


def _index(name: str) -> int:
    return int(Path(name).name.split("-")[0])


def _heads(file: zipfile.ZipFile, keys: _Keys, heads: dict[int, bytes]) -> Iterator[str]:
    folders = ("checkpoints/", "timestamps/")
    for name in sorted(name for name in file.namelist() if name.startswith(folders)):
        if name.startswith("timestamps/") and not name.endswith(".txt"):
            continue
        try:
            size, root = _head(_read(file, name).decode(), keys)
        except _DAMAGE as error:
            yield f"{name}: {error}"
            continue
        if name.startswith("timestamps/") and name != f"timestamps/{size:012}.txt":
            yield f"{name}: stands under another number than its own"
        if heads.setdefault(size, root) != root:
            yield f"{name}: two roots of one size: the log has forked"


def _growth(file: zipfile.ZipFile, heads: dict[int, bytes]) -> Iterator[str]:
    """Between each head and the next larger one, a proof that the log only grew."""
    due = {f"consistency/{a:012}-{b:012}.json": (a, b) for a, b in pairwise(sorted(heads))}
    names = {name for name in file.namelist() if name.startswith("consistency/")}
    for name in sorted(due.keys() | names):
        if name not in names:
            yield f"{name}: the proof between two heads is missing"
        elif name not in due:
            yield f"{name}: does not stand between two good heads"
        else:
            yield from _guarded(name, _extension(file, name, due[name], heads))


def _extension(
    file: zipfile.ZipFile, name: str, due: tuple[int, int], heads: dict[int, bytes]
) -> Iterator[str]:
    proof = json.loads(_read(file, name))
    path = [base64.b64decode(step, validate=True) for step in proof["path"]]
    if (proof["first"], proof["second"]) != due:
        yield f"{name}: stands under other numbers than its own"
    elif not _extends(*due, path, heads[due[0]], heads[due[1]]):
        yield f"{name}: does not prove that the log only grew between the two heads"


def _stamps(file: zipfile.ZipFile) -> Iterator[str]:
    """Each stamped note has its token, and each token is about its note."""
    names = {name for name in file.namelist() if name.startswith("timestamps/")}
    for name in sorted(names):
        stem, _, ending = name.rpartition(".")
        if ending not in ("txt", "tsr"):
            yield f"{name}: is neither a note nor its time-stamp"
        elif ending == "txt" and f"{stem}.tsr" not in names:
            yield f"{name}: the time-stamp of this note is missing"
        elif ending == "tsr" and f"{stem}.txt" not in names:
            yield f"{name}: the note that it stamps is missing"
        elif ending == "tsr":
            yield from _guarded(name, _token(file, name, f"{stem}.txt"))


def _token(file: zipfile.ZipFile, name: str, note: str) -> Iterator[str]:
    try:
        imprint, _ = _stamped(_read(file, name))
    except ValueError:
        yield f"{name}: is not a time-stamp (RFC 3161, DER) over SHA-256"
        return
    if imprint != hashlib.sha256(_read(file, note)).digest():
        yield f"{name}: is a time-stamp of something else than its note"


def _stamped(token: bytes) -> tuple[bytes, str]:
    """The SHA-256 that a TimeStampResp (RFC 3161) is about, and the moment that it tells.

    ValueError for everything that is not DER in that one form: no two readers differ on it.
    """
    status, content = _inside(_only(token))
    kind, wrapped = _inside(content)
    _, _, inner, *_ = _inside(_only(_content(wrapped, _EXPLICIT)))
    inner_kind, inner_wrapped = _inside(inner)
    info = _content(_only(_content(inner_wrapped, _EXPLICIT)), _OCTETS)
    _, _, imprint, _, moment, *_ = _inside(_only(info))
    algorithm, digest = _inside(imprint)
    due = (_SIGNED_DATA, _TST_INFO, _SHA_256)
    if tuple(_content(one, _OID) for one in (kind, inner_kind, _inside(algorithm)[0])) != due:
        raise ValueError("not a time-stamp over SHA-256")
    if _content(_inside(status)[0], _INTEGER) not in (b"\x00", b"\x01"):
        raise ValueError("not granted")
    told = re.fullmatch(rb"([0-9]{8})([0-9]{6})([.][0-9]+)?Z", _content(moment, _TIME))
    if told is None:
        raise ValueError("not a moment")
    at = dt.datetime.fromisoformat(f"{told[1].decode()}T{told[2].decode()}Z")
    return _content(digest, _OCTETS), at.isoformat()


def _der(raw: bytes) -> list[_Element]:
    """The elements that make up *raw*: one-byte tags, definite and shortest lengths."""
    found, at = [], 0
    while at < len(raw):
        begin = at + 2
        size = int.from_bytes(raw[at + 1 : begin])
        if size & 0x80:
            more, begin = size & 0x7F, begin + (size & 0x7F)
            size = int.from_bytes(raw[at + 2 : begin])
            if not 1 <= more <= 4 or size < max(0x80, 1 << 8 * (more - 1)):  # noqa: PLR2004 - X.690
                raise ValueError("not a length in DER")
        if raw[at] & 0x1F == 0x1F or begin + size > len(raw):  # noqa: PLR2004 - a longer tag
            raise ValueError("not an element in DER")
        found.append((raw[at], raw[begin : begin + size]))
        at = begin + size
    return found


def _only(raw: bytes) -> _Element:
    (element,) = _der(raw)
    return element


def _inside(element: _Element) -> list[_Element]:
    """What a SEQUENCE consists of; never nothing."""
    if not (inside := _der(_content(element, _SEQUENCE))):
        raise ValueError("an empty sequence")
    return inside


def _content(element: _Element, tag: int) -> bytes:
    if element[0] != tag:
        raise ValueError("another element than due")
    return element[1]


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


def _extends(first: int, second: int, path: list[bytes], old: bytes, new: bytes) -> bool:
    """RFC 9162 section 2.1.4.2, for first < second; nothing follows from the empty tree."""
    if not first or not path:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    then, *steps = [old, *path] if at == 0 else path
    now = then
    for step in steps:
        if last == 0:
            return False
        if at & 1 or at == last:
            then, now = (hashlib.sha256(b"\x01" + step + end).digest() for end in (then, now))
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            now = hashlib.sha256(b"\x01" + now + step).digest()
        at, last = at >> 1, last >> 1
    return last == 0 and (then, now) == (old, new)


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
        sys.stdout.writelines(f"{line}\n" for line in (scope(given.bundle), *moments(given.bundle)))
    if not findings and expired(given.bundle, dt.datetime.fromtimestamp(time.time(), dt.UTC)):
        sys.stdout.write("EXPIRED: the bundle was to be destroyed by now\n")
    sys.stdout.write(f"{len(findings) or 'no'} findings\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
