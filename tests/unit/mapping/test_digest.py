"""The digest of a canonical value can be made again by anybody with RFC 8785."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from hub.core.model import Money
from hub.mapping import (
    canonical_json,
    examples_path,
    load_examples,
    load_mapping,
    value_digest,
)
from hub.position.outside import model_of
from hub.settings import load_settings

ROOT = Path(__file__).parents[3]
MODEL = model_of(load_settings(ROOT / "hub.toml", {}))
FILES = sorted(path for path in (ROOT / "mappings").glob("*/*.toml") if path.stem != "codes")


def euros(text):
    """An amount."""
    return Money(amount=Decimal(text), currency="EUR")


class Leaf(Struct, frozen=True, rename="camel"):
    """A value with everything but fractions."""

    some_text: str | None = None
    a_number: int = 0
    yes: bool = False
    inner: tuple[Money, ...] = ()
    words: dict[str, str] = {}


class Place(Struct, frozen=True, rename="camel"):
    """A value with a fraction."""

    latitude: float
    name: str = ""


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_every_block_has_the_digest_of_its_canonical_json(file):
    """For each example of each block: SHA-256 over RFC 8785, made by the library alone."""
    head, *rest = file.stem.split("_")
    block = head + "".join(part.capitalize() for part in rest)
    mapping = load_mapping(
        file.parent, block, MODEL.blocks[block].type, converters=MODEL.converters
    )
    for example in load_examples(examples_path(file.parent, block)):
        value = mapping.apply(example.payloads)
        plain = msgspec.json.decode(msgspec.json.encode(value))
        assert value_digest(value) == hashlib.sha256(rfc8785.dumps(plain)).hexdigest()


@given(
    st.builds(
        Leaf,
        some_text=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
        a_number=st.integers(-(2**53) + 1, 2**53 - 1),
        inner=st.lists(
            st.builds(euros, st.decimals(allow_nan=False, allow_infinity=False)), max_size=2
        ).map(tuple),
        words=st.dictionaries(st.sampled_from(["b", "a", "Z"]), st.text("aé\n", max_size=3)),
    )
)
def test_the_fast_way_is_the_canonical_way(value):
    """Without fractions both encoders give the same bytes."""
    plain = msgspec.json.decode(msgspec.json.encode(value))
    assert canonical_json(value) == rfc8785.dumps(plain)


@given(st.builds(Place, latitude=st.floats(-180, 180)))
def test_fractions_are_written_as_the_standard_says(value):
    """40.0 is 40, whatever the fast encoder makes of it."""
    assert canonical_json(value) == rfc8785.dumps(msgspec.to_builtins(value))
    assert b"40," in canonical_json(Place(latitude=40.0))


def test_another_value_has_another_digest():
    """One cent more is another value."""
    one, other = euros("1.00"), euros("1.01")
    assert value_digest(one) != value_digest(other)
