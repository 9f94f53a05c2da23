"""A recorded answer, opened: what was shown, what the sources said, and by which mapping."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from hub.core.errors import HubError, LedgerError
from hub.ledger.store import Ledger, Record
from hub.position.evidence import Evidence, Reading, read_evidence


class NotOnRecord(HubError):
    """There is no such record; the message names its kind, never what was looked for."""


class BlockCase(Struct, frozen=True, kw_only=True):
    """One block of a recorded answer."""

    name: str
    state: str
    source: str | None
    mapping: str | None
    """Name and version, as the answer said."""
    digest: str | None
    """Of the mapping that made it."""
    value_digest: str | None
    """Of the whole canonical value; None where there is no value, and in format 1."""
    readings: tuple[Reading, ...]
    """Of its operations; the first decides whether the block is empty."""
    shown: Any
    """The data in the answer, narrowed to what was granted; None without data."""
    from_cache: bool = False

    @property
    def payloads(self) -> Mapping[str, Any]:
        """`{operation: decoded payload}`, as a mapping takes it."""
        return {reading.operation: reading.payload for reading in self.readings}


class Case(Struct, frozen=True, kw_only=True):
    """One recorded answer."""

    record: Record
    blocks: tuple[BlockCase, ...]
    evidence: Evidence
    answer: Mapping[str, Any]

    @property
    def access(self) -> str:
        """The id of the access that it was given under."""
        return str(self.record.header["access"])

    def __repr__(self) -> str:
        return f"Case({self.record.id!r})"


async def open_case(ledger: Ledger, answer_id: str) -> Case:
    """The answer with that id; NotOnRecord, or LedgerError when it is not what was written."""
    record = await ledger.read(answer_id, "answer")
    if record is None:
        raise NotOnRecord("no such answer is on record")
    return case_of(record)


def case_of(record: Record) -> Case:
    """The case of an opened `answer` record; LedgerError when its parts contradict each other."""
    if record.payload is None or record.decoded is None:
        raise LedgerError(f"record {record.index}: an answer without its payload")
    if hashlib.sha256(record.payload).hexdigest() != record.header.get("answer"):
        raise LedgerError(f"record {record.index}: the answer is not the one its header names")
    try:
        answer = msgspec.json.decode(record.payload, type=dict[str, Any])
        evidence = read_evidence(record.decoded)
        blocks = tuple(
            _block(name, stated, answer["blocks"][name], evidence)
            for name, stated in record.header["blocks"].items()
        )
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError):
        raise LedgerError(f"record {record.index}: its answer cannot be read") from None
    return Case(record=record, blocks=blocks, evidence=evidence, answer=answer)


def _block(
    name: str, stated: Mapping[str, Any], shown: Mapping[str, Any], evidence: Evidence
) -> BlockCase:
    provenance = stated.get("provenance") or {}
    source = provenance.get("source", stated.get("source"))
    exchanges: list[str] = provenance.get("exchanges", [])
    readings = [
        reading
        for reading in evidence.readings
        if reading.source == source and (not provenance or set(reading.exchanges) & set(exchanges))
    ]
    if exchanges:  # the order in which the connector declares its operations
        readings.sort(key=lambda reading: exchanges.index(reading.exchanges[0]))
    return BlockCase(
        name=name,
        state=stated["state"],
        source=source,
        mapping=provenance.get("mapping"),
        digest=provenance.get("mappingDigest"),
        value_digest=evidence.values.get(name),
        readings=tuple(readings),
        shown=shown.get("data"),
        from_cache=bool(provenance.get("fromCache")),
    )
