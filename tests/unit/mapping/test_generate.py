import pytest

from hub.core.errors import MappingError
from hub.core.model.canonical import Canonical
from hub.mapping import Mapping, compile_mapping, parse_codes
from tests.unit.mapping.samples import dossier, payloads


class One(Canonical, frozen=True):
    value: str


class Regrouped(Canonical, frozen=True):
    one: One
    other: One | None


def test_a_mapping_is_one_function_without_lineage_or_lookups_by_path():
    """What runs is straight code: one function, loops for lists, no path text to split."""
    source = dossier().source
    assert source.count("def ") == 1
    assert source.count("for item") == 6
    assert "Lineage" not in source
    assert "/" not in source.replace("'/'", "")


def test_an_object_on_the_way_is_looked_up_once():
    """Rows that share the way to their values share the objects on it."""
    assert dossier().source.count(".get('person')") == 1
    assert dossier().source.count(".get('Via')") == 1


def one(key: str) -> Mapping:
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    text = 'name = "s.d"\nversion = 1\ntarget = "One"\n[shapes.One]\n'
    text += f'value = {{ from = "op/{quoted}" }}'
    return compile_mapping(text, types={"One": One}, codes=parse_codes(""))


HOSTILE = ["x'); raise SystemExit(1) #", '"""', "\\", "{0}", "a\\'b", "é", "__class__", "payloads"]


@pytest.mark.parametrize("key", HOSTILE)
def test_keys_of_a_source_never_become_code(key):
    """A key is a Python literal in the function, whatever characters it holds."""
    assert one(key).apply({"op": {key: "found"}}) == One(value="found")
    assert repr(key) in one(key).source


@pytest.mark.parametrize("key", ["a\u2028b", "a\x7fb", "a\u202eb"], ids=ascii)
def test_keys_that_cannot_be_printed_are_refused(key):
    """No line end or reversal hides in a path."""
    with pytest.raises(MappingError):
        one(key)


def test_a_record_can_be_made_of_the_node_itself():
    """`.` regroups a flat row of the source into a record of the model."""
    text = 'name = "s.d"\nversion = 1\ntarget = "Regrouped"\n[shapes.Regrouped]\n'
    text += 'one = { from = ".", shape = "One" }\nother = { from = "op/none", shape = "One" }\n'
    text += '[shapes.One]\nvalue = { from = "op/v" }'
    mapping = compile_mapping(text, types={"Regrouped": Regrouped}, codes=parse_codes(""))
    assert mapping.apply({"op": {"v": "x"}}) == Regrouped(one=One(value="x"), other=None)
    assert [e.sources for e in mapping.trace({"op": {"v": "x"}})] == [(".",), ("op/v",)]


def test_a_compiled_function_keeps_nothing_between_two_payloads():
    """The value of one person never depends on who came before."""
    mapping = dossier()
    first = mapping.apply(payloads())
    with pytest.raises(MappingError, match="missing"):
        mapping.apply({})
    assert mapping.apply(payloads()) == first
