"""Open the ledger of a hub: its file, its keys, and the checks that must hold before a write."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from hub.core.errors import LedgerError
from hub.core.moment import Clock, utc_now
from hub.ledger.batch import Batch
from hub.ledger.checkpoint import VerifierKey, checked_name
from hub.ledger.in_use import InUse
from hub.ledger.keys import (
    NEXT_LOG_KEY,
    Keys,
    log_public,
    make_folder,
    open_keys,
    replace,
    take_log_key,
    write_once,
)
from hub.ledger.leaf import milliseconds_of
from hub.ledger.reading import check_head
from hub.ledger.schema import (
    Connect,
    connect,
    create_file,
    open_reading,
    open_writing,
    prepare,
)
from hub.ledger.sqlite import SqliteLedger

PUBLIC_KEY = "log.pub"
"""The file beside the keys with what an auditor needs to verify: the C2SP verifier key."""


def open_ledger(
    path: Path,
    keys: Path | Keys,
    *,
    origin: str,
    clock: Clock = utc_now,
    publish_every_s: float = 1.0,
    index_every_s: float = 0.0,
    opener: Connect = connect,
    alone: bool = False,
) -> SqliteLedger:
    """The ledger in *path*, made if there is none; *keys* is a folder, or whoever holds them.

    The search index is brought up every *index_every_s* seconds, and by every search.

    *origin* names the log in its checkpoints (a URL without scheme) and never changes.
    Keys are made only together with a new ledger: under new keys an old one would be
    unreadable. Raises LedgerError when the file cannot be used, belongs to other keys or
    another origin, contradicts its own last checkpoint, or is gone though the key has
    signed for it (a log never begins twice); SettingsError for the keys. The folder of keys
    is held until the ledger is closed, unless whoever opens it holds it *alone*.
    """
    is_new = not path.exists() or path.stat().st_size == 0
    if is_new and isinstance(keys, Path) and (keys / PUBLIC_KEY).exists():
        raise LedgerError(f"{PUBLIC_KEY} says that this log was begun, and its file is not here")
    with ExitStack() as held:
        if isinstance(keys, Path):
            _hold(held, keys, is_new=is_new, alone=alone)
            finish_log_key(path, keys, origin)
        holder = open_keys(keys, create=is_new) if isinstance(keys, Path) else keys
        log = VerifierKey(checked_name(origin), holder.log_public)
        trusted = _trusted(keys, log)
        _prepare(path, opener, holder, log, trusted, milliseconds_of(clock()))
        if isinstance(keys, Path):
            _publish_key(keys, log)
        return SqliteLedger(
            path,
            keys=holder,
            log=log,
            trusted=trusted,
            clock=clock,
            publish_every_s=publish_every_s,
            index_every_s=index_every_s,
            connect=opener,
            held=held.pop_all(),
        )


def _hold(held: ExitStack, folder: Path, *, is_new: bool, alone: bool) -> None:
    if is_new:
        make_folder(folder)
    if folder.is_dir() and not alone:
        held.enter_context(closing(InUse(folder)))


def _prepare(
    path: Path,
    opener: Connect,
    keys: Keys,
    log: VerifierKey,
    trusted: Sequence[VerifierKey],
    at_ms: int,
) -> None:
    """Make the tables, or see that they are this ledger's, and that its tree is what it signed.

    What a crash left unsigned is signed before anything follows it.
    """
    try:
        create_file(path)
        with closing(open_writing(path, opener)) as db:
            prepare(db, _identity(keys, log))
            check_head(db, trusted)
            Batch(keys, log).publish(db, at_ms)
    except (sqlite3.Error, OSError) as error:
        raise LedgerError(f"the ledger cannot be opened: {error}") from error


def _identity(keys: Keys, log: VerifierKey) -> dict[str, str]:
    check = keys.pseudonym(b"posicion-integral pseudonym key check").hex()[:16]
    return {"origin": log.name, "log_key": str(log), "pseudonym_key": check}


def _trusted(keys: Path | Keys, log: VerifierKey) -> tuple[VerifierKey, ...]:
    """The log's key, and those before it that `log.pub` names."""
    if not isinstance(keys, Path) or not (keys / PUBLIC_KEY).exists():
        return (log,)
    lines = (keys / PUBLIC_KEY).read_text("utf-8", "replace").splitlines()
    if str(log) not in lines:
        raise LedgerError(f"{PUBLIC_KEY} is not the public half of this log's key")
    return (log, *(VerifierKey.parse(line) for line in lines if line != str(log)))


def _publish_key(folder: Path, log: VerifierKey) -> None:
    """Write the public key where it is missing."""
    if not (folder / PUBLIC_KEY).exists():
        write_once(folder, PUBLIC_KEY, f"{log}\n".encode())


def add_public_key(folder: Path, new: VerifierKey) -> None:
    """Let `log.pub` name *new* first, and still every key before it."""
    known = (folder / PUBLIC_KEY).read_bytes()
    replace(folder, PUBLIC_KEY, f"{new}\n".encode() + known)


def finish_log_key(path: Path, folder: Path, origin: str) -> None:
    """Put the next log key in use if the ledger already says that it is its key."""
    public = log_public(folder, NEXT_LOG_KEY)
    if public is None or not path.exists() or not path.stat().st_size:
        return
    with closing(open_reading(path)) as db:
        row = db.execute("SELECT value FROM meta WHERE name = 'log_key'").fetchone()
    if row is not None and row[0] == str(VerifierKey(checked_name(origin), public)):
        take_log_key(folder)
