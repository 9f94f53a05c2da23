import datetime as dt
from typing import Any, Literal

import pytest
from msgspec import Struct

from hub.core.errors import MappingError
from hub.core.model.canonical import Canonical, Money
from hub.mapping import VOCABULARY, Mapping, compile_mapping, parse_codes

CODES = """
[words]
unknown = "refuse"
codes = { A = { es = "A", word = "open" }, B = { es = "B", word = "shut" } }

[kept_words]
unknown = "keep"
codes = { A = { es = "A", word = "open" } }

[labels]
unknown = "keep"
codes = { A = { es = "A" } }

[sorting]
unknown = "keep"
from = "kind"
codes = { A = { es = "A" } }
classes = { good = ["A"] }

[leaky]
unknown = "refuse"
from = "kind"
codes = { A = { es = "A" }, B = { es = "B" } }
classes = { good = ["A"] }
"""


class Part(Canonical, frozen=True):
    word: str


class Other(Canonical, frozen=True):
    word: str


class Loop(Canonical, frozen=True):
    inner: "Loop | None"


class Whole(Canonical, frozen=True):
    text: str
    day: dt.date | None
    state: Literal["open", "closed"]
    part: Part
    parts: tuple[Part, ...]
    price: Money


GOOD = {
    "text": 'from = "op/a"',
    "day": 'from = "op/b", via = "date_iso"',
    "state": 'from = "op/c", via = "acme.state"',
    "part": 'from = "op/d", shape = "Part"',
    "parts": 'from = "op/e", each = "Part"',
    "price": 'from = ["op/f", "op/g"], via = "money"',
}


def state(value: str) -> Literal["open", "closed"]:
    return "open" if value == "1" else "closed"


def unsaid(value: str):
    return value


def anything(value: Any) -> str:
    return str(value)


def worldly(value: object) -> dt.date:
    raise ValueError(value)


def by_name(*, value: str) -> str:
    return value


OURS: dict[str, Any] = {
    **VOCABULARY,
    "acme.state": state,
    "acme.unsaid": unsaid,
    "acme.anything": anything,
    "acme.worldly": worldly,
    "acme.by_name": by_name,
    "undotted": state,
    "text": VOCABULARY["upper"],
}


def file(shapes: dict[str, dict[str, str]], target: str = "Whole") -> str:
    text = f'name = "s.block"\nversion = 1\ntarget = "{target}"\n'
    for name, rows in shapes.items():
        text += f"[shapes.{name}]\n" + "".join(f"{k} = {{ {v} }}\n" for k, v in rows.items())
    return text


def compiled(text: str, target: type[Struct] = Whole, converters: Any = None) -> Mapping:
    ours = {k: v for k, v in OURS.items() if k != "text"} | {"text": VOCABULARY["text"]}
    return compile_mapping(
        text,
        types={target.__name__: target},
        codes=parse_codes(CODES),
        converters=converters or ours,
    )


PART = {"word": 'from = "w"'}


def test_a_file_without_mistakes_compiles():
    """The rows that the table below spoils one by one are good together."""
    mapping = compiled(file({"Whole": GOOD, "Part": PART}))
    row = {"a": "x", "c": "1", "d": {"w": "y"}, "e": [], "f": "1", "g": "EUR"}
    assert mapping.apply({"op": row}).state == "open"


