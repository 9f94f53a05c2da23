"""Frozen settings from `hub.toml` and the environment; every fault is listed at once.

An environment variable `HUB__SERVER__PORT=9000` overrides `port` of `[server]`. A secret is
never written down: `{ file = "…" }` or `{ env = "…" }`. Paths are relative to `hub.toml`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from hub.core.errors import SettingsError
from hub.core.limits import AdmissionLimits, CacheLimits, SourceLimits, Span
from hub.core.placing import placed
from hub.core.policy import Assurance, Audience
from hub.tables import convert, faults_in, read_toml

ENVIRONMENT_PREFIX = "HUB__"


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of `hub.toml`."""


class Server(Section, frozen=True):
    """Where the hub listens, and how long a position may take."""

    host: str = "127.0.0.1"
    port: int = 8080
    default_wait_s: float = 4.0
    max_wait_s: float = 10.0
    max_body_bytes: int = 65_536
    drain_s: Span = 0.0
    """How long, once told to stop, `/readyz` says so before the door is closed."""
    finish_s: Span = 10.0
    """How long, then, what goes on in the background may take to land."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses of the TLS terminator; its `Client-Cert` (RFC 9440) and `traceparent` are believed."""


class DeliverySettings(Section, frozen=True):
    """Where checkpoints go, so that somebody else holds them; none of these is no copy."""

    every_s: int = 300
    directory: Path | None = None
    post: str | None = None
    timestamp: str | None = None
    timestamp_roots: Path | None = None
    """Certificates (PEM) under which the authority's time-stamps are believed."""


class LedgerSettings(Section, frozen=True):
    """Where the ledger lives and under which name its checkpoints are signed."""

    file: Path = Path("var/ledger.db")
    origin: str = "posicion-integral.sandbox.invalid/ledger"
    delivery: DeliverySettings = DeliverySettings()
    releasers: tuple[str, ...] = ()
    """Verifier keys (name+hint+key) of those of whom two release what is blocked."""


class Claims(Section, frozen=True):
    """Which claims of an issuer's tokens hold what the hub needs; `sub` is always opaque."""

    role: str = "role"
    document: str = "nif"
    given_name: str = "given_name"
    first_surname: str = "first_surname"
    second_surname: str = "second_surname"
    processing_unit: str = "processing_unit"
    assurance: str = "acr"
    client: str = "azp"
    birth_date: str = "birthdate"
    scope: str = "scope"


ClientProof = Literal["mtls", "private_key_jwt"]
"""How a client proves itself to its issuer; a shared secret is not among them."""


class Issuer(Section, frozen=True):
    """A token issuer that the hub believes, for the audiences it may vouch for."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    roles: tuple[Audience, ...]
    jwks_file: Path | None = None
    jwks_url: str | None = None
    """Where the issuer publishes its keys; exactly one of the two."""
    fixed_role: Audience | None = None
    """For an issuer whose tokens say nothing of a role: all of them have this one."""
    clients: Mapping[str, ClientProof] = field(default_factory=dict)
    """The clients that may call, and how each proves itself to the issuer; with `mtls` its
    tokens must be bound to its certificate. Without any, every client may, but no system."""
    body: str = "Ayuntamiento de Madrid"
    """The public body whose people and systems the issuer vouches for, for the citizen's log."""
    claims: Claims = Claims()
    assurance: Mapping[str, Assurance] = field(default_factory=dict)
    """`acr` value -> eIDAS level; any other value counts as low."""
    leeway_s: int = 30


class TelemetrySettings(Section, frozen=True):
    """Where spans go, by OTLP over HTTP; without an endpoint there are none."""

    endpoint: str | None = None
    """The whole address, as `http://collector.example:4318/v1/traces`."""
    service: str = "posicion-integral"
    share: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Part of the requests that are traced, where a trusted proxy has not decided."""
    roots: Path | None = None
    """Certificates (PEM) under which the receiver is believed; by default the usual ones."""


class SourceSettings(Section, frozen=True):
    """One system: the module that knows how to ask it, and where it is."""

    module: str
    url: str
    egress: tuple[str, ...] = ()
    cookies: bool = False
    enabled: bool = True
    traceparent: bool = False
    """Whether it is told in which trace it is asked (W3C Trace Context)."""
    limits: SourceLimits = SourceLimits()
    settings: dict[str, Any] = field(default_factory=dict)


class Sandbox(Section, frozen=True):
    """The synthetic world; present only where the simulators run."""

    seed: str = "madrid"
    control_port: int = 8100


class Settings(Section, frozen=True):
    """The whole configuration."""

    root: Path
    """Folder of `hub.toml`; not a key of the file."""
    server: Server = Server()
    admission: AdmissionLimits = AdmissionLimits()
    cache: CacheLimits = CacheLimits()
    keys: Path = Path("var/keys")
    contracts: Path | None = None
    """Folder of the canonical contracts; by default the one that came with the hub."""
    ledger: LedgerSettings = LedgerSettings()
    issuers: tuple[Issuer, ...] = ()
    sources: Mapping[str, SourceSettings] = field(default_factory=dict)
    sandbox: Sandbox | None = None
    telemetry: TelemetrySettings = TelemetrySettings()

    def path(self, relative: Path) -> Path:
        """*relative* to the folder of `hub.toml`."""
        return self.root / relative


def shipped(folder: str) -> Path:
    """`mappings` or `contracts` as they came with the hub: in a checkout or beside the wheel."""
    return Path(__file__).resolve().parent.parent / folder


def load_settings(file: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in *file*, overridden by *environment*; SettingsError lists every fault."""
    table, root = read_toml(file), file.resolve().parent
    faults = _override(table, environment)
    if "root" in table:
        faults.append("root: not a key of the file")
    faults += faults_in({**table, "root": str(root)}, Settings, root)
    if faults:
        raise SettingsError(placed_in(file, faults, environment))
    settings: Settings = convert({**table, "root": str(root)}, Settings, root)
    return settings


def placed_in(
    file: Path, faults: Iterable[str], environment: Mapping[str, str] = os.environ
) -> list[str]:
    """*faults* of the settings in *file*, each with its line or the variable that gave it."""
    try:
        text = file.read_text("utf-8")
        tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return list(faults)
    variables = (name for name in environment if name.startswith(ENVIRONMENT_PREFIX))
    given = {_path_of(name): name for name in variables}
    return placed(faults, str(file), text, given)


def _path_of(variable: str) -> str:
    """The key that an environment variable overrides."""
    return variable.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")


def _override(table: dict[str, Any], environment: Mapping[str, str]) -> list[str]:
    """Let *environment* override *table*; what it cannot override is told."""
    faults = []
    for name, value in environment.items():
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        *sections, key = _path_of(name).split(".")
        node: Any = table
        for section in sections:
            node = node.setdefault(section, {}) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node[key] = int(value) if value.isascii() and value.isdigit() else value
        else:
            faults.append(f"{_path_of(name)}: not a key of a table")
    return faults
