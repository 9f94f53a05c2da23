"""A file of people is read whole or not at all, and no message tells what stood in it."""

from __future__ import annotations

import pytest

from hub.bulking.people import MOST_BYTES, SHOWN, Unusable, read_people

HEAD = "document;given_name;first_surname"
ANA = "99000002K;ANA;PRUEBA"


def refused(tmp_path, content):
    """What is said about a file that cannot be used."""
    file = tmp_path / "people.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Unusable) as caught:
        read_people(file)
    return str(caught.value)


@pytest.mark.parametrize("separator", [";", ","])
@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "with a mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_a_spreadsheet_saves_is_read(tmp_path, separator, start, end):
    """Commas or semicolons, with or without a byte order mark, with either line end."""
    text = start + HEAD.replace(";", separator) + end + ANA.replace(";", separator) + end
    file = tmp_path / "people.csv"
    file.write_bytes(text.encode())
    _, (row,) = read_people(file)
    assert (row.line, row.values["document"]) == (2, "99000002K")
    assert row.values["first_surname"] == "PRUEBA"


def test_empty_cells_and_empty_lines_say_nothing(tmp_path):
    """An empty cell is a value that was not given; lines keep their numbers."""
    file = tmp_path / "people.csv"
    file.write_text(f"{HEAD}\n\n99000002K;;PRUEBA\n;;\n99000006W;EVA;\n", "utf-8")
    _, rows = read_people(file)
    assert [(row.line, sorted(row.values)) for row in rows] == [
        (3, ["document", "first_surname"]),
        (5, ["document", "given_name"]),
    ]


FAULTS = [
    (f"{HEAD}\n99000002A;ANA;PRUEBA\n", "line 2, document"),
    (f"{HEAD}\n;ANA;PRUEBA\n", "line 2, document"),
    (f"{HEAD}\n{ANA}\n9900-0002 K;ANA;PRUEBA\n", "line 3: the same person as in line 2"),
    (f"{HEAD}\n{ANA};MORE\n", "line 2: 4 columns instead of 3"),
    (f'{HEAD}\n"99000002K;ANA;PRUEBA\n', "not CSV"),
    (f"{HEAD};salary\n{ANA};1\n", "number 4"),
    (f"{HEAD};document\n{ANA};x\n", "column document stands twice"),
    ("given_name\nANA\n", "document is missing"),
    (f"{HEAD}\n", "nobody is in it"),
    ("", "document is missing"),
    (f"{HEAD}\nÑ".encode("latin-1"), "is not UTF-8"),
    (f"{HEAD}\n\0".encode(), "zero byte"),
    (b"x" * (MOST_BYTES + 1), "bytes"),
    (f"{HEAD}\n{ANA.replace('ANA', 'A' * 200_000)}\n", "not CSV"),
]


@pytest.mark.parametrize(("content", "said"), FAULTS, ids=[said for _, said in FAULTS])
def test_a_file_that_cannot_be_used_is_refused_with_its_line(tmp_path, content, said):
    """Rows and columns are named, and nothing of what stood there."""
    message = refused(tmp_path, content)
    assert said in message
    for value in ("99000002", "PRUEBA", "ANA;", "salary"):
        assert value not in message


def test_every_fault_is_listed_at_once_and_the_rest_counted(tmp_path):
    """A clerk mends a file once."""
    lines = "\n".join(f"9900000{n % 10}I;X;Y" for n in range(60))
    message = refused(tmp_path, f"{HEAD}\n{lines}\n")
    assert message.count("document:") == SHOWN
    assert "and 40 more" in message


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    """Without a traceback, and without its path."""
    with pytest.raises(Unusable, match="cannot be read"):
        read_people(tmp_path / "nothing.csv")
