"""Who the person is, as the population register has it (EU Core Person 2.1)."""

from __future__ import annotations

from hub.core.document import Document
from hub.core.model.canonical import Canonical, Code, PartialDate


class Identity(Canonical, frozen=True, kw_only=True):
    """One inhabitant. Names as the register writes them, particles included.

    Core Person has no second surname: `first_surname` is its patronymicName and
    `second_surname` its matronymicName. People with one surname have only the first.
    """

    full_name: str
    given_name: str
    first_surname: str
    second_surname: str | None = None
    birth_date: PartialDate | None = None
    """As far as the register knows it."""
    sex: Code | None = None
    nationality: Code | None = None
    """citizenship in Core Person; ISO 3166-1 alpha-3."""
    document: Document
    inhabitant_number: str
    """NIA: the number that the register gives to an inhabitant, digits."""
