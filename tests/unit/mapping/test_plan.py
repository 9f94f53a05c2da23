import pytest

from hub.mapping.plan import EMPTY, dig, flat_rows, join, missing_node, missing_rows, root_node
from hub.mapping.signature import ABSENT, Misfit
from tests.unit.mapping.samples import dossier


@pytest.mark.parametrize(
    ("node", "keys", "expected"),
    [
        ({"a": {"b": 1}}, ("a", "b"), 1),
        ({"a": None}, ("a",), None),
        ({"a": None}, ("a", "b"), ABSENT),
        ({"a": " "}, ("a", "b"), ABSENT),
        ({}, ("a", "b"), ABSENT),
        ({"a": 1}, (), {"a": 1}),
    ],
    ids=lambda value: "absent" if value is ABSENT else str(value),
)
def test_a_path_leads_to_a_value_or_to_nothing(node, keys, expected):
    """An empty element on the way is a missing record, not a mistake."""
    assert dig(node, keys) == expected


@pytest.mark.parametrize("wrong", [[], 7, "x", True, [{}]], ids=repr)
def test_a_path_through_something_else_is_a_misfit(wrong):
    """What is neither a record nor missing is not looked into."""
    with pytest.raises(Misfit, match="expected dict"):
        dig({"a": wrong}, ("a", "b"))


def test_missing_records_and_lists_are_told_from_wrong_ones():
    """None and blanks are missing; a record is no list, a list no record."""
    assert missing_node(None) is EMPTY
    assert missing_rows(" ") is None
    with pytest.raises(Misfit):
        missing_node([])
    with pytest.raises(Misfit):
        missing_rows({})
    with pytest.raises(Misfit):
        root_node([])
    assert EMPTY == {}


@pytest.mark.parametrize(
    ("under", "path", "whole"),
    [("", "a", "a"), ("a", "b", "a/b"), ("a", ".", "a"), ("", ".", "."), (".", "a", "a")],
)
def test_paths_are_joined(under, path, whole):
    """`.` is the node itself and adds nothing."""
    assert join(under, path) == whole


def test_rows_can_be_read_flat():
    """Every field of every shape appears once, with its whole paths and `[]` for lists."""
    rows = {row.target: row.sources for row in flat_rows(dossier().plan)}
    assert rows["bills[].instalments[].due"] == ("items/results[]/Plazos[]/Vence",)
    assert rows["street.name"] == (
        "person/Domicilio/TipoVia",
        "person/Domicilio/Via/Nombre",
        "person/Domicilio/Via/Numero",
    )
    assert len(rows) == 9 + 3 + 2 + 2 * 6 + 2 * 2
