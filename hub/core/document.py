"""Spanish identity documents: parse, check the letter, mask.

NIF and NIE: RD 1553/2005 art. 11 and RD 557/2011 (letter = number modulo 23).
CIF (entities): RD 1065/2007 art. 22 and Orden EHA/451/2008 (digit or letter control).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from hub.core.errors import InvalidDocument

DocumentType = Literal["nif", "nie", "cif", "passport"]

_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_CIF_LETTERS = "JABCDEFGHI"
_NIF = re.compile(r"[0-9]{8}[A-Z]")
_NIE = re.compile(r"[XYZ][0-9]{7}[A-Z]")
_CIF = re.compile(r"[ABCDEFGHJNPQRSUVW][0-9]{7}[0-9A-J]")
_PASSPORT = re.compile(r"[A-Z0-9]{5,14}")
_IN_TEXT = re.compile(r"(?<![0-9A-Za-z])(?:[0-9]{8}|[XYZxyz][0-9]{7})[ .-]?[A-Za-z](?![0-9A-Za-z])")


class Document(Struct, frozen=True, order=True):
    """A checked document number, upper case without blanks. Printing it masks it."""

    type: DocumentType
    number: str

    def __repr__(self) -> str:
        return f"Document({self.type!r}, {mask(self.number)!r})"

    def __str__(self) -> str:
        return mask(self.number)


def mask(number: str) -> str:
    """All but the last four characters hidden: `99999999R` -> `*****999R`."""
    return "*" * max(len(number) - 4, 0) + number[-4:]


def check_letter(digits: int) -> str:
    """The control letter of a NIF's or NIE's number."""
    return _LETTERS[digits % 23]


def parse_document(text: str) -> Document:
    """The NIF, NIE or CIF in *text*; blanks, dots and hyphens are ignored.

    Raises InvalidDocument for another form or a wrong control character.
    """
    number = _normal(text)
    if _NIF.fullmatch(number):
        return _checked("nif", number, check_letter(int(number[:8])))
    if _NIE.fullmatch(number):
        return _checked("nie", number, check_letter(int(str("XYZ".index(number[0])) + number[1:8])))
    if _CIF.fullmatch(number):
        return _checked("cif", number, *_cif_controls(number))
    raise InvalidDocument("not the form of a NIF, NIE or CIF")


def documents_in(text: str) -> Iterator[Document]:
    """Every NIF and NIE with its right letter that stands by itself in *text*."""
    for match in _IN_TEXT.finditer(text):
        try:
            yield parse_document(match[0])
        except InvalidDocument:
            continue


def parse_passport(text: str) -> Document:
    """A passport number, whose form alone can be checked."""
    number = _normal(text)
    if not _PASSPORT.fullmatch(number):
        raise InvalidDocument("not the form of a passport number")
    return Document("passport", number)


def _normal(text: str) -> str:
    return re.sub(r"[\s.\-]", "", text[:40]).upper()


def _checked(kind: DocumentType, number: str, *controls: str) -> Document:
    if number[-1] not in controls:
        raise InvalidDocument(f"the control character of this {kind.upper()} is wrong")
    return Document(kind, number)


def _cif_controls(number: str) -> tuple[str, ...]:
    """The acceptable control characters: a letter, a digit, or either, by the entity's kind."""
    digits = [int(c) for c in number[1:8]]
    doubled = sum(sum(divmod(2 * d, 10)) for d in digits[::2])
    control = -(doubled + sum(digits[1::2])) % 10
    if number[0] in "PQRSNW":
        return (_CIF_LETTERS[control],)
    if number[0] in "ABEH":
        return (str(control),)
    return (str(control), _CIF_LETTERS[control])
