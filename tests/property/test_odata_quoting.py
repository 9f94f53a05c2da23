"""Quoting in OData v2 addresses: no value ever becomes a part of the question."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote

from hypothesis import given
from hypothesis import strategies as st

from hub.wire.odata import keyed, literal, query_text

ENCODABLE = st.text(st.characters(codec="utf-8"))


@given(st.text())
def test_no_text_leaves_its_literal(text: str) -> None:
    """Whatever a value holds, it stays one literal: quotes inside come in pairs."""
    inner = literal(text)[1:-1]
    assert inner.replace("''", "") == text.replace("'", "")
    assert "'" not in inner.replace("''", "")


@given(ENCODABLE)
def test_no_key_leaves_its_segment(key: str) -> None:
    """A key cannot add a path, a query or a fragment to an address."""
    address = keyed("Set", key)
    assert not set(address) & set("/?#&+ \\%".replace("%", ""))
    assert address.isascii()
    assert unquote(address) == f"Set({literal(key)})"


@given(st.dictionaries(st.sampled_from(["$filter", "$select"]), ENCODABLE))
def test_a_query_reads_back(options: dict[str, str]) -> None:
    """Option names are literal, and values come back whole without `+` for blanks."""
    text = query_text(options)
    assert "%24" not in text.split("=")[0]
    assert "+" not in text
    assert dict(parse_qsl(text, keep_blank_values=True)) == options
