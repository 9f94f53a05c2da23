"""From a row as the service sent it to a row of the payload: named, typed, comparable.

Only configured properties are taken over, so that a card's number, should a service send
one, stays in the sealed message and reaches neither payload nor mapping.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from connectors.sap_trm.settings import Names
from hub.core.errors import SourceMalformed
from hub.wire.odata import Row, misfit

PlainRow = dict[str, str | None]

_ALPHA: Final = {"GPART": 10, "VKONT": 12, "OPBEL": 12}
"""Key fields with SAP's ALPHA conversion, and their lengths."""
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "items": ("OPBEL", "OPUPW", "OPUPK", "OPUPZ"),
    "accounts": ("VKONT", "GPART"),
}
"""Per operation the payload names that identify a row."""


def plain(source: str, row: Row, names: Names) -> PlainRow:
    """*row* in payload names: text or null, padded keys, null for what the service has not.

    Raises SourceMalformed (`schema`) for a property that is missing or is not text: a
    number would have lost its exact form before anybody could look at it.
    """
    return {name: _value(source, row, name, wire) for name, wire in names.items()}


def selected(names: Names) -> str:
    """The properties of *names* as a `$select`."""
    return ",".join(dict.fromkeys(wire for wire in names.values() if wire))


def padded(name: str, value: str) -> str:
    """*value* as the data base has it: number-like keys with leading zeros (ALPHA)."""
    key = value.strip()
    length = _ALPHA.get(name)
    return key.zfill(length) if length and key.isascii() and key.isdigit() else value


def without_repetition(
    source: str, rows: Iterable[PlainRow], key: tuple[str, ...]
) -> list[PlainRow]:
    """*rows* in order, identical repetitions dropped.

    Raises SourceMalformed for two different rows with one *key*: one of them is untrue.
    """
    kept: dict[tuple[str | None, ...], PlainRow] = {}
    for row in rows:
        identity = tuple(row[name] for name in key)
        if kept.setdefault(identity, row) != row:
            raise SourceMalformed(source, "schema", f"two rows differ under one {'+'.join(key)}")
    return list(kept.values())


def _value(source: str, row: Row, name: str, wire: str) -> str | None:
    if not wire:
        return None
    if wire not in row:
        raise misfit(source, f"$.d.results[...].{wire}")
    value = row[wire]
    if value is None:
        return None
    if not isinstance(value, str):
        raise misfit(source, f"$.d.results[...].{wire}")
    return padded(name, value)
