"""Verify a ledger without trusting the program that wrote it.

This one file needs Python and the `cryptography` package alone, and runs as `python -I
verify.py ledger.db --key log.pub [--checkpoint FILE ...]` on a copy or on the live store, which
it only reads. It recomputes every leaf, tree node, digest and signature, and names what is not
as it was written. A checkpoint kept elsewhere shows truncation, roll-back and forks.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MAX_FINDINGS = 1000
_STEP = 50_000
_RECORDS = (
    "SELECT leaf.idx, kind, id, coalesce(CAST(header AS BLOB), x''), CAST(data AS BLOB)"
    " FROM leaf LEFT JOIN sealed USING (idx) ORDER BY leaf.idx"
)
_NODE = "SELECT CAST(hash AS BLOB) FROM node WHERE level = ? AND idx = ?"
_NODES_BEYOND = "SELECT level, idx FROM node WHERE idx >= (? >> level) OR idx < 0 LIMIT 10"
_KEY_ROW = "SELECT id, subject, retention, wrapping, lower(hex(wrapped)) FROM data_key WHERE id = ?"
_HELD = "SELECT (SELECT count(*) FROM sealed), (SELECT count(*) FROM data_key)"
_NOTE = re.compile(
    r"(?P<text>(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,18})\n(?P<root>[A-Za-z0-9+/]{43}=)\n)"
    r"\n(?P<signatures>(?:— [^\s+]+ [A-Za-z0-9+/]+={0,2}\n)+)"
)
_EMPTY = hashlib.sha256(b"").digest()
_WHOLE, _OUTSIDE = "ledger", "outside checkpoint"
_Say = Callable[[str], object]
_Keys = dict[tuple[str, bytes], Ed25519PublicKey]


class Finding(NamedTuple):
    """What is not as it was written, and where: `record 7 (outcome 01J…)`."""

    place: str
    reason: str


@dataclass
class Report:
    """What was seen and found; the records beyond `covered` are under no good checkpoint."""

    records: int = 0
    checkpoints: int = 0
    covered: int = 0
    without_outcome: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the ledger is as it was written, as far as its own content can show."""
        return not self.findings


def verify_ledger(
    path: Path, public_key: str, checkpoints: Sequence[str] = (), progress: _Say = str
) -> Report:
    """Check the ledger at *path* against *public_key* (C2SP verifier keys, one a line).

    *checkpoints* are signed notes that were kept elsewhere. Raises ValueError for a key that
    is none, and OSError when there is no such file; all else is a finding.
    """
    keys = dict(_key(line) for line in public_key.split("\n") if line)
    if not keys:
        raise ValueError("no public key was given")
    report = Report()
    try:
        with closing(_open(path)) as db:
            db.execute("BEGIN")
            _Audit(db, report, keys).run(checkpoints, progress)
    except (sqlite3.Error, TypeError, ValueError) as error:
        why = f"cannot be read as a ledger after {report.records} records: {error}"
        report.findings.append(Finding(_WHOLE, why))
    return report


