"""Identity documents: form, control character, mask."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.document import check_letter, mask, parse_document, parse_passport
from hub.core.errors import InvalidDocument

GOOD = {
    "nif": ("99000002K", "nif", "99000002K"),
    "nif with blanks": (" 99.000.002-k ", "nif", "99000002K"),
    "nie": ("X1234567L", "nie", "X1234567L"),
    "nie y": ("Y2345678Z", "nie", "Y2345678Z"),
    "cif of a council": ("P2807900B", "cif", "P2807900B"),
    "cif of an autonomous body": ("Q2819009H", "cif", "Q2819009H"),
}
BAD = [
    "",
    "99000002A",
    "9900000K",
    "990000022K",
    "X1234567A",
    "P2807900C",
    "ABC",
    "\u0669\u0669\u0660\u0660\u0660\u0660\u0660\u0662K",
    "9" * 500,
]


@pytest.mark.parametrize(("text", "kind", "number"), GOOD.values(), ids=GOOD)
def test_a_good_document_is_read(text, kind, number):
    """Blanks, dots, hyphens and case do not matter."""
    document = parse_document(text)
    assert (document.type, document.number) == (kind, number)


@pytest.mark.parametrize("text", BAD, ids=[ascii(text)[:12] for text in BAD])
def test_a_bad_document_is_refused_without_being_quoted(text):
    """The error says what is wrong and never repeats the number."""
    with pytest.raises(InvalidDocument) as caught:
        parse_document(text)
    assert not text or text not in str(caught.value)


@given(st.integers(99_000_000, 99_999_999))
def test_every_synthetic_number_with_its_letter_is_good(digits):
    """The check letter that we compute is the one that we accept, and no other is."""
    letter = check_letter(digits)
    assert parse_document(f"{digits}{letter}").number == f"{digits}{letter}"
    wrong = next(c for c in "TRWAGMYFPDXBNJZSQVHLCKE" if c != letter)
    with pytest.raises(InvalidDocument):
        parse_document(f"{digits}{wrong}")


def test_printing_masks():
    """Neither str nor repr shows more than the last four characters."""
    document = parse_document("99000002K")
    assert str(document) == "*****002K" == mask("99000002K")
    assert "99000002" not in f"{document} {document!r} {[document]}"


@pytest.mark.parametrize(
    "text", ["", "abc", "A" * 15, "AB-!!"], ids=["empty", "short", "long", "odd"]
)
def test_a_passport_has_only_a_form(text):
    """Five to fourteen letters and digits."""
    assert parse_passport("pa 1234567").number == "PA1234567"
    with pytest.raises(InvalidDocument):
        parse_passport(text)
