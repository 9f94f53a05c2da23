"""Leaves: canonical to the byte, and never with a person on them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from hub.core.errors import LedgerError
from hub.ledger.leaf import OWN_FIELDS, canonical, checked, leaf_of, milliseconds_of, moment_of
from hub.ledger.store import Pseudonym
from tests.support.builders import NOW
from tests.support.ledgers import an_entry

NIF = "99000002K"
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.text(st.characters(max_codepoint=0x7F)),
)
NESTED = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)


@given(st.dictionaries(st.text(max_size=5), NESTED, max_size=8))
@example({"".join(map(chr, range(128))): "".join(map(chr, range(128)))})
@example({"\uffee": 1, "\U00010000": 2})
def test_the_short_way_gives_the_canonical_form(header: dict[str, Any]) -> None:
    """Whichever way a header is written, it is RFC 8785 to the byte."""
    assert canonical(header) == rfc8785.dumps(header)


def test_the_leaf_says_what_it_must_in_order() -> None:
    """The ledger's own fields stand beside the entry's, sorted, without blanks."""
    entry = an_entry("denial", id="ID", header={"purpose": "x"}, retention="citizen")
    leaf = leaf_of(entry, Pseudonym("a" * 64), {"key": "k", "sealed": "s"})
    assert leaf == (
        b'{"at":1795348800000,"format":3,"id":"ID","key":"k","kind":"denial","purpose":"x",'
        b'"retention":"citizen","sealed":"s","subject":"' + b"a" * 64 + b'"}'
    )


def test_moments_are_utc_milliseconds() -> None:
    """An aware moment of any zone is the same number, and comes back to the millisecond."""
    there = NOW.astimezone(dt.timezone(dt.timedelta(hours=2)))
    assert milliseconds_of(there) == milliseconds_of(NOW)
    odd = NOW + dt.timedelta(microseconds=123456)
    assert moment_of(milliseconds_of(odd)) == NOW + dt.timedelta(milliseconds=123)


@pytest.mark.parametrize("name", sorted(OWN_FIELDS))
def test_a_caller_cannot_write_the_ledgers_own_fields(name: str) -> None:
    """Otherwise an entry could pass for another kind, subject or digest."""
    with pytest.raises(LedgerError, match=name):
        checked(an_entry(header={name: "x"}))


SHOWN = {
    "plain": NIF,
    "lower case": NIF.lower(),
    "in a sentence": f"asked about {NIF}, twice",
    "in a path": f"/people/{NIF}/debts",
    "with a hyphen": "99000002-K",
    "in a list": ["a", NIF],
    "in a table": {"a": {"b": NIF}},
    "as a name": {NIF: 1},
    "NIE": "X0000000T",
}


@pytest.mark.parametrize("value", SHOWN.values(), ids=SHOWN)
def test_a_header_that_shows_a_document_number_is_refused(value: object) -> None:
    """What is in clear and for ever must not name a person; the refusal does not either."""
    with pytest.raises(LedgerError, match="'purpose'") as caught:
        checked(an_entry(header={"purpose": value}))
    assert "9900000" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        "self_service",
        "EI/2026/000001",
        "99000002A",
        "01J8ZQ4T99000002KAAAAAAAAA",
        "GDPR art. 6.1.e",
    ],
)
def test_codes_and_opaque_ids_pass(value: str) -> None:
    """What only looks like a number, or has no right letter, is no person."""
    assert checked(an_entry(header={"purpose": value}))


NO_JSON = {
    "not a number": float("nan"),
    "infinite": float("inf"),
    "beyond exact integers": 2**53,
    "lone surrogate": "\ud800",
    "bytes": b"x",
    "a moment": NOW,
    "a surrogate name": {"\ud800": 1},
    "a number as name": {1: 1},
}


@pytest.mark.parametrize("value", NO_JSON.values(), ids=NO_JSON)
def test_a_value_without_canonical_json_is_refused(value: object) -> None:
    """What JSON cannot hold exactly is refused, and not quoted."""
    with pytest.raises(LedgerError, match="canonical JSON"):
        leaf_of(an_entry(header={"purpose": value}), None, {})


BAD = {
    "empty id": {"id": ""},
    "id with blank": {"id": "a b"},
    "id with newline": {"id": "a\n"},
    "id too long": {"id": "a" * 65},
    "class with blank": {"retention": "a b"},
    "naive moment": {"at": dt.datetime(2026, 1, 1)},  # noqa: DTZ001 - the case
    "a number for a pseudonym": {"subject": Pseudonym(NIF)},
    "upper-case pseudonym": {"subject": Pseudonym("A" * 64)},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_an_entry_that_cannot_be_filed_is_refused(changes: dict[str, Any]) -> None:
    """Ids are opaque, classes are codes, moments are aware, subjects are pseudonyms."""
    with pytest.raises(LedgerError) as caught:
        checked(an_entry(**changes))
    assert NIF not in str(caught.value)
