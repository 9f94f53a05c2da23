from __future__ import annotations

import json

import pytest

from connectors.censo.simulator import EUROPEANS, FAULTS
from hub.core.errors import MappingError, SourceError, SourceInsecure, SourceMalformed
from hub.core.model import BLOCKS
from hub.position.purposes import load_purposes
from hub.sandbox import magic
from tests.support.builders import CITIZEN, NOW
from tests.support.slices import ROOT, Slice

ROLL = Slice(system="censo", operation="roll", block="electoralRoll")
INSECURE, MALFORMED = (SourceInsecure, "identity_mismatch"), (SourceMalformed, "schema")
STRUCK = {
    "answers_other_citizen": INSECURE,
    "entry_of_other_citizen": INSECURE,
    "answers_other_request": INSECURE,
    "no_echo": MALFORMED,
    "contradicts_itself": MALFORMED,
}


async def test_an_elector_sees_where_they_vote():
    """The default citizen's entry, over a socket, with the day whose state it shows."""
    async with ROLL.playing() as playing:
        record = await playing.ask(magic.DEFAULT_CITIZEN)
    ROLL.check(record.payload)
    entry = ROLL.block_of(record.payload)
    assert (entry.roll.code, len(entry.elections)) == ("CER", 4)
    assert entry.polling_place.name
    assert entry.municipality_code == "28079"
    assert entry.closed_on < entry.claims_until < NOW.date()


@pytest.mark.parametrize("index", [magic.MINOR, magic.NOT_REGISTERED, magic.NOTHING_ANYWHERE])
async def test_who_is_not_on_the_roll_holds_nothing(index):
    """A minor and somebody who lives elsewhere: an answer, and not an error."""
    async with ROLL.playing() as playing:
        record = await playing.ask(index)
    ROLL.check(record.payload)
    assert record.holds is False


async def test_a_european_votes_in_two_elections_and_others_in_none():
    """Who may vote follows from the nationality, as the roll says and nobody guesses."""
    async with ROLL.playing() as playing:
        european = await playing.ask(magic.ONE_SURNAME)
        foreigner = await playing.ask(magic.RECENT_ARRIVAL)
        nationality = playing.stage.population.person(magic.ONE_SURNAME).nationality
    assert nationality in EUROPEANS
    codes = [election.code for election in ROLL.block_of(european.payload).elections]
    assert codes == ["MUNICIPALES", "EUROPEAS"]
    assert foreigner.holds is False


@pytest.mark.parametrize("mode", STRUCK)
async def test_each_fault_has_its_class_and_reason(mode):
    """A fault is told from an empty answer, and nothing of it is quoted."""
    async with ROLL.playing(mode) as playing:
        with pytest.raises(SourceError) as caught:
            await playing.ask(magic.DEFAULT_CITIZEN)
    assert (type(caught.value), caught.value.reason) == STRUCK[mode]
    assert CITIZEN not in str(caught.value)


async def test_somebody_elses_entry_is_refused_to_who_has_none():
    """An entry where there should be none is not shown either."""
    async with ROLL.playing("entry_of_other_citizen") as playing:
        with pytest.raises(SourceInsecure):
            await playing.ask(magic.NOTHING_ANYWHERE)


async def test_wrong_types_never_become_a_block():
    """An entry by another contract is refused by the mapping, which names places and types."""
    async with ROLL.playing("wrong_types") as playing:
        record = await playing.ask(magic.DEFAULT_CITIZEN)
    with pytest.raises(MappingError, match="expected"):
        ROLL.block_of(record.payload)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"censo": "CENSO"}, "roll"),
        ({"elecciones": ["PRIMARIAS"]}, "elections"),
        ({"elecciones": None}, "elections"),
        ({"fechaCierre": "2026-09-31"}, "closed_on"),
        ({"local": {"nombre": "CEIP"}}, "full_address"),
        ({"municipio": 79}, "municipality_code"),
        ({"seccion": " "}, "section_code"),
    ],
)
def test_a_hostile_entry_is_refused_whole(changes, message):
    """Nobody is sent to vote by a guess."""
    payload = json.loads((ROLL.contract / "samples" / "roll-elector.json").read_text("utf-8"))
    payload["inscripcion"] |= changes
    with pytest.raises(MappingError, match=message):
        ROLL.block_of(payload)


def test_no_purpose_but_the_citizens_own_has_the_roll():
    """LO 5/1985 art. 41, as the table of purposes says it."""
    table = load_purposes(ROOT / "contracts" / "hub" / "purposes.toml", BLOCKS)
    having = {row.code for row in table.purposes if ROLL.block in row.blocks}
    assert having == {"self_service"}


async def test_the_question_is_by_the_contract_and_names_the_person_in_its_body_alone():
    """Sent bytes fit the schema; neither address nor headers hold the number."""
    async with ROLL.playing() as playing:
        await playing.ask(magic.DEFAULT_CITIZEN)
    ROLL.check_question(playing)


def test_the_samples_are_by_the_contract():
    """The entry on file means what stands beside it; who has none has no block."""
    elector, nobody = ROLL.samples
    ROLL.check_sample(elector)
    ROLL.check(json.loads(nobody.read_text("utf-8")))
    assert json.loads(nobody.read_text("utf-8"))["inscripcion"] is None


def test_mapping_contract_and_page_are_complete():
    """Every leaf is read or left alone for a reason, and every fault mode has its promise."""
    ROLL.check_mapping()
    ROLL.check_openapi()
    ROLL.check_page(FAULTS, STRUCK.keys() | {"wrong_types"})
