"""Key sets by URL: few fetches, keys that outlive an outage, and nothing that weakens them."""

from __future__ import annotations

import asyncio
import json

import pytest

from hub.api.keysets import (
    EVERY_S,
    FRESH_S,
    LIVES_S,
    MAX_KEYS,
    KeysUnavailable,
    UnusableKeys,
    UrlKeys,
    read_keys,
)
from hub.core.errors import LedgerError, SourceUnavailable
from hub.wire.jwks import KEYS, open_key_endpoint
from tests.support.builders import MemoryRecorder
from tests.support.hubs import RSA_KEY, AnIssuer
from tests.support.raw import raw_server, says

OLD, NEW = AnIssuer(kid="old"), AnIssuer(kid="new")
DOWN = SourceUnavailable("issuer:i", "connect_failed", "nobody there")


class Publisher:
    """An issuer's URL in simulated time: what it says, and how often it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0
        self.seconds = 1000.0
        self.gate = asyncio.Event()
        self.gate.set()
        self.keys = UrlKeys(self.fetch, ("ES256",), now=lambda: self.seconds)

    async def fetch(self):
        """The next answer; the last one for ever."""
        self.asked += 1
        await self.gate.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def holds(self, kid):
        """Whether the key is found."""
        return await self.keys.find(kid, "ES256") is not None


def a_set(*issuers):
    """A document with the keys of *issuers*."""
    return json.dumps({"keys": [issuer.row() for issuer in issuers]}).encode()


async def settled():
    """Let background tasks go as far as they can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_keys_are_fetched_once_and_kept():
    """Many tokens of the same key cost one fetch, also when they come at once."""
    publisher = Publisher(a_set(OLD))
    assert all(await asyncio.gather(*(publisher.holds("old") for _ in range(50))))
    assert await publisher.holds("old")
    assert publisher.asked == 1


async def test_a_new_key_is_noticed_by_the_first_token_that_names_it():
    """Rotation needs no restart."""
    publisher = Publisher(a_set(OLD), a_set(OLD, NEW))
    assert await publisher.holds("old")
    publisher.seconds += EVERY_S
    assert await publisher.holds("new")
    assert publisher.asked == 2


async def test_invented_key_ids_cost_one_fetch_in_half_a_minute():
    """A flood of unknown key ids reaches neither the issuer nor the ledger."""
    publisher = Publisher(a_set(OLD))
    assert await publisher.holds("old")
    for second in range(int(EVERY_S)):
        for number in range(20):
            assert not await publisher.holds(f"invented-{second}-{number}")
        publisher.seconds += 0.9
    assert publisher.asked == 1
    publisher.seconds += EVERY_S
    assert not await publisher.holds("invented")
    assert publisher.asked == 2


async def test_keys_live_on_while_the_issuer_is_down():
    """An outage of the issuer ends nobody's work."""
    publisher = Publisher(a_set(OLD), DOWN)
    assert await publisher.holds("old")
    for _ in range(20):
        publisher.seconds += LIVES_S / 21
        assert await publisher.holds("old")
        await settled()
    assert publisher.asked > 10


async def test_keys_that_nobody_confirms_for_a_day_are_not_believed():
    """Whoever cuts the hub off from an issuer does not keep a withdrawn key alive for ever."""
    publisher = Publisher(a_set(OLD), DOWN)
    assert await publisher.holds("old")
    publisher.seconds += LIVES_S + 1
    with pytest.raises(KeysUnavailable):
        await publisher.holds("old")


async def test_a_withdrawn_key_goes_with_the_next_refresh():
    """A set that is no longer fresh is fetched beside the request, which does not wait."""
    publisher = Publisher(a_set(OLD, NEW), a_set(NEW))
    assert await publisher.holds("old")
    publisher.seconds += FRESH_S + 1
    assert await publisher.holds("old")
    await settled()
    assert not await publisher.holds("old")
    assert await publisher.holds("new")


@pytest.mark.parametrize("trouble", [DOWN, LedgerError("no"), b"<html>", b'{"keys":[]}'], ids=str)
async def test_without_any_keys_the_hub_says_that_it_cannot_know(trouble):
    """It is not the token's fault; and the issuer is asked again after half a minute only."""
    publisher = Publisher(trouble, a_set(OLD))
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await publisher.holds("old")
    assert publisher.asked == 1
    publisher.seconds += EVERY_S
    assert await publisher.holds("old")


@pytest.mark.parametrize("trouble", [b"", b'{"keys":[]}', b"\xff", b"[" * 100_000], ids=repr)
async def test_a_set_that_is_not_usable_replaces_nothing(trouble):
    """What is in hand stays."""
    publisher = Publisher(a_set(OLD), trouble)
    assert await publisher.holds("old")
    publisher.seconds += EVERY_S
    assert not await publisher.holds("new")
    assert await publisher.holds("old")


async def test_whoever_gives_up_waiting_does_not_end_the_fetch():
    """A client that hangs up does not leave the others without keys."""
    publisher = Publisher(a_set(OLD))
    publisher.gate.clear()
    first = asyncio.ensure_future(publisher.holds("old"))
    second = asyncio.ensure_future(publisher.holds("old"))
    await settled()
    first.cancel()
    await settled()
    publisher.gate.set()
    assert await second
    assert publisher.asked == 1


