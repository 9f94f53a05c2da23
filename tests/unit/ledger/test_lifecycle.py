"""Blocked, held, released, destroyed: each with its record, and the tree verifies throughout."""

from __future__ import annotations

import datetime as dt
import shutil
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core.document import check_letter, parse_document
from hub.core.errors import LedgerError, PayloadBlocked, PayloadDestroyed
from hub.ledger.checkpoint import Signature, VerifierKey
from hub.ledger.keys import KEK_KEY, NEXT_LOG_KEY, OLD_KEK, FileKeys, open_keys
from hub.ledger.lifecycle import Why, block, destroy, hold, keys_of, lift
from hub.ledger.open import open_ledger
from hub.ledger.release import order_text, release
from hub.ledger.retention import Rule, due_at
from hub.ledger.rotation import rotate_kek, rotate_log_key
from hub.ledger.schema import connect, open_writing
from hub.ledger.seal import pseudonym_of
from hub.ledger.sqlite import SqliteLedger
from hub.ledger.store import Search
from tests.support.builders import NOW
from tests.support.ledgers import ORIGIN, SUBJECT, a_ledger, an_entry, verified

MEMBER = parse_document(f"99000022{check_letter(99000022)}")
OTHER = parse_document(f"99000021{check_letter(99000021)}")
WHY = Why(by="archive", ground="end_of_use")
RULES = {"citizen": Rule(use_days=365, blocked_days=1095)}
LATER = NOW + dt.timedelta(days=5 * 365)


@asynccontextmanager
async def at(folder: Path, now: dt.datetime) -> Any:
    """The ledger of *folder* with its clock at *now*."""
    ledger = open_ledger(
        folder / "ledger.db",
        folder / "keys",
        origin=ORIGIN,
        clock=lambda: now,
        publish_every_s=0,
    )
    try:
        yield ledger
    finally:
        await ledger.close()


async def a_household(folder: Path) -> None:
    """Three people in one group: one with a member in the payload, and two alone."""
    async with a_ledger(folder) as ledger:
        await ledger.append(
            [
                an_entry(id="OWN", others=[MEMBER], payload=b"the household"),
                an_entry(id="MEMBER", subject=MEMBER, payload=b"the member's own"),
                an_entry(id="OTHER", subject=OTHER, payload=b"of somebody else"),
            ]
        )


async def kinds(ledger: SqliteLedger) -> list[str]:
    """What the log tells, in order."""
    return [record.kind for record in await ledger.records(0)]


async def test_a_blocked_payload_opens_for_nobody_and_new_ones_do(tmp_path: Path) -> None:
    """After the block the old payload is refused, and what comes in later has another key."""
    await a_household(tmp_path)
    async with a_ledger(tmp_path) as ledger:
        done = await block(ledger, await keys_of(ledger, SUBJECT), WHY)
        assert len(done.keys) == 1
        with pytest.raises(PayloadBlocked):
            await ledger.read("OWN", "access")
        await ledger.append([an_entry(id="NEW")])
        assert await ledger.payload("access", "NEW") is not None
        assert await ledger.payload("access", "OTHER") == b"of somebody else"
        assert (await kinds(ledger))[3] == "block"
        assert (await block(ledger, done.keys, WHY)).keys == ()
    assert verified(tmp_path).findings == []


async def test_a_destroyed_person_is_gone_and_nobody_else(tmp_path: Path) -> None:
    """The tombstone says who and why, the tree verifies before, during and after, and the
    member of the household keeps theirs.
    """
    await a_household(tmp_path)
    assert verified(tmp_path).findings == []
    async with at(tmp_path, LATER) as ledger:
        keys = await keys_of(ledger, SUBJECT)
        with closing(open_writing(tmp_path / "ledger.db", connect)) as db:
            wrapped = db.execute(
                "SELECT wrapped FROM data_key WHERE id = ?", (keys[0],)
            ).fetchone()[0]
        await block(ledger, keys, WHY)
        assert verified(tmp_path).findings == []
        why = Why(by="archive", ground="end_of_liability")
        done = await destroy(ledger, keys, why, RULES)
        assert (done.keys, done.refused, done.traces) == (keys, {}, False)
        assert verified(tmp_path).findings == []
        with pytest.raises(PayloadDestroyed):
            await ledger.read("OWN", "access")
        found = await ledger.find("OWN", "access")
        assert found is not None
        assert (found.index, found.payload) == (0, None)
        assert await ledger.payload("access", "MEMBER") == b"the member's own"
        assert await ledger.payload("access", "OTHER") == b"of somebody else"
        tombstone = (await ledger.search(Search(kind="destroy"))).items[0]
        assert tombstone.at == LATER
        assert tombstone.header["by"] == "archive"
        assert tombstone.header["ground"] == "end_of_liability"
        assert tombstone.header["tables"] == {"data_key": {keys[0]: None}}
        assert written(tmp_path).count(wrapped) == 0
    report = verified(tmp_path)
    assert (report.findings, report.covered) == ([], report.records)


