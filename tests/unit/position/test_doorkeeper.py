"""Who may be asked about now, at a desk with real purposes, mappings and ledger."""

from __future__ import annotations

import msgspec
import pytest

from hub.core.document import check_letter, parse_document
from hub.core.errors import SourceInsecure, SourceRefused, SourceUnavailable
from hub.core.model.canonical import PartialDate
from hub.core.position import Denied, Empty, Fresh, Unavailable
from hub.position.access import text_of
from hub.position.desk import Refused
from hub.position.registers import Proof
from tests.support.answering import CALLER, a_world
from tests.support.builders import CITIZEN
from tests.support.officials import MEMBER, OFFICIAL, an_access_of, seen, whole_register

IN_PERSON = Denied(reason="in_person")
SUBJECT = parse_document(CITIZEN)
UNKNOWN = "99000200N"
CHILD = PartialDate(year=2016, month=5, day=1)


@pytest.fixture
async def world(tmp_path):
    """Four sources that answer with the examples of their mappings."""
    feeds = {
        "padron": ("identity", "residence"),
        "sap_trm": ("taxBills",),
        "civis": ("socialServices",),
        "avisos": ("serviceRequests",),
    }
    async with a_world(tmp_path, feeds) as opened:
        whole_register(opened)
        yield opened


async def entered(world, register="protection", person=SUBJECT, **changes):
    """An entry in a register."""
    registers = world.desk.door.registers
    entry = msgspec.structs.replace(registers.new(register, person, "because", "office"), **changes)
    await registers.enter(entry)
    return entry


async def sent(world):
    """How many requests have left."""
    return sum(record.kind == "sent" for record in await world.ledger.recent(500))


async def test_a_protected_person_is_in_person_and_nobody_is_asked(world):
    """Every block that the purpose would show, for officials and for whoever has her token."""
    await entered(world)
    for purpose, caller in [("tax_attention", OFFICIAL), ("self_service", CALLER)]:
        access = await an_access_of(world, purpose, caller=caller)
        blocks = (await seen(world, access)).position.blocks
        shown = {name for name, block in blocks.items() if block == IN_PERSON}
        assert {"identity", "taxBills"} <= shown
        assert not any(isinstance(block, Fresh) for block in blocks.values())
    assert await sent(world) == 0


async def test_a_protected_person_named_block_by_block_reads_the_same(world):
    """`in_person` is never a 403: known before asking or after, it is in its place."""
    await entered(world)
    access = await an_access_of(world, "tax_attention")
    blocks = (await seen(world, access, blocks=("taxBills",))).position.blocks
    assert blocks == {"taxBills": IN_PERSON}


async def test_a_specialised_unit_sees_whom_it_protects(world):
    """Under the one purpose that says so."""
    await entered(world)
    access = await an_access_of(world, "protected_attention")
    blocks = (await seen(world, access)).position.blocks
    assert isinstance(blocks["identity"], Fresh)


async def test_a_protected_member_hides_the_block_that_shows_them(world):
    """And no other; nor the block itself where its fields show nobody else."""
    await entered(world, person=MEMBER)
    access = await an_access_of(world, "nursery_admission")
    blocks = (await seen(world, access)).position.blocks
    assert blocks["residence"] == IN_PERSON
    assert isinstance(blocks["identity"], Fresh)
    some = await seen(world, access, residence={"memberCount", "address.postCode"})
    assert isinstance(some.position.blocks["residence"], Fresh)
    name = await seen(world, access, residence={"members.fullName"})
    assert name.position.blocks["residence"] == IN_PERSON
    assert "residence" not in name.highlights


async def test_under_14_a_person_is_asked_about_through_a_representative(world):
    """Without one it is `in_person`; a purpose that is about children asks like for anybody."""
    alone = await an_access_of(world, "tax_attention", born=CHILD)
    assert (await seen(world, alone)).position.blocks["identity"] == IN_PERSON
    direct = await an_access_of(world, "nursery_admission", born=CHILD)
    assert isinstance((await seen(world, direct)).position.blocks["identity"], Fresh)
    relation = await a_relation(world)
    with_one = await an_access_of(world, "tax_attention", born=CHILD, representation=relation.entry)
    assert isinstance((await seen(world, with_one)).position.blocks["identity"], Fresh)


async def a_relation(world, **changes):
    """A relation in which the official's token holder represents the citizen."""
    return await entered(
        world,
        "representation",
        relation="parent",
        representative=OFFICIAL.document,
        proof=Proof(kind="family_book", reference="1"),
        **changes,
    )


async def test_a_representative_sees_while_the_relation_holds(world):
    """Ended, it closes the access that was opened under it."""
    parent = msgspec.structs.replace(CALLER, document=OFFICIAL.document)
    relation = await a_relation(world)
    access = await an_access_of(
        world, "self_service", caller=parent, born=CHILD, representation=relation.entry
    )
    assert isinstance((await seen(world, access)).position.blocks["identity"], Fresh)
    await world.desk.door.registers.end(SUBJECT, relation.entry, reason="over", by="office")
    assert (await seen(world, access)).position.blocks["identity"] == IN_PERSON


