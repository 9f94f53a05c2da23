"""The page of metrics as data, and what a figure that it names says in an exposition."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.support.promql import asked_by

_PAGE = (Path(__file__).parents[2] / "docs/operations/metrics.md").read_text("utf-8")


def table(heading: str) -> list[list[str]]:
    """The rows of the page's table under *heading*, cell by cell."""
    text = _PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")][1:]
    cells = [re.split(r"(?<!\\)\|", line.strip("|")) for line in lines]
    return [[cell.strip().replace(r"\|", "|") for cell in row] for row in cells]


def code(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


FAULTS = {
    int(number): [text for text in code(figure) if text.startswith("hub_")]
    for number, _, figure in table("Which figure a fault moves")
}
"""By number of the fault matrix the queries for the figures that the fault moves; the first always."""


def process_names() -> set[str]:
    """The metrics of the process itself that the page names."""
    return set(re.findall(r"`(process_\w+)`", _PAGE))


def says(exposition: str, query: str, **labels: str) -> float:
    """The sum of what *query*, a plain selector, selects; samples with other *labels* left out."""
    [asked] = asked_by(query)
    return sum(
        sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name == asked.metric
        and all(sample.labels.get(name, value) == value for name, value in labels.items())
        and all(sample.labels.get(name) in values for name, values in asked.values.items())
    )