def written(folder: Path) -> bytes:
    """Everything that is left on the machine."""
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_no_trace_of_many_destroyed_keys_stays(tmp_path: Path) -> None:
    """Where a thousand rows share pages, neither wrapped key nor its log copy survives."""
    async with a_ledger(tmp_path) as ledger:
        people = [parse_document(f"{n}{check_letter(n)}") for n in range(99001000, 99001400)]
        await ledger.append([an_entry(subject=person) for person in people])
        with closing(open_writing(tmp_path / "ledger.db", connect)) as db:
            rows = db.execute("SELECT id, wrapped FROM data_key").fetchall()
        gone = rows[::2]
        order = Why(by="archive", ground="erasure", order="court-1")
        done = await destroy(ledger, [row[0] for row in gone], order, RULES)
        assert len(done.keys) == 200
        raw = written(tmp_path)
        assert sum(raw.count(row[1]) for row in gone) == 0
        assert all(raw.count(row[1]) for row in rows[1::2])
    assert verified(tmp_path).findings == []


async def test_an_old_copy_does_not_open_once_the_wrapping_key_is_new(tmp_path: Path) -> None:
    """A backup from before the destruction, and every key left on the machine: nothing opens."""
    await a_household(tmp_path)
    shutil.copy(tmp_path / "ledger.db", tmp_path / "backup.db")
    async with at(tmp_path, LATER) as ledger:
        await destroy(ledger, await keys_of(ledger, SUBJECT), WHY, RULES)
    (tmp_path / "old").mkdir()
    shutil.copy(tmp_path / "backup.db", tmp_path / "old" / "ledger.db")
    count = await rotate_kek(tmp_path / "ledger.db", tmp_path / "keys", origin=ORIGIN, by="archive")
    assert count == 2
    assert not (tmp_path / "keys" / OLD_KEK).exists()
    shutil.copytree(tmp_path / "keys", tmp_path / "old" / "keys")
    async with a_ledger(tmp_path / "old") as old:
        with pytest.raises(LedgerError, match="key-encryption key that is not here"):
            await old.read("OWN", "access")
    async with a_ledger(tmp_path) as ledger:
        assert await ledger.payload("access", "MEMBER") == b"the member's own"
    assert verified(tmp_path).findings == []


async def test_a_broken_off_rotation_goes_on(tmp_path: Path, monkeypatch: Any) -> None:
    """Killed with half of the keys wrapped anew: all payloads open, and a second call ends it."""
    await a_household(tmp_path)
    monkeypatch.setattr("hub.ledger.rotation.STEP", 1)
    real, calls = FileKeys.wrap, []

    def failing(self: FileKeys, key: bytes, context: bytes) -> bytes:
        calls.append(1)
        if len(calls) == 2:
            raise LedgerError("killed")
        return real(self, key, context)

    monkeypatch.setattr(FileKeys, "wrap", failing)
    with pytest.raises(LedgerError, match="killed"):
        await rotate_kek(tmp_path / "ledger.db", tmp_path / "keys", origin=ORIGIN, by="archive")
    assert (tmp_path / "keys" / OLD_KEK).exists()
    before = (tmp_path / "keys" / KEK_KEY).read_bytes()
    async with a_ledger(tmp_path) as ledger:
        for name in ("OWN", "MEMBER", "OTHER"):
            assert await ledger.payload("access", name) is not None
    assert verified(tmp_path).findings == []
    assert (
        await rotate_kek(tmp_path / "ledger.db", tmp_path / "keys", origin=ORIGIN, by="archive")
        == 2
    )
    assert (tmp_path / "keys" / KEK_KEY).read_bytes() == before
    assert verified(tmp_path).findings == []


