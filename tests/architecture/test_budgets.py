"""Sizes that keep rooms small, without an exceptions list."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path for folder in ("hub", "connectors") for path in (ROOT / folder).rglob("*.py"))

MODULE_LINES = 300
FUNCTION_LINES = 40
CONNECTOR_LINES = 150
AUDITOR_LINES = 440
HANDLER_LINES = 10


def named(path: Path) -> str:
    """The path from the checkout's root."""
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method in a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function, its docstring not counted."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (node.end_lineno or 0) - body[0].lineno + 2 if body else 0


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_a_module_stays_within_its_budget(path):
    """A module has at most 300 lines, a connector's declaration and transport 150; what an
    auditor takes away and runs alone is one file by design (ADR 30, 37), and has 440.
    """
    lines = len(path.read_text("utf-8").splitlines())
    budget = MODULE_LINES
    if path.name == "connector.py" and "connectors" in path.parts:
        budget = CONNECTOR_LINES
    elif named(path) in {"hub/ledger/verify.py", "hub/audit/verify_bundle.py"}:
        budget = AUDITOR_LINES
    assert lines <= budget, f"{named(path)}: {lines} lines"


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_a_function_stays_within_its_budget(path):
    """A function has at most 40 lines beside its docstring."""
    long = {f.name: n for f in functions(path) if (n := code_lines(f)) > FUNCTION_LINES}
    assert not long


@pytest.mark.parametrize(
    "path", [path for path in SHIPPED if path.parent == ROOT / "hub" / "api"], ids=named
)
def test_a_route_is_thin(path):
    """A route handler has at most 10 lines: what is more belongs below the API."""
    routed = [
        function
        for function in functions(path)
        if any(
            isinstance(mark, ast.Call) and getattr(mark.func, "id", "") in ("get", "post", "delete")
            for mark in function.decorator_list
        )
    ]
    thick = {f.name: n for f in routed if (n := code_lines(f)) > HANDLER_LINES}
    assert not thick


def test_functions_return_what_they_say():
    """Every shipped function states its return type."""
    silent = [
        f"{named(path)}:{function.name}"
        for path in SHIPPED
        for function in functions(path)
        if function.returns is None
    ]
    assert not silent
