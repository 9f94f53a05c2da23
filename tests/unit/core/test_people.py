"""Whom an answer names, in its texts and in its canonical value."""

from __future__ import annotations

from typing import Any

import pytest

from hub.core.document import Document, documents_in, parse_document
from hub.core.people import people_named

NIF, NIE = parse_document("99000003E"), parse_document("X9900000H")

NAMED: dict[str, tuple[Any, set[Document]]] = {
    "a text that is one": ({"a": "99000003E"}, {NIF}),
    "in a list of lists": ([[["99000003E"]], {"b": [{"c": "X9900000H"}]}], {NIF, NIE}),
    "in a sentence": ({"a": "de 99000003-e, y X9900000H."}, {NIF, NIE}),
    "the same twice": (["99000003E", "99000003e"], {NIF}),
    "a wrong letter": ("99000003A", set()),
    "inside a longer code": ("A99000003E 990000031E 99000003EX", set()),
    "a number and no text": ({"a": 99000003, "b": None, "c": True, "d": b"99000003E"}, set()),
    "a name of a member, which the contract gives": ({"99000003E": "x"}, set()),
    "a number and a letter in texts of their own": (["99000003", "E"], set()),
    "nothing": ({}, set()),
    "other digits": ("\u0669\u0669000003E", set()),
}


@pytest.mark.parametrize(("payload", "due"), NAMED.values(), ids=NAMED)
def test_people_are_named_by_their_documents(payload: Any, due: set[Document]) -> None:
    """Wherever in the texts of plain data, letter checked; other things are no people."""
    assert people_named(payload) == due


def test_a_long_text_costs_what_it_is_long() -> None:
    """No text makes the search go back and forth."""
    assert list(documents_in("9" * 1_000_000 + " 99000003E")) == [NIF]
    assert list(documents_in("X9900000 " * 100_000)) == []
