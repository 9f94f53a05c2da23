"""What is sealed beside an answer, and the mapping texts that go on record before it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.errors import LedgerError
from hub.mapping import value_digest
from hub.position.evidence import evidence_bytes, read_evidence
from hub.position.texts import MappingTexts, recorded_text
from tests.support.answering import a_world, mapping_of
from tests.support.builders import NOW
from tests.support.ledgers import FaultyDisk, a_ledger, an_entry, verified


async def test_an_answer_seals_its_readings_and_the_digest_of_each_whole_value(tmp_path):
    """The digest is of the value before it was narrowed to what was granted."""
    async with a_world(tmp_path) as world:
        await world.answer(blocks=("residence",))
        record = await world.ledger.read(await world.last_answer(), "answer")
        payloads = world.connectors["padron"].payloads
    assert record is not None
    assert record.decoded is not None
    evidence = read_evidence(record.decoded)
    value = mapping_of("padron", "residence").apply(payloads)
    assert evidence.values == {"residence": value_digest(value)}
    assert {reading.operation for reading in evidence.readings} == {"inhabitant", "household"}
    assert all(reading.exchanges and reading.holds for reading in evidence.readings)
    answer = msgspec.json.decode(record.payload or b"")
    assert "members" not in answer["blocks"]["residence"]["data"]
    assert value_digest(value) not in record.leaf.decode()


async def test_the_text_of_a_mapping_is_on_record_before_the_first_answer_that_it_made(tmp_path):
    """Once, under its digest, however many answers follow."""
    async with a_world(tmp_path) as world:
        await asyncio.gather(*(world.answer() for _ in range(5)))
        await world.answer()
        records = await world.ledger.records(0, 1000)
        texts = [r for r in records if r.kind == "mapping"]
        first = next(r.index for r in records if r.kind == "answer")
        named = {
            b["mappingDigest"]
            for r in records
            if r.kind == "answer"
            for b in [block["provenance"] for block in r.header["blocks"].values()]
        }
        assert {r.id for r in texts} == named
        assert len(texts) == len(named) == 4
        assert all(r.index < first for r in texts)
        found = await recorded_text(world.ledger, texts[0].id)
        assert found is not None
        assert found.digest == texts[0].id
    assert verified(tmp_path).ok


async def test_a_text_that_cannot_be_put_on_record_is_no_answer(tmp_path):
    """The desk refuses rather than answer with a mapping that nobody could replay."""
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        texts = MappingTexts(ledger, lambda: NOW)
        disk.mode = "fails"
        with pytest.raises(LedgerError):
            await texts.ensure([mapping_of("padron", "residence")])
        disk.mode = "fails but persists"
        with pytest.raises(LedgerError):
            await texts.ensure([mapping_of("padron", "residence")])
        disk.mode = "works"
        await texts.ensure([mapping_of("padron", "residence")])
        assert await ledger.size() == 1


async def test_a_record_that_holds_another_text_is_refused(tmp_path):
    """A text is what its digest says, or it is none."""
    mapping = mapping_of("padron", "residence")
    payload = msgspec.msgpack.encode(
        {"name": "x.y", "version": 1, "text": mapping.text + " ", "codes": mapping.codes_text}
    )
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry("mapping", id=mapping.digest, subject=None, payload=payload)])
        with pytest.raises(LedgerError, match="another text"):
            await recorded_text(ledger, mapping.digest)
        assert await recorded_text(ledger, "0" * 64) is None


def test_the_first_format_is_still_read():
    """A list of four, without digests and without what the source said of holding."""
    raw = msgspec.msgpack.encode([["padron", "inhabitant", ["01A"], {"a": 1}]])
    [reading] = read_evidence(raw).readings
    assert (reading.source, reading.exchanges, reading.payload) == ("padron", ("01A",), {"a": 1})
    assert reading.holds is None
    assert read_evidence(raw).values == {}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode({"format": 3, "readings": []}),
        msgspec.msgpack.encode({"format": "2", "readings": []}),
        msgspec.msgpack.encode({"readings": []}),
        msgspec.msgpack.encode([[1, 2]]),
        msgspec.msgpack.encode(7),
        msgspec.msgpack.encode({"format": 2, "readings": [{"source": 1}]}),
    ],
)
def test_what_is_no_evidence_is_refused(raw):
    """Whatever stands there, the error is the ledger's and quotes nothing."""
    with pytest.raises(LedgerError):
        read_evidence(raw)


@given(st.binary(max_size=200))
def test_any_bytes_are_evidence_or_a_ledger_error(raw):
    """Nothing else escapes."""
    with suppress(LedgerError):
        assert read_evidence(raw).format == 2


def test_no_records_are_evidence_too():
    """An answer of which every block was denied."""
    assert read_evidence(evidence_bytes((), {})).readings == ()
