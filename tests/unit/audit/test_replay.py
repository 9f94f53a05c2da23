"""A mapping replay gives what is on record, or says where and how it does not."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from hub.audit.case import NotOnRecord, case_of, open_case
from hub.audit.drift import Watch
from hub.audit.library import Library
from hub.audit.replay import Replayer, counted
from hub.core.errors import LedgerError
from hub.core.model import BLOCKS
from hub.mapping import compile_mapping, coverage, load_codes, load_schemas
from hub.position.evidence import read_evidence
from tests.support.answering import FEEDS, ROOT, a_world, mapping_of, no_network
from tests.support.ledgers import an_entry


async def last_record(world):
    """The record of the last answer, opened."""
    return await world.ledger.read(await world.last_answer(), "answer")


async def replayed(world, shelf=None, **how):
    """The report over the last answer of *world*, with the network watched."""
    case = await open_case(world.ledger, await world.last_answer())
    with no_network() as calls:
        replayer = Replayer(Library(world.ledger, BLOCKS), shelf, **how)
        await replayer.run(case)
        report = replayer.finish()
    assert calls == []
    return report


def altered(system, block, old, new):
    """A mapping of the repository with one place of its text changed."""
    mapping = mapping_of(system, block)
    assert old in mapping.text
    target = BLOCKS[block].type
    return compile_mapping(
        mapping.text.replace(old, new),
        types={target.__name__: target},
        codes=load_codes(ROOT / "mappings" / system),
    )


async def test_every_block_replays_to_the_digest_on_record(tmp_path):
    """The mapping of then, out of the ledger alone, and without a network."""
    async with a_world(tmp_path) as world:
        await world.answer()
        report = await replayed(world)
    assert report.ok
    assert (report.answers, report.blocks, report.identical) == (1, 4, 4)
    assert report.exchanges == 5


async def test_the_digest_is_what_is_compared(tmp_path):
    """Another digest on record refutes the replay, though nothing else differs."""
    async with a_world(tmp_path) as world:
        await world.answer(blocks=("residence",))
        record = await last_record(world)
        evidence = read_evidence(record.decoded)
        wrong = replace(evidence, values={"residence": "0" * 64})
        case = case_of(replace(record, decoded=msgspec.msgpack.encode(wrong)))
        replayer = Replayer(Library(world.ledger, BLOCKS))
        await replayer.run(case)
    [finding] = replayer.finish().findings
    assert (finding.block, finding.verdict) == ("residence", "refuted")
    assert "digest" in finding.why


async def test_what_was_shown_must_be_part_of_the_value(tmp_path):
    """An answer of format 1 has no digest, and is still held against its payload."""
    async with a_world(tmp_path) as world:
        await world.answer(blocks=("residence",))
        record = await last_record(world)
        rows = [
            [r.source, r.operation, r.exchanges, r.payload]
            for r in read_evidence(record.decoded).readings
        ]
        altered_rows = msgspec.json.decode(msgspec.json.encode(rows))
        result = next(r[3]["Resultado"] for r in altered_rows if r[1] == "inhabitant")
        result["Domicilio"]["Direccion"]["CodPostal"] = "28999"
        for old, ok in ((rows, True), (altered_rows, False)):
            case = case_of(replace(record, decoded=msgspec.msgpack.encode(old)))
            replayer = Replayer(Library(world.ledger, BLOCKS))
            await replayer.run(case)
            assert replayer.finish().ok is ok


async def test_a_mapping_without_its_text_is_said_to_be_not_replayable(tmp_path):
    """Nothing is called identical that was not made again."""
    async with a_world(tmp_path / "one") as world, a_world(tmp_path / "other") as other:
        await world.answer(blocks=("residence",))
        case = await open_case(world.ledger, await world.last_answer())
        replayer = Replayer(Library(other.ledger, BLOCKS))
        await replayer.run(case)
    report = replayer.finish()
    assert [f.verdict for f in report.findings] == ["not_replayable"]
    assert report.identical == 0


async def test_differences_are_counted_by_field_and_masked(tmp_path):
    """What another mapping would have given: places and kinds, no values."""
    now = altered(
        "padron",
        "residence",
        'post_code          = { from = "Direccion/CodPostal" }',
        'post_code          = { from = "Direccion/Via/Nombre" }',
    )
    async with a_world(tmp_path) as world:
        await world.answer()
        report = await replayed(world, {"residence": now}, against="working-tree")
        shown = await replayed(world, {"residence": now}, against="working-tree", reveal=True)
    assert report.ok
    assert report.fields == {"residence/address/postCode": 1}
    [difference] = report.differences
    assert (difference.pointer, difference.then, difference.now) == (
        "/address/postCode",
        "[text]",
        "[text]",
    )
    assert counted(report)["changed_answers"] == 1
    assert shown.differences[0].then != "[text]"
    assert shown.differences[0].then != shown.differences[0].now


async def test_a_mapping_that_would_refuse_is_a_change_of_state(tmp_path):
    """The block would have been unavailable; the row that refuses is named."""
    now = altered(
        "padron",
        "residence",
        'post_code          = { from = "Direccion/CodPostal" }',
        'post_code          = { from = "Direccion/CodPostal", via = "url" }',
    )
    async with a_world(tmp_path) as world:
        await world.answer()
        report = await replayed(world, {"residence": now}, against="today")
    assert report.states == {"residence: fresh -> unavailable": 1}
    assert "postCode" not in str(report.differences)
    assert any("address.post_code" in why for why in report.misfits)


async def test_the_same_text_changes_nothing(tmp_path):
    """Against itself, a mapping differs nowhere."""
    shelf = {block: mapping_of(system, block) for system, [block] in FEEDS.items()}
    async with a_world(tmp_path) as world:
        await world.answer()
        report = await replayed(world, shelf, against="today")
    assert (report.changed_blocks, report.fields, report.states) == (0, {}, {})


async def test_an_empty_block_replays_as_empty(tmp_path):
    """What the source said of holding is on record."""
    async with a_world(tmp_path) as world:
        world.connectors["padron"].holds = False
        await world.answer(blocks=("residence",))
        case = await open_case(world.ledger, await world.last_answer())
        report = await replayed(world)
    assert case.blocks[0].state == "empty"
    assert (report.ok, report.identical) == (True, 1)


async def test_a_block_that_a_mapping_refused_is_shown_to_be_mended(tmp_path):
    """Unavailable then; the other mapping takes what the recorded one refused."""
    async with a_world(tmp_path) as world:
        payload = world.connectors["padron"].payloads["inhabitant"]
        payload["Resultado"]["FechaAltaPadron"] = 20110301
        await world.answer(blocks=("residence",))
        fixed = altered(
            "padron",
            "residence",
            'registered_since = { from = "inhabitant/Resultado/FechaAltaPadron", via = "date_yyyymmdd" }',
            'registered_since = { from = "inhabitant/Resultado/FechaExpedicion", via = "date_iso" }',
        )
        report = await replayed(world, {"residence": fixed}, against="working-tree")
    assert report.states == {"residence: unavailable -> fresh": 1}


async def test_drift_is_what_nobody_reads_or_declared(tmp_path):
    """Paths and counts out of the same run, and codes that their list lacks."""
    maps = {system: [mapping_of(system, b) for b in blocks] for system, blocks in FEEDS.items()}
    covered = {
        system: coverage(found, load_schemas(ROOT / "contracts" / system))
        for system, found in maps.items()
    }
    async with a_world(tmp_path) as world:
        household = world.connectors["padron"].payloads["household"]
        household["Resultado"]["Nuevo"] = [{"Campo": "x"}]
        address = world.connectors["padron"].payloads["inhabitant"]["Resultado"]["Domicilio"]
        address["Direccion"]["Via"]["Tipo"] = "ZZZ"
        await world.answer(blocks=("residence",))
        report = await replayed(world, watch=Watch(covered))
    assert report.ok
    assert report.drift.undeclared == {"padron: household/Resultado/Nuevo[]/Campo": 1}
    assert report.drift.unknown_codes == {"residence.address.street_type": 1}
    assert report.drift.readings == 2
    assert "padron: inhabitant/IdPeticion" not in report.drift.undeclared


async def test_an_answer_that_is_not_the_one_named_is_refused(tmp_path):
    """The header's digest of the answer is checked, and what is no answer is no case."""
    async with a_world(tmp_path) as world:
        await world.answer(blocks=("residence",))
        record = await last_record(world)
        with pytest.raises(LedgerError, match="not the one"):
            case_of(replace(record, payload=record.payload + b" "))
        with pytest.raises(LedgerError, match="without its payload"):
            case_of(replace(record, payload=None))
        with pytest.raises(NotOnRecord):
            await open_case(world.ledger, "01NOTHING")
        await world.ledger.append([an_entry("answer", id="odd", header={"answer": "x"})])
        with pytest.raises(LedgerError):
            await open_case(world.ledger, "odd")
