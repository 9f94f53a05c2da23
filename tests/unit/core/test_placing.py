"""Faults are told with the line on which they stand, whatever the file looks like."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.placing import at_line, lines_of, near, placed

TEXT = '''# a comment with [a.header] and key = 1
keys = "var"

[server] # the door
port = 1
[sources.a]
url = """
port = 9
[no.header]
"""
limits = { off = [
  "x"], open_s = 2 }
"quoted key" = 1
[sources.a.settings]
password = { file = "x" }
[[issuers]]
issuer = "https://one.example"
roles = [
  "citizen",  # one
  "official",
]
[[issuers]]
issuer = "https://two.example"
claims.role = "r"
[issuers.assurance]
low = "x"
'''
PLACES = {
    "keys": 2,
    "server": 4,
    "server.port": 5,
    "sources.a.url": 7,
    "sources.a.limits.open_s": 11,
    "sources.a.quoted key": 13,
    "sources.a.settings.password": 15,
    "issuers[0]": 16,
    "issuers[0].roles[1]": 18,
    "issuers[1].claims.role": 24,
    "issuers[1].assurance.low": 26,
}


@pytest.mark.parametrize("path", PLACES)
def test_every_key_has_its_line(path):
    """In strings and arrays of many lines, inline tables, lists of tables, dotted keys."""
    assert lines_of(TEXT)[path] == PLACES[path]


def test_what_looks_like_a_key_inside_a_string_is_none():
    """The library that reads the file decides what a statement is."""
    assert "no" not in {path.partition(".")[0] for path in lines_of(TEXT)}


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("server.port: expected an int", "f:5: server.port: expected an int"),
        ("server.host: unknown key", "f:4: server.host: unknown key"),
        ("sources.a.settings: password: no", "f:15: sources.a.settings: password: no"),
        ("issuers[1].audience: missing", "f:22: issuers[1].audience: missing"),
        ("issuers: https://two.example: no", "f:22: issuers: https://two.example: no"),
        ("f:9: said: before", "f:9: said: before"),
        ("block x: two sources offer it", "block x: two sources offer it"),
        ("server.drain_s: from outside", "HUB__SERVER__DRAIN_S: server.drain_s: from outside"),
        ("", ""),
        ("[[[", "[[["),
    ],
)
def test_a_fault_is_told_with_its_place(fault, line):
    """Or as it is, where no key of the file is to blame; never twice."""
    given = {"server.drain_s": "HUB__SERVER__DRAIN_S"}
    assert placed([fault], "f", TEXT, given) == [line]
    assert placed([line], "f", TEXT, given) == [line]


@pytest.mark.parametrize(
    ("text", "told"), [("a = 1\nb =\n", "f:2: "), ("a = 1\nb = [\n", "f:"), ("\x00", "f:1: ")]
)
def test_what_is_no_toml_is_told_with_its_line(text, told):
    """As far as the library says it."""
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    assert at_line("f", caught.value, text).startswith(told)


def test_the_nearest_name_is_told_only_where_one_is_near():
    """A guess at random would mislead."""
    assert near("prot", ["host", "port"]) == ", did you mean port?"
    assert near("zzzz", ["host", "port"]) == ""


_KEYS = st.from_regex(r"\A[a-z]{1,4}\Z")


@settings(max_examples=30)
@given(
    st.dictionaries(
        _KEYS, st.dictionaries(_KEYS, st.text(max_size=9), min_size=1, max_size=4), max_size=3
    )
)
def test_any_table_is_found_again(tables):
    """Whatever stands in the strings."""
    lines, wanted = [], {}
    for name, row in tables.items():
        lines.append(f"[{name}]")
        for key, value in row.items():
            escaped = "".join(f"\\U{ord(c):08x}" for c in value)
            lines.append(f'{key} = "{escaped}" # {escaped}')
            wanted[f"{name}.{key}"] = len(lines)
    found = lines_of("\n".join(lines))
    assert {path: found[path] for path in wanted} == wanted
