"""Ten blocks of five sources through the whole hub, on real sockets, in the test's own process.

The simulators stand on ports of the sandbox, which makes them ill; the hub finds them by names
that only this process resolves. What the hub wrote, logged and counted can be looked at.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import socket
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from hub.core.limits import AdmissionLimits, CacheLimits, SourceLimits
from hub.ledger.open import PUBLIC_KEY
from hub.ledger.verify import Report, verify_ledger
from hub.logs import configure_logs
from hub.sandbox.issuer import SandboxIssuer
from hub.sandbox.magic import OFFICIAL
from hub.sandbox.population import Population
from hub.sandbox.prepare import prepare_sandbox, simulated_sources
from hub.sandbox.runner import open_sandbox
from hub.sandbox.sandbox import Sandbox
from hub.settings import Settings, load_settings
from hub.wire.client import SourceClient
from tests.support.hubs import UNHURRIED, Served, served
from tests.support.running import ROOT, free_port

BLOCKS = {
    "padron": ("identity", "residence"),
    "sap_trm": ("taxBills", "fines", "directDebits"),
    "civis": ("socialServices", "socialBenefits"),
    "avisos": ("serviceRequests",),
    "age": ("jobSeeker", "largeFamily"),
}
PROTOCOLS = {
    "padron": "soap",
    "sap_trm": "odata",
    "civis": "rest",
    "avisos": "open311",
    "age": "scsp",
}
SUBJECT = {"document": "99000002K", "givenName": "Ana", "firstSurname": "Prueba"}
ACCESS: dict[str, Any] = {
    "subject": SUBJECT,
    "purpose": "nursery_admission",
    "caseFile": "EI/2026/000123",
    "consent": "given",
}
LIMITS = SourceLimits(
    min_calls=1_000_000,
    window_s=86_400,
    open_s=0.2,
    open_max_s=0.2,
    slow_s=0.5,
    retry_after_max_s=0.2,
    retry_share=1.0,
)
"""Rates open no breaker here, so that one fault does not hide the next; a distrusted answer does."""

FORGETFUL = CacheLimits(fresh_s=0, stale_s=0)

_DOMAIN = ".sources.test"


class Fanout:
    """The hub, the sandbox, and what may be looked at."""

    def __init__(
        self,
        hub: Served,
        sandbox: Sandbox,
        folder: Path,
        log: io.StringIO,
        issuer: SandboxIssuer,
        settings: Settings,
    ) -> None:
        self.hub, self.sandbox, self.folder, self.log = hub, sandbox, folder, log
        self.issuer, self.settings = issuer, settings
        self.token, self.path = "", ""

    @property
    def sources(self) -> Any:
        """The hub's own view of its sources."""
        return self.hub.hub.sources.by_name

    async def ask(
        self, wait_s: int = 9, blocks: tuple[str, ...] = sum(BLOCKS.values(), ())
    ) -> httpx.Response:
        """One position under the official's access."""
        path = f"{self.path}?blocks={','.join(blocks)}"
        return await self.hub.get(path, self.token, Prefer=f"wait={wait_s}")

    def breaker_counts(self, source: str) -> tuple[int, int, int]:
        """Operations that the breaker has counted as failed and as slow, and how often it opened."""
        breaker = self.sources[source].client.guard.breaker
        failed = sum(bucket.failed for bucket in breaker._buckets)
        slow = sum(bucket.slow for bucket in breaker._buckets)
        return failed, slow, breaker.opened

    def ended(self, source: str) -> Counter[str]:
        """Operations of *source* by how they ended, and those that were refused."""
        tally = self.sources[source].client.guard.tally
        ends: Counter[str] = Counter()
        for (_, reason), count in tally.ended.items():
            ends[reason] += count
        return ends + tally.refused

    def last(self) -> int:
        """The index of the newest record."""
        with closing(sqlite3.connect(self.folder / "var/ledger.db")) as ledger:
            [(newest,)] = ledger.execute("SELECT MAX(idx) FROM leaf")
        return int(newest)

    def leaves(self, after: int = -1) -> list[dict[str, Any]]:
        """The records after an index, as far as they are in clear."""
        sql = "SELECT idx, kind, id, header FROM leaf WHERE idx > ? ORDER BY idx"
        with closing(sqlite3.connect(self.folder / "var/ledger.db")) as ledger:
            rows = ledger.execute(sql, (after,)).fetchall()
        return [
            {"idx": idx, "kind": kind, "id": id_, **json.loads(text)}
            for idx, kind, id_, text in rows
        ]

    async def settled(self) -> None:
        """Return when nothing is under way at any source."""
        guards = [source.client.guard for source in self.sources.values()]
        flights = self.hub.hub.desk.obtainer.flights
        async with asyncio.timeout(30):
            while len(flights) or any(guard.limit.in_flight for guard in guards):  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0.01)