@pytest.mark.parametrize("case", ["restricted", "invented", "somebody else's"])
async def test_only_the_own_unrestricted_relation_opens(world, case):
    """A restricted one needs an official; a made-up one and another's open nothing."""
    relation = await a_relation(world, restricted=case == "restricted")
    holder = SUBJECT if case == "somebody else's" else OFFICIAL.document
    parent = msgspec.structs.replace(CALLER, document=holder)
    named = "0" * 26 if case == "invented" else relation.entry
    access = await an_access_of(world, "self_service", caller=parent, representation=named)
    assert (await seen(world, access)).position.blocks["identity"] == IN_PERSON
    assert await sent(world) == 0


async def test_an_opposition_closes_its_procedure_and_no_other(world):
    """What rests on nobody having opposed is `opposed`; nobody is asked for it."""
    await entered(world, "opposition", purpose="nursery_admission")
    nursery = await an_access_of(world, "nursery_admission")
    blocks = (await seen(world, nursery)).position.blocks
    assert blocks["residence"] == Denied(reason="opposed")
    assert isinstance(blocks["identity"], Fresh)
    other = await an_access_of(world, "census_certificate")
    assert isinstance((await seen(world, other)).position.blocks["residence"], Fresh)
    with pytest.raises(Refused) as refused:
        await seen(world, nursery, blocks=("residence",))
    assert [d.reason for d in refused.value.denials] == ["opposed"]


async def test_an_opposition_where_the_law_excludes_it_closes_nothing(world):
    """However it came into the register."""
    await entered(world, "opposition", purpose="tax_attention")
    access = await an_access_of(world, "tax_attention")
    assert isinstance((await seen(world, access)).position.blocks["taxBills"], Fresh)


async def test_a_special_category_is_masked_until_a_reason_is_on_record(world):
    """For that block of that access; nothing is asked before, and the reason is sealed."""
    access = await an_access_of(world, "nursery_admission")
    assert (await seen(world, access)).position.blocks["socialServices"] == Denied(reason="reveal")
    before = await sent(world)
    with pytest.raises(Refused):
        await seen(world, access, blocks=("socialServices",))
    assert await sent(world) == before
    await world.desk.door.reveal(access, ("socialServices",), "scoring of the case", "req")
    assert isinstance((await seen(world, access)).position.blocks["socialServices"], Fresh)
    other = await an_access_of(world, "nursery_admission")
    assert (await seen(world, other)).position.blocks["socialServices"] == Denied(reason="reveal")
    [record] = [r for r in await world.ledger.recent(500) if r.kind == "reveal"]
    assert b"scoring" not in record.leaf
    assert msgspec.msgpack.decode(await world.ledger.payload("reveal", record.id)) == {
        "reason": "scoring of the case"
    }
    await world.desk.door.reveal(access, ("socialServices",), "scoring again", "req")


async def test_a_citizen_sees_their_own_special_category(world):
    """With the scope, and without stating why."""
    access = await an_access_of(world, "self_service", caller=CALLER)
    assert isinstance((await seen(world, access)).position.blocks["socialServices"], Fresh)


async def test_somebody_whom_no_source_knows_is_in_person_where_the_purpose_says_so(world):
    """Elsewhere `empty` stays `empty`: in a procedure it is an answer."""
    for connector in world.connectors.values():
        connector.holds = False
    counter = await an_access_of(world, "tax_attention")
    blocks = (await seen(world, counter, blocks=("identity", "taxBills"))).position.blocks
    assert set(blocks.values()) == {IN_PERSON}
    nursery = await an_access_of(world, "nursery_admission")
    found = (await seen(world, nursery, blocks=("identity", "taxBills"))).position.blocks
    assert all(isinstance(block, Empty) for block in found.values())


async def test_every_denial_is_on_record(world):
    """In place or as a refusal, with block, path and reason."""
    access = await an_access_of(world, "tax_attention")
    await seen(world, access, blocks=("taxBills",))
    with pytest.raises(Refused):
        await seen(world, access, taxBills={"items"}, residence={"address", "members"})
    await entered(world)
    await seen(world, access, blocks=("taxBills",))
    records = [r.header for r in await world.ledger.recent(500) if r.kind == "denial"]
    assert [header["denied"] for header in records] == [
        {"taxBills": "in_person"},
        {"residence": "purpose"},
    ]


async def test_a_field_asks_its_operation_alone(world):
    """The size of a household is read from one message, and one is sent."""
    access = await an_access_of(world, "nursery_admission")
    answered = await seen(world, access, residence={"memberCount"})
    block = answered.position.blocks["residence"]
    assert isinstance(block, Fresh)
    assert set(block.data) == {"memberCount"}
    operations = [r.header["operation"] for r in await world.ledger.recent(500) if r.kind == "sent"]
    assert operations == ["household"]


