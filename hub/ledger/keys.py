"""The ledger's keys: an Ed25519 log key, a key-encryption key and a pseudonym key.

They live in a folder that only the hub's user may enter, are created once and reused.
The ledger sees the `Keys` protocol alone, so that an HSM or a KMS can hold them instead.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from hub.core.errors import LedgerError, SettingsError

LOG_KEY, KEK_KEY, PSEUDONYM_KEY = "log.key", "kek.key", "pseudonym.key"
NEXT_LOG_KEY, OLD_KEK = "log-next.key", "kek-old.key"
"""There while a rotation is under way, and after one that was broken off."""

_NONCE_BYTES = 12
_SECRET = re.compile(rb"[0-9a-f]{64}\n")


class Keys(Protocol):
    """Whoever holds the keys. Failures are LedgerError and never show key material."""

    @property
    def log_public(self) -> bytes:
        """The 32 bytes of the log's Ed25519 public key."""
        ...

    @property
    def wrapping(self) -> str:
        """Names the key-encryption key that `wrap` uses now."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The log key's Ed25519 signature (RFC 8032) of *message*."""
        ...

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """*key* encrypted, so that it unwraps only with the same *context*."""
        ...

    def unwrap(self, wrapping: str, wrapped: bytes, context: bytes) -> bytes:
        """The key behind *wrapped*; LedgerError if it, *wrapping* or *context* is another."""
        ...

    def pseudonym(self, message: bytes) -> bytes:
        """HMAC-SHA256 of *message* under the pseudonym key."""
        ...


class FileKeys:
    """Keys that were read from files."""

    def __init__(
        self, log: Ed25519PrivateKey, kek: bytes, pseudonym_key: bytes, old_kek: bytes | None = None
    ) -> None:
        self._log, self._pseudonym_key = log, pseudonym_key
        self.log_public = log.public_key().public_bytes_raw()
        self.wrapping = _kek_id(kek)
        given = [kek] if old_kek is None else [old_kek, kek]
        self._keks = {_kek_id(secret): AESGCM(secret) for secret in given}

    def __repr__(self) -> str:
        return f"FileKeys(wrapping={self.wrapping!r})"

    def sign(self, message: bytes) -> bytes:
        return self._log.sign(message)

    def wrap(self, key: bytes, context: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._keks[self.wrapping].encrypt(nonce, key, context)

    def unwrap(self, wrapping: str, wrapped: bytes, context: bytes) -> bytes:
        if wrapping not in self._keks:
            raise LedgerError("a data key is wrapped with a key-encryption key that is not here")
        try:
            return self._keks[wrapping].decrypt(
                wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], context
            )
        except (InvalidTag, ValueError):
            raise LedgerError("a data key does not unwrap: its row was altered") from None

    def pseudonym(self, message: bytes) -> bytes:
        return hmac.digest(self._pseudonym_key, message, hashlib.sha256)


def open_keys(folder: Path, *, create: bool = True) -> FileKeys:
    """The keys in *folder*, made first where they are missing and *create* says so.

    Raises SettingsError, naming every fault, when a key is missing, malformed, or may be
    read by anybody but its owner.
    """
    if create:
        make_folder(folder)
        for name, make in _MAKERS.items():
            if not (folder / name).exists():
                write_once(folder, name, make())
    faults: list[str] = []
    if not folder.is_dir():
        raise SettingsError([f"{folder.name}/: the folder of keys is missing"])
    _check_mode(folder.stat(), f"{folder.name}/", faults)
    raw = {name: _read(folder, name, faults) for name in _MAKERS}
    if (folder / OLD_KEK).exists():
        raw[OLD_KEK] = _read(folder, OLD_KEK, faults)
    if faults:
        raise SettingsError(faults)
    return _parsed(raw)


