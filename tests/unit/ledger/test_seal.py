"""Sealing: what is sealed opens as itself, for its own record, and for nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.document import Document, parse_document
from hub.core.errors import LedgerError
from hub.ledger import seal
from hub.ledger.keys import open_keys
from hub.ledger.seal import DataKey, Sealer, context_of, open_sealed, pseudonym_of

KEY = DataKey("0123", bytes(range(32)))
CONTEXT = context_of("sent", "ID", "0123")
PARTS = st.one_of(st.none(), st.binary(max_size=2000))


@given(PARTS, PARTS)
def test_what_is_sealed_opens_as_it_was(payload: bytes | None, decoded: bytes | None) -> None:
    """Payload and decoded payload come back byte for byte, nothing and empty kept apart."""
    sealed = Sealer().seal(KEY, CONTEXT, payload, decoded)
    envelope = open_sealed(KEY, CONTEXT, sealed.data)
    assert (envelope.payload, envelope.decoded) == (payload, decoded)
    assert sealed.digest == hashlib.sha256(sealed.data).hexdigest()


def test_the_digest_of_the_decoded_payload_can_be_checked_but_not_guessed() -> None:
    """It is salted: the same answer twice has two digests, and only the opened seal explains it."""
    one, two = (Sealer().seal(KEY, CONTEXT, None, b"not registered") for _ in range(2))
    assert one.decoded_digest != two.decoded_digest
    assert one.decoded_digest != hashlib.sha256(b"not registered").hexdigest()
    salt = open_sealed(KEY, CONTEXT, one.data).salt
    assert one.decoded_digest == hashlib.sha256(salt + b"not registered").hexdigest()


def test_nothing_of_the_payload_shows() -> None:
    """The sealed bytes do not hold the payload, and compress what repeats."""
    sealed = Sealer().seal(KEY, CONTEXT, b"MU\xd1OZ " * 500, None)
    assert b"MU\xd1OZ" not in sealed.data
    assert len(sealed.data) < 200


def test_every_changed_bit_is_seen() -> None:
    """No single bit of the sealed bytes can change and still open."""
    data = Sealer().seal(KEY, CONTEXT, b"payload", b"decoded").data
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1 << (position % 8)
        with pytest.raises(LedgerError):
            open_sealed(KEY, CONTEXT, bytes(changed))


@pytest.mark.parametrize(
    "context",
    [
        context_of("outcome", "ID", "0123"),
        context_of("sent", "OTHER", "0123"),
        context_of("sent", "ID", "4567"),
    ],
    ids=["another kind", "another id", "another key id"],
)
def test_a_payload_moved_to_another_record_does_not_open(context: bytes) -> None:
    """The seal is bound to the record: kind, id and key."""
    data = Sealer().seal(KEY, CONTEXT, b"payload", None).data
    with pytest.raises(LedgerError, match="another record"):
        open_sealed(KEY, context, data)


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused_in_the_errors_of_the_ledger(data: bytes) -> None:
    """Whatever stands in the place of a seal, opening fails as it promises."""
    for raw in (data, b"\x01" + data):
        with pytest.raises(LedgerError):
            open_sealed(KEY, CONTEXT, raw)


def test_another_key_does_not_open_it() -> None:
    """Nor does the right context with a wrong key."""
    data = Sealer().seal(KEY, CONTEXT, b"payload", None).data
    with pytest.raises(LedgerError):
        open_sealed(DataKey("0123", bytes(32)), CONTEXT, data)


def test_what_is_too_large_is_not_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a cap, and it is a refusal, not a truncation."""
    monkeypatch.setattr(seal, "MAX_BYTES", 10)
    Sealer().seal(KEY, CONTEXT, b"12345", b"67890")
    with pytest.raises(LedgerError, match="more than 10 bytes"):
        Sealer().seal(KEY, CONTEXT, b"123456", b"67890")


def test_a_pseudonym_depends_on_type_number_and_key(tmp_path: Path) -> None:
    """The same person has one pseudonym per key; without the key nobody can compute it."""
    keys, others = open_keys(tmp_path / "a"), open_keys(tmp_path / "b")
    person = parse_document("99000002K")
    one = pseudonym_of(keys, person)
    assert one == pseudonym_of(keys, parse_document("99000002-k"))
    assert len({one, pseudonym_of(others, person)}) == 2
    assert pseudonym_of(keys, Document("passport", person.number)) != one
    assert one != hashlib.sha256(person.number.encode()).hexdigest()


def test_a_data_key_does_not_print_itself() -> None:
    """Its repr has the id alone."""
    assert repr(KEY) == "DataKey('0123')"
