"""Each canonical field leads to its exchange, its place in the source's bytes, and a proof."""

from __future__ import annotations

import base64

import msgspec
import pytest

from hub.audit.case import NotOnRecord, open_case
from hub.audit.library import Library
from hub.audit.lineage import explain, pointer_of, value_at
from hub.audit.locate import Originals, xpath_of
from hub.core.limits import CacheLimits
from hub.core.model import BLOCKS
from hub.core.position import Fresh
from hub.ledger.checkpoint import open_checkpoint
from hub.ledger.merkle import is_included
from tests.support.answering import a_world


async def explained(world, **how):
    """The explanation of the last answer."""
    case = await open_case(world.ledger, await world.last_answer())
    return case, await explain(world.ledger, Library(world.ledger, BLOCKS), case, **how)


def leaves(node, at=""):
    """The pointer of each plain value that is not null."""
    if isinstance(node, dict):
        for key, inner in node.items():
            yield from leaves(inner, f"{at}/{key}")
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from leaves(inner, f"{at}/{index}")
    elif node is not None:
        yield at


async def test_every_field_that_was_shown_has_its_lineage(tmp_path):
    """Row, converter, exchanges, and a pointer that leads through the recorded payload."""
    async with a_world(tmp_path) as world:
        await world.answer()
        case, explanation = await explained(world)
    shown = {block.name: block.shown for block in case.blocks}
    readings = {r.operation: r.payload for r in case.evidence.readings}
    for block in explanation.blocks:
        assert block.replays is True
        assert block.mapping_digest
        fields = {field.pointer: field for field in block.fields}
        for pointer in leaves(shown[block.block]):
            found = [p for p in fields if pointer == p or pointer.startswith(f"{p}/")]
            assert found, f"{block.block}{pointer} has no lineage"
        assert all(field.row and field.via for field in block.fields)
        for field in block.fields:
            for source in field.sources:
                assert source.exchanges
                assert value_at(readings[source.operation], source.pointer)[0], source.path


async def test_values_are_masked_unless_revealed(tmp_path):
    """Kinds only; revealed, what was shown and never what was narrowed away."""
    async with a_world(tmp_path) as world:
        await world.answer(blocks=("residence",))
        case, masked = await explained(world)
        _, open_ = await explained(world, reveal=True)
    address = case.blocks[0].shown["address"]["postCode"]
    assert address not in msgspec.json.encode(masked).decode()
    fields = {field.pointer: field for field in open_.blocks[0].fields}
    assert fields["/address/postCode"].value == address
    narrowed = [field for field in open_.blocks[0].fields if not field.shown]
    assert any(field.pointer.startswith("/members") for field in narrowed)
    assert all(field.value is None for field in narrowed)


async def test_each_proof_holds_under_a_signed_checkpoint(tmp_path):
    """Of the answer, the access, the mapping, and both halves of each exchange."""
    async with a_world(tmp_path) as world:
        await world.answer(blocks=("residence",))
        _, explanation = await explained(world)
        key = world.ledger.verifier_key
    kinds = [proof.record.split()[0] for proof in explanation.proofs]
    assert sorted(set(kinds)) == ["access", "answer", "mapping", "outcome", "sent"]
    assert kinds.count("outcome") == 2
    for proof in explanation.proofs:
        head = open_checkpoint(proof.checkpoint, [key])
        leaf = base64.b64decode(proof.leaf_hash)
        path = [base64.b64decode(step) for step in proof.path]
        assert is_included(leaf, proof.index, head.size, path, head.root)


async def test_a_block_that_the_answer_lacks_is_not_found(tmp_path):
    """Nor is a denied one explained by a mapping that never ran."""
    async with a_world(tmp_path) as world:
        await world.answer(blocks=("residence",))
        with pytest.raises(NotOnRecord):
            await explained(world, block="taxBills")


async def test_an_answer_from_cache_has_its_own_record_and_names_its_original_exchanges(tmp_path):
    """Nothing is asked the second time; the second answer is explained and replays by itself."""
    cache = CacheLimits(fresh_s=60.0, stale_s=60.0)
    async with a_world(tmp_path, cache=cache) as world:
        first = await world.answer(blocks=("residence",))
        one, _ = await explained(world)
        before = await sent(world)
        second = await world.answer(blocks=("residence",))
        other, explanation = await explained(world)
        assert await sent(world) == before
    assert other.record.id != one.record.id
    assert other.access != one.access
    shown = [answered.position.blocks["residence"] for answered in (first, second)]
    then, now = [block.provenance for block in shown if isinstance(block, Fresh)]
    assert (then.from_cache, now.from_cache) == (False, True)
    assert now.exchanges == then.exchanges
    [block] = explanation.blocks
    assert (block.from_cache, block.replays) == (True, True)
    named = {id_ for f in block.fields for source in f.sources for id_ in source.exchanges}
    assert named == set(then.exchanges)
    assert {p.record.split()[1] for p in explanation.proofs} >= set(then.exchanges)