async def test_a_withheld_answer_takes_the_time_of_others(world):
    """It waits for as long as the same plan took for somebody else, within its deadline."""
    access = await an_access_of(world, "tax_attention")
    await seen(world, access)
    drawn = []

    def draw(plan):
        drawn.append(plan)
        return 0.0

    world.desk.door.tempo.drawn = draw
    await entered(world)
    await seen(world, access)
    assert [step.source for step in drawn[0]] == ["padron", "sap_trm"]


@pytest.mark.parametrize("text", ["1980", "1980-02", "1980-02-09", "0980-02-09"])
def test_a_birth_date_is_kept_as_far_as_it_is_known(text):
    """An access carries it to the source that wants it."""
    parts = dict(zip(("year", "month", "day"), map(int, text.split("-")), strict=False))
    assert text_of(PartialDate(**parts)) == text


async def both_looks(world, *, blocks=("identity", "taxBills", "fines"), unknown=UNKNOWN):
    """What is shown of somebody whom no source holds, and of somebody protected."""
    hold(world, holds=False)
    looks = [await an_access_of(world, "tax_attention", number) for number in (unknown, CITIZEN)]
    answers = [await seen(world, access, blocks=blocks) for access in looks]
    return [answered.position.blocks for answered in answers]


def hold(world, *, holds):
    """Let every source hold something of whomever it is asked about, or nothing."""
    for connector in world.connectors.values():
        connector.holds = holds


def break_off(world, name, error):
    """Let a source's operations raise *error*; None mends it."""
    world.connectors[name].error = error


async def test_a_missing_source_does_not_tell_who_is_protected(world):
    """A block without a source is `unavailable` for both, and the others `in_person`."""
    await entered(world)
    unknown, withheld = await both_looks(world)
    assert unknown == withheld
    assert withheld["identity"] == withheld["taxBills"] == IN_PERSON
    assert withheld["fines"] == Unavailable(source="none", reason="maintenance")


@pytest.mark.parametrize(
    "error",
    [
        SourceUnavailable("padron", "maintenance", "away"),
        SourceUnavailable("padron", "timeout", "late"),
        SourceRefused("padron", "hub_credentials", "401"),
    ],
    ids=["away", "late", "refusing"],
)
async def test_a_failing_source_does_not_tell_who_is_protected(world, error):
    """While it fails, and when it answers again; asked for one block, for several or for all;
    also beside somebody of whom it is remembered that nothing is held.
    """
    await entered(world)
    numbers = [f"990002{n:02}" for n in range(20)]
    numbers = [number + check_letter(int(number)) for number in numbers]
    for state, down in [("well", None), ("down", error), ("well again", None)]:
        break_off(world, "padron", down)
        for blocks in [("identity",), ("identity", "taxBills"), None]:
            for number in (numbers.pop(), numbers[0]):
                unknown, withheld = await both_looks(world, blocks=blocks, unknown=number)
                assert unknown == withheld, (state, blocks)
                assert isinstance(withheld["identity"], Unavailable) == (down is not None), state


async def test_a_source_switched_off_does_not_tell_who_is_protected(world):
    """At once, without anybody having been asked in between; nor one left in peace."""
    await entered(world)
    guard = world.desk.sources.by_name["padron"].client.guard
    guard.switch.turn("*", off=True)
    access = await an_access_of(world, "tax_attention")
    off = (await seen(world, access, blocks=("identity",))).position.blocks
    assert off == {"identity": Unavailable(source="padron", reason="maintenance")}
    guard.switch.turn("*", off=False)
    assert (await seen(world, access, blocks=("identity",))).position.blocks["identity"] == (
        IN_PERSON
    )
    insecure = SourceInsecure("padron", "identity_mismatch", "somebody else")
    break_off(world, "padron", insecure)  # opens the breaker at once
    unknown, withheld = await both_looks(world, blocks=("identity",))
    unknown, withheld = await both_looks(world, blocks=("identity",))
    assert unknown == withheld
    assert withheld["identity"].retry_after


async def test_what_a_source_says_of_one_person_is_not_shown_of_another(world):
    """A refusal of one request stays that request's: the next person is answered."""
    await entered(world)
    break_off(world, "padron", SourceRefused("padron", "backend_fault", "no such kind of document"))
    unknown, withheld = await both_looks(world, blocks=("identity",))
    assert isinstance(unknown["identity"], Unavailable)
    assert withheld == {"identity": IN_PERSON}


async def test_that_somebody_was_withheld_is_on_record_behind_an_outage(world):
    """The answer does not show it, and an auditor finds it."""
    await entered(world)
    world.desk.sources.by_name["padron"].client.guard.switch.turn("*", off=True)
    await seen(world, await an_access_of(world, "tax_attention"), blocks=("identity",))
    [denial] = [r.header for r in await world.ledger.recent(500) if r.kind == "denial"]
    assert denial["denied"] == {"identity": "in_person"}