def make_folder(folder: Path) -> None:
    """The folder of keys, for its owner alone, unless it is there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _parsed(raw: dict[str, bytes]) -> FileKeys:
    faults = [
        f"{name}: not 64 hexadecimal digits on one line"
        for name in (KEK_KEY, PSEUDONYM_KEY, OLD_KEK)
        if name in raw and not _SECRET.fullmatch(raw[name])
    ]
    log = _log_key(raw[LOG_KEY])
    if log is None:
        faults.append(f"{LOG_KEY}: not an unencrypted Ed25519 key, PKCS #8 in PEM")
    if faults or log is None:
        raise SettingsError(faults)
    old = _secret(raw[OLD_KEK]) if OLD_KEK in raw else None
    return FileKeys(log, _secret(raw[KEK_KEY]), _secret(raw[PSEUDONYM_KEY]), old)


def _log_key(raw: bytes) -> Ed25519PrivateKey | None:
    try:
        key = load_pem_private_key(raw, password=None)
    except (ValueError, TypeError):
        return None
    return key if isinstance(key, Ed25519PrivateKey) else None


def _kek_id(kek: bytes) -> str:
    """The name by which rows say what wraps them."""
    return hmac.digest(kek, b"posicion-integral kek id", "sha256").hex()[:16]


def begin_log_key(folder: Path) -> bytes:
    """Make the next log key beside the one in use; its public half, 32 bytes."""
    pem = _new_log_key()
    replace(folder, NEXT_LOG_KEY, pem)
    return log_public(folder, NEXT_LOG_KEY) or b""


def log_public(folder: Path, name: str) -> bytes | None:
    """The public half of the log key in a file; None if there is none."""
    if not (folder / name).exists():
        return None
    key = _log_key((folder / name).read_bytes())
    return None if key is None else key.public_key().public_bytes_raw()


def take_log_key(folder: Path) -> None:
    """Let the next log key be the one in use; the one before is gone."""
    (folder / NEXT_LOG_KEY).replace(folder / LOG_KEY)
    _sync_folder(folder)


def begin_kek(folder: Path) -> None:
    """Put a new key-encryption key in use and keep the old one beside it, unless that was
    done already and broken off afterwards.
    """
    old, current = folder / OLD_KEK, folder / KEK_KEY
    if not old.exists():
        os.link(current, old)
        _sync_folder(folder)
    if old.read_bytes() == current.read_bytes():
        replace(folder, KEK_KEY, _new_secret())


def drop_old_kek(folder: Path) -> None:
    """Overwrite and delete the old key-encryption key."""
    with (folder / OLD_KEK).open("r+b") as file:
        file.write(bytes(65))
        file.flush()
        os.fsync(file.fileno())
    (folder / OLD_KEK).unlink()
    _sync_folder(folder)


def replace(folder: Path, name: str, content: bytes) -> None:
    """Put *content* there whole and durable, in place of what may be there."""
    draft = f".{name}.{os.urandom(8).hex()}"
    write_once(folder, draft, content)
    (folder / draft).replace(folder / name)
    _sync_folder(folder)


def _secret(raw: bytes) -> bytes:
    return bytes.fromhex(raw.decode("ascii"))


def _new_log_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def _new_secret() -> bytes:
    return os.urandom(32).hex().encode("ascii") + b"\n"


_MAKERS: dict[str, Callable[[], bytes]] = {
    LOG_KEY: _new_log_key,
    KEK_KEY: _new_secret,
    PSEUDONYM_KEY: _new_secret,
}


def write_once(folder: Path, name: str, content: bytes) -> None:
    """Put *content* there whole and durable, unless another process was first."""
    draft = folder / f".{name}.{os.urandom(8).hex()}"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, folder / name)
        except FileExistsError:
            return
    finally:
        draft.unlink()
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(folder: Path, name: str, faults: list[str]) -> bytes:
    """The file's bytes; its mode is that of the file opened, so that none slips in between."""
    try:
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        faults.append(f"{name}: cannot be opened: {os.strerror(error.errno or 0)}")
        return b""
    with os.fdopen(handle, "rb") as file:
        _check_mode(os.fstat(handle), name, faults)
        return file.read(4096)


def _check_mode(status: os.stat_result, name: str, faults: list[str]) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        faults.append(f"{name}: mode {mode:04o} lets others in; only its owner may read it")
