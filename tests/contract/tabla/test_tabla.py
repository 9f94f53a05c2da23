from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3

import jsonschema
import pytest

from connectors.tabla.connector import COLUMNS
from connectors.tabla.simulator import FAULTS, delivered_on, rows_of
from hub.core.errors import MappingError, SourceError, SourceInsecure, SourceMalformed
from hub.core.errors import SourceUnavailable as Unavailable
from hub.core.moment import utc_now
from hub.sandbox import magic
from hub.sandbox.population import Population
from tests.support.builders import CITIZEN, MemoryRecorder, a_client, a_query
from tests.support.slices import Slice, ask

MEMBERS = Slice(system="tabla", operation="members", block="seniorCentres")
INSECURE, MALFORMED = (SourceInsecure, "identity_mismatch"), (SourceMalformed, "schema")
STRUCK = {
    "answers_other_citizen": INSECURE,
    "rows_of_other_citizen": INSECURE,
    "answers_other_request": INSECURE,
    "no_echo": MALFORMED,
    "null_list": MALFORMED,
    "wrong_total": MALFORMED,
    "wrong_types": MALFORMED,
    "truncated": MALFORMED,
}
CITY = Population()
DAY = delivered_on(utc_now().date())
"""The day of the delivery that serves now; the hub's clock decides which may."""


def everybody():
    """The rows of the first two hundred people, as the department would deliver them."""
    people = [CITY.person(index) for index in range(200)]
    return [row for person in people for row in rows_of(CITY, person, DAY)]


def a_view(folder):
    """A database with the table; its address."""
    file = folder / "members.db"
    with sqlite3.connect(file) as connection:
        connection.execute(f"create table socios_mayores ({', '.join(COLUMNS)}, corte)")
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        rows = [[*(row[name] for name in COLUMNS), DAY.isoformat()] for row in everybody()]
        connection.executemany(f"insert into socios_mayores values ({marks})", rows)  # noqa: S608
    connection.close()
    return f"table+sqlite://{file}"


