"""Converters of text: words, identifiers, links, documents, yes and no."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

from hub.core.document import Document, mask, parse_document, parse_passport
from hub.core.errors import InvalidDocument
from hub.mapping.signature import BLANK

_URL = re.compile(r"https?://[^\s\\\x00-\x1f\x7f]{1,2000}", re.IGNORECASE)
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_DOCUMENT_KINDS = {"NIF": "nif", "DNI": "nif", "NIE": "nie", "CIF": "cif"}


def text(value: str) -> str:
    """The text without the blanks around it."""
    return value.strip()


def text_or_number(value: str | int) -> str:
    """A text, or a whole number as text: identifiers that sources send either way."""
    return str(value).strip()


def join_words(*parts: str | None) -> str | None:
    """The parts that are there, each without blanks around it, joined by one space."""
    return " ".join(part.strip() for part in parts if part is not None) or None


def join_codes(*parts: str) -> str:
    """Codes that form one, each without blanks around it: `28` and `079` are `28079`."""
    return "".join(part.strip() for part in parts)


def upper(value: str) -> str:
    """The text without blanks around it, in capitals."""
    return value.strip().upper()


def lower(value: str) -> str:
    """The text without blanks around it, in small letters."""
    return value.strip().lower()


def url(value: str) -> str:
    """An http or https address with a host and without credentials (RFC 3986), blanks cut off."""
    link = value.strip()
    if not _URL.fullmatch(link):
        raise ValueError("not an http or https address")
    parts = urlsplit(link)
    if not parts.hostname or "@" in parts.netloc:
        raise ValueError("an address without a host, or with credentials")
    return link


def link(value: str) -> str | None:
    """As `url`, for a link that nothing depends on: None for what is no such address."""
    try:
        return url(value)
    except ValueError:
        return None


def first_text(*values: str | None) -> str | None:
    """The first of several texts that is there, without the blanks around it."""
    return next((value.strip() for value in values if value is not None), None)


def document(value: str) -> Document:
    """A NIF, NIE or CIF whose check character is right."""
    return _checked(value)


def typed_document(number: str, kind: str) -> Document:
    """A document and, beside it, its kind: NIF, DNI, NIE, CIF or Pasaporte, in any case.

    The number must be of the kind that is said; DNI and NIF are the same.
    """
    said = kind.strip().upper()
    if said == "PASAPORTE":
        return _checked(number, parse_passport)
    found = _checked(number)
    if _DOCUMENT_KINDS.get(said) != found.type:
        raise ValueError("a document of another kind than is said")
    return found


def _checked(number: str, parse: Callable[[str], Document] = parse_document) -> Document:
    try:
        return parse(number)
    except InvalidDocument as error:
        raise ValueError(str(error)) from None


def masked_iban(value: str) -> str:
    """An IBAN (ISO 13616) with all but its last four characters hidden; blanks are ignored."""
    number = "".join(value.split()).upper()
    if not _IBAN.fullmatch(number):
        raise ValueError("not the form of an IBAN")
    return mask(number)


def boolean(value: bool | str) -> bool:  # noqa: FBT001 - the value itself
    """`true`, `false`, `1` or `0` (xs:boolean) in any case, or a boolean."""
    if isinstance(value, bool):
        return value
    return _word(value, {"TRUE": True, "1": True, "FALSE": False, "0": False})


def boolean_si_no(value: str) -> bool:
    """`S`, `SI`, `SÍ`, `N` or `NO` in any case."""
    return _word(value, {"S": True, "SI": True, "SÍ": True, "N": False, "NO": False})


def flag_x(value: Annotated[str, BLANK]) -> bool:
    """The flag of SAP: `X` is true, a blank is false; an absent key is missing, not false."""
    return _word(value, {"X": True, "": False})


def _word(value: str, words: dict[str, bool]) -> bool:
    found = words.get(value.strip().upper())
    if found is None:
        raise ValueError("another word than those for yes and no")
    return found
