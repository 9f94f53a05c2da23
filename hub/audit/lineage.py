"""Lineage: each field of a recorded answer -> its exchange, source path, mapping row and proof."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

from msgspec import Struct, structs

from hub.audit.case import BlockCase, Case, NotOnRecord
from hub.audit.difference import masked
from hub.audit.library import Library
from hub.audit.locate import Originals, Place
from hub.audit.replay import judged, make
from hub.core.errors import MappingError, PayloadBlocked, PayloadDestroyed
from hub.ledger.merkle import leaf_hash
from hub.ledger.recorder import recorded_message
from hub.ledger.store import Inclusion, Kind, Ledger
from hub.mapping import Lineage as Trace

_STEP = re.compile(r"([^\[\]/]+)((?:\[[0-9]+\])*)")


class SourceField(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One place in a source's answer.

    `pointer` (RFC 6901) leads through the operation's decoded payload, whose digest is on the
    leaf. `raw` is the same datum in the bytes as they came, where it was found there at
    exactly one place; else the exchanges of the operation are all that is said.
    """

    operation: str
    path: str
    pointer: str
    exchanges: tuple[str, ...]
    raw: Place | None = None


class FieldLineage(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One canonical field that is not null."""

    pointer: str
    """In the block's JSON (RFC 6901)."""
    row: str
    """The row of the mapping file: `Bill.amount`."""
    via: str
    sources: tuple[SourceField, ...]
    shown: bool
    """Whether the answer showed it, or it was narrowed away."""
    value: Any = None
    """Masked unless it was revealed."""


class BlockLineage(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One block: which mapping made it, whether it can be made again, and its fields."""

    block: str
    state: str
    source: str | None = None
    mapping: str | None = None
    mapping_digest: str | None = None
    replays: bool | None = None
    """Whether the recorded mapping gives the digest on record; None without a mapping."""
    why: str | None = None
    from_cache: bool = False
    fields: tuple[FieldLineage, ...] = ()


class Proof(Struct, frozen=True, kw_only=True, rename="camel"):
    """That a record is in the log (RFC 9162 section 2.1.3): hashes in base64."""

    record: str
    """Kind and id."""
    index: int
    leaf_hash: str
    path: tuple[str, ...]
    size: int
    checkpoint: str


class Explanation(Struct, frozen=True, kw_only=True, rename="camel"):
    """Everything that explains one recorded answer."""

    answer: str
    access: str
    purpose: str
    at: str
    blocks: tuple[BlockLineage, ...]
    proofs: tuple[Proof, ...]
    """Of the answer, and of every exchange, mapping and access behind it."""


async def explain(
    ledger: Ledger, library: Library, case: Case, *, block: str | None = None, reveal: bool = False
) -> Explanation:
    """The lineage of an answer, or of one *block* of it; NotOnRecord if it has no such block."""
    chosen = [b for b in case.blocks if block is None or b.name == block]
    if not chosen:
        raise NotOnRecord("the answer has no such block")
    originals = Originals(await _bodies(ledger, chosen))
    lineages = [await _explained(library, b, originals, reveal=reveal) for b in chosen]
    return Explanation(
        answer=case.record.id,
        access=case.access,
        purpose=str(case.record.header["purpose"]),
        at=case.record.at.isoformat(),
        blocks=tuple(lineages),
        proofs=tuple([proof async for proof in _proofs(ledger, case, chosen)]),
    )


async def _explained(
    library: Library, block: BlockCase, originals: Originals, *, reveal: bool
) -> BlockLineage:
    stated = BlockLineage(
        block=block.name,
        state=block.state,
        source=block.source,
        mapping=block.mapping,
        mapping_digest=block.digest,
        from_cache=block.from_cache,
    )
    if block.digest is None:
        return stated
    try:
        mapping = await library.mapping(block.digest, block.name)
        if mapping is None:
            why = "the mapping's text is not on record"
            return structs.replace(stated, replays=False, why=why)
        why_not = judged(block, make(mapping, block))
        asked = mapping.narrowed(frozenset(block.payloads))
        traces = asked.trace(block.payloads) if block.shown is not None else ()
    except MappingError as error:
        return structs.replace(stated, replays=False, why=str(error))
    fields = tuple(_field(block, trace, originals, reveal=reveal) for trace in traces)
    return structs.replace(stated, replays=why_not is None, why=why_not, fields=fields)


def _field(block: BlockCase, trace: Trace, originals: Originals, *, reveal: bool) -> FieldLineage:
    found, value = value_at(block.shown, trace.pointer)
    return FieldLineage(
        pointer=trace.pointer,
        row=trace.row,
        via=trace.via,
        sources=tuple(_source(block, path, originals) for path in trace.sources),
        shown=found,
        value=value if reveal else masked(value),
    )


def _source(block: BlockCase, path: str, originals: Originals) -> SourceField:
    operation, _, rest = path.partition("/")
    name = operation.partition("[")[0]
    reading = next((r for r in block.readings if r.operation == name), None)
    exchanges = () if reading is None else reading.exchanges
    steps = tuple(_steps(rest))
    raw = None if reading is None else originals.find(reading.payload, steps, exchanges)
    return SourceField(
        operation=name, path=path, pointer=pointer_of(steps), exchanges=exchanges, raw=raw
    )


def _steps(path: str) -> Iterator[str | int]:
    """`items/results[7]/BETRW` as keys and indices."""
    for key, indices in _STEP.findall(path):
        yield key
        for index in re.findall(r"[0-9]+", indices):
            yield int(index)


def pointer_of(steps: tuple[str | int, ...]) -> str:
    """Keys and indices as a JSON Pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def value_at(node: Any, pointer: str) -> tuple[bool, Any]:
    """Whether there is something at *pointer* under plain JSON data, and what."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict) and key in node:
            node = node[key]
        elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
            node = node[int(key)]
        else:
            return False, None
    return True, node


async def _bodies(ledger: Ledger, blocks: list[BlockCase]) -> dict[str, bytes]:
    """The bytes of each answer that a source gave, by exchange; none of those that are closed.

    A cached answer of last month is blocked a month before what was shown of it.
    """
    found: dict[str, bytes] = {}
    for id_ in dict.fromkeys(i for b in blocks for r in b.readings for i in r.exchanges):
        try:
            payload = await ledger.payload("outcome", id_)
        except (PayloadBlocked, PayloadDestroyed):
            continue
        body = recorded_message(payload).body if payload is not None else None
        if body is not None:
            found[id_] = body
    return found


async def _proofs(ledger: Ledger, case: Case, blocks: list[BlockCase]) -> AsyncIterator[Proof]:
    """Proofs of the answer and of all that stands behind *blocks*."""
    named: list[tuple[Kind, str]] = [("answer", case.record.id), ("access", case.access)]
    named += [("mapping", b.digest) for b in blocks if b.digest is not None]
    for block in blocks:
        for reading in block.readings:
            for id_ in reading.exchanges:
                named += [("sent", id_), ("outcome", id_)]
    for kind, id_ in dict.fromkeys(named):
        record = await ledger.find(id_, kind)
        inclusion = None if record is None else await ledger.prove(record.index)
        if inclusion is not None:
            yield proof_of(f"{kind} {id_}", inclusion)


def proof_of(name: str, inclusion: Inclusion) -> Proof:
    """A proof as it is shown and exported."""
    return Proof(
        record=name,
        index=inclusion.index,
        leaf_hash=_b64(leaf_hash(inclusion.leaf)),
        path=tuple(map(_b64, inclusion.path)),
        size=inclusion.checkpoint.size,
        checkpoint=inclusion.checkpoint.note,
    )


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
