"""A mapping at work in the terminal: what it reads, what it makes, and where each field is from."""

from __future__ import annotations

import itertools
import os

import pytest
from click.testing import CliRunner

from hub.cli import main
from hub.testing.trying import changes
from tests.support.checkouts import ROOT

MAPPING = ROOT / "mappings" / "registro" / "registry_entries.toml"
SAMPLES = ROOT / "contracts" / "registro" / "samples"


def tried(*arguments: str, width: int = 200) -> str:
    """What `hub mappings …` prints."""
    asked = ["mappings", *arguments, "--config", str(ROOT / "hub.toml")]
    ran = CliRunner().invoke(main, asked, env={"COLUMNS": str(width)})
    assert ran.exit_code in (0, 2), ran.output
    return ran.output


@pytest.mark.parametrize("sample", ["entries-several.xml", "entries-several.json"])
def test_source_result_and_lineage_stand_side_by_side(sample):
    """An answer as it came goes through the connector; a decoded payload is taken as it is."""
    lines = tried("try", str(MAPPING), str(SAMPLES / sample)).splitlines()
    assert [cell.strip() for cell in lines[0].split("|")] == ["source", "canonical", "lineage"]
    rows = [[cell.strip() for cell in line.split(" | ")] for line in lines[2:]]
    assert rows[0] == ["{", "{", "items <- entries/Asiento  each:RegistryEntry"]
    assert '"number": "2025/00010000",' in {row[1] for row in rows if len(row) > 1}
    assert "items[0].kind <- entries/Asiento[0]/De_Asiento/Tipo_Registro" in "\n".join(lines)


def test_a_narrow_terminal_still_shows_three_columns():
    """What does not fit its place stands below, indented."""
    lines = tried("try", str(MAPPING), width=60).splitlines()
    assert lines[1] == f"{'-' * 20} | {'-' * 20} | {'-' * 20}"
    assert all(len(line) <= 66 for line in lines)


def test_an_example_is_named_and_another_name_is_told():
    """Without a sample the first example is shown."""
    assert tried("try", str(MAPPING)).startswith("source")
    said = tried("try", str(MAPPING), "another")
    assert "another: neither a file nor an example; there are: '" in said


def test_a_mistake_says_which_row_and_what_to_read(tmp_path):
    """While a mapping is written it is often wrong; the message names row, path and types."""
    spoiled = tmp_path / "spoiled.json"
    spoiled.write_text('{"Asiento": [{"De_Asiento": {"Tipo_Registro": 7}}]}')
    said = tried("try", str(MAPPING), str(spoiled))
    assert "entries/Asiento[0]/De_Asiento/" in said
    assert "docs/mappings.md" in said


def test_what_is_saved_is_shown_again(tmp_path):
    """Once at the start and once for each save; a file that is gone is waited for."""
    file = tmp_path / "a.toml"
    file.write_text("1")
    os.utime(file, ns=(1, 1))
    saves = itertools.chain(
        [
            lambda: None,
            lambda: os.utime(file, ns=(2, 2)),
            file.unlink,
            lambda: file.write_text("2"),
        ],
        itertools.repeat(lambda: pytest.fail("shown too seldom")),
    )

    def sleep() -> None:
        next(saves)()

    shown = changes([file], sleep)
    assert [next(shown) for _ in range(4)] == [None] * 4


def test_what_no_contract_has_is_counted_over_samples():
    """Fields that a source sends and its contract lacks, by path, and never a value."""
    said = tried("coverage", "--samples", "avisos")
    assert "in no contract: avisos: requests/requests[]/brand_new_field/a[] (1)" in said
    assert tried("coverage", "--samples", "registro").startswith("7 payloads: 13 paths read")
