"""Every attack through the whole hub: refused, on record with its reason, and nothing shown.

Between the platform and the hub stands whoever attacks: a genuine answer is changed on its way,
or the platform itself is told to seal it wrongly. The hub is asked as an official asks it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from msgspec import Struct

from connectors.age.connector import SERVICES
from connectors.age.simulator.platform import Platform
from hub.core.limits import SourceLimits
from hub.core.moment import utc_now
from hub.sandbox import magic
from hub.sandbox.certificates import CertificateFiles
from hub.sandbox.stage import Fault, FaultBoard, Stage
from hub.settings import SourceSettings
from tests.contract.age.world import PATH, PEOPLE
from tests.support.hubs import AnIssuer, Served, a_hub
from tests.support.serving import serving
from tests.support.wrapping import FORGED, WRAPPINGS, Attack
from tests.support.wrapping_bare import BARE_WRAPPINGS

Change = Callable[[bytes], bytes]
BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha"}">' for n in range(10))


class Try(Struct, frozen=True, kw_only=True):
    """One attack, and the technical reason that it must leave on record."""

    reason: str
    change: Change | None = None
    mode: str = ""
    """A fault of the simulator, where the platform itself is to do it."""


class Line:
    """Between the platform and the hub: attacks what one service answers, and counts its calls."""

    def __init__(self, platform: Platform, faults: FaultBoard) -> None:
        self._platform, self._faults, self._lock = platform, faults, asyncio.Lock()
        self.endpoint, self.calls = "", 0
        self.attempt: Try | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with self._lock:
            if scope["path"].rpartition("/")[2] != self.endpoint or self.attempt is None:
                await self._platform(scope, receive, send)
                return
            self.calls += 1
            if self.attempt.mode:
                self._faults.put("age", Fault(mode=self.attempt.mode, values={}))
            await self._platform(scope, receive, partial(self._changed, send, self.attempt))
            self._faults.clear()

    async def _changed(self, send: Any, attempt: Try, message: Any) -> None:
        if attempt.change is None:
            await send(message)
        elif message["type"] == "http.response.start":
            heads = [h for h in message["headers"] if h[0] != b"content-length"]
            await send({**message, "headers": heads})
        else:
            await send({**message, "body": attempt.change(message["body"])})


def _reread(attack: Attack, content: bytes) -> bytes:
    envelope = etree.fromstring(content)
    attack(envelope)
    return etree.tostring(envelope)


def _with_doctype(declaration: str, content: bytes, entity: str = "", code: str = "") -> bytes:
    text = content.decode().partition("?>")[2]
    if entity:
        text = text.replace("<LiteralError>TRAMITADA", f"<LiteralError>{entity}")
    text = declaration + text
    return text.encode(code) if code else text.encode()


def _deep(content: bytes) -> bytes:
    return content.replace(b"TRAMITADA", b"<a>" * 400 + b"</a>" * 400)


XXE = '<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
GATE: dict[str, Change] = {
    "a document type": partial(_with_doctype, "<!DOCTYPE e>"),
    "an external DTD": partial(_with_doctype, '<!DOCTYPE e SYSTEM "http://127.0.0.1:1/a.dtd">'),
    "a file as entity": partial(_with_doctype, XXE, entity="&x;"),
    "the same in UTF-16": partial(_with_doctype, XXE, entity="&x;", code="utf-16"),
    "in UTF-16 without a mark": partial(_with_doctype, XXE, entity="&x;", code="utf-16-be"),
    "a billion laughs": partial(_with_doctype, f"<!DOCTYPE e [{BOMB}]>", entity="&e9;"),
    "a parameter entity": partial(
        _with_doctype, '<!DOCTYPE e [<!ENTITY % p SYSTEM "file:///etc/hostname">%p;]>'
    ),
    "an entity that splits the number": partial(
        _with_doctype, '<!DOCTYPE e [<!ENTITY x "">]>', entity="&x;"
    ),
    "an entity that nobody declared": partial(_with_doctype, "", entity="&x;"),
    "a depth of hundreds": _deep,
}
SEALS = {
    **dict.fromkeys(("unsigned", "foreign_signer", "expired_signer", "sha1"), "signature"),
    **dict.fromkeys(("hmac_swap", "tampered_body", "second_body", "moved_body"), "signature"),
    "duplicate_id": "signature",
    "other_request_id": "replay",
    "other_citizen": "identity_mismatch",
    "replayed_answer": "replay",
    "doctype": "forbidden_xml",
}
CIPHERS = ("unencrypted", "foreign_recipient", "spoilt_key", "spoilt_ciphertext", "other_cipher")

COMMON = {
    **{name: Try(reason="forbidden_xml", change=change) for name, change in GATE.items()},
    **{mode: Try(reason=reason, mode=mode) for mode, reason in SEALS.items()},
}
WRAPPED = {
    name: Try(reason="signature", change=partial(_reread, attack)) for name, attack, _ in WRAPPINGS
}
MOVED = {name: attempt for name, attempt in WRAPPED.items() if "body" in name.lower()}
BARE = {
    name: Try(reason="signature", change=partial(_reread, attack))
    for name, (attack, _) in BARE_WRAPPINGS.items()
}
SPOILT = {mode: Try(reason="decryption", mode=mode) for mode in CIPHERS}

PROFILES = {
    "jobSeeker": {**COMMON, **WRAPPED},
    "largeFamily": {**COMMON, **BARE},
    "workHistory": {**COMMON, **MOVED, **SPOILT},
}
"""By a block of each profile (WS-Security, bare, encrypted) all that is tried on its answers.