FREE = {
    "a name": {"by": "Nombre Apellido Apellido"},
    "a sentence": {"ground": "complaint of somebody, C/ Mayor 1"},
    "a reference with a name": {"order": "court 1 Apellido"},
    "nothing": {"ground": ""},
    "a letter beyond": {"by": "peña"},
}


@pytest.mark.parametrize("words", FREE.values(), ids=FREE)
async def test_no_free_text_comes_onto_a_leaf(tmp_path: Path, words: dict[str, str]) -> None:
    """It would stand there in clear and for ever: nothing is done, and nothing is on record."""
    await a_household(tmp_path)
    why = Why(**{"by": "archive", "ground": "court", "order": "court-1", **words})
    async with at(tmp_path, LATER) as ledger:
        keys = await keys_of(ledger, SUBJECT)
        for act in (
            hold(ledger, SUBJECT, why),
            block(ledger, keys, why),
            destroy(ledger, keys, why, RULES),
        ):
            with pytest.raises(LedgerError, match="not a code"):
                await act
        assert await ledger.payload("access", "OWN") == b"the household"
        assert await ledger.size() == 3
    place = tmp_path / "ledger.db", tmp_path / "keys"
    with pytest.raises(LedgerError, match="not a code"):
        await rotate_log_key(*place, origin=ORIGIN, by="Nombre Apellido")
    assert not (tmp_path / "keys" / NEXT_LOG_KEY).exists()
    assert verified(tmp_path).findings == []


async def test_liability_that_runs_refuses_and_says_so(tmp_path: Path) -> None:
    """Before its time a key stays, and the refusal cites its ground on record."""
    await a_household(tmp_path)
    async with a_ledger(tmp_path) as ledger:
        keys = await keys_of(ledger, SUBJECT)
        done = await destroy(ledger, keys, WHY, RULES)
        assert (done.keys, done.refused) == ((), {"liability_period": keys})
        assert await ledger.payload("access", "OWN") == b"the household"
        refusal = (await ledger.records(0))[-1]
        assert (refusal.kind, refusal.header["refused"]) == ("refusal", "liability_period")
        unknown = await destroy(ledger, keys, WHY, {})
        assert unknown.refused == {"unknown_class": keys}
    assert verified(tmp_path).findings == []


@pytest.mark.parametrize("held", [SUBJECT, MEMBER], ids=["the subject", "a member in the payload"])
async def test_a_legal_hold_stops_destruction_whatever_orders_it(tmp_path: Path, held: Any) -> None:
    """A hold on anybody in the payload stands, also against an order, until it is lifted."""
    await a_household(tmp_path)
    async with at(tmp_path, LATER) as ledger:
        keys = await keys_of(ledger, SUBJECT)
        id_ = await hold(ledger, held, Why(by="legal", ground="proceedings"))
        order = Why(by="archive", ground="erasure", order="court-1")
        assert (await destroy(ledger, keys, order, RULES)).refused == {"legal_hold": keys}
        assert await ledger.payload("access", "OWN") == b"the household"
        await lift(ledger, id_, Why(by="legal", ground="closed"))
        assert (await destroy(ledger, keys, order, RULES)).keys == keys
        with pytest.raises(LedgerError, match="no hold of this id"):
            await lift(ledger, id_, WHY)
        told = ["hold", "refusal", "lift", "destroy"]
        assert (await kinds(ledger))[3:] == told
    assert verified(tmp_path).findings == []


async def test_who_appears_in_payloads_of_others_is_told_of_them(tmp_path: Path) -> None:
    """A member's own key goes; that others' payloads speak of them is counted and stays."""
    await a_household(tmp_path)
    async with at(tmp_path, LATER) as ledger:
        done = await destroy(ledger, await keys_of(ledger, MEMBER), WHY, RULES)
        assert (len(done.keys), done.elsewhere) == (1, 1)
        assert await ledger.payload("access", "OWN") == b"the household"


