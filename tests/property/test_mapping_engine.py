import copy
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from hub.core.document import Document
from hub.core.errors import MappingError
from hub.core.model.canonical import Code, Money, PartialDate
from hub.mapping import as_json
from tests.unit.mapping.samples import dossier, payloads

MAPPING = dossier()
CANARY = "CANARY-99000001C-Muñoz"
WHOLE = (Code, Money, PartialDate, Document)
"""Types that one converter makes: a single field to lineage."""

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.decimals()
    | st.just(CANARY)
    | st.sampled_from(["", " ", "S", "0", "00000000", "20260131", "/Date(0)/", "9"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a payload, as keys from the top."""
    yield at
    if isinstance(node, dict):
        for key, inner in node.items():
            yield from places(inner, (*at, key))
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from places(inner, (*at, index))


def fields(value: Any, target: str = "", pointer: str = "") -> Iterator[tuple[str, str]]:
    """Every field of a canonical value that is not null, with its place in JSON."""
    if target and value is not None:
        yield target, pointer
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            inner = isinstance(item, Struct) and not isinstance(item, WHOLE)
            inside = fields(item, f"{target}[{index}]", f"{pointer}/{index}")
            yield from (pair for pair in inside if not (inner and pair[0] == f"{target}[{index}]"))
    elif isinstance(value, Struct) and not isinstance(value, WHOLE):
        for name, json_name in zip(
            value.__struct_fields__, value.__struct_encode_fields__, strict=True
        ):
            below = f"{target}.{name}" if target else name
            yield from fields(getattr(value, name), below, f"{pointer}/{json_name}")


@st.composite
def spoiled(draw):
    """The good payload with junk in up to three places, at any depth."""
    given_payload: Any = payloads()
    for _ in range(draw(st.integers(0, 3))):
        *above, last = draw(st.sampled_from([at for at in places(given_payload) if at] or [("x",)]))
        node = given_payload
        for key in above:
            node = node[key]
        if isinstance(node, dict) and draw(st.booleans()):
            node.pop(last, None)
        else:
            node[last] = draw(JUNK)
    return given_payload


def outcome(run: Any, given_payload: Any) -> tuple[Any, MappingError | None]:
    try:
        return run(given_payload), None
    except MappingError as error:
        return None, error


@given(spoiled() | st.dictionaries(st.sampled_from(["person", "items"]), JUNK) | JUNK)
def test_the_function_and_the_walk_agree_on_every_payload(given_payload):
    """Whatever the source sends: a value with lineage, or one MappingError from both."""
    before = copy.deepcopy(given_payload)
    value, refusal = outcome(MAPPING.apply, given_payload)
    lineage, refused = outcome(MAPPING.trace, given_payload)
    assert repr(before) == repr(given_payload)
    if refusal is not None:
        assert str(refusal) == str(refused)
        assert "does not say why" not in str(refusal)
    else:
        assert [(entry.target, entry.pointer) for entry in lineage] == list(fields(value))


@given(spoiled())
def test_lineage_leads_into_the_payload(given_payload):
    """Each source path of each field is there, index by index."""
    lineage, _ = outcome(MAPPING.trace, given_payload)
    for path in (path for entry in lineage or () for path in entry.sources):
        node: Any = given_payload
        for part in path.replace("[", "/").replace("]", "").split("/"):
            node = node[int(part)] if isinstance(node, list) else node[part]


@given(spoiled())
def test_a_pointer_leads_into_the_answer(given_payload):
    """Each JSON Pointer of lineage finds its field in the block's JSON."""
    value, _ = outcome(MAPPING.apply, given_payload)
    if value is None:
        return
    answer = as_json(value)
    for entry in MAPPING.trace(given_payload):
        node: Any = answer
        for part in entry.pointer.split("/")[1:]:
            node = node[int(part)] if isinstance(node, list) else node[part]
        assert node is not None


@given(st.data())
def test_no_refusal_holds_a_value_of_the_source(data):
    """A canary put anywhere in the payload never comes out in an error."""
    given_payload: Any = payloads()
    leaves = [at for at in places(given_payload) if at]
    *above, last = data.draw(st.sampled_from(leaves))
    node = given_payload
    for key in above:
        node = node[key]
    node[last] = data.draw(st.sampled_from([CANARY, [CANARY], {CANARY: CANARY}, {"x": [CANARY]}]))
    _, refusal = outcome(MAPPING.apply, given_payload)
    if refusal is not None:
        assert "CANARY" not in str(refusal)
        assert refusal.__context__ is None
        assert "CANARY" not in repr(refusal)


@given(st.lists(st.sampled_from(["0100/0010", "0200/0010", "0900/0001", "7/7"]), max_size=12))
def test_every_row_lands_in_one_class_and_keeps_its_order(kinds):
    """Bills and fines together hold each row that is not internal, once, in order."""
    given_payload = payloads()
    row = given_payload["items"]["results"][2]
    given_payload["items"]["results"] = [
        row
        | {
            "HVORG": kind[:-5] or "7",
            "TVORG": kind[-4:],
            "OPBEL": index,
            "BETRW": str(Decimal(index)),
        }
        for index, kind in enumerate(kinds)
    ]
    value = MAPPING.apply(given_payload)
    bills, fines = [int(b.id) for b in value.bills], [int(f.id) for f in value.fines]
    assert bills == [i for i, kind in enumerate(kinds) if kind in ("0100/0010", "7/7")]
    assert fines == [i for i, kind in enumerate(kinds) if kind == "0200/0010"]
