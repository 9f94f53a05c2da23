"""Whoever stands in an answer is on record before the answer is believed, shown or not."""

from __future__ import annotations

import copy
from typing import Any

import httpx
import msgspec
import pytest

from hub.core.document import check_letter, parse_document, parse_passport
from hub.core.errors import LedgerError
from hub.core.position import Provenance
from hub.ledger.lifecycle import Why, destroy, keys_of
from hub.ledger.store import Search
from hub.position.evidence import read_evidence
from hub.position.others import late_entries, others_among
from tests.support.answering import World, a_world
from tests.support.builders import CITIZEN, NOW, a_query, an_official_access
from tests.support.ledgers import verified
from tests.support.scripted import STEPS
from tests.support.scripted import World as Scripted
from tests.support.simulated import simulate

MEMBER = parse_document(f"99000022{check_letter(99000022)}")
OTHER = "99000003E"


def with_member(world: World, number: str, kind: str = "NIF") -> None:
    """Let the register's household name one person more."""
    household = world.connectors["padron"].payloads["household"]["Resultado"]
    person = copy.deepcopy(household["Personas"]["Persona"][0])
    person["Documentacion"] = {"Tipo": kind, "Valor": number}
    household["Personas"]["Persona"].append(person)
    household["NumeroPersonas"] = str(len(household["Personas"]["Persona"]))


async def found(world: World, **asked: Any) -> list[Any]:
    """What a search finds."""
    return list((await world.ledger.search(Search(**asked))).items)


async def test_a_member_who_is_not_shown_is_on_record_all_the_same(tmp_path):
    """The answer names nobody but its subject; its record and its exchange are the member's too."""
    async with a_world(tmp_path) as world:
        with_member(world, MEMBER.number)
        answered = await world.answer(blocks=("residence", "taxBills"))
        assert MEMBER.number.encode() not in answered.body
        answer, people, outcome = await found(world, subject=MEMBER)
        assert [answer.kind, people.kind, outcome.kind] == ["answer", "people", "outcome"]
        assert people.header["exchanges"] == [outcome.id]
        assert people.header["operations"] == ["household"]
        assert outcome.index < people.index < answer.index
        assert people.header["others"] == [world.ledger.pseudonym(MEMBER)]
    assert verified(tmp_path).findings == []


async def test_whom_a_passport_names_is_linked_in_the_answers_own_transaction(tmp_path):
    """No text tells a passport from another number; the canonical value does."""
    passport = parse_passport("PAA123456")
    async with a_world(tmp_path) as world:
        with_member(world, passport.number, "Pasaporte")
        await world.answer(blocks=("residence",))
        answer, people, *outcomes = await found(world, subject=passport)
        assert answer.index == people.index + 1
        assert sorted(people.header["exchanges"]) == sorted(outcome.id for outcome in outcomes)
    assert verified(tmp_path).findings == []


def test_the_subject_and_the_official_are_not_among_the_others():
    """Whoever works under an access is not found by their document as a citizen."""
    access = an_official_access()
    assert access.official is not None
    people = {parse_document(CITIZEN), access.official.document, MEMBER}
    assert others_among(people, access) == (MEMBER,)
    found = Provenance(source="x", exchanges=("E1",), obtained_at=NOW)
    assert late_entries(access, [(found, frozenset())], NOW, None) == []


def test_an_answer_about_somebody_else_is_linked_to_them():
    """It is refused, and kept as evidence under the wrong person's key: they must find it."""

    async def story():
        world = Scripted()

        async def confused(_):
            return httpx.Response(200, json={"id": OTHER})

        world.far = confused
        obtained = await world.obtainer.obtain(STEPS["read"], a_query(), short=True)
        got: Any = obtained.got
        assert got.reason == "identity_mismatch"
        assert world.witness.seen == [("read", frozenset({parse_document(OTHER)}))]

    simulate(story())


def test_people_who_cannot_be_put_on_record_stop_the_answer():
    """A ledger that refuses them is a ledger that refuses; nothing is kept for the next."""

    async def story():
        world = Scripted()
        world.witness.fails = True
        with pytest.raises(LedgerError):
            await world.obtainer.obtain(STEPS["read"], a_query(), short=True)
        assert len(world.obtainer.cache) == 0

    simulate(story())


async def test_an_answer_that_nobody_got_leaves_its_people_on_record(tmp_path):
    """The access is closed while the answer is on its way: no answer, and the link stands."""
    async with a_world(tmp_path) as world:
        with_member(world, MEMBER.number)
        access = await world.access()
        query = msgspec.structs.replace(a_query(access=access, seconds=5), wanted={})
        source = world.desk.sources.by_name["padron"]
        step = STEPS["read"].__class__(source="padron", operation="household")
        got = await world.desk.obtainer.obtain(step, query, short=False)
        assert got.got.source == source.spec.name
        assert [r.kind for r in await found(world, subject=MEMBER)] == ["people", "outcome"]
        assert await found(world, kind="answer") == []


async def test_a_household_without_others_costs_no_record(tmp_path):
    """Most answers speak of their subject alone."""
    async with a_world(tmp_path) as world:
        await world.answer(blocks=("residence", "taxBills"))
        assert await found(world, kind="people") == []
        [answer] = await found(world, kind="answer")
        assert "others" not in answer.header


async def test_what_was_destroyed_is_not_shown_from_memory_again(tmp_path):
    """Neither to the person nor sealed anew: the source is asked, under a key of its own."""
    async with a_world(tmp_path) as world:
        for _ in range(2):
            await world.answer(blocks=("residence",))
        by_kind = [record.kind for record in await world.ledger.recent(200)]
        asked = by_kind.count("sent")
        why = Why(by="archive", ground="erasure", order="court-1")
        subject = parse_document(CITIZEN)
        await destroy(world.ledger, await keys_of(world.ledger, subject), why, {})
        await world.answer(blocks=("residence",))
        sent = [record for record in await world.ledger.recent(200) if record.kind == "sent"]
        assert len(sent) == 2 * asked
        answer = await world.ledger.read(await world.last_answer(), "answer")
        assert answer is not None
        readings = read_evidence(answer.decoded or b"").readings
        known = {id_ for reading in readings for id_ in reading.exchanges}
        assert known == {record.id for record in sent[:asked]}
    assert verified(tmp_path).findings == []