async def test_the_classes_say_what_is_due(tmp_path: Path) -> None:
    """Nothing before the end of use, a block after it, destruction after liability; a hold and
    an unknown class are listed apart.
    """
    await a_household(tmp_path)
    async with a_ledger(tmp_path) as ledger:
        (key,) = await keys_of(ledger, SUBJECT)
        month_ends = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
        use, gone = month_ends + dt.timedelta(days=365), month_ends + dt.timedelta(days=1460)
        second = dt.timedelta(seconds=1)
        for moment, block_due, destroy_due in (
            (use - second, 0, 0),
            (use, 3, 0),
            (gone - second, 3, 0),
            (gone, 0, 3),
        ):
            due = await ledger.query(partial(due_at, rules=RULES, now=moment))
            assert (len(due.block), len(due.destroy)) == (block_due, destroy_due)
        await hold(ledger, SUBJECT, WHY)
        due = await ledger.query(lambda db: due_at(db, RULES, gone))
        assert (due.held, len(due.destroy)) == ((key,), 2)
        assert (await ledger.query(lambda db: due_at(db, {}, gone))).unknown == {"citizen": 3}


async def test_months_have_keys_of_their_own(tmp_path: Path) -> None:
    """Who comes back in another month gets another key, so that the first can go."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry(id="A"), an_entry(id="B")])
        await ledger.append([an_entry(id="C", at=NOW + dt.timedelta(days=31))])
        records = [await ledger.read(id_, "access") for id_ in "ABC"]
        keys = [record.header["key"] for record in records if record]
        assert keys[0] == keys[1] != keys[2]
    assert verified(tmp_path).findings == []


def releasers(*names: str) -> tuple[list[VerifierKey], dict[str, Ed25519PrivateKey]]:
    """People who may release, and their private keys."""
    private = {name: Ed25519PrivateKey.generate() for name in names}
    public = [
        VerifierKey(name, key.public_key().public_bytes_raw()) for name, key in private.items()
    ]
    return public, private


def signed(text: str, keys: list[VerifierKey], private: dict[str, Any], *names: str) -> str:
    """The order as a note that *names* signed."""
    import base64

    lines = []
    for key in keys:
        if key.name in names:
            value = Signature(key.name, key.hint, private[key.name].sign(text.encode()))
            raw = base64.b64encode(value.hint + value.value).decode()
            lines.append(f"— {key.name} {raw}\n")
    return text + "\n" + "".join(lines)


async def test_two_people_release_what_is_blocked_for_a_while(tmp_path: Path) -> None:
    """Signed by two, the payload opens until the moment of the order, and not after."""
    await a_household(tmp_path)
    public, private = releasers("secretary", "dpo")
    pseudonym = pseudonym_of(open_keys(tmp_path / "keys"), SUBJECT)
    note = signed(
        order_text(ORIGIN, pseudonym, NOW + dt.timedelta(days=3), "court-7/2026"),
        public,
        private,
        "secretary",
        "dpo",
    )
    async with a_ledger(tmp_path) as ledger:
        with pytest.raises(LedgerError, match="nothing of this subject is blocked"):
            await release(ledger, note, public)
        await block(ledger, await keys_of(ledger, SUBJECT), WHY)
        done = await release(ledger, note, public)
        assert await ledger.payload("access", "OWN") == b"the household"
        record = (await ledger.records(0))[-1]
        assert (record.kind, record.header["by"]) == ("release", ["dpo", "secretary"])
        assert await ledger.payload("release", record.id) == note.encode()
    assert verified(tmp_path).findings == []
    async with at(tmp_path, NOW + dt.timedelta(days=3)) as ledger:
        with pytest.raises(PayloadBlocked):
            await ledger.read("OWN", "access")
        with pytest.raises(LedgerError, match="not a moment within 30 days"):
            await release(ledger, note, public)
    async with at(tmp_path, LATER) as ledger:
        assert (await destroy(ledger, done.keys, WHY, RULES)).keys == done.keys
    assert verified(tmp_path).findings == []


ORDERS: dict[str, tuple[tuple[str, ...], dict[str, str], str]] = {
    "one person": (("secretary",), {}, "2 different people"),
    "nobody known": (("stranger",), {}, "no known key signed"),
    "another ledger": (("secretary", "dpo"), {ORIGIN: "other.test/log"}, "not an order for this"),
    "another purpose": (("secretary", "dpo"), {"integral release": "integral x"}, "not an order"),
    "no moment": (("secretary", "dpo"), {"until 2026-11": "until 2026-13"}, "no moment"),
    "a line more": (("secretary", "dpo"), {"ground": "x y\nground"}, "not an order"),
}


@pytest.mark.parametrize(("names", "changes", "why"), ORDERS.values(), ids=ORDERS)
async def test_an_order_that_is_none_releases_nothing(
    tmp_path: Path, names: tuple[str, ...], changes: dict[str, str], why: str
) -> None:
    """One signature, a stranger's, or another text: refused, and nothing is on record."""
    await a_household(tmp_path)
    public, private = releasers("secretary", "dpo", "stranger")
    pseudonym = pseudonym_of(open_keys(tmp_path / "keys"), SUBJECT)
    text = order_text(ORIGIN, pseudonym, NOW + dt.timedelta(days=3), "court-7/2026")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    note = signed(text, public, private, *names)
    async with a_ledger(tmp_path) as ledger:
        await block(ledger, await keys_of(ledger, SUBJECT), WHY)
        size = await ledger.size()
        with pytest.raises(LedgerError, match=why):
            await release(ledger, note, public[:2])
        assert await ledger.size() == size
        with pytest.raises(PayloadBlocked):
            await ledger.read("OWN", "access")