An encrypted answer is verified as a clear one is, so that only what moves its Body is repeated.
"""

BESIDE = "unemploymentBenefit"
"""Asked for at once, and never touched."""

OPEN_S = 0.001
"""How long the breaker stays open: no attack waits for the one before."""

BLOCKS_OF = {service.block: service for service in SERVICES}


class Scene(Struct, frozen=True, kw_only=True):
    """A hub, the platform behind a line, and an access to ask under."""

    served: Served
    line: Line
    token: str
    access: str

    async def asked(self, block: str) -> tuple[dict[str, Any], str]:
        """The block as the official sees it, and the whole answer's text."""
        path = f"/v1/accesses/{self.access}/position?blocks={block},{BESIDE}"
        answer = await self.served.get(path, self.token)
        assert answer.status_code == 200, answer.text
        blocks = answer.json()["blocks"]
        assert blocks[BESIDE]["state"] == "fresh", "one attack spoils one block"
        return blocks[block], answer.text

    async def probed(self) -> None:
        """Somebody else's answer opens the breaker at once; one good answer closes it."""
        await asyncio.sleep(2 * OPEN_S)
        path = f"/v1/accesses/{self.access}/position?blocks={BESIDE}"
        answer = await self.served.get(path, self.token)
        assert answer.status_code == 200, answer.text

    async def attacked(self, block: str, attempt: Try) -> tuple[object, ...]:
        """What counts of an attempt: what is shown, and what is on record."""
        before, self.line.calls = await self.served.hub.ledger.size(), 0
        self.line.attempt = attempt
        seen, text = await self.asked(block)
        self.line.attempt = None
        if attempt.reason == "identity_mismatch":
            await self.probed()
        records = await self.served.hub.ledger.records(before, 100)
        operation = BLOCKS_OF[block].operation
        halves = [
            record.kind
            for record in records
            if record.kind in ("sent", "outcome") and record.header["operation"] == operation
        ]
        events = [record.header for record in records if record.kind == "security"]
        return (
            (seen["state"], seen.get("reason")),
            "data" in seen or FORGED in text,
            [self.line.calls, *halves],
            [(event["operation"], event["reason"]) for event in events],
        )


@asynccontextmanager
async def a_scene(folder: Path, files: CertificateFiles, block: str) -> AsyncIterator[Scene]:
    """Everything together, for the length of a `with` block; the breaker stays out of it."""
    faults, issuer = FaultBoard(), AnIssuer()
    stage = Stage(
        source="age",
        population=PEOPLE,
        faults=faults,
        settings={},
        keys=files.ca.parent,
        clock=utc_now,
    )
    line = Line(Platform(stage), faults)
    line.endpoint = BLOCKS_OF[block].synchronous.endpoint
    async with serving(line) as url:
        source = SourceSettings(
            module="connectors.age",
            url=f"{url}{PATH}",
            limits=SourceLimits(min_calls=1_000_000, open_s=OPEN_S, open_max_s=OPEN_S),
            settings={
                "requester_id": "P2807900B",
                "requester_name": "Ayuntamiento de Madrid",
                "certificate": {"file": str(files.hub)},
                "key": {"file": str(files.hub_key)},
                "signer": {"file": str(files.platform)},
                "signers": {"SVDTGSSVIDALABORALWS01": {"file": str(files.provider)}},
            },
        )
        async with a_hub(folder, issuer.configured(folder), sources={"age": source}) as served:
            token = issuer.official()
            wanted = {"purpose": "nursery_admission", "caseFile": "EI/2026/1", "consent": "given"}
            number = PEOPLE.number(magic.DEFAULT_CITIZEN)
            declared = await served.declare(token, number, **wanted)
            assert declared.status_code == 201, declared.text
            access = declared.json()["id"]
            yield Scene(served=served, line=line, token=token, access=access)


@pytest.mark.parametrize("block", PROFILES)
async def test_each_attack_is_refused_recorded_and_shown_as_the_source_s_problem(
    tmp_path: Path, files: CertificateFiles, block: str
):
    """One exchange, one security record with the reason, `source_problem`, and not a value."""
    found: dict[str, tuple[object, ...]] = {}
    async with a_scene(tmp_path, files, block) as scene:
        genuine, _ = await scene.asked(block)
        assert genuine["state"] == "fresh", genuine
        for name, attempt in PROFILES[block].items():
            found[name] = await scene.attacked(block, attempt)
        after, _ = await scene.asked(block)
    operation = BLOCKS_OF[block].operation
    assert found == {
        name: (
            ("unavailable", "source_problem"),
            False,
            [1, "sent", "outcome"],
            [(operation, attempt.reason)],
        )
        for name, attempt in PROFILES[block].items()
    }
    assert after["state"] == "fresh", "the genuine answer is believed again"


def test_there_are_enough_permutations_of_wrapping():
    """The eight published patterns, permuted: at least thirty move or double what is signed."""
    assert len(WRAPPINGS) >= 50
    moving = ("body", "identifier", "signature", "header", "reference", "envelope", "token")
    assert sum(any(word in name for word in moving) for name, _, _ in WRAPPINGS) >= 30
    assert len(BARE_WRAPPINGS) >= 20
