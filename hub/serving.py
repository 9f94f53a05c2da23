"""Run the hub: the server, the sandbox beside it, and the lines that a newcomer reads."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import uvicorn

from hub.api.heads import BoundedProtocol
from hub.app import build_hub
from hub.core.errors import SettingsError
from hub.logs import configure_logs
from hub.sandbox.issuer import SandboxIssuer, TokenKind
from hub.sandbox.magic import AUDITOR, DEFAULT_CITIZEN, OFFICIAL, OPERATOR
from hub.sandbox.people import Person
from hub.sandbox.population import Population
from hub.sandbox.prepare import prepare_sandbox
from hub.settings import Settings, placed_in
from hub.signals import HubServer

LOG_FILE = "hub.log"
START_S = 30.0

_DEFAULTS: dict[TokenKind, int] = {
    "citizen": DEFAULT_CITIZEN,
    "official": OFFICIAL,
    "auditor": AUDITOR,
    "operator": OPERATOR,
}


def serve_hub(config: Path, load: Callable[[], Settings], *, with_sandbox: bool) -> None:
    """Serve what *load* gives until SIGTERM or Ctrl-C, and what it gives anew after SIGHUP.

    With the sandbox, the sources are played in a child process.
    """
    settings = load()
    if not with_sandbox:
        configure_logs()
        _run(config, settings, load, announce="")
        return
    issuer = prepare_sandbox(settings)
    log_file = settings.path(settings.ledger.file).parent / LOG_FILE
    with log_file.open("a", encoding="utf-8") as stream, _sandbox(config):
        configure_logs(stream)
        _run(config, settings, load, announce=_welcome(settings, issuer, log_file))


def _run(config: Path, settings: Settings, load: Callable[[], Settings], announce: str) -> None:
    hub = build_hub(settings)
    served = uvicorn.Config(
        hub.asgi,
        http=BoundedProtocol,
        ws="none",
        host=settings.server.host,
        port=settings.server.port,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whose word counts is `server.trusted_proxies`
        timeout_graceful_shutdown=15,
    )
    server = HubServer(served, hub, load, partial(placed_in, config), announce)
    server.run()
    if not server.started:
        raise SettingsError([f"port {settings.server.port} cannot be had, or start-up failed"])


@contextmanager
def _sandbox(config: Path) -> Iterator[None]:
    """The simulators in a process of their own, ready before the block begins."""
    command = [sys.executable, "-m", "hub", "sandbox", "--config", str(config)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        assert child.stdout is not None  # noqa: S101 - asked for above
        _await_ready(child, child.stdout)
        yield
    finally:
        child.terminate()
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()


def _await_ready(child: subprocess.Popen[str], lines: Iterable[str]) -> None:
    ends = time.monotonic() + START_S
    for line in lines:
        sys.stdout.write(line)
        sys.stdout.flush()
        if line.startswith("sandbox: control "):
            return
        if time.monotonic() > ends:
            break
    child.terminate()
    raise SettingsError(["the sandbox did not start; its reason stands above"])


def sandbox_token(settings: Settings, kind: str, number: str | None = None) -> str:
    """A token of the sandbox issuer; *number* names a synthetic person."""
    role: TokenKind = msgspec.convert(kind, TokenKind)
    issuer = SandboxIssuer(settings.path(settings.keys))
    return issuer.token(role, None if role == "system" else _person(settings, role, number))


def _person(settings: Settings, role: TokenKind, number: str | None) -> Person:
    """The synthetic person with that number, or the one that stands for the role."""
    population = Population(settings.sandbox.seed if settings.sandbox else "madrid")
    if number is None:
        return population.person(_DEFAULTS[role])
    person = population.find(number)
    if person is None:
        raise SettingsError(
            ["no synthetic person has this number: 99000000 to 99999999, with its letter"]
        )
    return person


def _welcome(settings: Settings, issuer: SandboxIssuer, log_file: Path) -> str:
    """What a newcomer needs: where it is, and two lines to paste."""
    base = f"http://{settings.server.host}:{settings.server.port}"
    population = Population(settings.sandbox.seed if settings.sandbox else "madrid")
    citizen = population.person(DEFAULT_CITIZEN)
    own = issuer.token("citizen", citizen)
    official = issuer.token("official", population.person(OFFICIAL))
    body = msgspec.json.encode(
        {
            "subject": {
                "document": citizen.document.number if citizen.document else "",
                "givenName": citizen.given_name,
                "firstSurname": citizen.first_surname,
            },
            "purpose": "nursery_admission",
            "caseFile": "EI/2026/000123",
            "consent": "given",
            "authorisations": [{"blocks": ["incomeLevel"], "evidence": "EI/2026/000123/AUT-1"}],
        }
    ).decode()
    reveal = msgspec.json.encode(
        {
            "blocks": ["socialServices", "socialBenefits", "disability"],
            "reason": "baremo de la solicitud",
        }
    ).decode()
    sends = f"-H 'Authorization: Bearer {official}' -H 'Content-Type: application/json'"
    declare = f"curl -s -X POST {base}/v1/accesses {sends} -d '{body}'"
    steps = (
        f'A=$({declare} | sed -E \'s/.*"position":"([^"]+)\\/position".*/\\1/\');'
        f" curl -s -o /dev/null -X POST {base}$A/reveal {sends} -d '{reveal}'; echo $A/position"
    )
    return (
        f"hub: {base} (OpenAPI: {base}/openapi.json, status: {base}/status, log: {log_file})\n\n"
        "A citizen's own position:\n"
        f"curl -s {base}/v1/me/position -H 'Authorization: Bearer {own}'\n\n"
        "The position under an official's access for the nursery admission (declared, what is\nspecial revealed with a reason, then read):\n"
        f"curl -s {base}$({steps}) -H 'Authorization: Bearer {official}'\n\n"
        "Ctrl-C stops everything.\n"
    )
