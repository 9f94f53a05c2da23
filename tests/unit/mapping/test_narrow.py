"""A field needs the operations of its rows, and no other."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import UNSET

from hub.core.errors import MappingError
from hub.core.fields import field_paths, project
from hub.core.model import BLOCKS
from hub.core.model.residence import Residence
from hub.mapping import examples_path, load_examples, load_mapping
from hub.settings import shipped

PADRON = shipped("mappings") / "padron"
NEEDS = {
    "memberCount": {"household"},
    "members": {"household"},
    "members.fullName": {"household"},
    "address": {"inhabitant"},
    "address.postCode": {"inhabitant"},
    "sheet.number": {"inhabitant"},
    "*": {"inhabitant", "household"},
}


@pytest.fixture(scope="module")
def residence():
    """The mapping of the one block that two operations feed."""
    return load_mapping(PADRON, "residence", Residence)


@pytest.fixture(scope="module")
def payloads():
    """Both operations' payloads, out of the mapping's own examples."""
    examples = load_examples(examples_path(PADRON, "residence"))
    return next(e.payloads for e in examples if {"inhabitant", "household"} <= set(e.payloads))


@pytest.mark.parametrize(("field", "operations"), NEEDS.items(), ids=NEEDS)
def test_a_field_needs_the_operations_that_its_rows_read(residence, field, operations):
    """A path needs what lies below it and what leads to it."""
    assert residence.needs(frozenset({field})) == operations


def test_fields_together_need_what_each_needs(residence):
    """Two fields of two operations need both."""
    assert residence.needs(frozenset({"memberCount", "issuedOn"})) == {"inhabitant", "household"}


@pytest.mark.parametrize("field", sorted(field_paths(Residence)))
def test_what_a_field_needs_is_enough_to_give_it(residence, payloads, field):
    """Whatever single field is wanted, the pruned answer shows what the whole one would."""
    wanted = frozenset({field})
    operations = residence.needs(wanted)
    some = {name: payloads[name] for name in operations}
    whole = project(residence.apply(payloads), wanted)
    assert project(residence.narrowed(operations).apply(some), wanted) == whole


def test_with_every_operation_the_mapping_is_itself(residence):
    """Where everything was asked nothing may be missing."""
    assert residence.narrowed(frozenset(residence.operations)) is residence


def test_an_operation_that_is_missing_unasked_is_a_misfit(residence, payloads):
    """Only pruning excuses an absent payload: the mapping itself stays strict."""
    with pytest.raises(MappingError):
        residence.apply({"household": payloads["household"]})


def test_what_was_asked_must_fit_after_pruning(residence, payloads):
    """A narrowed mapping refuses a payload that lacks what it reads, and says where."""
    narrow = residence.narrowed(frozenset({"household"}))
    with pytest.raises(MappingError, match="member_count"):
        narrow.apply({"household": {"Resultado": {}}})


def test_a_pruned_field_is_unset_and_not_null(residence, payloads):
    """Null would say that the source holds no value; nobody asked it."""
    value = residence.narrowed(frozenset({"household"})).apply({"household": payloads["household"]})
    assert value.address is UNSET
    assert set(msgspec.to_builtins(value)) == {"memberCount", "members"}


def test_lineage_speaks_of_what_was_read(residence, payloads):
    """The lineage of a narrowed mapping names no pruned field."""
    some = {"household": payloads["household"]}
    found = residence.narrowed(frozenset({"household"})).trace(some)
    assert {entry.target.split("[")[0].split(".")[0] for entry in found} == {
        "member_count",
        "members",
    }


def test_a_narrowed_mapping_keeps_its_name_and_digest(residence):
    """It is the same file that was run."""
    narrow = residence.narrowed(frozenset({"household"}))
    assert (narrow.name, narrow.digest) == (residence.name, residence.digest)
    assert narrow is residence.narrowed(frozenset({"household"}))


@pytest.mark.parametrize("block", BLOCKS)
def test_every_field_of_every_block_names_an_operation(block):
    """No canonical field can be had without asking something."""
    folders = [p for p in shipped("mappings").iterdir() if p.is_dir()]
    stem = "".join(f"_{c.lower()}" if c.isupper() else c for c in block)
    [folder] = [p for p in folders if (p / f"{stem}.toml").exists()]
    mapping = load_mapping(folder, block, BLOCKS[block].type)
    for field in field_paths(BLOCKS[block].type):
        assert mapping.needs(frozenset({field}))
