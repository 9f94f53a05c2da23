"""Registers are what the ledger's records say, and nothing beside them."""

from __future__ import annotations

import asyncio
import datetime as dt

import msgspec
import pytest

from hub.core.document import parse_document
from hub.core.errors import LedgerError
from hub.position.registers import Proof, Registers
from tests.support.builders import CITIZEN, NOW
from tests.support.ledgers import FaultyDisk, a_ledger

PERSON = parse_document(CITIZEN)
CHILD = parse_document("99000004T")


@pytest.fixture
async def ledger(tmp_path):
    """A real ledger."""
    async with a_ledger(tmp_path) as opened:
        yield opened


@pytest.fixture
def registers(ledger):
    """Its registers, at a fixed moment."""
    return Registers(ledger, lambda: NOW)


def a_relation(registers, **changes):
    """A parent of a child, or as *changes* say."""
    values = {
        "relation": "parent",
        "representative": PERSON,
        "proof": Proof(kind="family_book", reference="1/2020"),
    }
    entry = registers.new("representation", CHILD, "asked for", "office")
    return msgspec.structs.replace(entry, **{**values, **changes})


async def test_nobody_stands_in_a_register_unentered(registers):
    """No record, no entry."""
    assert await registers.standing(PERSON) == ()
    assert not await registers.is_protected(PERSON)


async def test_an_entry_is_in_force_until_it_is_ended(registers):
    """And both remain on record."""
    entry = registers.new("protection", PERSON, "order 1/2026", "office")
    await registers.enter(entry)
    assert await registers.is_protected(PERSON)
    assert not await registers.is_protected(CHILD)
    assert await registers.end(PERSON, entry.entry, reason="lifted", by="office")
    assert not await registers.is_protected(PERSON)
    assert not await registers.end(PERSON, entry.entry, reason="again", by="office")


async def test_an_entry_holds_within_its_dates(registers):
    """Both days included."""
    today, day = NOW.date(), dt.timedelta(days=1)
    for since, until, holds in [
        (today, today, True),
        (today + day, None, False),
        (None, today - day, False),
        (today - day, today + day, True),
    ]:
        entry = registers.new("protection", PERSON, "order", "office")
        await registers.enter(msgspec.structs.replace(entry, since=since, until=until))
        assert await registers.is_protected(PERSON) is holds
        await registers.end(PERSON, entry.entry, reason="next", by="office")


async def test_a_relation_stands_under_both(registers):
    """The representative finds it, and so does whoever asks about the person."""
    relation = a_relation(registers)
    await registers.enter(relation)
    assert await registers.standing(PERSON) == (relation,)
    assert await registers.standing(CHILD) == (relation,)
    await registers.end(CHILD, relation.entry, reason="ended", by="office")
    assert await registers.standing(PERSON) == ()


async def test_writers_at_once_lose_nothing(registers, ledger):
    """Of two that take the same place one reads again; both entries stand."""
    other = Registers(ledger, lambda: NOW)
    entries = [registers.new("protection", PERSON, f"order {n}", "office") for n in range(4)]
    await asyncio.gather(
        *((registers if n % 2 else other).enter(entry) for n, entry in enumerate(entries))
    )
    assert {entry.entry for entry in await registers.standing(PERSON)} == {
        entry.entry for entry in entries
    }


async def test_another_process_sees_it_at_once(registers, ledger):
    """There is no copy that could be behind."""
    await registers.enter(registers.new("protection", PERSON, "order", "office"))
    assert await Registers(ledger, lambda: NOW).is_protected(PERSON)


async def test_a_leaf_does_not_tell_which_register(registers, ledger):
    """Who may read the ledger in clear learns that something was entered, and no more."""
    await registers.enter(registers.new("protection", PERSON, "order 77", "office"))
    [record] = [r for r in await ledger.recent(10) if r.kind == "register"]
    for secret in (b"protection", b"order", b"office", CITIZEN.encode()):
        assert secret not in record.leaf


async def test_what_cannot_be_recorded_is_not_entered(tmp_path):
    """A disk that fails leaves nobody in a register."""
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        registers = Registers(ledger, lambda: NOW)
        disk.mode = "fails"
        with pytest.raises(LedgerError):
            await registers.enter(registers.new("protection", PERSON, "order", "office"))
        disk.mode = "works"
        assert not await registers.is_protected(PERSON)
