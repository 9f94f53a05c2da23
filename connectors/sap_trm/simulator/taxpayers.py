"""Who is a business partner, and which contract accounts they have: functions of the index.

Numbers are built from the index, so that from any number the person is found again, and no
table of people exists.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from msgspec import Struct

from hub.sandbox import magic
from hub.sandbox.population import SIZE, Population

Value = str | Decimal | dt.date | None
Entity = dict[str, Value]

ADULT_YEARS = 18
_SERIES = 1_000_000
_FIRST, _SECOND = 4, 5
"""Leading digit of a person's first and second business partner number."""

ESTATE, VEHICLES, WASTE = "01", "02", "03"
CATEGORIES = {ESTATE: "Bienes inmuebles", VEHICLES: "Vehículos", WASTE: "Residuos"}


class Partner(Struct, frozen=True, kw_only=True):
    """A business partner: its ten-digit number and the person behind it."""

    number: str
    index: int
    second: bool


class Taxpayers:
    """The tax office's view of the population."""

    def __init__(self, population: Population) -> None:
        self.population = population

    def partners(self, tax_number: str) -> tuple[Partner, ...]:
        """The business partners of whoever has *tax_number*: none, one or two."""
        person = self.population.find(tax_number)
        if person is None or person.document is None or not self._has_to_do(person.index):
            return ()
        first = _partner(person.index, second=False)
        if person.index == magic.TWO_PARTNERS or self._dice(person.index, "second") == 0:
            return (first, _partner(person.index, second=True))
        return (first,)

    def partner(self, number: str) -> Partner | None:
        """The partner with *number*, padded or not, if there is one."""
        if not (number.isascii() and number.isdigit() and len(number) <= 10):  # noqa: PLR2004 - GPART is CHAR10
            return None
        series, index = divmod(int(number), _SERIES)
        if series not in (_FIRST, _SECOND) or index >= SIZE:
            return None
        wanted = _partner(index, second=series == _SECOND)
        return wanted if wanted in self.partners(self.population.number(index)) else None

    def tax_number(self, partner: Partner) -> str:
        """The document number behind *partner*."""
        return self.population.number(partner.index)

    def accounts(self, partner: Partner) -> list[Entity]:
        """The contract accounts of *partner*, some of them paid by direct debit."""
        if partner.index == magic.NOTHING_ANYWHERE:
            return []
        return [self._account(partner, category) for category in self.categories(partner)]

    def categories(self, partner: Partner) -> tuple[str, ...]:
        """The categories of the accounts that *partner* has."""
        if partner.second:
            return (VEHICLES,)
        dice = self.population.dice("sap_trm", partner.index, "categories")
        chosen = [name for name in CATEGORIES if dice.random() < 0.6]  # noqa: PLR2004 - most own something
        always = partner.index in (magic.DEFAULT_CITIZEN, magic.TWO_PARTNERS, magic.NO_DEBTS)
        return tuple(CATEGORIES) if always else tuple(chosen)

    def is_debited(self, partner: Partner, category: str) -> bool:
        """Whether the bills of this account are collected by direct debit."""
        if partner.index == magic.DEFAULT_CITIZEN:
            return category == ESTATE
        return self._dice(partner.index, "debit", category) < 4  # noqa: PLR2004 - four of ten

    def _account(self, partner: Partner, category: str) -> Entity:
        debited = self.is_debited(partner, category)
        dice = self.population.dice("sap_trm", partner.index, "mandate", category)
        signed = dt.date(2015 + dice.randrange(10), 1 + dice.randrange(12), 1 + dice.randrange(28))
        status = "1" if partner.index == magic.DEFAULT_CITIZEN else dice.choice("1111134")
        account = account_number(partner, category)
        return {
            "ContractAccountID": account,
            "AccountID": partner.number,
            "ContractAccountCategory": category,
            "Description": CATEGORIES[category],
            "IncomingPaymentMethodID": "D" if debited else "",
            "IBAN": _iban(dice.randrange(10**10)) if debited else "",
            "MandateID": f"MAD{account}" if debited else "",
            "MandateStatus": status if debited else "",
            "MandateSignedOn": signed if debited else None,
        }

    def _has_to_do(self, index: int) -> bool:
        if index in (magic.UNKNOWN_TO_TAX, magic.MINOR):
            return False
        if index in magic.BY_INDEX:
            return True
        born = self.population.person(index).birth_date.year
        adult = born <= 2026 - ADULT_YEARS
        return adult and self._dice(index, "known") < 8  # noqa: PLR2004 - eight of ten adults

    def _dice(self, index: int, *what: str) -> int:
        """0 to 9, for the person and the question *what*."""
        sides = 60 if what == ("second",) else 10
        return self.population.dice("sap_trm", index, *what).randrange(sides)


def account_number(partner: Partner, category: str) -> str:
    """The twelve digits of a contract account."""
    return f"{int(partner.number)}{category}".zfill(12)


def _partner(index: int, *, second: bool) -> Partner:
    series = _SECOND if second else _FIRST
    return Partner(number=f"{series * _SERIES + index:010d}", index=index, second=second)


def _iban(number: int) -> str:
    """A Spanish IBAN (ISO 13616) of bank code 9999, which no bank has."""
    account = f"99990001{number % 100:02d}{number:010d}"
    check = 98 - int(f"{account}142800") % 97
    return f"ES{check:02d}{account}"
