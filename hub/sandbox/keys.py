"""The sandbox's secret files: made once, read ever after, for the owner's eyes alone.

Files are written whole or not at all, and by one process at a time: the hub and the sandbox
start together and must find the same keys. A file that others can read is refused, because
what it holds may be known.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.core.errors import SettingsError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def ensure_folder(keys: Path) -> None:
    """Make the keys folder (mode 0700) where it is missing, and close it to others."""
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys.chmod(0o700)


def ensure_secret(keys: Path, name: str) -> Path:
    """The file `<name>.secret` with a random password of 256 bits, made where it is missing.

    Raises SettingsError for a name that is no file name, or a file that others can read.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(["a secret's name is lower case letters, digits, _ and -"])
    path = keys / f"{name}.secret"
    with locked(keys):
        if read_private(path) is None:
            write_private(path, secrets.token_urlsafe(32).encode())
    return path


@contextmanager
def locked(keys: Path) -> Iterator[None]:
    """Hold the keys folder against other processes; make it where it is missing."""
    ensure_folder(keys)
    lock = _private(keys / ".lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def read_private(path: Path) -> bytes | None:
    """The content of a secret file; None where there is none. SettingsError if others can read."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise SettingsError([f"{path.name}: others can read it; delete it or chmod 600"])
            return file.read()
    except FileNotFoundError:
        return None


def write_private(path: Path, content: bytes) -> None:
    """Put *content* at *path* with mode 0600, whole or not at all, durably."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(_private(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _private(path: Path, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
