"""Wire replay: the recorded bytes through the connector as it is now, decoded and mapped again.

The connector gets a client whose innermost transport gives the recorded answers, by
operation and ordinal, and a clock that stands at the moment of the request, so that
signatures and certificates are judged as of then. Nothing is sent, and nothing is recorded.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, Literal

import msgspec
from msgspec import Struct

from hub.audit.case import BlockCase, Case
from hub.audit.difference import compare, general
from hub.audit.recorded import Recorded, RecordedTransport, recorded_messages
from hub.audit.replay import make
from hub.core.binding import check_binding
from hub.core.connector import Connector, Query, Spec
from hub.core.errors import LedgerError, PayloadBlocked, PayloadDestroyed, SourceError
from hub.core.exchange import Outcome, Sent
from hub.core.policy import Access
from hub.ledger.store import Ledger
from hub.mapping import Mapping as BlockMapping
from hub.mapping import value_digest
from hub.position.access import subject_of
from hub.position.evidence import Reading
from hub.position.sources import read_spec
from hub.settings import Settings, SourceSettings
from hub.tables import convert_table
from hub.wire.client import SourceClient, open_client

WAIT_S = 30.0


class ReadingReplay(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the connector of now makes of one operation's recorded bytes."""

    source: str
    operation: str
    verdict: Literal["identical", "different", "refused"]
    why: str | None = None
    fields: Mapping[str, int] = {}
    """Places of the decoded payload that come out otherwise, and how many."""


