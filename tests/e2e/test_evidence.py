"""The ledger of a running hub: complete after a crash, and no answer without it."""

from __future__ import annotations

import contextlib
import sqlite3
import threading

import httpx
import pytest

from tests.support.running import RunningHub


@pytest.fixture
def own(tmp_path):
    """A hub of this test's own, to be killed and altered."""
    hub = RunningHub(tmp_path)
    hub.start()
    yield hub
    hub.kill()


def altered(file, statement, *values):
    """Change one row behind the hub's back."""
    with sqlite3.connect(file) as db:
        changed = db.execute(statement, values).rowcount
    db.close()
    assert changed == 1


def test_a_crash_loses_nothing_that_was_answered(own):
    """Kill -9 in the middle of calls: each request is closed at start-up, and all verifies."""
    token = own.token()
    assert own.get("/v1/me/position", token).status_code == 200
    for source in ("padron", "civis"):
        own.fault(source, "hang")
    waiting = threading.Thread(target=_ignore, args=(own, token))
    waiting.start()
    while own.calls()["padron"] < 4:
        pass
    own.kill()
    waiting.join()
    before = own.command("ledger", "verify", check=False)
    assert before.returncode == 0, before.stdout
    own.start()
    after = own.command("ledger", "verify")
    assert "0 without outcome: no findings" in after.stdout
    recent = own.command("ledger", "recent", "--count", "200").stdout
    assert '"error":"unknown"' in recent
    assert own.get("/v1/me/position", token).json()["complete"] is True


def _ignore(hub, token):
    with contextlib.suppress(httpx.HTTPError):  # the hub is killed under it
        hub.get("/v1/me/position", token)


def test_a_flipped_byte_is_found_and_named(own):
    """In the sealed payload and in the leaf of a record; the verifier says which."""
    own.get("/v1/me/position", own.token())
    own.stop()
    file = own.folder / "var/ledger.db"
    tables = _tables(file)
    payload = next((t, c) for t, c in tables if c in ("sealed", "payload", "data"))
    with sqlite3.connect(file) as db:
        table, column = payload
        key, value = db.execute(
            f"SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL LIMIT 1 OFFSET 3"  # noqa: S608
        ).fetchone()
    db.close()
    spoiled = bytes([value[0] ^ 1]) + value[1:]
    altered(file, f"UPDATE {table} SET {column} = ? WHERE rowid = ?", spoiled, key)  # noqa: S608
    found = own.command("ledger", "verify", check=False)
    assert found.returncode == 1
    assert "record " in found.stdout
    assert "no findings" not in found.stdout


def _tables(file):
    with sqlite3.connect(file) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        columns = [(n, row[1]) for n in names for row in db.execute(f"PRAGMA table_info({n})")]
    db.close()
    return columns


def test_without_a_record_nothing_is_asked_and_nothing_shown(own):
    """Another process holds the ledger: 503, no source is called, and it recovers by itself."""
    token = own.token()
    assert own.get("/v1/me/position", token).status_code == 200
    own.sandbox("DELETE", "/calls")
    blocker = sqlite3.connect(own.folder / "var/ledger.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        answer = own.get("/v1/me/position", token)
        ready = own.get("/readyz")
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
    assert answer.status_code == 503
    assert answer.json()["type"] == "/problems/ledger-unavailable"
    assert ready.status_code == 503
    assert set(own.calls().values()) == {0}
    assert own.get("/v1/me/position", token).json()["complete"] is True
    assert own.get("/readyz").status_code == 200


def test_keys_and_ledger_are_for_the_owners_eyes_alone(own):
    """Nobody else on the machine can read a key."""
    keys = own.folder / "var/keys"
    assert oct(keys.stat().st_mode & 0o777) == "0o700"
    private = [f for f in keys.iterdir() if f.suffix in (".key", ".secret", ".pem")]
    assert private
    open_to_others = [f.name for f in private if f.suffix != ".pem" and f.stat().st_mode & 0o077]
    assert open_to_others == []
    assert (own.folder / "var/ledger.db").stat().st_mode & 0o007 == 0
