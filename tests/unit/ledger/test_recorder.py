"""Exchanges on record: metadata on the leaf, messages under seal."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.errors import LedgerError
from hub.core.exchange import Message
from hub.ledger.recorder import LedgerRecorder, RecordedMessage, entry_of, recorded_message
from tests.support.ledgers import a_ledger, a_sent, its_outcome


async def test_both_halves_are_on_record_as_they_were(tmp_path: Path) -> None:
    """The leaf says who asked what and how it ended; the seal holds the exact messages."""
    sent = a_sent(ordinal=3, attempt=2, url="http://padron.test/ws?nif=99000002K")
    outcome = its_outcome(sent, status=503, error="maintenance")
    async with a_ledger(tmp_path) as ledger:
        recorder = LedgerRecorder(ledger)
        await recorder.record(sent)
        await recorder.record(outcome)
        asked, answered = await ledger.read(sent.id, "sent"), await ledger.read(sent.id, "outcome")
    assert asked is not None
    assert answered is not None
    assert asked.payload is not None
    assert answered.payload is not None
    assert {
        name: asked.header[name]
        for name in ("source", "operation", "ordinal", "attempt", "access", "request")
    } == {
        "source": "padron",
        "operation": "inhabitant",
        "ordinal": 3,
        "attempt": 2,
        "access": sent.origin.access,
        "request": sent.origin.request,
    }
    assert (answered.header["status"], answered.header["error"]) == (503, "maintenance")
    assert answered.header["elapsed_us"] == 12345
    assert recorded_message(asked.payload) == RecordedMessage(
        method="POST", url=sent.url, headers=sent.message.headers, body=sent.message.body
    )
    assert recorded_message(answered.payload).body == b"<answer/>"


def test_without_a_subject_no_body_is_kept() -> None:
    """Token answers and pings keep their header lines; a body could hold a credential."""
    sent = a_sent(subject=None, message=Message(headers=(("a", "b"),), body=b"secret=1"))
    payload = entry_of(sent).payload
    assert payload is not None
    assert b"secret" not in payload
    assert recorded_message(payload).headers == (("a", "b"),)
    assert recorded_message(payload).body is None


def test_an_empty_body_is_not_a_missing_one() -> None:
    """A source that answered nothing said nothing; that is kept apart from what is not kept."""
    payload = entry_of(a_sent(message=Message(headers=(), body=b""))).payload
    assert payload is not None
    assert recorded_message(payload).body == b""


def test_an_outcome_without_message_has_no_payload() -> None:
    """Where no answer came, the reason is on the leaf and nothing is sealed."""
    entry = entry_of(its_outcome(a_sent(), status=None, message=None, error="timeout"))
    assert entry.payload is None
    assert entry.header["error"] == "timeout"
    assert "status" not in entry.header


@given(st.binary(max_size=300), st.text(), st.lists(st.tuples(st.text(), st.text())))
def test_any_message_survives_the_round_trip(
    body: bytes, url: str, headers: list[tuple[str, str]]
) -> None:
    """Bytes and header lines come back as they were on the wire."""
    sent = a_sent(url=url, message=Message(headers=tuple(headers), body=body))
    message = recorded_message(entry_of(sent).payload or b"")
    assert (message.body, message.url, message.headers) == (body, url, tuple(headers))


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xc1", b"\x93\x01", msgspec.msgpack.encode({"headers": 1}), b"\x81\xa3url\xa1\xff"],
    ids=["empty", "invalid", "cut", "another type", "bad text"],
)
def test_what_is_no_message_is_refused(payload: bytes) -> None:
    """Foreign payloads fail in the ledger's own error."""
    with pytest.raises(LedgerError):
        recorded_message(payload)


async def test_what_cannot_be_recorded_raises(tmp_path: Path) -> None:
    """The wire learns that nothing is on record, and sends nothing."""
    async with a_ledger(tmp_path) as ledger:
        recorder = LedgerRecorder(ledger)
    with pytest.raises(LedgerError):
        await recorder.record(a_sent())
