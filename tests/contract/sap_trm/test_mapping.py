"""From SAP's answers on file to the canonical blocks, and the mappings' own examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from connectors.sap_trm import SPEC
from hub.core.binding import check_binding
from hub.core.errors import MappingError
from hub.core.exchange import SourceRecord
from hub.core.model import BLOCKS
from hub.mapping import (
    Mapping,
    as_json,
    check_paths,
    examples_path,
    load_mapping,
    load_schemas,
    run_examples,
)
from tests.contract.sap_trm.playing import CONTRACT, MAPPINGS, playing, scripted
from tests.support.builders import a_query

SAMPLES = CONTRACT / "samples"
GOLDEN = sorted(SAMPLES.glob("*/*.golden.json"))
SCHEMAS = load_schemas(CONTRACT)


def mapping_of(block: str) -> Mapping:
    """The mapping of *block* as it is on file."""
    return load_mapping(MAPPINGS, block, BLOCKS[block].type)


def answers_of(sample: Path) -> list[bytes]:
    """The answers of a sample in their order."""
    return [path.read_bytes() for path in sorted(sample.glob("[0-9]*.json"))]


def golden_of(path: Path) -> Any:
    """A golden block as plain data."""
    return json.loads(path.read_text())


async def answered(sample: Path, operation: str) -> SourceRecord:
    """What the connector makes of a sample's answers, checked as the hub checks them."""
    answers = answers_of(sample)
    number = json.loads(answers[0])["d"]["TaxNumber"]
    connector, recorder = scripted(*answers)
    query = a_query(number)
    record = await connector.fetch(operation, query)
    check_binding(SPEC.operation(operation), query, record)
    assert len(recorder.sent) == len(answers)
    return record


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: f"{path.parent.name}-{path.name}")
async def test_a_sample_becomes_its_golden_block(golden: Path) -> None:
    """Each sample goes through connector and mapping to the block that stands beside it."""
    block = golden.name.removesuffix(".golden.json")
    (operation,) = SPEC.blocks[block]
    record = await answered(golden.parent, operation)
    jsonschema.Draft202012Validator(SCHEMAS[operation]).validate(record.payload)
    value = mapping_of(block).apply({operation: record.payload})
    assert as_json(value) == golden_of(golden)


async def test_a_sample_of_nobody_holds_nothing() -> None:
    """A taxpayer without partners holds nothing, in either operation."""
    for operation in ("items", "accounts"):
        assert (await answered(SAMPLES / "nobody", operation)).holds is False


def test_every_sample_has_a_golden_block_or_holds_nothing() -> None:
    """A sample without a golden block would test nothing."""
    with_golden = {path.parent.name for path in GOLDEN}
    assert {path.name for path in SAMPLES.iterdir()} == with_golden | {"nobody"}
    assert {path.name.partition(".")[0] for path in GOLDEN} == SPEC.blocks.keys()


@pytest.mark.parametrize("block", SPEC.blocks)
def test_examples_come_out_as_they_say(block: str) -> None:
    """The examples of a mapping are its documentation, and true."""
    assert run_examples(mapping_of(block), examples_path(MAPPINGS, block)) == ()


@pytest.mark.parametrize("block", SPEC.blocks)
def test_a_mapping_reads_only_what_the_contract_has(block: str) -> None:
    """Every source path of a mapping exists in the schema of the decoded payload."""
    assert check_paths(mapping_of(block), SCHEMAS) == ()


@pytest.mark.parametrize("block", SPEC.blocks)
async def test_everybody_in_the_sandbox_can_be_mapped(block: str) -> None:
    """Whatever the simulator makes up, in whichever dialect, fits the canonical type."""
    (operation,) = SPEC.blocks[block]
    mapping = mapping_of(block)
    async with playing() as play:
        for index in range(2, 40):
            record = await play.fetch(operation, play.number(index))
            mapping.apply({operation: record.payload})
        for mode in ("zero-date", "null-initials", "long-decimals", "unpadded"):
            play.fail(mode)
            record = await play.fetch(operation)
            mapping.apply({operation: record.payload})


async def test_every_item_is_a_bill_or_a_fine() -> None:
    """No row of the source vanishes between the two blocks that share it."""
    async with playing() as play:
        for index in range(2, 40):
            record = await play.fetch("items", play.number(index))
            payloads = {"items": record.payload}
            bills = mapping_of("taxBills").apply(payloads).items
            fines = mapping_of("fines").apply(payloads).items
            assert len(bills) + len(fines) == len(record.payload["items"])


def a_row(**changes: Any) -> dict[str, Any]:
    """A payload of one bill, or as *changes* say."""
    row = {
        "OPBEL": "040000020001",
        "HVORG": "0100",
        "TVORG": "0010",
        "BLDAT": "/Date(1788220800000)/",
        "WAERS": "EUR",
        "BETRW": "412.37",
        "ZZ_OPEN": "412.37",
        "AUGST": "",
        "AUGRD": "",
        "ABWTP": "",
        "ZZ_STAGE": "V",
    }
    return {"items": {"items": [{**row, **changes}]}}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"AUGST": "7"}, id="unknown-status"),
        pytest.param({"AUGST": "9", "AUGRD": "42"}, id="unknown-reason"),
        pytest.param({"ZZ_STAGE": "Q"}, id="unknown-stage"),
        pytest.param({"XPYOR": "Z"}, id="unknown-payment-order"),
        pytest.param({"BETRW": "412.375"}, id="part-of-a-cent"),
        pytest.param({"BETRW": ""}, id="no-amount"),
        pytest.param({"WAERS": "€"}, id="no-currency"),
        pytest.param({"BLDAT": "0000-00-00T00:00:00"}, id="no-date"),
        pytest.param({"BLDAT": "yesterday"}, id="not-a-date"),
        pytest.param({"OPBEL": None}, id="no-number"),
    ],
)
def test_what_cannot_be_understood_is_not_guessed(changes: dict[str, Any]) -> None:
    """A row whose meaning is unknown refuses its block, and the error quotes no value."""
    mapping = mapping_of("taxBills")
    mapping.apply(a_row())
    with pytest.raises(MappingError) as caught:
        mapping.apply(a_row(**changes))
    for value in changes.values():
        assert not value or len(value) < 3 or value not in str(caught.value)


def test_no_whole_iban_leaves_the_mapping() -> None:
    """Of an account number only the last four characters are shown."""
    for path in SAMPLES.glob("*/directDebits.golden.json"):
        shown = [item["ibanMasked"] for item in golden_of(path)["items"]]
        assert shown
        for iban in shown:
            assert set(iban[:-4]) == {"*"}
            assert len(iban) == 24