async def test_closing_ends_a_fetch_that_is_under_way():
    """Shutdown waits for nobody."""
    publisher = Publisher(a_set(OLD))
    publisher.gate.clear()
    waiting = asyncio.ensure_future(publisher.holds("old"))
    await settled()
    await publisher.keys.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting


RSA = AnIssuer(algorithm="RS256", kid="rsa")
SMALL = {**RSA.row(), "n": "x" * 171}
PRIVATE_EXPONENT = str(RSA_KEY.private_numbers().d)
NOT_KEYS = {
    "symmetric": {"kty": "oct", "kid": "x", "alg": "HS256"},
    "unknown kind": {"kty": "AKP", "kid": "x", "alg": "ML-DSA-44"},
    "for encryption": OLD.row(use="enc"),
    "not for verifying": OLD.row(key_ops=["sign"]),
    "operations of no list": OLD.row(key_ops="verify"),
    "without an id": OLD.row(kid=None),
    "an id that is a number": OLD.row(kid=7),
    "another algorithm": OLD.row(alg="ES384"),
    "another curve": OLD.row(crv="P-384"),
    "a point off the curve": OLD.row(x="AAAA"),
    "short RSA": SMALL,
}


@pytest.mark.parametrize("row", NOT_KEYS.values(), ids=NOT_KEYS)
def test_a_row_that_may_not_verify_is_passed_over(row):
    """And alone it makes no key set."""
    document = json.dumps({"keys": [row, NEW.row()]}).encode()
    assert set(read_keys(document, ("ES256", "RS256"))) == {("new", "ES256")}
    with pytest.raises(UnusableKeys):
        read_keys(json.dumps({"keys": [row]}).encode(), ("ES256", "RS256"))


@pytest.mark.parametrize("member", ["d", "k"])
def test_a_set_that_gives_away_a_secret_is_refused_whole(member):
    """A published private key signs for everybody."""
    document = json.dumps({"keys": [OLD.row(**{member: "AAAA"}), NEW.row()]}).encode()
    with pytest.raises(UnusableKeys, match="secret"):
        read_keys(document, ("ES256",))


def test_a_key_without_an_algorithm_serves_those_that_the_issuer_may_use():
    """RFC 7517 leaves `alg` out at will; the configuration decides."""
    document = json.dumps({"keys": [RSA.row(alg=None)]}).encode()
    assert set(read_keys(document, ("RS256", "PS256", "ES256"))) == {
        ("rsa", "RS256"),
        ("rsa", "PS256"),
    }


def test_a_set_of_too_many_keys_is_refused():
    """A key costs time to read."""
    rows = [OLD.row(kid=f"k{number}") for number in range(MAX_KEYS + 1)]
    with pytest.raises(UnusableKeys, match="more than"):
        read_keys(json.dumps({"keys": rows}).encode(), ("ES256",))


def http(body, status=b"200 OK", *headers):
    """A whole answer."""
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return says(b"\r\n".join(lines) + b"\r\n\r\n" + body)


async def test_the_fetch_is_on_record_without_its_body():
    """As a technical exchange: about nobody, under the issuer's host."""
    recorder = MemoryRecorder()
    async with raw_server(http(a_set(OLD))) as server:
        endpoint = open_key_endpoint(server.url + "jwks?v=1", recorder)
        assert await endpoint.fetch() == a_set(OLD)
        await endpoint.aclose()
    assert server.requests[0].startswith(b"GET /jwks?v=1 HTTP/1.1\r\n")
    [sent], [outcome] = recorder.sent, recorder.outcomes
    assert (sent.source, sent.operation) == ("issuer:127.0.0.1", "keys")
    assert sent.origin.subject is None
    assert outcome.status == 200
    assert outcome.message is not None
    assert outcome.message.body == b""


HOSTILE = {
    "five megabytes": http(b'{"keys":[' + b" " * 5_000_000 + b"]}"),
    "a redirect": http(b"", b"302 Found", b"Location: http://127.0.0.1:1/"),
    "compressed": http(a_set(OLD), b"200 OK", b"Content-Encoding: gzip"),
    "not found": http(a_set(OLD), b"404 Not Found"),
    "an error with keys": http(a_set(OLD), b"500 Oops"),
    "nonsense": says(b"hello\r\n\r\n"),
}


@pytest.mark.parametrize("script", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_issuer_gives_no_keys(script):
    """Whatever it answers is bounded, on record, and replaces nothing."""
    recorder = MemoryRecorder()
    async with raw_server(script) as server:
        endpoint = open_key_endpoint(server.url, recorder)
        keys = UrlKeys(endpoint.fetch, ("ES256",))
        with pytest.raises(KeysUnavailable):
            await keys.find("old", "ES256")
        await endpoint.aclose()
    assert len(recorder.sent) == len(recorder.outcomes) == 1
    message = recorder.outcomes[0].message
    assert message is None or len(message.body) <= KEYS.patience.max_bytes