def plain(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The blocks without what differs from one look to the next: ids and times.

    An evidence of the State (`isIssuedBy`) is issued anew each time, under a number of its own.
    """
    blocks = {}
    for name, block in answer["blocks"].items():
        blocks[name] = dict(block)
        if "provenance" in block:
            kept = ("source", "mapping", "mappingDigest")
            blocks[name]["provenance"] = {k: block["provenance"].get(k) for k in kept}
        if "isIssuedBy" in (block.get("data") or {}):
            data = block["data"].items()
            fresh = ("identifier", "issuedOn")
            blocks[name]["data"] = {key: value for key, value in data if key not in fresh}
    return blocks


def open_sockets() -> int:
    """How many sockets this process holds."""
    count = 0
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names of links, not files
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")  # noqa: PTH115 - as above
        except OSError:
            continue
    return count


def busy_connections(client: SourceClient) -> int:
    """How many connections nobody may use, because somebody does; by httpcore's own words."""
    ways = {client._guarded._pool, client._guarded._single_use}
    pools = [getattr(way, "_pool", None) for way in ways]
    return sum(not one.is_idle() for pool in pools if pool for one in pool.connections)


@contextmanager
def names_resolved(unknown: set[str]) -> Iterator[None]:
    """`<source>.sources.test` is this machine, except for the sources in *unknown*."""
    real = socket.getaddrinfo

    def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if isinstance(name, str) and name.endswith(_DOMAIN):
            if name.removesuffix(_DOMAIN) in unknown:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            host = "127.0.0.1"
        return real(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolve)
        yield


def fanout_settings(
    folder: Path, limits: SourceLimits, cache: CacheLimits, *, every: bool = False
) -> Settings:
    """The sandbox's configuration on free ports, with *every* source or those of BLOCKS."""
    text = (ROOT / "hub.toml").read_text("utf-8")
    for port in sorted(set(re.findall(r"\b81\d\d\b", text))):
        text = text.replace(port, str(free_port()))
    (folder / "hub.toml").write_text(text, "utf-8")
    settings = load_settings(folder / "hub.toml", {})
    names = settings.sources if every else BLOCKS
    sources = {name: replace(settings.sources[name], limits=limits) for name in names}
    return replace(settings, sources=sources, cache=cache, admission=UNHURRIED)


@asynccontextmanager
async def a_fanout(
    folder: Path,
    *,
    limits: SourceLimits = LIMITS,
    cache: CacheLimits = FORGETFUL,
    admission: AdmissionLimits = UNHURRIED,
    unknown: set[str] | None = None,
    every: bool = False,
) -> AsyncIterator[Fanout]:
    """The whole, with an official's access declared and what is special revealed."""
    settings = fanout_settings(folder, limits, cache, every=every)
    settings = replace(settings, admission=admission)
    issuer = prepare_sandbox(settings)
    log = io.StringIO()
    configure_logs(log)
    played = simulated_sources(settings)
    named = {
        name: replace(table, url=table.url.replace("127.0.0.1", f"{name}{_DOMAIN}"))
        for name, table in settings.sources.items()
    }
    keys = settings.path(settings.keys)
    with names_resolved(unknown if unknown is not None else set()):
        async with (
            open_sandbox(played, keys=keys) as running,
            served(replace(settings, sources=named)) as hub,
        ):
            fanout = Fanout(hub, running.sandbox, folder, log, issuer, settings)
            fanout.token = issuer.token("official", Population().person(OFFICIAL))
            await _declared(fanout)
            yield fanout


async def _declared(fanout: Fanout) -> None:
    access = await fanout.hub.call("POST", "/v1/accesses", fanout.token, json=ACCESS)
    assert access.status_code == 201, access.text
    fanout.path = access.json()["position"]
    body = {"blocks": list(BLOCKS["civis"]), "reason": "scoring of the case"}
    reveal = f"/v1/accesses/{access.json()['id']}/reveal"
    shown = await fanout.hub.call("POST", reveal, fanout.token, json=body)
    assert shown.status_code == 200, shown.text


def verified_ledger(folder: Path, *outside: str) -> Report:
    """What the independent verifier says of the ledger under *folder*."""
    key = (folder / "var/keys" / PUBLIC_KEY).read_text("utf-8")
    return verify_ledger(folder / "var/ledger.db", key, checkpoints=outside)
