from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.core.errors import MappingError
from hub.core.model import BLOCKS
from hub.core.model.person import Identity
from hub.core.model.residence import Residence
from hub.mapping import Mapping, check_paths, coverage, load_mapping, load_schemas, run_examples
from hub.sandbox import magic
from hub.sandbox.population import Population
from tests.contract.padron.conftest import CONTRACT, ROOT, SAMPLES, Play, answering
from tests.support.builders import a_query

FOLDER = ROOT / "mappings" / "padron"
MAPPINGS: dict[str, Mapping] = {
    block: load_mapping(FOLDER, block, BLOCKS[block].type) for block in ("identity", "residence")
}
SCHEMAS = load_schemas(CONTRACT)
PEOPLE = Population()
OPERATIONS = ("inhabitant", "household")
SAMPLED = {"family": ("99000002K", "SAMPLE-0001"), "alone": ("99000012P", "SAMPLE-0002")}


async def sampled(name: str) -> dict[str, Any]:
    """The payloads of a sample on file, through the connector."""
    number, request = SAMPLED[name]
    query = msgspec.structs.replace(a_query(number), request=request)
    payloads = {}
    for operation in OPERATIONS:
        body = (SAMPLES / f"{name}.{operation}.xml").read_bytes()
        payloads[operation] = (await answering(body).fetch(operation, query)).payload
    return payloads


def golden(name: str, block: str) -> Any:
    """The block that a sample becomes, as it was agreed."""
    return json.loads((SAMPLES / f"{name}.{block}.json").read_text())


@pytest.mark.parametrize("block", MAPPINGS)
@pytest.mark.parametrize("name", SAMPLED)
async def test_sample_becomes_block(name: str, block: str):
    """Each sample on file goes through connector and mapping to the golden block."""
    value = MAPPINGS[block].apply(await sampled(name))
    assert json.loads(msgspec.json.encode(value)) == golden(name, block)


@pytest.mark.parametrize("block", MAPPINGS)
def test_the_examples_come_out_as_they_say(block: str):
    """The examples file is the documentation, so it is true."""
    assert run_examples(MAPPINGS[block], FOLDER / f"{block}.examples.json") == ()


@pytest.mark.parametrize("block", MAPPINGS)
def test_every_source_path_is_in_the_contract(block: str):
    """A row reads only what the contract promises."""
    assert check_paths(MAPPINGS[block], SCHEMAS) == ()


def test_nothing_of_the_contract_is_overlooked():
    """What no row reads is left out on purpose, with the reason in the contract."""
    assert coverage(MAPPINGS.values(), SCHEMAS).never_read == ()


@pytest.mark.parametrize(
    "index",
    [
        magic.DEFAULT_CITIZEN, magic.ONE_SURNAME, magic.ELDERLY_ALONE, magic.RECENT_ARRIVAL,
        magic.HOUSEHOLD_OF_SIX, magic.ACCENTS, *range(5000, 5040),
    ],
)  # fmt: skip
async def test_the_block_says_what_the_register_knows(play: Play, index: int):
    """Names, number of people and address of a synthetic person arrive unchanged in the block."""
    person, household = PEOPLE.person(index), PEOPLE.household_of(index)
    query = a_query(PEOPLE.number(index))
    payloads = {name: (await play.ask(name, query)).payload for name in OPERATIONS}
    identity = MAPPINGS["identity"].apply(payloads)
    residence = MAPPINGS["residence"].apply(payloads)
    assert isinstance(identity, Identity)
    assert isinstance(residence, Residence)
    assert identity.document == person.document
    assert (identity.given_name, identity.first_surname, identity.second_surname) == (
        person.given_name,
        person.first_surname,
        person.second_surname,
    )
    assert residence.member_count == len(household.members) == len(residence.members)
    assert [member.document for member in residence.members] == [
        member.document for member in household.members
    ]
    assert residence.address.address_area == household.dwelling.district
    assert residence.address.street_type.known
    assert residence.address.municipality_code == "28079"
    assert residence.at_address_since == person.registered_since


async def test_a_misfit_names_the_row_and_not_the_person():
    """An answer that does not fit says where, with no value in it."""
    payloads = await sampled("family")
    payloads["household"]["Resultado"]["Personas"]["Persona"][1]["FechaNacimiento"] = "99000002K"
    with pytest.raises(MappingError) as caught:
        MAPPINGS["residence"].apply(payloads)
    assert "members[1].birth_date" in str(caught.value)
    assert "99000002K" not in str(caught.value)


def test_every_golden_belongs_to_a_sample():
    """A golden file that no test compares would be no evidence."""
    names = {path.name for path in Path(SAMPLES).glob("*.json")}
    assert names == {f"{name}.{block}.json" for name in SAMPLED for block in MAPPINGS}
