import pytest

from hub.core.errors import MappingError
from hub.mapping.file import parse_mapping, split_path

GOOD = 'name = "s.block"\nversion = 1\ntarget = "T"\n[shapes.T]\na = { from = "x/y" }\n'


def test_a_file_is_read_as_it_is_written():
    """Name, version, target and rows; a row's one path is a path of its own."""
    parsed = parse_mapping(GOOD)
    assert (parsed.name, parsed.version, parsed.target) == ("s.block", 1, "T")
    assert parsed.shapes["T"]["a"].paths == ("x/y",)


BAD = [
    pytest.param("name = ", "not TOML", id="not TOML"),
    pytest.param("x = " + "[" * 5000, "not TOML", id="nested without end"),
    pytest.param(GOOD.replace("a = ", "a = { from = 'x' }\na = "), "not TOML", id="row twice"),
    pytest.param(GOOD.replace('"x/y"', '"x/y", default = "z"'), "default", id="sixth key"),
    pytest.param(GOOD.replace('from = "x/y"', 'via = "text"'), "from", id="no from"),
    pytest.param(GOOD.replace('"x/y"', "7"), "at `", id="path of another type"),
    pytest.param(GOOD + "[extra]\n", "extra", id="unknown table"),
    pytest.param(GOOD.replace("version = 1", "version = 0"), "count from 1", id="version"),
    pytest.param(GOOD.replace("version = 1", 'version = "1"'), "version", id="version as text"),
    pytest.param(GOOD.replace("s.block", "Block"), "snake_case", id="name"),
    pytest.param("", "name", id="empty"),
]


@pytest.mark.parametrize(("text", "why"), BAD)
def test_what_is_not_a_mapping_file_is_refused(text, why):
    """The language has five keys for ever; anything beside them is a mistake."""
    with pytest.raises(MappingError) as refusal:
        parse_mapping(text)
    assert why in str(refusal.value)


@pytest.mark.parametrize(
    ("path", "keys"),
    [(".", ()), ("a", ("a",)), ("a/b c/@odata.etag", ("a", "b c", "@odata.etag"))],
)
def test_a_path_is_keys_between_slashes(path, keys):
    """`.` is the node itself; keys may hold dots and blanks inside, as sources' names do."""
    assert split_path(path) == keys