class BlockVerdict(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Whether a block, mapped again as of now, has the value on record."""

    block: str
    identical: bool
    why: str | None = None


class WireReplay(Struct, frozen=True, kw_only=True, rename="camel"):
    """The wire replay of one answer."""

    answer: str
    readings: tuple[ReadingReplay, ...]
    blocks: tuple[BlockVerdict, ...]

    @property
    def ok(self) -> bool:
        """Whether everything comes out as it is on record."""
        same = all(reading.verdict == "identical" for reading in self.readings)
        return same and all(block.identical for block in self.blocks)


class _Nowhere:
    """A recorder for what does not happen again."""

    async def record(self, entry: Sent | Outcome) -> None:
        """Forget *entry*: it is on record already."""


async def replay_wire(
    ledger: Ledger, settings: Settings, case: Case, shelf: Mapping[str, BlockMapping]
) -> WireReplay:
    """Replay every reading of *case* with the connectors that *settings* name.

    A source that is not configured any more, or refuses, and an exchange that is blocked or
    destroyed, is a verdict and no error; LedgerError when the evidence cannot be read.
    """
    readings: list[ReadingReplay] = []
    made: dict[tuple[str, str], Reading] = {}
    for reading in case.evidence.readings:
        again = await _again(ledger, settings, case, reading)
        if isinstance(again, Reading):
            made[reading.source, reading.operation] = again
            readings.append(_compared(reading, again))
        else:
            readings.append(again)
    blocks = [_mapped(block, made, shelf) for block in case.blocks if block.digest is not None]
    return WireReplay(answer=case.record.id, readings=tuple(readings), blocks=tuple(blocks))


async def _again(
    ledger: Ledger, settings: Settings, case: Case, reading: Reading
) -> Reading | ReadingReplay:
    """The operation, fetched from the recorded bytes, or why that was refused."""
    table = settings.sources.get(reading.source)
    try:
        recorded = await recorded_messages(ledger, reading.exchanges)
        access, request = await _asked_under(ledger, case, reading)
    except (PayloadBlocked, PayloadDestroyed) as error:
        return _refused(reading, str(error))
    if table is None or not recorded:
        why = "its source is not configured" if table is None else "it has no answered exchange"
        return _refused(reading, why)
    module, spec = read_spec(reading.source, table)
    client = _client(reading.source, table, recorded)
    try:
        where = f"sources.{reading.source}.settings"
        options = convert_table(table.settings, module.Settings, settings.root, where)
        connector = _opened(module, client, options, recorded)
        return await _fetched(connector, spec, reading, _query(case, access, request, spec))
    except SourceError as error:
        return _refused(reading, f"{error.reason}: {error.detail}")
    finally:
        await client.aclose()


def _client(source: str, table: SourceSettings, recorded: Sequence[Recorded]) -> SourceClient:
    return open_client(
        source,
        table.url,
        _Nowhere(),
        egress=table.egress,
        keeps_cookies=table.cookies,
        transport=RecordedTransport(recorded),
        clock=_standing(recorded[0].at),
    )


async def _fetched(connector: Connector, spec: Spec, reading: Reading, query: Query) -> Reading:
    record = await connector.fetch(reading.operation, query)
    check_binding(spec.operation(reading.operation), query, record)
    return Reading(
        source=record.source,
        operation=record.operation,
        exchanges=reading.exchanges,
        payload=msgspec.msgpack.decode(msgspec.msgpack.encode(record.payload)),
        obtained_at=reading.obtained_at,
        holds=record.holds,
    )


def _opened(
    module: ModuleType, client: SourceClient, options: Any, recorded: Sequence[Recorded]
) -> Connector:
    """The connector; one whose requests hold chance takes it from those on record.

    Such a module offers `open_replay(client, settings, requests)`: the bodies as they left.
    """
    hook: Callable[..., Connector] | None = getattr(module, "open_replay", None)
    if hook is not None:
        return hook(client, options, tuple(message.request.body or b"" for message in recorded))
    connector: Connector = module.open_connector(client, options)
    return connector


def _query(case: Case, access: Access, request: str | None, spec: Spec) -> Query:
    return Query(
        subject=subject_of(access),
        access=access,
        as_of=case.record.at,
        wanted={block: frozenset({"*"}) for block in spec.blocks},
        deadline=asyncio.get_running_loop().time() + WAIT_S,
        request=request,
    )


def _compared(then: Reading, now: Reading) -> ReadingReplay:
    counts: dict[str, int] = {}
    for pointer, _, _ in compare(then.payload, now.payload):
        counts[general(pointer)] = counts.get(general(pointer), 0) + 1
    same = not counts and then.holds in (None, now.holds)
    return ReadingReplay(
        source=then.source,
        operation=then.operation,
        verdict="identical" if same else "different",
        fields=counts,
    )


def _refused(reading: Reading, why: str) -> ReadingReplay:
    return ReadingReplay(
        source=reading.source, operation=reading.operation, verdict="refused", why=why
    )


def _mapped(
    block: BlockCase, made: Mapping[tuple[str, str], Reading], shelf: Mapping[str, BlockMapping]
) -> BlockVerdict:
    mapping = shelf.get(block.name)
    again = [made.get((r.source, r.operation)) for r in block.readings]
    readings = tuple(reading for reading in again if reading is not None)
    if mapping is None or len(readings) < len(again):
        return BlockVerdict(block=block.name, identical=False, why="it cannot be made again")
    value = make(mapping, msgspec.structs.replace(block, readings=readings))
    if value.state == "unavailable":
        return BlockVerdict(block=block.name, identical=False, why=value.why)
    digest = None if value.value is None else value_digest(value.value)
    same = value.state == block.state and block.value_digest in (None, digest)
    return BlockVerdict(
        block=block.name, identical=same, why=None if same else "another value than on record"
    )


async def _asked_under(ledger: Ledger, case: Case, reading: Reading) -> tuple[Access, str | None]:
    """The access and the request that *reading* was asked under.

    An answer from memory has others of its own; one of a bulk request was asked under none.
    """
    sent = await ledger.find(reading.exchanges[0], "sent") if reading.exchanges else None
    under = sent.header if sent is not None and "access" in sent.header else case.record.header
    return await _access(ledger, str(under["access"])), under.get("request")


async def _access(ledger: Ledger, id_: str) -> Access:
    payload = await ledger.payload("access", id_)
    if payload is None:
        raise LedgerError("the access behind an exchange is not on record")
    try:
        return msgspec.msgpack.decode(payload, type=Access)
    except msgspec.MsgspecError:
        raise LedgerError("the access behind an exchange cannot be read") from None


def _standing(at: dt.datetime) -> Callable[[], dt.datetime]:
    return lambda: at
