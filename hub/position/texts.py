"""Put the text of every mapping on record before the first answer that it made.

A record of kind `mapping` has the mapping's digest as its id and the texts sealed as its
payload: content-addressed, under the tree, and in a retention class that nothing erases.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from hub.core.errors import LedgerError
from hub.core.moment import Clock
from hub.ledger.store import Entry, Ledger
from hub.mapping import Mapping, digest_of

RETENTION = "mapping"


class MappingText(Struct, frozen=True, kw_only=True):
    """A mapping file and its code lists, exactly as they were compiled."""

    name: str
    version: int
    text: str
    codes: str

    @property
    def digest(self) -> str:
        """The digest by which answers name it."""
        return digest_of(self.text, self.codes)


class MappingTexts:
    """The mappings on record; remembers which, so that an answer costs a look-up in a set."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger, self._clock = ledger, clock
        self._known: set[str] = set()
        self._lock = asyncio.Lock()

    async def ensure(self, mappings: Iterable[Mapping]) -> None:
        """Return when all of *mappings* are durably on record; LedgerError if they cannot be."""
        new = {m.digest: m for m in mappings if m.digest not in self._known}
        if not new:
            return
        async with self._lock:
            for digest, mapping in new.items():
                if await self._ledger.read(digest, "mapping") is None:
                    await self._ledger.append([self._entry(mapping)])
                self._known.add(digest)

    def _entry(self, mapping: Mapping) -> Entry:
        text = MappingText(
            name=mapping.name,
            version=mapping.version,
            text=mapping.text,
            codes=mapping.codes_text,
        )
        return Entry(
            kind="mapping",
            id=mapping.digest,
            at=self._clock(),
            header={"name": mapping.name, "version": mapping.version},
            retention=RETENTION,
            payload=msgspec.msgpack.encode(text),
        )


async def recorded_text(ledger: Ledger, digest: str) -> MappingText | None:
    """The mapping on record under *digest*; None if there is none, LedgerError if it is another."""
    record = await ledger.read(digest, "mapping")
    if record is None or record.payload is None:
        return None
    try:
        text = msgspec.msgpack.decode(record.payload, type=MappingText)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise LedgerError("a mapping's record does not hold a mapping") from None
    if text.digest != digest:
        raise LedgerError("a mapping's record holds another text than its id says")
    return text
