"""The head of the log as a C2SP checkpoint: a signed note, Ed25519 (type 0x01).

c2sp.org/tlog-checkpoint and c2sp.org/signed-note, read strictly: what is not in the one
canonical form is refused, so that two readers never see two meanings. Extension lines,
which nobody could audit, are refused too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from hub.core.errors import LedgerError

MAX_BYTES = 64 * 1024
"""The longest note that is read: room for sixteen signatures and more."""

_ED25519 = b"\x01"
_HASH_BYTES = 32
_SIGNATURE_BYTES = 64
_NAME = re.compile(r"[^\s+\x00-\x20\x7f]+")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_HINT = re.compile(r"[0-9a-f]{8}")
_FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")
_DASH = "— "


class VerifierKey(Struct, frozen=True):
    """Name and public key of a log; printed and parsed in the C2SP `vkey` form."""

    name: str
    public: bytes

    @property
    def hint(self) -> bytes:
        """The four bytes by which a signature names its key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.hint.hex()}+{_b64(_ED25519 + self.public)}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """The key in *text*; LedgerError unless it is one Ed25519 key in canonical form."""
        parts = text.removesuffix("\n").split("+", 2)
        if len(parts) != 3 or not _HINT.fullmatch(parts[1]):  # noqa: PLR2004 - name+hint+key
            raise LedgerError("verifier key: not name+hint+key")
        raw = _unb64(parts[2], "verifier key")
        if raw[:1] != _ED25519 or len(raw) != _HASH_BYTES + 1:
            raise LedgerError("verifier key: not an Ed25519 key")
        key = cls(checked_name(parts[0]), raw[1:])
        if key.hint.hex() != parts[1]:
            raise LedgerError("verifier key: the hint is not that of the key")
        return key


class Checkpoint(Struct, frozen=True, kw_only=True):
    """A signed head: *size* records of the log *origin* have the tree root *root*."""

    origin: str
    size: int
    root: bytes
    note: str
    """The whole signed note, as it is stored, published and verified."""


class Signature(Struct, frozen=True):
    """One signature line of a note."""

    name: str
    hint: bytes
    value: bytes


def checked_name(name: str) -> str:
    """*name*, if a note's key can have it: not empty, without blanks, controls and `+`."""
    if not _NAME.fullmatch(name):
        raise LedgerError("a log's name has no blanks, control characters or plus signs")
    return name


def sign_checkpoint(
    key: VerifierKey, size: int, root: bytes, sign: Callable[[bytes], bytes]
) -> Checkpoint:
    """The checkpoint of the log that *key* names; *sign* signs bytes with its private half."""
    text = f"{checked_name(key.name)}\n{size}\n{_b64(root)}\n"
    line = f"{_DASH}{key.name} {_b64(key.hint + sign(text.encode()))}\n"
    return Checkpoint(origin=key.name, size=size, root=root, note=f"{text}\n{line}")


def open_checkpoint(note: str, keys: Sequence[VerifierKey]) -> Checkpoint:
    """The checkpoint in *note*, if one of *keys* signed it for the log of its own name.

    Raises LedgerError for anything not canonical, for a signature of a known key that does
    not verify, and when no known key signed. Signatures of unknown keys are passed over.
    """
    text, signatures = split_note(note)
    checkpoint = _head(text, note)
    signed_by = verify_note(text, signatures, keys)
    if all(key.name != checkpoint.origin for key in signed_by):
        raise LedgerError("checkpoint: signed by the key of another log")
    return checkpoint


def verify_note(
    text: str, signatures: Sequence[Signature], keys: Sequence[VerifierKey]
) -> list[VerifierKey]:
    """Those of *keys* that signed *text*; LedgerError if one failed, or none did."""
    known = {(key.name, key.hint): key for key in keys}
    signed_by = []
    for signature in signatures:
        key = known.get((signature.name, signature.hint))
        if key is None:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature.value, text.encode())
        except InvalidSignature:
            raise LedgerError("note: a known key's signature does not verify") from None
        signed_by.append(key)
    if not signed_by:
        raise LedgerError("note: no known key signed it")
    return signed_by


def split_note(note: str) -> tuple[str, list[Signature]]:
    """Text (with its last newline) and signatures of a signed note; LedgerError if malformed."""
    if len(note) > MAX_BYTES:
        raise LedgerError("note: too long")
    if _FORBIDDEN.search(note):
        raise LedgerError("note: control characters or lone surrogates")
    body, gap, tail = note.rpartition("\n\n")
    if not gap or not body or not tail.endswith("\n"):
        raise LedgerError("note: no signatures")
    return body + "\n", [_signature(line) for line in tail[:-1].split("\n")]


def _signature(line: str) -> Signature:
    name, gap, value = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not gap:
        raise LedgerError("note: not a signature line")
    raw = _unb64(value, "note")
    if len(raw) <= 4:  # noqa: PLR2004 - the key hint alone
        raise LedgerError("note: a signature without value")
    return Signature(checked_name(name), raw[:4], raw[4:])


def _head(text: str, note: str) -> Checkpoint:
    lines = text[:-1].split("\n")
    if len(lines) != 3 or not lines[0]:  # noqa: PLR2004 - origin, size, root
        raise LedgerError("checkpoint: not the three lines origin, size and root")
    if not _SIZE.fullmatch(lines[1]):
        raise LedgerError("checkpoint: the size is not a plain decimal number")
    root = _unb64(lines[2], "checkpoint")
    if len(root) != _HASH_BYTES:
        raise LedgerError("checkpoint: the root is not a SHA-256 hash")
    return Checkpoint(origin=lines[0], size=int(lines[1]), root=root, note=note)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _unb64(text: str, what: str) -> bytes:
    """Base64 in its one canonical spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise LedgerError(f"{what}: not base64") from None
    if _b64(raw) != text:
        raise LedgerError(f"{what}: base64 in another spelling than the canonical one")
    return raw
