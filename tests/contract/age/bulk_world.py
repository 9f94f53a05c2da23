"""The platform on a socket, a hub's folder with its real ledger, and runs from a file."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from connectors.age.simulator.platform import Platform
from hub.bulking.bench import Bench, open_bench
from hub.bulking.workshop import begin, result_lines, work_on
from hub.core.commands import BulkOrder, BulkReport
from hub.core.moment import utc_now
from hub.ledger.jobs import Run
from hub.ledger.open import PUBLIC_KEY, open_ledger
from hub.ledger.verify import Report, verify_ledger
from hub.sandbox.issuer import SandboxIssuer
from hub.sandbox.magic import OFFICIAL
from hub.sandbox.population import Population
from hub.sandbox.prepare import prepare_sandbox
from hub.sandbox.stage import Fault, FaultBoard, Stage
from hub.settings import Settings, load_settings
from tests.support.serving import serving

PEOPLE = Population()
SERVICE, OPERATION, PROCEDURE = "SVDSEPEDEMWS01", "job_seeker", "MAD_ESC_INF"
_TOML = """
[ledger]
origin = "hub.test/ledger"
[[issuers]]
issuer = "https://issuer.sandbox.example"
audience = "posicion-integral"
algorithms = ["ES256"]
jwks_file = "var/keys/sandbox-issuer.jwks.json"
roles = ["citizen", "official"]
[issuers.assurance]
"http://eidas.europa.eu/LoA/high" = "high"
"http://eidas.europa.eu/LoA/substantial" = "substantial"
[sources.age]
module = "connectors.age"
url = "{url}servicios/SVD/"
[sources.age.settings]
requester_id = "P2807900B"
requester_name = "Ayuntamiento de Madrid"
certificate = {{ file = "var/keys/age-hub.pem" }}
key = {{ file = "var/keys/age-hub.key" }}
signer = {{ file = "var/keys/age-platform.pem" }}
{extra}
[sources.age.settings.signers]
SVDTGSSVIDALABORALWS01 = {{ file = "var/keys/age-provider.pem" }}
[sandbox]
"""


class MovingClock:
    """The real time and what a test added to it."""

    def __init__(self) -> None:
        self.added = dt.timedelta(0)

    def __call__(self) -> dt.datetime:
        return utc_now() + self.added


class BulkWorld(Struct, frozen=True, kw_only=True):
    """A running platform and a hub's folder."""

    folder: Path
    settings: Settings
    platform: Platform
    faults: FaultBoard
    clock: MovingClock
    token: str

    def spoil(self, mode: str, **values: Any) -> None:
        """Put a fault of the simulator in force; "" lifts it."""
        self.faults.clear()
        if mode:
            self.faults.put("age", Fault(mode=mode, values=values))

    def later(self, **span: float) -> None:
        """Let time pass, for hub and platform alike."""
        self.clock.added += dt.timedelta(**span)

    def order(self, indexes: Sequence[int] = range(2, 8), **changes: Any) -> BulkOrder:
        """An order about the synthetic people at *indexes*."""
        file = write_people(self.folder / "people.csv", indexes)
        values: dict[str, Any] = {
            "operation": OPERATION,
            "procedure": PROCEDURE,
            "file": file,
            "token": self.token,
        }
        return BulkOrder(**{**values, **changes})

    def bench(self) -> Any:
        """The parts of a run, open for a `with` block."""
        return open_bench(self.settings, "age", self.clock)

    async def go(self, order: BulkOrder, wait_s: float = 0) -> tuple[Run, BulkReport]:
        """What the command does: begin, or go on."""
        async with self.bench() as bench:
            run = await begin(bench, order)
            return run, await work_on(bench, run, wait_s, lambda _done, _people: None)

    async def go_on(self, run: Run, wait_s: float = 0) -> tuple[Run, BulkReport]:
        """What `resume` does."""
        async with self.bench() as bench:
            return run, await work_on(bench, run, wait_s, lambda _done, _people: None)

    async def results(self, run: Run) -> dict[int, dict[str, Any]]:
        """The results by the line of the file."""
        async with self.bench() as bench:
            lines = [msgspec.json.decode(line) async for line in result_lines(bench, run)]
        return {line["row"]: line for line in lines}

    async def states(self, run: Run) -> list[str]:
        """The state of each request of the run."""
        async with self.bench() as bench:
            return [job.state for job in await bench.jobs.jobs(run.id)]

    def verified(self) -> Report:
        """What the independent verifier says."""
        key = (self.folder / "var" / "keys" / PUBLIC_KEY).read_text("utf-8")
        return verify_ledger(self.folder / "var" / "ledger.db", key)

    def asked_twice(self) -> list[str]:
        """Whoever the provider was asked about more than once."""
        return [who for who, times in self.platform.asynchronous.asked.items() if times > 1]


def write_people(file: Path, indexes: Sequence[int]) -> Path:
    """A file about the synthetic people at *indexes*."""
    lines = ["document;given_name;first_surname;second_surname;case_file;consent"]
    for number, index in enumerate(indexes, 1):
        person = PEOPLE.person(index)
        names = (person.given_name, person.first_surname, person.second_surname or "")
        lines.append(";".join([PEOPLE.number(index), *names, f"EI/2026/{number:06d}", "given"]))
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file


def a_folder(folder: Path, url: str, keys: Path, extra: str = "") -> Settings:
    """A hub's folder with a new ledger."""
    (folder / "var").mkdir(parents=True)
    shutil.copytree(keys, folder / "var" / "keys")
    (folder / "hub.toml").write_text(_TOML.format(url=url, extra=extra), "utf-8")
    return load_settings(folder / "hub.toml", {})


async def with_ledger(settings: Settings) -> None:
    """Make the ledger, as the hub's first start does."""
    ledger = open_ledger(
        settings.path(settings.ledger.file),
        settings.path(settings.keys),
        origin=settings.ledger.origin,
    )
    await ledger.close()


def prepared_keys(folder: Path) -> Path:
    """A folder of keys and certificates, as the sandbox makes them."""
    (folder / "hub.toml").write_text(_TOML.format(url="http://127.0.0.1:1/", extra=""), "utf-8")
    prepare_sandbox(load_settings(folder / "hub.toml", {}))
    return folder / "var" / "keys"


@asynccontextmanager
async def a_bulk_world(folder: Path, keys: Path, extra: str = "") -> AsyncIterator[BulkWorld]:
    """Everything together, for the length of a `with` block."""
    faults, clock = FaultBoard(), MovingClock()
    stage = Stage(
        source="age", population=PEOPLE, faults=faults, settings={}, keys=keys, clock=clock
    )
    platform = Platform(stage)
    async with serving(platform) as url:
        settings = a_folder(folder, url, keys, extra)
        await with_ledger(settings)
        issuer = SandboxIssuer(keys)
        yield BulkWorld(
            folder=folder,
            settings=settings,
            platform=platform,
            faults=faults,
            clock=clock,
            token=issuer.token("official", PEOPLE.person(OFFICIAL)),
        )


__all__ = ["Bench", "BulkWorld", "a_bulk_world", "prepared_keys", "write_people"]
