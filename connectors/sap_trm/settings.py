"""What `hub.toml` says of SAP-TRM: credentials, and the service's own names.

Customers redefine SAP's services, so that each set and property has its name here. The
payload keeps one vocabulary whatever these say: the ABAP field names of FI-CA, and names
with `ZZ_`, SAP's prefix for customers' own fields, for what the standard tables lack.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct, field

from hub.core.secret import Secret

Names = Mapping[str, str]
"""Per payload name the name of the property on the wire; "" where the service has none."""

PARTNER: Final[Names] = MappingProxyType({"GPART": "AccountID", "TAXNUM": "TaxNumber"})
ITEM: Final[Names] = MappingProxyType(
    {
        "OPBEL": "DocumentNumber",
        "OPUPW": "RepetitionItem",
        "OPUPK": "ItemNumber",
        "OPUPZ": "SubItem",
        "GPART": "AccountID",
        "VKONT": "ContractAccountID",
        "HVORG": "MainTransaction",
        "TVORG": "SubTransaction",
        "OPTXT": "Description",
        "PSOBKEY": "ContractObjectID",
        "PSOBTXT": "ContractObjectText",
        "GJAHR": "FiscalYear",
        "PERSL": "PeriodKey",
        "BLDAT": "DocumentDate",
        "FAEDN": "DueDate",
        "WAERS": "Currency",
        "BETRW": "Amount",
        "AUGST": "ClearingStatus",
        "AUGRD": "ClearingReason",
        "AUGDT": "ClearingDate",
        "ABWTP": "SubstituteCategory",
        "XPYOR": "PaymentOrder",
        "ZZ_OPEN": "AmountRemaining",
        "ZZ_SURCHARGE": "SurchargeAmount",
        "ZZ_STAGE": "CollectionStage",
        "ZZ_PAYREF": "PaymentReference",
        "ZZ_CASE": "CaseNumber",
        "ZZ_OFFENCE_DATE": "OffenceDate",
        "ZZ_REDUCED": "ReducedAmount",
        "ZZ_REDUCED_UNTIL": "ReducedUntil",
    }
)
ACCOUNT: Final[Names] = MappingProxyType(
    {
        "VKONT": "ContractAccountID",
        "GPART": "AccountID",
        "VKTYP": "ContractAccountCategory",
        "VKBEZ": "Description",
        "EZAWE": "IncomingPaymentMethodID",
        "ZZ_IBAN": "IBAN",
        "ZZ_MANDATE": "MandateID",
        "ZZ_MANDATE_STATUS": "MandateStatus",
        "ZZ_MANDATE_SIGNED": "MandateSignedOn",
    }
)

_NEEDED: Final = frozenset(
    {"GPART", "TAXNUM", "OPBEL", "HVORG", "TVORG", "BLDAT", "WAERS", "BETRW", "AUGST", "ZZ_OPEN"}
    | {"OPUPW", "OPUPK", "OPUPZ", "VKONT", "VKTYP", "EZAWE"}
)
"""Payload names that must have a property: without them nothing true can be said."""


class Sets(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names of the entity sets, and of the navigation from a taxpayer to the partners."""

    taxpayers: str = "Taxpayers"
    partners: str = "Accounts"
    items: str = "DocumentItems"
    accounts: str = "ContractAccounts"


class Properties(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where this service's property names differ from the defaults above."""

    partner: dict[str, str] = field(default_factory=dict)
    item: dict[str, str] = field(default_factory=dict)
    account: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for own, known in ((self.partner, PARTNER), (self.item, ITEM), (self.account, ACCOUNT)):
            if strange := sorted(own.keys() - known.keys()):
                raise ValueError(f"unknown payload names: {', '.join(strange)}")
            if lacking := sorted(name for name in _NEEDED & own.keys() if not own[name]):
                raise ValueError(f"these cannot be left out: {', '.join(lacking)}")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sources.sap_trm.settings]`; the source itself needs `cookies = true` beside `url`."""

    user: str
    password: Secret
    sap_client: str = "100"
    sap_language: str = "ES"
    max_rows: int = 5000
    max_pages: int = 60
    sets: Sets = Sets()
    properties: Properties = Properties()

    def __post_init__(self) -> None:
        if not (self.sap_client.isascii() and self.sap_client.isdigit()):
            raise ValueError("sap_client is a client number, such as 100")
        if min(self.max_rows, self.max_pages) < 1:
            raise ValueError("max_rows and max_pages are at least 1")

    @property
    def partner(self) -> Names:
        """The names of a business partner's properties."""
        return {**PARTNER, **self.properties.partner}

    @property
    def item(self) -> Names:
        """The names of an item's properties."""
        return {**ITEM, **self.properties.item}

    @property
    def account(self) -> Names:
        """The names of a contract account's properties."""
        return {**ACCOUNT, **self.properties.account}
