"""Sealing: payloads under a data key per subject and retention class, subjects by pseudonym.

zstd, then AES-256-GCM. The leaf commits to the sealed bytes: destroying a data key erases
what it sealed, and the tree still verifies.
"""

from __future__ import annotations

import hashlib
import os

import msgspec
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from hub.core.document import Document
from hub.core.errors import LedgerError
from hub.ledger.keys import Keys
from hub.ledger.store import Pseudonym

MAX_BYTES = 64 * 1024 * 1024
"""The largest payload, with what was decoded from it, that is sealed or opened."""

_VERSION = b"\x01"
_NONCE_BYTES = 12
_LEVEL = 3


class Envelope(Struct, frozen=True, array_like=True):
    """What is sealed. `salt` keeps the digest of `decoded` from being guessed."""

    version: int
    salt: bytes
    payload: bytes | None
    decoded: bytes | None


class DataKey(Struct, frozen=True):
    """An unwrapped data key and the id by which records name it."""

    id: str
    key: bytes

    def __repr__(self) -> str:
        return f"DataKey({self.id!r})"


class Sealed(Struct, frozen=True):
    """Sealed bytes, and the digests that go on the leaf, in hexadecimal."""

    data: bytes
    digest: str
    decoded_digest: str | None


def pseudonym_of(keys: Keys, document: Document) -> Pseudonym:
    """The pseudonym of the person with *document*: HMAC-SHA256 over its type and number."""
    message = f"posicion-integral subject\n{document.type}\n{document.number}"
    return Pseudonym(keys.pseudonym(message.encode()).hex())


def official_pseudonym(keys: Keys, document: Document) -> Pseudonym:
    """The pseudonym of the official with *document*; another than theirs as a citizen."""
    message = f"posicion-integral official\n{document.type}\n{document.number}"
    return Pseudonym(keys.pseudonym(message.encode()).hex())


def case_file_pseudonym(keys: Keys, case_file: str) -> Pseudonym:
    """The pseudonym of a case file, whatever blanks its number was written with."""
    message = f"posicion-integral case file\n{' '.join(case_file.split())}"
    return Pseudonym(keys.pseudonym(message.encode()).hex())


def context_of(kind: str, id: str, key_id: str) -> bytes:  # noqa: A002 - its name in the header
    """The additional data that binds sealed bytes to their record."""
    return f"posicion-integral record\n{kind}\n{id}\n{key_id}".encode()


class Sealer:
    """Seals payloads; keeps a compressor, so for one thread only."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)

    def seal(
        self, key: DataKey, context: bytes, payload: bytes | None, decoded: bytes | None
    ) -> Sealed:
        """Both, sealed under *key*, to be opened only with the same *context*."""
        if len(payload or b"") + len(decoded or b"") > MAX_BYTES:
            raise LedgerError(f"a payload has more than {MAX_BYTES} bytes")
        chance = os.urandom(16 + _NONCE_BYTES)
        salt, nonce = chance[:16], chance[16:]
        plain = msgspec.msgpack.encode(Envelope(1, salt, payload, decoded))
        packed = self._compressor.compress(plain)
        data = _VERSION + nonce + AESGCM(key.key).encrypt(nonce, packed, context)
        return Sealed(data, hashlib.sha256(data).hexdigest(), _salted(salt, decoded))


def open_sealed(key: DataKey, context: bytes, data: bytes) -> Envelope:
    """What was sealed; LedgerError unless it is intact and belongs to *context* and *key*."""
    if data[:1] != _VERSION:
        raise LedgerError("a sealed payload of an unknown version")
    nonce, rest = data[1 : 1 + _NONCE_BYTES], data[1 + _NONCE_BYTES :]
    try:
        packed = AESGCM(key.key).decrypt(nonce, rest, context)
        plain = zstandard.ZstdDecompressor().decompress(packed, max_output_size=2 * MAX_BYTES)
        return msgspec.msgpack.decode(plain, type=Envelope)
    except (InvalidTag, ValueError, zstandard.ZstdError, msgspec.MsgspecError):
        raise LedgerError("a sealed payload does not open: altered, or another record's") from None


def _salted(salt: bytes, decoded: bytes | None) -> str | None:
    return None if decoded is None else hashlib.sha256(salt + decoded).hexdigest()
