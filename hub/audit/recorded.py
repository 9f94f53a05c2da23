"""The recorded messages of an operation, and a transport that gives them instead of a network."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Iterable, Sequence

import httpx
from msgspec import Struct

from hub.ledger.recorder import RecordedMessage, recorded_message
from hub.ledger.store import Ledger, Record
from hub.wire.tag import EXTENSION, Tag

_TOKEN = b'{"access_token":"replayed","token_type":"bearer","expires_in":3600}'
"""What a technical exchange is given: its body, a credential, is never on record."""


class Recorded(Struct, frozen=True, kw_only=True):
    """One answered message of an operation."""

    ordinal: int
    at: dt.datetime
    request: RecordedMessage
    status: int
    answer: RecordedMessage


class RecordedTransport(httpx.AsyncBaseTransport):
    """Gives recorded answers instead of a network; what is not on record cannot be reached."""

    def __init__(self, recorded: Sequence[Recorded]) -> None:
        self._answers = {message.ordinal: message for message in recorded}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        tag: Tag = request.extensions[EXTENSION]
        if tag.origin.subject is None:
            headers = [("content-type", "application/json")]
            return httpx.Response(200, headers=headers, stream=_Body(_TOKEN))
        found = self._answers.pop(tag.ordinal, None)
        if found is None:
            raise httpx.ConnectError("the connector asks for what is not on record")
        body = found.answer.body or b""
        return httpx.Response(found.status, headers=list(found.answer.headers), stream=_Body(body))


class _Body(httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


async def recorded_messages(ledger: Ledger, exchanges: Iterable[str]) -> list[Recorded]:
    """The answered messages of *exchanges*, in order; a repeated one counts as last answered.

    PayloadBlocked or PayloadDestroyed where one of them does not open any more.
    """
    found: dict[int, Recorded] = {}
    for id_ in exchanges:
        sent = await ledger.read(id_, "sent")
        outcome = await ledger.read(id_, "outcome")
        message = _message(sent, outcome)
        if message is not None:
            found[message.ordinal] = message
    return [found[ordinal] for ordinal in sorted(found)]


def _message(sent: Record | None, outcome: Record | None) -> Recorded | None:
    if sent is None or outcome is None or sent.payload is None or outcome.payload is None:
        return None
    return Recorded(
        ordinal=sent.header["ordinal"],
        at=sent.at,
        request=recorded_message(sent.payload),
        status=outcome.header["status"],
        answer=recorded_message(outcome.payload),
    )
