"""Every row of the fault matrix is proven somewhere, and what is named as its proof exists."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.faults.elsewhere import ELSEWHERE
from tests.faults.rows import ALL, ROWS, XML
from tests.support.fanout import BLOCKS, PROTOCOLS

ROOT = Path(__file__).parents[2]
NUMBERS = range(1, 59)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_row_is_claimed(number):
    """By the matrix, by another test, or by both."""
    assert number in {row.number for row in ROWS} | set(ELSEWHERE)


@pytest.mark.parametrize("number", sorted(ELSEWHERE))
def test_a_proof_exists(number):
    """The file is there, and a test of that name in it."""
    for named in ELSEWHERE[number].tests:
        path, _, name = named.partition("::")
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, functions)}, named


def test_no_two_rows_are_the_same():
    """A row that stands twice says less than it seems to."""
    names = [row.name for row in ROWS]
    assert sorted(names) == sorted(set(names))


def test_every_protocol_is_struck():
    """A fault below the protocols strikes each; one of XML each that speaks it."""
    below = {row.number for row in ROWS if row.number <= 24 and row.number not in (21, 22)}
    for number in below:
        assert {row.source for row in ROWS if row.number == number} == set(ALL), number
    for number in range(30, 37):
        assert {row.source for row in ROWS if row.number == number} == set(XML), number
    assert set(PROTOCOLS) == set(BLOCKS) == set(ALL)
