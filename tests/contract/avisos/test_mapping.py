"""The mapping of avisos against its contract, its examples and its code lists."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from connectors.avisos.simulator.reports import STEPS
from hub.core.errors import MappingError
from hub.core.model.service_request import ServiceRequests
from hub.mapping import (
    check_paths,
    coverage,
    examples_path,
    load_codes,
    load_schemas,
    run_examples,
    unknown_codes,
)
from tests.contract.avisos.scene import CONTRACT, ROOT, the_mapping

FOLDER = ROOT / "mappings" / "avisos"


def test_the_examples_come_out_as_they_say():
    """The examples file is the test and the documentation."""
    assert run_examples(the_mapping(), examples_path(FOLDER, "serviceRequests")) == ()


def test_every_path_is_in_the_contract():
    """A mapping reads nothing that the contract does not have."""
    assert check_paths(the_mapping(), load_schemas(CONTRACT)) == ()


def test_every_field_of_the_contract_is_read_or_ignored_on_purpose():
    """Nothing that the source is known to send is forgotten."""
    assert coverage(the_mapping(), load_schemas(CONTRACT)).never_read == ()


def test_estimates_of_madrid_are_shown_nowhere():
    """Dates within seconds of the request are no promises."""
    read = coverage(the_mapping(), load_schemas(CONTRACT)).read
    assert [path for path in read if "estimated" in path] == []
    assert "requests/requests[]/expected_datetime" in read


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.node)
def test_each_node_of_madrid_has_the_state_that_the_standard_gives_it(step):
    """Initial and middle are open, both finals are closed; cancelled says so."""
    entry = load_codes(FOLDER).lists["status"].codes[step.node]
    assert entry.word == step.status
    assert (entry.es == "Cancelado") is (step.node == "final_not_ok_node")


def a_row(**fields: Any) -> dict[str, Any]:
    """The payload of one request."""
    return {"requests": {"requests": [{"service_request_id": "1", **fields}]}}


def test_an_unknown_kind_is_shown_and_counted_as_drift():
    """A kind of request that the list lacks decides nothing, so that it is kept."""
    block = the_mapping().apply(a_row(typology={"id": "5" * 24}))
    assert block.items[0].kind.known is False
    assert unknown_codes(block)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "asleep"},
        {"requested_datetime": "yesterday"},
        {"service_name": {"a": 1}},
        {"typology": ["a"]},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_misfits_is_refused_and_not_quoted(fields):
    """A wrong type or an unknown state takes the block away rather than show a guess."""
    with pytest.raises(MappingError) as caught:
        the_mapping().apply(a_row(**fields))
    assert "asleep" not in str(caught.value)
    assert "yesterday" not in str(caught.value)


def test_where_in_words_may_stand_in_either_field():
    """One row in six thousand lacks the address and has what the citizen typed."""
    block = the_mapping().apply(a_row(address=" ", address_string="Frente al 2"))
    assert block.items[0].address == "Frente al 2"


def test_a_block_says_how_many_are_open():
    """Nothing is summed in a mapping: the canonical type counts."""
    one, two = a_row(status="open"), a_row(status="closed")
    rows = [*one["requests"]["requests"], *two["requests"]["requests"]]
    block = the_mapping().apply({"requests": {"requests": rows}})
    assert isinstance(block, ServiceRequests)
    assert block.open_count == 1


def test_the_quality_list_names_every_rule_once():
    """Each rule is done, or exempt with a reason."""
    rules = tomllib.loads((ROOT / "connectors" / "avisos" / "quality.toml").read_text())["rules"]
    assert {
        "declaration", "contract_on_file", "samples_cover_operations", "mapping_examples",
        "faults_classified", "echo_enforced", "deadline_kept", "nothing_personal_in_errors",
        "hostile_answers", "records_before_return", "ping_harmless", "no_legal_effect", "simulator",
    } <= set(rules)  # fmt: skip
    assert all(rule == "done" or rule["exempt"] for rule in rules.values())


def test_the_interfaces_on_file_are_valid_openapi():
    """What is written down can be read by others' tools."""
    from openapi_spec_validator import validate

    for name in ("madrid", "georeport"):
        validate(json.loads((CONTRACT / f"{name}.openapi.json").read_text()))
