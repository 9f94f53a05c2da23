"""From an entry to the leaf: its header in the canonical JSON of RFC 8785.

A leaf stands in clear and for ever. So the hub's own fields cannot be overwritten, and a
header in which an identity document shows is refused before it is written.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import rfc8785

from hub.core.document import Document, documents_in
from hub.core.errors import LedgerError
from hub.ledger.store import JSON, OWN_KINDS, Entry, Pseudonym

FORMAT = 3
"""Version of the leaf; counts on its own. A leaf is never rewritten, so every version stays
readable: 1 has no `official`, `case_file`, `others` and no kinds of OWN_KINDS, and its
`key_digest` leaves out period and state; 2 has no `keys`.
"""

OWN_FIELDS = frozenset(
    {
        "at",
        "case_file",
        "decoded",
        "format",
        "id",
        "key",
        "key_digest",
        "keys",
        "kind",
        "log_key",
        "official",
        "others",
        "retention",
        "sealed",
        "subject",
        "tables",
    }
)
"""Names in a header that only the ledger writes."""

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_CLASS = re.compile(r"[a-z0-9_]{1,40}")
_CODE = re.compile(r"[0-9A-Za-z_./-]{1,100}")
_PSEUDONYM = re.compile(r"[0-9a-f]{64}")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SORTED = msgspec.json.Encoder(order="deterministic")
_EXACT = 2**53 - 1
_PLAIN = frozenset({bool, int, str, type(None)})
_MILLISECOND = dt.timedelta(milliseconds=1)


def checked(entry: Entry) -> Entry:
    """*entry*, if anybody may write it; LedgerError names the field, never a value."""
    if entry.kind in OWN_KINDS:
        raise LedgerError(f"entry: only the ledger's own commands write a {entry.kind!r}")
    for name in entry.header:
        if name in OWN_FIELDS:
            raise LedgerError(f"entry: the header field {name!r} is the ledger's own")
    return sound(entry)


def code(text: str) -> str:
    """*text*, if it is a code; LedgerError for what could be a name or a sentence, which would
    stand on a leaf in clear and for ever.
    """
    if not _CODE.fullmatch(text):
        raise LedgerError("entry: not a code: letters, digits and _ . / - without blanks")
    return text


def sound(entry: Entry) -> Entry:
    """*entry*, if it can be written; LedgerError names the field that cannot, never a value."""
    if not _ID.fullmatch(entry.id):
        raise LedgerError("entry: the id is not opaque: letters, digits, - and _, at most 64")
    if not _CLASS.fullmatch(entry.retention):
        raise LedgerError("entry: the retention class is not a code")
    if entry.at.tzinfo is None:
        raise LedgerError("entry: the moment has no time zone")
    if not all(map(_is_person, (entry.subject, entry.official, *entry.others))):
        raise LedgerError("entry: a subject or official is no pseudonym")
    _check_people(entry)
    if _shows_document(dict(entry.header)):
        shown = [name for name, value in entry.header.items() if _shows_document(value)]
        where = f"the header field {shown[0]!r}" if shown else "a header field's name"
        raise LedgerError(f"entry: {where} shows a document number")
    return entry


def _check_people(entry: Entry) -> None:
    if (entry.kind == "people") != bool(entry.exchanges and entry.others):
        raise LedgerError("entry: a people record, and no other, names people and exchanges")
    if entry.exchanges and (entry.payload is not None or entry.decoded is not None):
        raise LedgerError("entry: a people record seals nothing")


def leaf_of(
    entry: Entry, subject: Pseudonym | None, marks: Mapping[str, str | Sequence[str]]
) -> bytes:
    """The canonical leaf of *entry*; *marks* are the ids and digests of what was sealed, and
    the pseudonyms of officials, case files and others.

    Raises LedgerError for values that JSON cannot hold exactly.
    """
    header: dict[str, Any] = {
        **entry.header,
        **marks,
        "format": FORMAT,
        "kind": entry.kind,
        "id": entry.id,
        "at": milliseconds_of(entry.at),
        "retention": entry.retention,
    }
    if subject is not None:
        header["subject"] = subject
    try:
        return canonical(header)
    except (ValueError, RecursionError):
        raise LedgerError("entry: the header has no canonical JSON") from None


def canonical(header: dict[str, Any]) -> bytes:
    """*header* in RFC 8785 form; ValueError if it has none.

    Most headers are flat, without fractions, and ASCII. There msgspec's sorted form
    is the canonical one at a fraction of the cost; a property test holds the two together.
    """
    values = header.values()
    if _PLAIN.issuperset(map(type, values)) and _are_exact(values):
        raw = _SORTED.encode(header)
        if raw.isascii():
            return raw
    return rfc8785.dumps(header)


def _are_exact(values: Iterable[object]) -> bool:
    return all(-_EXACT <= value <= _EXACT for value in values if type(value) is int)


def milliseconds_of(moment: dt.datetime) -> int:
    """An aware moment as a leaf writes it: Unix time in milliseconds, UTC."""
    return (moment - _EPOCH) // _MILLISECOND


def moment_of(milliseconds: int) -> dt.datetime:
    """The moment that a leaf's `at` names."""
    return _EPOCH + milliseconds * _MILLISECOND


def _is_person(person: Document | Pseudonym | None) -> bool:
    return not isinstance(person, str) or _PSEUDONYM.fullmatch(person) is not None


def _texts(value: JSON) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            if isinstance(item, str):  # as nearly all are
                yield item
            elif not isinstance(item, int):
                yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _shows_document(value: JSON) -> bool:
    """Whether a text in *value* holds a NIF or NIE with its right letter, however written."""
    return next(documents_in("\n".join(_texts(value))), None) is not None
