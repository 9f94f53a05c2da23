import pytest

from hub.core.document import Document
from hub.mapping.converters_text import (
    boolean,
    boolean_si_no,
    document,
    first_text,
    flag_x,
    join_codes,
    join_words,
    link,
    lower,
    masked_iban,
    text,
    text_or_number,
    typed_document,
    upper,
    url,
)

NIF, NIE = "99000001C", "X9900000H"


@pytest.mark.parametrize(
    ("convert", "value", "expected"),
    [
        (text, " Calle Mayor \n", "Calle Mayor"),
        (text_or_number, " 0017 ", "0017"),
        (text_or_number, 17, "17"),
        (text_or_number, -1, "-1"),
        (upper, " mª josé ", "Mª JOSÉ"),
        (lower, " Ñ@Example.ORG ", "ñ@example.org"),
        (url, " https://example.org/a?b=c#d ", "https://example.org/a?b=c#d"),
        (url, "HTTP://[::1]:80/ñ", "HTTP://[::1]:80/ñ"),
        (masked_iban, "ES91 2100 0418 4502 0005 1332", "*" * 20 + "1332"),
        (boolean, True, True),
        (boolean, False, False),
        (boolean, "false", False),
        (boolean, " TRUE ", True),
        (boolean, "1", True),
        (boolean, "0", False),
        (boolean_si_no, "S", True),
        (boolean_si_no, "sí", True),
        (boolean_si_no, "Si", True),
        (boolean_si_no, "no", False),
        (boolean_si_no, "N", False),
        (flag_x, "X", True),
        (flag_x, "", False),
        (document, " 99000001-c ", Document("nif", NIF)),
    ],
)
def test_text_becomes_what_it_means(convert, value, expected):
    """Blanks around a value never matter."""
    assert convert(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://example.org/a.jpg ", "https://example.org/a.jpg"),
        ("n/a", None),
        ("javascript:alert(1)", None),
        ("https://user:secret@example.org", None),
    ],
)
def test_a_link_is_an_address_or_nothing(value, expected):
    """A picture that nobody can open spoils nothing else."""
    assert link(value) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [(("a ", "b"), "a"), ((None, " b"), "b"), ((None, None), None)],
)
def test_the_first_text_that_is_there_counts(values, expected):
    """Further texts stand in for a missing one, and are never joined to it."""
    assert first_text(*values) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("CL", "Mayor", "7"), "CL Mayor 7"),
        (("CL ", None, " 7"), "CL 7"),
        ((None, None), None),
        ((), None),
    ],
)
def test_words_are_joined_by_one_blank(parts, expected):
    """A part that is missing leaves no double blank; nothing at all is none."""
    assert join_words(*parts) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [(("28", "079"), "28079"), ((" 28 ", "079 "), "28079"), (("28",), "28")],
)
def test_codes_are_joined_by_nothing(parts, expected):
    """Codes that form one stand together, zeros kept, blanks cut off."""
    assert join_codes(*parts) == expected


@pytest.mark.parametrize(
    ("number", "kind", "expected"),
    [
        (NIF, "NIF", Document("nif", NIF)),
        (NIF, " dni ", Document("nif", NIF)),
        (NIE, "NIE", Document("nie", NIE)),
        ("AB 123456", "Pasaporte", Document("passport", "AB123456")),
    ],
)
def test_a_document_is_of_the_kind_that_is_said(number, kind, expected):
    """DNI is NIF; only a passport's number has no check character."""
    assert typed_document(number, kind) == expected


@pytest.mark.parametrize(
    ("convert", "values"),
    [
        (url, ("javascript:alert(1)",)),
        (url, ("ftp://example.org",)),
        (url, ("https://",)),
        (url, ("https:///path",)),
        (url, ("https://user:secret@example.org",)),
        (url, ("https://example.org/a b",)),
        (url, ("https://example.org\\@evil.test",)),
        (url, ("https://example.org/\x00",)),
        (url, ("https://[::1",)),
        (url, ("https://example.org/" + "a" * 3000,)),
        (url, ("//example.org",)),
        (masked_iban, ("ES91",)),
        (masked_iban, ("9121000418450200051332",)),
        (boolean, ("yes",)),
        (boolean, ("2",)),
        (boolean_si_no, ("true",)),
        (boolean_si_no, ("X",)),
        (flag_x, ("0",)),
        (document, ("99000001A",)),
        (document, ("AB123456",)),
        (typed_document, (NIF, "NIE")),
        (typed_document, (NIF, "CIF")),
        (typed_document, ("AB123456", "NIF")),
        (typed_document, (NIF, "otro")),
        (typed_document, ("A!", "Pasaporte")),
    ],
)
def test_what_does_not_fit_is_refused(convert, values):
    """A wrong form, letter or kind is a ValueError that does not quote the value."""
    with pytest.raises(ValueError, match=r"\w") as refusal:
        convert(*values)
    assert not any(len(value) > 3 and value in str(refusal.value) for value in values)
