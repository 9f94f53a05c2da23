"""What leaves the hub for auditors and for the person concerned: bundles and reports."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from msgspec import Struct

from hub.audit.act import asked, note_act
from hub.audit.bundle import BundleError, Export, recipient_of
from hub.audit.opening import Opening
from hub.audit.report import access_report, report_html
from hub.auditing import acting, library_of, opened, period_of, run
from hub.core.document import parse_document
from hub.core.moment import utc_now
from hub.generation import contracts_of
from hub.ledger.sqlite import SqliteLedger
from hub.ledger.store import JSON, Search
from hub.position.outside import model_of
from hub.position.purposes import load_purposes
from hub.position.units import load_units
from hub.settings import Settings

__all__ = ["Wish", "export", "period_of", "report"]


class Wish(Struct, frozen=True, kw_only=True):
    """What a bundle is to hold, for whom, until when, and why."""

    answers: tuple[str, ...]
    period: tuple[dt.datetime, dt.datetime] | None
    auditor: Path | None
    days: int
    reason: str


def export(config: Path, wish: Wish, out: Path) -> str:
    """Write the bundle to *out* (0600, never over another file); what was written."""

    async def work(settings: Settings) -> bytes:
        return await _bundle(settings, wish)

    return _written(out, run(config, work))


def report(config: Path, number: str, out: Path, reason: str) -> str:
    """Write the right-of-access report of the person with that number."""
    subject = parse_document(number)

    async def work(settings: Settings) -> bytes:
        blocks = model_of(settings).blocks
        contracts = contracts_of(settings) / "hub"
        purposes = load_purposes(contracts / "purposes.toml", blocks)
        units = load_units(contracts / "units.toml")
        async with opened(settings) as ledger:
            await note_act(
                ledger, utc_now, acting(), "report", reason, reveals=True, subject=subject
            )
            made = await access_report(ledger, purposes, units, blocks, subject, utc_now())
        return report_html(made).encode()

    return _written(out, run(config, work))


async def _bundle(settings: Settings, wish: Wish) -> bytes:
    now = utc_now()
    recipient = None if wish.auditor is None else recipient_of(_read(wish.auditor), now)
    async with opened(settings) as ledger:
        await _note(ledger, wish, recipient)
        opening = Opening(
            ledger=ledger,
            clock=utc_now,
            who=acting(),
            action="export",
            reason=wish.reason,
            reveals=True,
        )
        bundle = Export(ledger, library_of(settings, ledger), now)
        for answer in wish.answers:
            await bundle.add_case(await opening.named(answer))
        if wish.period is not None:
            await bundle.add_period(*wish.period)
        folder = contracts_of(settings) / "hub" / "canonical"
        for path in sorted(folder.glob("*.schema.json")):
            bundle.add_file(f"schemas/{path.name}", path.read_bytes())
        return await bundle.finish(now + dt.timedelta(days=wish.days), recipient)


async def _note(ledger: SqliteLedger, wish: Wish, recipient: x509.Certificate | None) -> None:
    """Put on record what leaves, for how long, and to whom; each answer has its own besides."""
    since, until = wish.period or (None, None)
    detail: dict[str, JSON] = {
        **asked(Search(since=since, until=until)),
        "answers": list(wish.answers),
        "days": wish.days,
        "auditor": None if recipient is None else recipient.fingerprint(SHA256()).hex(),
    }
    await note_act(ledger, utc_now, acting(), "export", wish.reason, reveals=False, detail=detail)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path.name}: cannot be read ({error.strerror})") from None


def _written(out: Path, content: bytes) -> str:
    """Only its owner may read it: it is, or leads to, somebody's data."""
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BundleError(f"{out.name}: cannot be written ({error.strerror})") from None
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return f"{out.name}: {len(content)} bytes"
