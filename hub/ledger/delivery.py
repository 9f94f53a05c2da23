"""Checkpoints delivered outside: without a copy there, an operator could rewrite everything.

Each attempt is on record, with what the place gave back (a time-stamp, an acknowledgement).
A place that fails does not keep the others from being tried, and is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from cryptography import x509
from msgspec import Struct
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from hub.core.errors import HubError, LedgerError, SettingsError
from hub.core.moment import new_id
from hub.ledger.checkpoint import Checkpoint
from hub.ledger.keys import write_once
from hub.ledger.sqlite import SqliteLedger
from hub.ledger.store import JSON, Entry, Record, Search

Post = Callable[[bytes, str], Awaitable[bytes]]
"""Sends bytes of a media type to one fixed address; the answer's body, HubError if refused."""


class Place(Protocol):
    """Somewhere outside of the operator's reach."""

    @property
    def name(self) -> str:
        """How records and `/status` name it."""
        ...

    async def deliver(self, head: Checkpoint) -> bytes:
        """Leave *head* there; what came back, b"" for nothing. HubError if it did not arrive."""
        ...


class Copy(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is known of one place: the last checkpoint that arrived, and the last failure."""

    place: str
    size: int | None = None
    at: dt.datetime | None = None
    error: str | None = None
    """Of the last attempt; None when it arrived."""


class Folder:
    """A folder, on a medium or share that somebody else keeps; a file per checkpoint."""

    name = "directory"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def deliver(self, head: Checkpoint) -> bytes:
        await asyncio.to_thread(self._write, head)
        return b""

    def _write(self, head: Checkpoint) -> None:
        name, content = f"checkpoint-{head.size:012}.txt", head.note.encode()
        try:
            write_once(self._folder, name, content)
            if (self._folder / name).read_bytes() != content:
                raise LedgerError("another checkpoint of this size lies in the folder")
        except OSError as error:
            raise LedgerError(f"the folder cannot be written: {error.strerror}") from None


class Mailbox:
    """Whoever takes a checkpoint by HTTP POST: an auditor, a witness."""

    name = "post"

    def __init__(self, post: Post) -> None:
        self._post = post

    async def deliver(self, head: Checkpoint) -> bytes:
        return await self._post(head.note.encode(), "text/plain; charset=utf-8")


class Authority:
    """A time-stamping authority (RFC 3161): its token proves that the checkpoint was there."""

    name = "timestamp"

    def __init__(self, post: Post, roots: Sequence[x509.Certificate]) -> None:
        if not roots:
            raise SettingsError(["ledger.delivery.timestamp_roots: no certificate in it"])
        self._post, self.roots = post, tuple(roots)

    async def deliver(self, head: Checkpoint) -> bytes:
        data = head.note.encode()
        request = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256).build()
        raw = await self._post(request.as_bytes(), "application/timestamp-query")
        try:
            builder = VerifierBuilder.from_request(request)
            for root in self.roots:
                builder = builder.add_root_certificate(root)
            builder.build().verify_message(decode_timestamp_response(raw), data)
        except (VerificationError, ValueError):
            raise LedgerError("the time-stamp is not one of this checkpoint") from None
        return raw


def imprint_of(token: bytes) -> bytes | None:
    """The digest that the time-stamp in *token* is about; None for what is no time-stamp."""
    try:
        return decode_timestamp_response(token).tst_info.message_imprint.message
    except ValueError:
        return None


class Delivery:
    """Delivers the head of a ledger to *places* every *every_s* seconds, if the log has grown.

    What delivering itself puts on record, its exchanges under the names of *ways* included, is
    no growth: else each delivery would call for the next.
    """

    def __init__(
        self,
        ledger: SqliteLedger,
        places: Sequence[Place],
        every_s: float,
        ways: Collection[str] = (),
    ) -> None:
        self._ledger, self._places, self._every_s, self._ways = ledger, places, every_s, ways
        self._copies = {place.name: Copy(place=place.name) for place in places}
        self._looked_at = self._grown_to = 0
        self._covered_at: dt.datetime | None = None
        self._task: asyncio.Task[None] | None = None

    def roots(self) -> Mapping[str, tuple[x509.Certificate, ...]]:
        """By place, the certificates under which its time-stamps are believed."""
        return {place.name: place.roots for place in self._places if isinstance(place, Authority)}

    def copies(self) -> tuple[Copy, ...]:
        """What is known of every place."""
        return tuple(self._copies.values())

    def is_outside(self) -> bool:
        """Whether in the last two rounds some place took the head, or had all there was."""
        oldest = self._ledger.clock() - dt.timedelta(seconds=2 * self._every_s)
        moments = (self._covered_at, *(copy.at for copy in self.copies()))
        return any(at is not None and at >= oldest for at in moments)

    async def start(self) -> None:
        """Learn from the log what arrived before, and begin to deliver."""
        for place in self._places:
            found = await self._ledger.search(Search(kind="delivery", source=place.name), limit=50)
            arrived = (record for record in found.items if "error" not in record.header)
            for record in arrived:
                size = record.header["size"]
                self._copies[place.name] = Copy(place=place.name, size=size, at=record.at)
                break
        if self._places:
            self._task = asyncio.create_task(self._serve())

    async def aclose(self) -> None:
        """Deliver a last time what has grown, and stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            await self._quietly()

    async def once(self) -> tuple[Copy, ...]:
        """Deliver now to every place that lacks something; what is known afterwards.

        LedgerError when the ledger cannot sign or record.
        """
        grown_to = await self._growth()
        due = [place for place in self._places if not self._has(place.name, grown_to)]
        if due:
            head = await self._ledger.checkpoint()
            await self._ledger.append([await self._attempt(place, head) for place in due])
        if any(self._has(name, grown_to) for name in self._copies):
            self._covered_at = self._ledger.clock()
        return self.copies()

    def _has(self, place: str, size: int) -> bool:
        return (self._copies[place].size or 0) >= size

    async def _growth(self) -> int:
        """The size that covers every record but those about deliveries; looks from the end back."""
        before, newest = None, await self._ledger.size()
        while page := await self._ledger.recent(before=before):
            news = next((one.index + 1 for one in page if not self._is_own(one)), 0)
            before = page[-1].index
            if news or before <= self._looked_at:
                self._grown_to = max(self._grown_to, news)
                break
        self._looked_at = newest
        return self._grown_to

    def _is_own(self, record: Record) -> bool:
        """Whether *record* is about a delivery."""
        return record.kind == "delivery" or record.header.get("source") in self._ways

    async def _attempt(self, place: Place, head: Checkpoint) -> Entry:
        now, known = self._ledger.clock(), self._copies[place.name]
        header: dict[str, JSON] = {"source": place.name, "size": head.size, "root": head.root.hex()}
        receipt: bytes | None = None
        try:
            receipt = await place.deliver(head)
            self._copies[place.name] = Copy(place=place.name, size=head.size, at=now)
        except HubError as error:
            header["error"] = type(error).__name__
            failed = Copy(place=place.name, size=known.size, at=known.at, error=str(error))
            self._copies[place.name] = failed
        return Entry(kind="delivery", id=new_id(), at=now, header=header, payload=receipt)

    async def _serve(self) -> None:
        while True:
            await self._quietly()
            await asyncio.sleep(self._every_s)

    async def _quietly(self) -> None:
        """A round whose failure `/readyz` tells anyway: the ledger cannot write."""
        with contextlib.suppress(LedgerError):
            await self.once()


def load_roots(file: Path) -> list[x509.Certificate]:
    """The certificates in a PEM file; SettingsError if there is none."""
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError):
        raise SettingsError([f"{file.name}: no certificates in PEM"]) from None
