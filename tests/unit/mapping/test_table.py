from hub.mapping import mapping_table
from hub.mapping.plan import flat_rows
from tests.unit.mapping.samples import dossier


def test_every_row_is_one_line_with_its_whole_paths():
    """An analyst reads field, type, optionality, source and converter; nothing is nested."""
    lines = mapping_table(dossier()).splitlines()
    assert "| `since` | datetime | no | `person/Alta` | moment_iso |" in lines
    assert "| `born` | PartialDate | yes | `person/FechaNac` | partial_date |" in lines
    assert (
        "| `bills[].amount` | Money | no | `items/results[]/BETRW`, `items/results[]/WAERS` "
        "| signed_money |" in lines
    )
    assert sum(line.startswith("| `") for line in lines) == len(list(flat_rows(dossier().plan)))


def test_lists_and_picks_are_said_in_words():
    """`each`, `only`, lists of plain values and defaults are readable without the file."""
    table = mapping_table(dossier())
    assert "one Bill per item, only kind:fines" in table
    assert "| `tags` | tuple[str, ...] | yes | `person/Etiquetas` | text, for each item |" in table
    assert "| `street` | Street | no | `person/Domicilio` | as Street |" in table


def test_the_table_names_what_it_describes():
    """Name, version, target and digest stand on it, so that a print-out can be checked."""
    table = mapping_table(dossier())
    assert table.startswith("## sample.dossier, version 1 → Dossier\n")
    assert dossier().digest in table