class _Audit:
    """One pass over one snapshot of the store."""

    def __init__(self, db: sqlite3.Connection, report: Report, keys: _Keys) -> None:
        self.db, self.report, self.keys = db, report, keys
        self.heads: list[tuple[int, bytes, str]] = []  # size, root and place of checkpoints
        self.stack: list[bytes] = []  # hashes of the complete subtrees, from left to right
        self.waiting: dict[str, int] = {}
        self.payloads = self.new_keys = 0
        self.here = _WHOLE

    def add(self, reason: str, place: str = "") -> None:
        """Note a finding at *place* or at the record in hand, unless there are too many."""
        if len(self.report.findings) < MAX_FINDINGS:
            self.report.findings.append(Finding(place or self.here, reason))

    def run(self, outside: Sequence[str], progress: _Say) -> None:
        for (fault,) in self.db.execute("PRAGMA integrity_check(20)"):
            if fault != "ok":
                self.add(f"the database file is damaged: {fault}")
        meta = dict(self.db.execute("SELECT name, value FROM meta"))
        if meta.get("format") != "1":
            self.add("a format that this verifier does not know")
        self.open_heads(meta.get("origin", ""), outside)
        self.judge(0)
        self.records(progress)
        while self.heads:
            size, _, place = self.heads.pop()
            self.contradict(place, f"covers {size} records: truncated or rolled back")
        self.leftovers()

    def open_heads(self, origin: str, outside: Sequence[str]) -> None:
        rows = self.db.execute("SELECT seq, size, note FROM checkpoint ORDER BY seq").fetchall()
        due = {f"checkpoint {n}": size for n, (_, size, _) in enumerate(rows, 1)}
        given = {f"checkpoint {seq}": note for seq, _, note in rows}
        others = {f"{_OUTSIDE} {n}": note for n, note in enumerate(outside, 1)}
        for place, note in {**given, **others}.items():
            try:
                self.heads.append((*_opened(note, origin, self.keys), place))
            except ValueError as error:
                self.add(str(error), place)
        for size, _, place in self.heads:
            if place in given and due.get(place) != size:
                self.add("its row has another size, or one before it is missing", place)
            self.report.checkpoints += place in given
        self.heads.sort(key=lambda head: -head[0])

    def records(self, progress: _Say) -> None:
        size = 0
        for index, kind, name, raw, data in self.db.execute(_RECORDS):
            while size < index and self.node(0, size) is not None:
                self.add("is missing", f"record {size}")
                size = self.grow(size, None)
            self.here = f"record {index} ({kind} {name})"
            if size != index:
                self.add(f"stands where record {size} is due")
                break
            size = self.grow(size, hashlib.sha256(b"\x00" + raw).digest())
            self.record(index, kind, name, raw, data)
            self.report.records += 1
            if size % _STEP == 0:
                progress(f"{size} records\n")
        self.here = _WHOLE
        for level, index in self.db.execute(_NODES_BEYOND, (size,)):
            self.add("belongs to no record", f"tree node {level}/{index}")

    def grow(self, index: int, due: bytes | None) -> int:
        """Add a leaf, as stored so that an altered one hides no other, and compare the tree."""
        found, size, level = self.node(0, index), index + 1, 0
        if due and found != due:
            self.add("its header is not the one in the tree" if found else "is not in the tree")
        carried = found or due or b""
        while index & 1:
            level, index, carried = level + 1, index >> 1, _node(self.stack.pop(), carried)
            if self.node(level, index) != carried:
                node = f"tree node {level}/{index} over records {index << level} to {size - 1}"
                self.add("is missing or not the hash of those below it", node)
        self.stack.append(carried)
        self.judge(size)
        return size

    def node(self, level: int, index: int) -> bytes | None:
        row = self.db.execute(_NODE, (level, index)).fetchone()
        return row[0] if row else None

    def judge(self, size: int) -> None:
        """Compare the recomputed tree with the checkpoints of this size."""
        while self.heads and self.heads[-1][0] == size:
            (_, root, place), peaks = self.heads.pop(), reversed(self.stack or [_EMPTY])
            if root == reduce(lambda right, left: _node(left, right), peaks):
                self.report.covered = size
            else:
                span = f"{self.report.covered} to {size - 1}"
                self.contradict(place, f"signs other records in {span}: altered or forked")

    def contradict(self, place: str, reason: str) -> None:
        """Every later stored checkpoint contradicts as well, which is not worth a line each."""
        self.add(reason, place)
        self.heads = [head for head in self.heads if head[2].startswith(_OUTSIDE)]

    def record(self, index: int, kind: str, name: str, raw: bytes, data: bytes | None) -> None:
        try:
            header = json.loads(raw)
            own = (header["kind"], header["id"], header["format"], type(header["at"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            self.add("its header is not that of a record")
            return
        if own != (kind, name, 1, int):
            self.add("its row is filed as another record, or its format is unknown")
        self.payloads += data is not None
        if header.get("sealed") != (hashlib.sha256(data).hexdigest() if data is not None else None):
            self.add("its sealed payload is not the one that was written")
        if "key_digest" in header:
            self.new_keys += 1
            row = self.db.execute(_KEY_ROW, (str(header.get("key")),)).fetchone() or ()
            if (
                hashlib.sha256("\n".join(map(str, row)).encode()).hexdigest()
                != header["key_digest"]
            ):
                self.add("the data key that was made for it is missing or altered")
        if kind == "outcome" and self.waiting.pop(name, None) is None:
            self.add("is an outcome without a sent before it")
        elif kind == "sent" and self.waiting.setdefault(name, index) != index:
            self.add("was sent before")

    def leftovers(self) -> None:
        """What stands in the store beside the records."""
        self.report.without_outcome = len(self.waiting)
        if dict(self.db.execute("SELECT id, idx FROM open_exchange")) != self.waiting:
            self.add("the list of exchanges without outcome is not that of the records")
        held, named = self.db.execute(_HELD).fetchone(), (self.payloads, self.new_keys)
        if held != named:
            self.add(f"keeps {held} payloads and data keys; the records name {named}")


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _key(line: str) -> tuple[tuple[str, bytes], Ed25519PublicKey]:
    name, hint, text = (*line.strip().split("+", 2), "", "")[:3]
    raw = base64.b64decode(text, validate=True)
    due = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if raw[:1] != b"\x01" or due.hex() != hint:
        raise ValueError("not an Ed25519 verifier key in the form name+hint+key")
    return (name, due), Ed25519PublicKey.from_public_bytes(raw[1:])


def _opened(note: str, origin: str, keys: _Keys) -> tuple[int, bytes]:
    """Size and root of a checkpoint; ValueError says what is wrong with it."""
    match = _NOTE.fullmatch(note)
    root = base64.b64decode(match["root"]) if match else b""
    if match is None or base64.b64encode(root).decode() != match["root"]:
        raise ValueError("is not a checkpoint in its canonical form")
    signed = False
    for line in match["signatures"].splitlines():
        _, name, value = line.split(" ")
        raw = base64.b64decode(value, validate=True)
        if base64.b64encode(raw).decode() == value and (name, raw[:4]) in keys:
            try:
                keys[name, raw[:4]].verify(raw[4:], match["text"].encode())
            except InvalidSignature:
                raise ValueError("its signature does not verify") from None
            signed = signed or name == match["origin"] == origin
    if not signed:
        raise ValueError("is not signed for this log by the given key")
    return int(match["size"]), root


def _open(path: Path) -> sqlite3.Connection:
    """A reading connection, also where nothing can be written and no log is to be replayed."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path.name}")
    replays = path.with_name(path.name + "-wal").exists() or os.access(path.parent, os.W_OK)
    address = f"file:{quote(str(path))}?mode=ro" + ("" if replays else "&immutable=1")
    db = sqlite3.connect(address, uri=True, isolation_level=None)
    db.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return db


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when nothing was found, 1 when something was, 2 when it cannot run."""
    parser = argparse.ArgumentParser(description="Verify a ledger independently of the hub.")
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--key", type=Path, required=True, help="the log's public key (log.pub)")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[])
    given = parser.parse_args(arguments)
    try:
        key = given.key.read_text("utf-8")
        notes = [file.read_bytes().decode("utf-8", "replace") for file in given.checkpoint]
        report = verify_ledger(given.ledger, key, checkpoints=notes, progress=sys.stderr.write)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot verify: {error}\n")
        return 2
    sys.stdout.writelines(f"FOUND {place}: {reason}\n" for place, reason in report.findings)
    sys.stdout.write(
        f"{report.records} records, {report.covered} under {report.checkpoints} good checkpoints,"
        f" {report.without_outcome} without outcome: {len(report.findings) or 'no'} findings\n"
    )
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