def a_delivery(folder, rows=None, day=DAY, said=None):
    """The deliveries' folder with one more; its address."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, delimiter=";")
    writer.writeheader()
    rows = everybody() if rows is None else rows
    writer.writerows(rows)
    content = text.getvalue().encode()
    file = folder / f"socios_mayores_{day:%Y%m%d}.csv"
    file.write_bytes(content)
    manifest = {"rows": said or len(rows), "sha256": hashlib.sha256(content).hexdigest()}
    file.with_suffix(".json").write_text(json.dumps(manifest), "utf-8")
    return f"table+file://{folder}"


async def through(address, index=magic.DEFAULT_CITIZEN, recorder=None, **settings):
    """The record about a person, from a table at *address*."""
    client = a_client("tabla", address, recorder or MemoryRecorder())
    try:
        connector = MEMBERS.connector(client, user=None, password=None, **settings)
        return await ask(MEMBERS, connector, a_query(CITY.number(index)))
    finally:
        await client.aclose()


@pytest.mark.parametrize("index", [magic.DEFAULT_CITIZEN, magic.ELDERLY_ALONE, 100])
async def test_a_view_a_delivery_and_a_gateway_are_one_source(index, tmp_path):
    """The same rows from all three, bound and by the contract, and the same block."""
    view = await through(a_view(tmp_path), index, as_of="corte")
    delivered = await through(a_delivery(tmp_path), index)
    async with MEMBERS.playing() as playing:
        played = await playing.ask(index)
    for record in (view, delivered, played):
        MEMBERS.check(record.payload)
    blocks = [MEMBERS.block_of(record.payload) for record in (view, delivered)]
    assert blocks[0] == blocks[1]
    assert blocks[0].as_of == DAY
    assert played.holds == view.holds == delivered.holds == (index != 100)
    assert [row["centro"] for row in played.payload["rows"]] == [
        item.centre for item in blocks[0].items
    ]


async def test_nobody_is_an_answer(tmp_path):
    """Who is in no row holds nothing, from a delivery too."""
    assert (await through(a_delivery(tmp_path), magic.NOTHING_ANYWHERE)).holds is False


async def test_a_delivery_that_shrank_is_refused_and_the_one_before_serves(tmp_path):
    """The block shows the older day; the record says which delivery was refused, and why."""
    before = DAY.replace(year=DAY.year - 1)
    a_delivery(tmp_path, day=before)
    address = a_delivery(tmp_path, rows=everybody()[:2])
    recorder = MemoryRecorder()
    record = await through(address, recorder=recorder)
    assert MEMBERS.block_of(record.payload).as_of == before
    assert record.payload["refused"] == {f"socios_mayores_{DAY:%Y%m%d}.csv": "it shrank"}
    assert b"it shrank" in recorder.outcomes[0].message.body  # type: ignore[union-attr]
    client = a_client("tabla", address)
    with pytest.raises(Unavailable):
        await MEMBERS.connector(client, user=None, password=None).ping()
    await client.aclose()


async def test_without_a_believable_delivery_nobody_is_told_nothing(tmp_path):
    """The block is unavailable, which is not empty."""
    with pytest.raises(Unavailable) as caught:
        await through(a_delivery(tmp_path, said=7))
    assert caught.value.reason == "maintenance"


async def test_every_read_is_evidence(tmp_path):
    """Two halves per read, the question with its rules, and no address that names a person."""
    recorder = MemoryRecorder()
    await through(a_view(tmp_path), recorder=recorder)
    [sent], [outcome] = recorder.sent, recorder.outcomes
    question = json.loads(sent.message.body)
    assert (question["value"], question["key"]) == (CITIZEN, "documento")
    assert question["delivery"]["unique"] == ["documento", "centro"]
    assert CITIZEN not in sent.url
    assert sent.url.startswith("table+sqlite:")
    assert outcome.message is not None
    assert CITIZEN in outcome.message.body.decode()
    assert sent.origin.subject is not None


@pytest.mark.parametrize("mode", STRUCK)
async def test_each_fault_has_its_class_and_reason(mode):
    """A fault is told from an empty answer, and nothing of it is quoted."""
    async with MEMBERS.playing(mode) as playing:
        with pytest.raises(SourceError) as caught:
            await playing.ask(magic.DEFAULT_CITIZEN)
    assert (type(caught.value), caught.value.reason) == STRUCK[mode]
    assert CITIZEN not in str(caught.value)


async def test_a_refused_delivery_fails_the_ping_and_no_question():
    """Operators are told; citizens see the older day."""
    async with MEMBERS.playing("refused_delivery") as playing:
        assert (await playing.ask(magic.DEFAULT_CITIZEN)).holds
        with pytest.raises(Unavailable):
            await playing.connector.ping()
    async with MEMBERS.playing() as playing:
        await playing.connector.ping()
    assert {sent.origin.subject for sent in playing.recorder.sent} == {None}


async def test_an_unknown_class_never_becomes_a_block():
    """Nobody is made a member by a guess."""
    async with MEMBERS.playing("unknown_class") as playing:
        record = await playing.ask(magic.DEFAULT_CITIZEN)
    with pytest.raises(MappingError, match="kind"):
        MEMBERS.block_of(record.payload)


async def test_the_question_is_by_the_contract():
    """Sent bytes fit the schema, whatever answers them."""
    async with MEMBERS.playing() as playing:
        await playing.ask(magic.DEFAULT_CITIZEN)
    MEMBERS.check_question(playing)
    value = MEMBERS.openapi["paths"]["/rows"]["post"]["requestBody"]["content"]
    example = value["application/json"]["examples"]["ciudadana"]["value"]
    jsonschema.validate(example, MEMBERS.openapi["components"]["schemas"]["Consulta"])


@pytest.mark.parametrize("sample", MEMBERS.samples, ids=lambda path: path.stem)
def test_a_sample_becomes_its_golden_block(sample):
    """Each sample on file is valid by the contract and means what stands beside it."""
    MEMBERS.check_sample(sample)


def test_mapping_contract_and_page_are_complete():
    """Every leaf is read or left alone for a reason, and every fault mode has its promise."""
    MEMBERS.check_mapping()
    MEMBERS.check_openapi()
    MEMBERS.check_page(FAULTS, STRUCK.keys() | {"unknown_class", "refused_delivery"})
