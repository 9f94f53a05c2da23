"""The page of metrics says what the hub exposes, and names a figure for every known fault."""

from __future__ import annotations

import pytest

from tests.support.figures import FAULTS, code, process_names, table
from tests.support.promql import faults_of

ROWS = 58


def test_the_page_names_every_metric_with_its_kind_and_labels(families):
    """And none that is not exposed; of the process's own only the names."""
    own = {name: family for name, family in families.items() if name.startswith("hub_")}
    exposed = {
        name + ("_total" if kind == "counter" else ""): (kind, labels)
        for name, (kind, labels) in own.items()
    }
    told = {
        code(name)[0]: (kind, tuple(code(labels)))
        for name, kind, labels, _ in table("Every metric")
    }
    assert told == exposed


def test_the_process_tells_of_itself(families):
    """Memory and sockets, for what leaks."""
    told = process_names()
    exposed = {n + ("_total" if k == "counter" else "") for n, (k, _) in families.items()}
    assert told <= exposed
    assert {"process_resident_memory_bytes", "process_open_fds"} <= told


def test_every_row_of_the_fault_matrix_has_its_figure():
    """Each once."""
    assert list(FAULTS) == list(range(1, ROWS + 1))
    assert all(FAULTS.values())


@pytest.mark.parametrize("query", sorted({query for row in FAULTS.values() for query in row}))
def test_the_figure_of_a_fault_exists(query, catalogue):
    """The metric, its labels, and the values that they can have."""
    assert faults_of(query, catalogue) == []


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("hub_operation_total", "no metric hub_operation_total"),
        ('hub_operations_total{reasn="ok"}', "hub_operations_total has no label reasn"),
        ('hub_operations_total{reason="okay"}', "hub_operations_total: reason is never okay"),
        (
            'rate(hub_operations_total{reason=~"ok|x"}[5m])',
            "hub_operations_total: reason is never x",
        ),
        ("sum by (le) (rate(hub_operations_total[5m]))", "hub_operations_total has no label le"),
        (
            "hub_waiting > on (operation) hub_in_flight",
            "hub_waiting has no label operation",
        ),
        ("hub_operation_seconds", "no metric hub_operation_seconds"),
    ],
)
def test_a_query_that_asks_for_what_is_not_there_is_noticed(expression, fault, catalogue):
    """So that the tests of queries can fail."""
    assert fault in faults_of(expression, catalogue)


def test_what_is_no_query_is_refused(catalogue):
    """Rather than found to ask for nothing."""
    with pytest.raises(ValueError, match="unclosed"):
        faults_of("sum by (", catalogue)
