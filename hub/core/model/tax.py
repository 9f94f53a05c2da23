"""Bills, fines and direct debits of the municipal treasury.

Terms: Ley General Tributaria (voluntary and enforced period, surcharge), RGR art. 25-38
(direct debit), LTSV art. 94 (reduction of a traffic fine that is paid early).
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from hub.core.model.canonical import Canonical, Code, Money

DebtState = Literal[
    "pending", "enforced", "in_instalments", "paid", "cancelled", "refund_due", "refunded"
]
"""What became of a debt: `pending` and `enforced` ask for payment, `refund_due` is a credit."""

CollectionStage = Literal["voluntary", "enforced", "refund"]
"""The period in which it is, or was, collected; `refund` for what the treasury gives back."""

_TO_PAY: frozenset[DebtState] = frozenset({"pending", "enforced"})


class TaxBill(Canonical, frozen=True, kw_only=True):
    """One bill, assessment or refund of a tax or fee."""

    reference: str
    """The treasury's own number of the item: unique, and the same in every answer."""
    concept: Code
    """Which tax or fee."""
    description: str | None = None
    object_reference: str | None = None
    """What is taxed: a cadastral reference, a number plate."""
    object_description: str | None = None
    fiscal_year: int | None = None
    period: str | None = None
    """The period within the year, as the treasury codes it."""
    issued_on: dt.date
    due_on: dt.date | None = None
    """The last day to pay without surcharge."""
    amount: Money
    """Surcharge included; negative for a refund."""
    outstanding: Money
    """What is still to be paid, or, where negative, to be paid back."""
    surcharge: Money | None = None
    state: DebtState
    stage: CollectionStage | None = None
    settled_on: dt.date | None = None
    direct_debit: Literal["announced", "ordered"] | None = None
    """Whether the bank will be, or has been, told to pay it; the citizen need not act."""
    payment_reference: str | None = None
    """What to quote when paying; none where nothing is to be paid."""

    @property
    def needs_action(self) -> bool:
        """Whether it is to be paid and no bank has been told to."""
        return self.state in _TO_PAY and self.outstanding.amount > 0 and self.direct_debit is None

    @property
    def next_date(self) -> dt.date | None:
        """The last day to pay without surcharge."""
        return self.due_on


class TaxBills(Canonical, frozen=True, kw_only=True):
    """Every bill that the treasury shows the citizen, as the source orders them."""

    items: tuple[TaxBill, ...]


class Fine(Canonical, frozen=True, kw_only=True):
    """One sanction of the municipality."""

    reference: str
    """The treasury's own number of the item: unique, and the same in every answer."""
    kind: Code
    """Which ordinance or law was broken."""
    case_number: str | None = None
    description: str | None = None
    object_reference: str | None = None
    """The number plate, where a vehicle was concerned."""
    offence_on: dt.date | None = None
    issued_on: dt.date
    due_on: dt.date | None = None
    amount: Money
    """In full, surcharge included."""
    reduced_amount: Money | None = None
    """What is to be paid until `reduced_until`, that day included."""
    reduced_until: dt.date | None = None
    outstanding: Money
    surcharge: Money | None = None
    state: DebtState
    stage: CollectionStage | None = None
    settled_on: dt.date | None = None
    payment_reference: str | None = None
    """What to quote when paying; none where nothing is to be paid."""

    @property
    def needs_action(self) -> bool:
        """Whether it is to be paid."""
        return self.state in _TO_PAY and self.outstanding.amount > 0

    @property
    def next_date(self) -> dt.date | None:
        """The last day to pay less, or else without surcharge."""
        return self.reduced_until or self.due_on


class Fines(Canonical, frozen=True, kw_only=True):
    """Every sanction that the treasury shows the citizen, as the source orders them."""

    items: tuple[Fine, ...]


class DirectDebit(Canonical, frozen=True, kw_only=True):
    """A standing order to collect the bills of one account from a bank account."""

    account: str
    """The treasury's number of the account whose bills are collected."""
    concept: Code
    """Which taxes or fees the account covers."""
    description: str | None = None
    mandate_reference: str | None = None
    """SEPA mandate; older orders have none."""
    state: Literal["pending", "active", "suspended", "cancelled", "ended"] | None = None
    """Of the mandate; none where the order has no mandate."""
    since: dt.date | None = None
    """When the mandate was signed."""
    iban_masked: str | None = None
    """All hidden but the last four characters; the whole number is never held here."""


class DirectDebits(Canonical, frozen=True, kw_only=True):
    """Every direct debit in force or past that the treasury shows."""

    items: tuple[DirectDebit, ...]
