import pytest

from hub.core.errors import MappingError
from hub.core.model.canonical import Code
from hub.mapping.codes import CodeList, code_converter, form, parse_codes, picker, word_converter

KIND = """
[kind]
unknown = "{unknown}"
from = ["HVORG", "TVORG"]
{extra}
codes = {{ "01/1" = {{ es = "IBI", en = "Property tax" }}, "02/1" = {{ es = "Multa" }} }}
classes = {{ bills = ["01/1"], fines = ["02/1"] }}
"""


def kind(unknown: str = "refuse", extra: str = "") -> CodeList:
    return parse_codes(KIND.format(unknown=unknown, extra=extra)).lists["kind"]


def test_a_known_code_has_its_label():
    """Labels are Spanish; English is there where the list has it, and absent where not."""
    convert, _ = code_converter(kind(), 2)
    assert convert("01", " 1 ") == Code(code="01/1", label="IBI", known=True)
    assert kind().label("01/1", "en") == "Property tax"
    assert kind().label("02/1", "en") is None
    assert kind().label("03/1") is None


def test_an_unknown_code_is_kept_raw_or_refused():
    """`keep` shows it as it came and says so; `refuse` raises without quoting it."""
    convert, _ = code_converter(kind("keep"), 2)
    assert convert("77", "1") == Code(code="77/1", label=None, known=False)
    refuse, _ = code_converter(kind("refuse"), 2)
    with pytest.raises(ValueError, match="a code that its list lacks") as refusal:
        refuse("77", "1")
    assert "77" not in str(refusal.value)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (("A ",), "A"),
        ((7,), "7"),
        (("01", 1), "01/1"),
        (("", ""), ""),
        ((0, 0), "0/0"),
        (("", "1"), "/1"),
    ],
)
def test_the_parts_of_a_code_are_joined(values, code):
    """Blanks around a part do not count, numbers are written out, all blank is the blank code."""
    assert form(values) == code


def test_parts_that_hold_the_separator_make_no_known_code():
    """A value with a slash inside cannot pass for a code of two parts."""
    convert, _ = code_converter(kind("keep"), 2)
    assert convert("01/1", "").known is False
    assert convert("", "01/1").known is False


def test_words_come_only_from_lists_that_refuse():
    """A word decides a state: no unknown code may become one."""
    text = '[s]\nunknown = "{}"\ncodes = {{ "" = {{ es = "a", word = "open" }} }}'
    convert, signature = word_converter(parse_codes(text.format("refuse")).lists["s"], 1)
    assert convert("") == "open"
    assert signature.parameters[0].takes_blank
    with pytest.raises(ValueError, match="lacks"):
        convert("7")
    with pytest.raises(ValueError, match="unknown = 'refuse'"):
        word_converter(parse_codes(text.format("keep")).lists["s"], 1)


@pytest.mark.parametrize(
    ("unknown", "extra", "bills", "fines"),
    [("keep", 'keep_in = "bills"', True, False), ("keep", 'keep_in = "fines"', False, True)],
)
def test_rows_of_an_unknown_code_go_where_the_list_says(unknown, extra, bills, fines):
    """No row vanishes: each unknown one is in exactly the class of `keep_in`."""
    codes = kind(unknown, extra)
    assert [picker(codes, c)[0]("99", "9") for c in ("bills", "fines")] == [bills, fines]
    assert [picker(codes, c)[0]("02", "1") for c in ("bills", "fines")] == [False, True]


def test_rows_of_an_unknown_code_can_be_refused():
    """A list that refuses sorts no unknown row anywhere."""
    with pytest.raises(ValueError, match="lacks"):
        picker(kind(), "bills")[0]("99", "9")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("[a", "Expected", id="not TOML"),
        pytest.param("[a]\ncodes = { X = { es = 'x' } }", "unknown", id="unknown not said"),
        pytest.param(
            "[a]\nunknown = 'guess'\ncodes = { X = { es = 'x' } }", "guess", id="another word"
        ),
        pytest.param("[a]\nunknown = 'keep'\ncodes = {}", "is empty", id="empty"),
        pytest.param(
            "[a]\nunknown = 'keep'\ncodes = { X = { en = 'x' } }", "es", id="no Spanish label"
        ),
        pytest.param(
            "[a]\nunknown = 'keep'\ncodes = { ' X' = { es = 'x' } }", "blanks", id="blanks"
        ),
        pytest.param(
            "[a]\nunknown = 'keep'\ncodes = { X = { es = 'x' } }\nclasses = { c = ['Y'] }",
            "lacks",
            id="class",
        ),
        pytest.param(
            "[a]\nunknown = 'keep'\nkeep_in = 'c'\ncodes = { X = { es = 'x' } }",
            "no class",
            id="keep_in",
        ),
        pytest.param(
            "[a]\nunknown = 'refuse'\nkeep_in = 'c'\ncodes = { X = { es = 'x' } }\nclasses = { c = ['X'] }",
            "contradicts",
            id="contradiction",
        ),
        pytest.param(
            "[a]\nunknown = 'keep'\nfrom = ['p', 'q']\ncodes = { X = { es = 'x' } }",
            "number of parts",
            id="parts",
        ),
        pytest.param(
            "[a]\nunknown = 'refuse'\ncodes = { X = { es = 'x', word = 'w' }, Y = { es = 'y' } }",
            "to some codes",
            id="half worded",
        ),
        pytest.param(
            "[a]\nunknown = 'keep'\ndefault = 'X'\ncodes = { X = { es = 'x' } }",
            "default",
            id="default",
        ),
    ],
)
def test_a_list_that_cannot_be_is_refused(text, why):
    """Each mistake of a code list is found when it is read."""
    with pytest.raises(MappingError) as refusal:
        parse_codes(text, "sap_trm.codes")
    assert why in str(refusal.value)
    assert refusal.value.mapping == "sap_trm.codes"
