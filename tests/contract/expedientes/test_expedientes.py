from __future__ import annotations

import datetime as dt
import json

import pytest

from connectors.expedientes.simulator import FAULTS, GIVEN, HELD
from hub.core.errors import MappingError, SourceError, SourceInsecure, SourceMalformed
from hub.core.model.canonical import highlight
from hub.sandbox import magic
from tests.support.builders import CITIZEN, NOW
from tests.support.slices import Slice

CASES = Slice(system="expedientes", operation="cases", block="cases")
INSECURE, MALFORMED = (SourceInsecure, "identity_mismatch"), (SourceMalformed, "schema")
STRUCK = {
    "answers_other_citizen": INSECURE,
    "rows_of_other_citizen": INSECURE,
    "answers_other_request": INSECURE,
    "no_echo": MALFORMED,
    "null_list": MALFORMED,
    "wrong_total": MALFORMED,
    "cut_short": MALFORMED,
}


async def test_a_case_says_where_it_stands_and_whether_it_waits_for_the_citizen():
    """The default citizen's open case, over a socket, in words and not in codes."""
    async with CASES.playing() as playing:
        record = await playing.ask(magic.DEFAULT_CITIZEN)
    CASES.check(record.payload)
    block = CASES.block_of(record.payload)
    first, *earlier = block.items
    assert (first.state, first.citizen_action, first.closed_on) == ("open", "required", None)
    assert {item.state for item in earlier} <= {"closed", "closed_for_transfer"}
    assert first.procedure.name
    assert first.id.startswith(f"ES_{first.body.code}_{first.opened_on.year}_EXP_")
    assert (block.held_count, block.truncated) == (3, False)
    shown = highlight(block, NOW.date())
    assert (shown.count, shown.needs_action) == (3, 1)
    assert shown.next_date == NOW.date() + dt.timedelta(days=10)


async def test_nothing_is_an_answer():
    """Who is no party to any case holds nothing, and that is not an error."""
    async with CASES.playing() as playing:
        record = await playing.ask(magic.NOTHING_ANYWHERE)
    CASES.check(record.payload)
    assert record.holds is False


async def test_what_is_not_given_is_said():
    """999 of 1204: the block says that it is cut, and the summary counts what is held."""
    async with CASES.playing("truncated") as playing:
        record = await playing.ask(magic.DEFAULT_CITIZEN)
    CASES.check(record.payload)
    block = CASES.block_of(record.payload)
    assert (len(block.items), block.held_count, block.truncated) == (GIVEN, HELD, True)
    assert highlight(block, NOW.date()).count == HELD


@pytest.mark.parametrize("mode", STRUCK)
async def test_each_fault_has_its_class_and_reason(mode):
    """A fault is told from an empty answer, and nothing of it is quoted."""
    async with CASES.playing(mode) as playing:
        with pytest.raises(SourceError) as caught:
            await playing.ask(magic.DEFAULT_CITIZEN)
    assert (type(caught.value), caught.value.reason) == STRUCK[mode]
    assert CITIZEN not in str(caught.value)


async def test_wrong_types_never_become_a_block():
    """A row by another contract is refused by the mapping, which names places and types."""
    async with CASES.playing("wrong_types") as playing:
        record = await playing.ask(magic.DEFAULT_CITIZEN)
    with pytest.raises(MappingError, match="expected"):
        CASES.block_of(record.payload)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Estado": "E04"}, "state"),
        ({"Estado": None}, "state"),
        ({"Organo": "  "}, "body"),
        ({"Clasificacion": 202414}, "procedure"),
        ({"FechaAperturaExpediente": "ayer"}, "opened_on"),
        ({"fechaCierre": "2026-02-30"}, "closed_on"),
        ({"actuacionCiudadana": "QUIZA"}, "citizen_action"),
    ],
)
def test_a_hostile_row_is_refused_whole(changes, message):
    """No state and no date is guessed."""
    payload = json.loads((CASES.contract / "samples" / "cases-several.json").read_text("utf-8"))
    payload["expedientes"][0] |= changes
    with pytest.raises(MappingError, match=message):
        CASES.block_of(payload)


async def test_the_question_is_by_the_contract_and_names_the_person_in_its_body_alone():
    """Sent bytes fit the schema; neither address nor headers hold the number."""
    async with CASES.playing() as playing:
        await playing.ask(magic.DEFAULT_CITIZEN)
    CASES.check_question(playing)


@pytest.mark.parametrize("sample", CASES.samples, ids=lambda path: path.stem)
def test_a_sample_becomes_its_golden_block(sample):
    """Each sample on file is valid by the contract and means what stands beside it."""
    CASES.check_sample(sample)


def test_mapping_contract_and_page_are_complete():
    """Every leaf is read or left alone for a reason, and every fault mode has its promise."""
    CASES.check_mapping()
    CASES.check_openapi()
    CASES.check_page(FAULTS, STRUCK.keys() | {"wrong_types", "truncated"})
