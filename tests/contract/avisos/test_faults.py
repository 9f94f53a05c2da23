"""Answers about anybody else, errors that look like data, and lists that may be cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.avisos.connector import MAX_PAGES
from connectors.avisos.simulator import FAULTS
from hub.core.errors import (
    SourceError,
    SourceInsecure,
    SourceMalformed,
    SourceRefused,
    SourceUnavailable,
)
from hub.sandbox.magic import NOTHING_ANYWHERE
from hub.sandbox.population import Population
from hub.sandbox.stage import Fault
from tests.contract.avisos.scene import (
    block_under,
    every_profile,
    scene,
)
from tests.support.builders import a_query


@every_profile
@pytest.mark.parametrize(
    "mode", ["everyones_requests", "another_citizen", "stray_answer", "no_echo", "no_owner"]
)
async def test_an_answer_about_anybody_else_is_refused(profile: str, mode: str):
    """Every row's owner and every answer's request id must be the ones that were asked."""
    async with scene(profile, Fault(mode=mode)) as s:
        record = await s.connector.fetch("requests", a_query())
        assert record.payload["requests"]
        with pytest.raises(SourceInsecure) as caught:
            await s.ask(a_query())
    assert caught.value.reason == "identity_mismatch"


@every_profile
async def test_an_empty_answer_to_another_question_is_not_nothing(profile: str):
    """That there is nothing is believed only of the answer to this very question."""
    async with scene(profile, Fault(mode="stray_answer")) as s:
        with pytest.raises(SourceInsecure):
            await s.ask(a_query(Population().number(NOTHING_ANYWHERE)))


ERRORS = [
    (404, SourceRefused, "backend_fault"),
    (400, SourceRefused, "backend_fault"),
    (403, SourceRefused, "hub_credentials"),
    (429, SourceUnavailable, "throttled"),
    (500, SourceUnavailable, "backend_fault"),
]


@every_profile
@pytest.mark.parametrize(("code", "kind", "reason"), ERRORS)
async def test_an_error_with_status_200_is_no_data(
    profile: str, code: int, kind: type[SourceError], reason: str
):
    """`[{"code": 404}]` is no request, and never means that there is none."""
    async with scene(profile, Fault(mode="error_in_200", values={"code": code})) as s:
        with pytest.raises(kind) as caught:
            await s.ask(a_query())
    assert caught.value.reason == reason
    assert str(code) in caught.value.detail


@every_profile
async def test_an_error_without_its_list_or_code_is_an_error(profile: str):
    """`<error>text</error>` and `{"error": "text"}` are refusals, and their text is not quoted."""
    async with scene(profile, Fault(mode="bare_error")) as s:
        with pytest.raises(SourceRefused) as caught:
            await s.ask(a_query())
    assert caught.value.reason == "backend_fault"
    assert "Invalid" not in str(caught.value)


@every_profile
@pytest.mark.parametrize("mode", ["many_rows", "small_pages"])
async def test_a_list_is_read_page_by_page_to_its_end(profile: str, mode: str):
    """Also where the server gives fewer rows per page than were asked for."""
    items = await block_under(profile, mode, rows=230)
    assert [item.id for item in items] == [str(30_000_000 + n) for n in range(230)]


@every_profile
@pytest.mark.parametrize("rows", [3, 49, 50, 99, 101, 120])
async def test_a_server_without_pages_gives_its_list_once(profile: str, rows: int):
    """A page that comes again adds nothing, however long it is."""
    items = await block_under(profile, "ignores_pages", rows=rows)
    assert len(items) == rows


@every_profile
@pytest.mark.parametrize("rows", [100, 1000])
async def test_a_list_as_long_as_a_limit_may_be_cut_and_is_refused(profile: str, rows: int):
    """A server without pages that stops at the page size, or at the standard's 1000."""
    with pytest.raises(SourceMalformed) as caught:
        await block_under(profile, "ignores_pages", rows=rows)
    assert caught.value.reason == "malformed"


@every_profile
async def test_pages_without_end_are_refused(profile: str):
    """The hub stops asking, and shows no part of a list."""
    async with scene(profile, Fault(mode="endless_pages"), page_size=50) as s:
        with pytest.raises(SourceMalformed) as caught:
            await s.ask(a_query())
        assert len(s.recorder.sent) == MAX_PAGES
    assert caught.value.reason == "too_large"


def test_every_fault_of_the_simulator_has_its_test():
    """A mode that nobody tests is a mode that proves nothing."""
    folder = Path(__file__).parent
    names = ("test_faults.py", "test_deviations.py", "test_messages.py")
    text = "".join((folder / name).read_text() for name in names)
    assert [mode for mode in FAULTS if f'"{mode}"' not in text] == []
