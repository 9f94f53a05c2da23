"""Calls are counted by operation, and a count never holds an identifier."""

from __future__ import annotations

import httpx
import pytest
from litestar import Litestar, get
from litestar.params import FromPath

from hub.sandbox.calls import MOST_LABELS, UNLABELLED, CallCounter, Counting
from hub.sandbox.runner import Running


async def test_calls_are_counted_by_label(running: Running, source: httpx.AsyncClient):
    """The label of the header counts; without one, the method."""
    await source.get("/")
    await source.get("/")
    await source.get("/elsewhere?nif=99000002K")
    counts = running.sandbox.calls.of("tiny")
    assert counts == {"total": 3, "operations": {"read": 2, "GET": 1}}


async def test_a_label_that_could_be_an_identifier_is_not_kept(
    running: Running, source: httpx.AsyncClient
):
    """A simulator that labels by document number is counted, and its label is not."""
    await source.get("/person")
    assert running.sandbox.calls.of("tiny")["operations"] == {UNLABELLED: 1}


async def test_a_call_that_hangs_counts(running: Running, source: httpx.AsyncClient):
    """What arrived was asked, whether it was answered or not."""
    await running.sandbox.put_fault("tiny", "hang", {})
    with pytest.raises(httpx.ReadTimeout):
        await source.get("/", timeout=0.1)
    assert running.sandbox.calls.of("tiny") == {"total": 1, "operations": {}}


async def test_a_route_counts_by_its_template():
    """Without a label the framework's template counts, where the identifier is a name."""

    @get("/people/{number:str}")
    async def one(number: FromPath[str]) -> str:
        return number

    counter = CallCounter()
    app = Counting(Litestar([one], openapi_config=None, logging_config=None), "civis", counter)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://civis") as client:
        assert (await client.get("/people/99000002K")).status_code == 200
    assert counter.of("civis")["operations"] == {"/people/{number}": 1}


@pytest.mark.parametrize(
    "label",
    ["99000002K", "x1234", "a b", "Muñoz", "a" * 81, "", "a\nb", "a\n"],
    ids=ascii,
)
def test_labels_that_are_not_names_are_pooled(label: str):
    """Digits in a row, blanks, letters beyond ASCII, length: not the name of an operation."""
    counter = CallCounter()
    counter.answered("tiny", label)
    assert counter.of("tiny")["operations"] == {UNLABELLED: 1}


def test_labels_have_an_end():
    """A simulator that makes up labels cannot fill the memory."""
    counter = CallCounter()
    for n in range(3 * MOST_LABELS):
        counter.answered("tiny", f"label-{n}")
    assert len(counter.of("tiny")["operations"]) == MOST_LABELS + 1


def test_clearing_begins_at_nought():
    """After clearing nothing was ever called."""
    counter = CallCounter()
    counter.arrived("tiny")
    counter.answered("tiny", "read")
    counter.clear()
    assert counter.of("tiny") == {"total": 0, "operations": {}}
