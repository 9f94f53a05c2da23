"""The table of connectors: what counts as a line, which kind one is, and where the table stands."""

from __future__ import annotations

import pytest

from hub.position.sources import read_spec
from hub.settings import load_settings
from hub.testing.page import BEGIN, END, connector_table, kind_of, with_table, written_lines
from tests.support.checkouts import ROOT

SOURCES = [read_spec(*each) for each in load_settings(ROOT / "hub.toml").sources.items()]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", 0),
        ('"""Docstring\nof two lines."""\n\n# comment\n\nA = 1  # why\n', 1),
        ("A = (\n    1,\n\n    2,\n)\n", 4),
        ('def f():\n    """Says."""\n    return 1\n', 2),
        ('A = """text\nof two"""\n"""its docstring"""\n', 2),
        ("class A:\n    b: int\n    '''says'''\n", 2),
    ],
)
def test_a_line_is_code(text, lines):
    """Blank lines, comments and docstrings are nobody's burden; a statement's lines all count."""
    assert written_lines(text) == lines


def test_the_kind_is_what_a_connector_speaks():
    """By the protocol that it takes from the wire."""
    kinds = {
        name: kind_of([ROOT / "connectors" / name / "connector.py"])
        for name in ("padron", "sap_trm", "tabla", "citas", "age")
    }
    assert kinds == {
        "padron": "SOAP", "sap_trm": "OData", "tabla": "table", "citas": "REST", "age": "SOAP",
    }  # fmt: skip


def test_the_table_stands_between_its_marks_and_nowhere_else():
    """What people wrote around it stays; a page without marks stays as it is."""
    page = with_table(f"before\n{BEGIN}\nold\n{END}\nafter\n", SOURCES)
    assert page.startswith(f"before\n{BEGIN}\n| connector |")
    assert page.endswith(f"|\n{END}\nafter\n")
    assert "\nold\n" not in page
    assert with_table(page, SOURCES) == page
    assert with_table("nothing\n", SOURCES) == "nothing\n"


def test_every_connector_has_its_row_and_each_exemption_its_reason():
    """Level, lines and aim; who misses the aim is told so."""
    rows = connector_table(SOURCES).splitlines()[2:]
    assert len(rows) == len(SOURCES)
    for row in rows:
        assert row.split("|")[4].strip() in ("gold", "platinum")
    assert any(", missed" in row for row in rows)
    assert "`echo_enforced`: rows of getEnvios2 name nobody" in connector_table(SOURCES)
