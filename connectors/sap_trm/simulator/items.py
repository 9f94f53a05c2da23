"""The items of a partner: bills, fines and refunds of four years, as of a day."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal

from msgspec import Struct

from connectors.sap_trm.simulator.taxpayers import (
    ESTATE,
    VEHICLES,
    WASTE,
    Entity,
    Partner,
    Taxpayers,
    account_number,
)
from hub.sandbox import magic

YEARS = 4
_SURCHARGE = Decimal("0.20")
"""LGT art. 28.4: the ordinary surcharge of the enforced period."""


class Tax(Struct, frozen=True, kw_only=True):
    """What is levied each year on the objects of one account; the codes are invented."""

    category: str
    main: str
    sub: str
    text: str
    issued: tuple[int, int]
    due: tuple[int, int]


TAXES = (
    Tax(category=ESTATE, main="0100", sub="0010", text="IBI", issued=(9, 1), due=(11, 30)),
    Tax(category=VEHICLES, main="0200", sub="0010", text="IVTM", issued=(3, 15), due=(6, 1)),
    Tax(
        category=WASTE, main="0300", sub="0010", text="Tasa residuos", issued=(8, 20), due=(10, 31)
    ),
)
OFFENCES = (
    ("0010", "Multa de tráfico", Decimal("200.00")),
    ("0020", "Estacionamiento regulado", Decimal("90.00")),
    ("0030", "Ordenanza de limpieza", Decimal("150.00")),
)
_OPEN: Entity = {
    "ClearingStatus": "",
    "ClearingReason": "",
    "ClearingDate": None,
    "SubstituteCategory": "",
}
_NOT_A_FINE: Entity = {
    "CaseNumber": "",
    "OffenceDate": None,
    "ReducedAmount": None,
    "ReducedUntil": None,
}


def items_of(taxpayers: Taxpayers, partner: Partner, today: dt.date) -> list[Entity]:
    """Every open and cleared item of *partner*, oldest bills first, then fines and refunds."""
    if partner.index == magic.NOTHING_ANYWHERE:
        return []
    rows = [
        _bill(taxpayers, partner, levied, year, today)
        for levied in _objects(taxpayers, partner)
        for year in range(today.year - YEARS + 1, today.year + 1)
        if dt.date(year, *levied[0].issued) <= today or partner.index == magic.MANY_BILLS
    ]
    if partner.index not in (magic.NO_DEBTS, magic.MANY_BILLS):
        rows += _fines(taxpayers, partner, today)
        rows += _refunds(taxpayers, partner, today)
    return [_numbered(partner, position, row) for position, row in enumerate(rows)]


def _objects(taxpayers: Taxpayers, partner: Partner) -> list[tuple[Tax, int]]:
    """The taxed things of *partner*: one of each category, or a fleet."""
    if partner.index == magic.MANY_BILLS:
        fleet = magic.MANY_BILLS_COUNT // YEARS
        return [(TAXES[1], number) for number in range(fleet)]
    held = taxpayers.categories(partner)
    return [(tax, 0) for tax in TAXES if tax.category in held]


def _bill(
    taxpayers: Taxpayers, partner: Partner, levied: tuple[Tax, int], year: int, today: dt.date
) -> Entity:
    tax, item = levied
    dice = taxpayers.population.dice("sap_trm", partner.number, tax.main, year, item)
    amount = Decimal(dice.randrange(3000, 60000)) / 100
    due = dt.date(year, *tax.due)
    debited = taxpayers.is_debited(partner, tax.category)
    open_ = due >= today and partner.index != magic.NO_DEBTS
    row: Entity = {
        "AccountID": partner.number,
        "ContractAccountID": account_number(partner, tax.category),
        "MainTransaction": tax.main,
        "SubTransaction": tax.sub,
        "Description": f"{tax.text} {year}",
        "ContractObjectID": _object_id(taxpayers, partner, tax, item),
        "ContractObjectText": "Vehículo" if tax.category == VEHICLES else "Inmueble urbano",
        "FiscalYear": str(year),
        "PeriodKey": "AN",
        "DocumentDate": dt.date(year, *tax.issued),
        "DueDate": due,
        "Currency": "EUR",
        "PaymentOrder": "Y" if debited and open_ else "",
        "CollectionStage": "V",
        **_NOT_A_FINE,
    }
    if open_:
        return {**row, **_OPEN, **_owed(amount)}
    return {**row, **_past(dice, partner, amount, due)}


def _past(dice: random.Random, partner: Partner, amount: Decimal, due: dt.date) -> Entity:
    """What became of a bill whose time to pay is over."""
    fate = 0 if partner.index == magic.NO_DEBTS else dice.randrange(20)
    cleared = due - dt.timedelta(days=dice.randrange(20))
    if fate < 15:  # noqa: PLR2004 - most people pay
        return _cleared("01", cleared, amount)
    if fate < 16:  # noqa: PLR2004 - one of twenty is taken back
        return _cleared("05", cleared, amount)
    if fate < 17:  # noqa: PLR2004 - one of twenty is paid in instalments
        return {**_OPEN, **_owed(amount), "SubstituteCategory": "R"}
    surcharge = (amount * _SURCHARGE).quantize(Decimal("0.01"))
    enforced = {**_OPEN, **_owed(amount + surcharge)}
    return {**enforced, "SurchargeAmount": surcharge, "CollectionStage": "E"}


def _fines(taxpayers: Taxpayers, partner: Partner, today: dt.date) -> list[Entity]:
    dice = taxpayers.population.dice("sap_trm", partner.number, "fines")
    count = 1 if partner.index == magic.DEFAULT_CITIZEN else dice.choice((0, 0, 0, 1, 2))
    return [_fine(taxpayers, partner, number, today) for number in range(count)]


def _fine(taxpayers: Taxpayers, partner: Partner, number: int, today: dt.date) -> Entity:
    dice = taxpayers.population.dice("sap_trm", partner.number, "fine", number)
    sub, text, amount = dice.choice(OFFENCES)
    issued = today - dt.timedelta(days=8 + 400 * number)
    reduced_until = issued + dt.timedelta(days=20)
    row: Entity = {
        "AccountID": partner.number,
        "ContractAccountID": account_number(partner, "09"),
        "MainTransaction": "0900",
        "SubTransaction": sub,
        "Description": text,
        "ContractObjectID": _object_id(taxpayers, partner, TAXES[1], 0),
        "ContractObjectText": "Vehículo",
        "FiscalYear": "",
        "PeriodKey": "",
        "DocumentDate": issued,
        "DueDate": issued + dt.timedelta(days=45),
        "Currency": "EUR",
        "PaymentOrder": "",
        "CollectionStage": "V",
        "CaseNumber": f"{issued.year}/{int(partner.number):07d}{number:02d}",
        "OffenceDate": issued - dt.timedelta(days=21),
        "ReducedAmount": amount / 2,
        "ReducedUntil": reduced_until,
    }
    if number == 0:
        return {**row, **_OPEN, **_owed(amount)}
    return {**row, **_cleared("01", reduced_until, amount)}


def _refunds(taxpayers: Taxpayers, partner: Partner, today: dt.date) -> list[Entity]:
    """A credit, negative as FI-CA writes it, for some owners of real estate."""
    dice = taxpayers.population.dice("sap_trm", partner.number, "refund")
    if ESTATE not in taxpayers.categories(partner) or dice.randrange(8) != 0:
        return []
    amount = -Decimal(dice.randrange(1000, 9000)) / 100
    issued = today - dt.timedelta(days=dice.randrange(10, 300))
    row: Entity = {
        "AccountID": partner.number,
        "ContractAccountID": account_number(partner, ESTATE),
        "MainTransaction": "0100",
        "SubTransaction": "0090",
        "Description": "Devolución IBI",
        "ContractObjectID": _object_id(taxpayers, partner, TAXES[0], 0),
        "ContractObjectText": "Inmueble urbano",
        "FiscalYear": str(issued.year),
        "PeriodKey": "",
        "DocumentDate": issued,
        "DueDate": None,
        "Currency": "EUR",
        "PaymentOrder": "",
        "CollectionStage": "D",
        **_NOT_A_FINE,
    }
    return [{**row, **_OPEN, **_owed(amount)}]


def _owed(amount: Decimal) -> Entity:
    return {"Amount": amount, "AmountRemaining": amount, "SurchargeAmount": Decimal("0.00")}


def _cleared(reason: str, on: dt.date, amount: Decimal) -> Entity:
    return {
        "Amount": amount,
        "AmountRemaining": Decimal("0.00"),
        "SurchargeAmount": Decimal("0.00"),
        "ClearingStatus": "9",
        "ClearingReason": reason,
        "ClearingDate": on,
        "SubstituteCategory": "",
    }


def _object_id(taxpayers: Taxpayers, partner: Partner, tax: Tax, item: int) -> str:
    """A cadastral reference or a number plate, of the right form and nobody's."""
    dice = taxpayers.population.dice("sap_trm", partner.number, "object", tax.category, item)
    if tax.category == VEHICLES:
        return f"{dice.randrange(10000):04d}ZZZ"
    return f"{dice.randrange(10**7):07d}VK{dice.randrange(10**4):04d}A{dice.randrange(10**4):04d}ZZ"


def _numbered(partner: Partner, position: int, row: Entity) -> Entity:
    document = f"{int(partner.number)}{position:04d}".zfill(12)
    payable = row["ClearingStatus"] == "" and row["CollectionStage"] != "D"
    return {
        **row,
        "DocumentNumber": document,
        "RepetitionItem": "000",
        "ItemNumber": "0001",
        "SubItem": "000",
        "PaymentReference": f"6002807960{document}" if payable else "",
    }