BAD_ROWS = [
    ("text", 'from = "op/a", via = "txet"', "no converter 'txet'"),
    ("text", 'from = "op/a", via = "integer"', "integer gives int, the field is str"),
    ("text", 'from = ["op/a", "op/b"]', "another number of paths"),
    ("text", "from = []", "names no path"),
    ("text", 'from = ""', "single slashes"),
    ("text", 'from = "op//a"', "single slashes"),
    ("text", 'from = "/op/a"', "single slashes"),
    ("text", 'from = "op/../a"', "single slashes"),
    ("text", 'from = "op/ a"', "single slashes"),
    ("text", 'from = "op/a[0]"', "no brackets"),
    ("text", 'from = "op/a\\nimport os"', "control characters"),
    ("text", 'from = "op/a", shape = "Part"', "the field is str, not Part"),
    ("text", 'from = "op/a", each = "Part"', "the field is str, not Part"),
    ("text", 'from = "op/a", only = "sorting:good"', "needs each"),
    ("text", 'from = "op/a", via = "text", shape = "Part"', "exclude each other"),
    ("text", 'from = "op/a", via = "code:labels"', "gives Code, the field is str"),
    ("text", 'from = "op/a", via = "code:nope"', "no list 'nope'"),
    ("text", 'from = "op/a", via = "acme.unsaid"', "which type it gives"),
    ("text", 'from = "op/a", via = "acme.anything"', "plain data"),
    ("day", 'from = "op/a", via = "acme.worldly"', "plain data"),
    ("text", 'from = "op/a", via = "acme.by_name"', "by position"),
    ("text", 'from = "op/a", via = "undotted"', "has a dot in its name"),
    ("day", 'from = "op/b"', "text gives str, the field is date | None"),
    ("day", 'from = "op/b", via = "moment_iso"', "gives datetime"),
    ("state", 'from = "op/c"', "the field is one of open, closed"),
    ("state", 'from = "op/c", via = "word:words"', "gives one of open, shut"),
    ("state", 'from = "op/c", via = "word:kept_words"', "unknown = 'refuse'"),
    ("state", 'from = "op/c", via = "word:labels"', "gives no words"),
    ("part", 'from = "op/d", shape = "Other"', "the field is Part, not Other"),
    ("part", 'from = "op/d", each = "Part"', "the field is Part, not Part"),
    ("part", 'from = ["op/d", "op/e"], shape = "Part"', "take one path"),
    ("parts", 'from = "op/e", shape = "Part"', "not Part"),
    ("parts", 'from = "op/e", each = "Part", only = "sorting:good"', "keep_in"),
    ("parts", 'from = "op/e", each = "Part", only = "sorting:bad"', "no class 'bad'"),
    ("parts", 'from = "op/e", each = "Part", only = "labels:good"', "no class 'good'"),
    ("parts", 'from = "op/e", each = "Part", only = "leaky:good"', "rows would vanish"),
    ("price", 'from = "op/f", via = "money"', "another number of paths"),
    ("price", 'from = ["op/f", "op/g", "op/h"], via = "money"', "another number of paths"),
]


@pytest.mark.parametrize(
    ("field", "row", "why"), BAD_ROWS, ids=[f"{f}: {w}" for f, _, w in BAD_ROWS]
)
def test_a_row_that_cannot_be_is_found_at_compile_time(field, row, why):
    """Nothing is left for the first citizen to find: names, types, paths and lists are checked."""
    with pytest.raises(MappingError) as refusal:
        compiled(file({"Whole": GOOD | {field: row}, "Part": PART}))
    assert f"Whole.{field}" in str(refusal.value)
    assert why in str(refusal.value)


BAD_SHAPES = [
    pytest.param({"Whole": GOOD}, "no rows for this shape", id="shape lacking"),
    pytest.param(
        {"Whole": GOOD, "Part": {}}, "Part.word <- -: the field has no row", id="row lacking"
    ),
    pytest.param(
        {"Whole": GOOD, "Part": PART | {"x": 'from = "x"'}}, "no such field", id="row too many"
    ),
    pytest.param({"Whole": GOOD, "Part": PART, "Lost": PART}, "no row leads to", id="shape unused"),
]


@pytest.mark.parametrize(("shapes", "why"), BAD_SHAPES)
def test_shapes_and_rows_match_the_types_exactly(shapes, why):
    """Every field has exactly one row, every shape is reached."""
    with pytest.raises(MappingError, match=why):
        compiled(file(shapes))


def test_all_mistakes_are_reported_at_once():
    """An author sees every mistake of a file in one go."""
    rows = GOOD | {"text": 'from = "op/a", via = "nope"', "day": 'from = "op/b"'}
    with pytest.raises(MappingError) as refusal:
        compiled(file({"Whole": rows, "Part": {}}))
    assert "3 mistakes" in refusal.value.why
    for row in ("Whole.text", "Whole.day", "Part.word"):
        assert row in refusal.value.why


def test_a_shape_inside_itself_is_refused():
    """One function with no recursion: a type that holds itself cannot be mapped."""
    with pytest.raises(MappingError, match="inside itself"):
        compiled(
            file({"Loop": {"inner": 'from = "op", shape = "Loop"'}}, target="Loop"), target=Loop
        )


def test_the_meaning_of_a_built_in_converter_cannot_be_replaced():
    """A recorded mapping must mean the same in ten years: `text` is always ours."""
    with pytest.raises(MappingError, match="has a dot in its name"):
        compiled(file({"Whole": GOOD, "Part": PART}), converters=OURS)