async def sent(world):
    """The requests on record."""
    return [r.id for r in await world.ledger.records(0, 1000) if r.kind == "sent"]


XML = b"""<?xml version="1.0"?><e:Envelope xmlns:e="x"><e:Body><r:Answer xmlns:r="y"><Personas>
<Persona><Nombre>ANA</Nombre></Persona><Persona><Nombre> EVA </Nombre></Persona></Personas>
<Via><Tipo>CL</Tipo></Via></r:Answer></e:Body></e:Envelope>"""


def test_a_datum_is_found_in_xml_by_the_names_on_its_path():
    """With its index; the text must be the same, and stand at one place only."""
    payload = {
        "Personas": {"Persona": [{"Nombre": "ANA"}, {"Nombre": "EVA"}]},
        "Via": {"Tipo": "AV"},
    }
    originals = Originals({"01A": XML})
    place = originals.find(payload, ("Personas", "Persona", 1, "Nombre"), ("01A",))
    assert place is not None
    assert place.xpath == xpath_of(("Personas", "Persona", 1, "Nombre"))
    assert originals.find(payload, ("Via", "Tipo"), ("01A",)) is None
    assert originals.find(payload, ("Via", "Nada"), ("01A",)) is None
    twice = Originals({"01A": XML, "01B": XML})
    assert twice.find(payload, ("Personas", "Persona", 0, "Nombre"), ("01A", "01B")) is None


def test_a_datum_is_found_in_json_at_its_place_or_in_its_row():
    """The one object with the same plain values; two of them prove nothing."""
    body = msgspec.json.encode({"d": {"results": [{"A": "1", "B": "x"}, {"A": "2", "B": "x"}]}})
    payload = {"items": [{"A": "2", "B": "x"}]}
    originals = Originals({"01A": body})
    place = originals.find(payload, ("items", 0, "B"), ("01A",))
    assert place is not None
    assert place.pointer == "/d/results/1/B"
    assert originals.find({"items": [{"B": "x"}]}, ("items", 0, "B"), ("01A",)) is None
    renamed = {"items": [{"NUMERO": "0000000002", "CLASE": "x"}]}
    place = originals.find(renamed, ("items", 0, "NUMERO"), ("01A",))
    assert place is not None
    assert place.pointer == "/d/results/1/A"
    other = {"items": [{"NUMERO": "3", "CLASE": "x"}]}
    assert originals.find(other, ("items", 0, "CLASE"), ("01A",)) is None
    same = Originals({"01B": msgspec.json.encode({"a": {"b/c": 7}})})
    found = same.find({"a": {"b/c": 7}}, ("a", "b/c"), ("01B",))
    assert found is not None
    assert found.pointer == "/a/b~1c"


@pytest.mark.parametrize(
    "body",
    [b"", b"<", b"<!DOCTYPE x><x/>", b"{", b"\xff\xfe", b"[" * 5000, b"null", b"<a>" * 300],
)
def test_bytes_that_are_no_answer_locate_nothing(body):
    """Hostile evidence is evidence: it is looked at through the gate, and claims nothing."""
    assert Originals({"01A": body}).find({"a": "b"}, ("a",), ("01A",)) is None


def test_pointers_are_escaped():
    """RFC 6901: tilde and slash inside a name."""
    assert pointer_of(("a/b", 3, "c~d")) == "/a~1b/3/c~0d"
    assert value_at({"a/b": [0, 1, 2, {"c~d": 5}]}, "/a~1b/3/c~0d") == (True, 5)
    assert value_at({"a": 1}, "/a/b") == (False, None)


async def test_a_blocked_exchange_takes_the_bytes_away_and_nothing_else(tmp_path):
    """The fields of a cached answer keep their paths and proofs when its month is blocked."""
    keeping = CacheLimits(fresh_s=600, stale_s=1200)
    async with a_world(tmp_path, cache=keeping) as world:
        await world.answer_of_last_month()
        _, explanation = await explained(world)
    cached = [block for block in explanation.blocks if block.from_cache]
    sources = [s for b in cached for f in b.fields for s in f.sources]
    assert sources
    assert [source for source in sources if source.raw is not None] == []
    proved = {proof.record for proof in explanation.proofs}
    for source in sources:
        assert {f"outcome {exchange}" for exchange in source.exchanges} <= proved