async def test_one_person_with_two_names_is_one(tmp_path: Path) -> None:
    """The same key under two names does not make two people."""
    await a_household(tmp_path)
    public, private = releasers("secretary")
    twice = [*public, VerifierKey("dpo", public[0].public)]
    private["dpo"] = private["secretary"]
    pseudonym = pseudonym_of(open_keys(tmp_path / "keys"), SUBJECT)
    text = order_text(ORIGIN, pseudonym, NOW + dt.timedelta(days=3), "court")
    note = signed(text, twice, private, "secretary", "dpo")
    async with a_ledger(tmp_path) as ledger:
        await block(ledger, await keys_of(ledger, SUBJECT), WHY)
        with pytest.raises(LedgerError, match="2 different people"):
            await release(ledger, note, twice)


@pytest.mark.parametrize("kind", ["block", "release", "hold", "lift", "destroy", "rotation"])
async def test_nobody_claims_a_deed_that_was_not_done(tmp_path: Path, kind: Any) -> None:
    """Records of what was done to the ledger come from its own commands alone."""
    async with a_ledger(tmp_path) as ledger:
        with pytest.raises(LedgerError, match="only the ledger's own commands"):
            await ledger.append([an_entry(kind)])
        with pytest.raises(LedgerError, match="'tables' is the ledger's own"):
            await ledger.append([an_entry(header={"tables": {}})])


TAMPERED = {
    "a block undone": "UPDATE data_key SET state = 'open'",
    "a month changed": "UPDATE data_key SET period = '2099-01' WHERE state = 'open'",
    "a hold taken away": "DELETE FROM hold",
    "a hold on another": "UPDATE hold SET subject = 'x'",
    "a hold made up": "INSERT INTO hold VALUES ('x', 'y')",
    "a release made up": "INSERT INTO released VALUES ('x', 1)",
    "a member dropped": "DELETE FROM co_subject",
    "a member made up": "INSERT INTO co_subject VALUES ('x', 'y')",
    "a destroyed key put back": "INSERT INTO data_key SELECT * FROM kept",
}


@pytest.mark.parametrize("statement", TAMPERED.values(), ids=TAMPERED)
async def test_what_commands_did_cannot_be_undone_unnoticed(tmp_path: Path, statement: str) -> None:
    """Blocks, holds, releases and destructions are held against the records."""
    await a_household(tmp_path)
    async with at(tmp_path, LATER) as ledger:
        gone = await keys_of(ledger, OTHER)
        with closing(open_writing(tmp_path / "ledger.db", connect)) as db:
            kept = db.execute("SELECT * FROM data_key WHERE id = ?", gone).fetchall()
        await destroy(ledger, gone, WHY, RULES)
        await block(ledger, await keys_of(ledger, SUBJECT), WHY)
        await hold(ledger, SUBJECT, WHY)
    assert verified(tmp_path).findings == []
    with closing(open_writing(tmp_path / "ledger.db", connect)) as db:
        db.execute("CREATE TEMP TABLE kept AS SELECT * FROM data_key WHERE 0")
        db.executemany("INSERT INTO kept VALUES (?, ?, ?, ?, ?, ?, ?)", kept)
        db.execute(statement)
    assert not verified(tmp_path).ok
