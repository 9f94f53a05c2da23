"""Frozen settings from `hub.toml` and the environment; every fault is listed at once.

An environment variable `HUB__SERVER__PORT=9000` overrides `port` of `[server]`. A secret is
never written down: `{ file = "…" }` or `{ env = "…" }`. Paths are relative to `hub.toml`.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct, field

from hub.core.errors import SettingsError
from hub.core.limits import AdmissionLimits, CacheLimits, SourceLimits, Span
from hub.core.policy import Assurance, Audience
from hub.core.secret import Secret

ENVIRONMENT_PREFIX = "HUB__"

S = TypeVar("S")


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
    """Addresses of the TLS terminator whose `Client-Cert` header (RFC 9440) is believed."""


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


class SourceSettings(Section, frozen=True):
    """One system: the module that knows how to ask it, and where it is."""

    module: str
    url: str
    egress: tuple[str, ...] = ()
    cookies: bool = False
    enabled: bool = True
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

    def path(self, relative: Path) -> Path:
        """*relative* to the folder of `hub.toml`."""
        return self.root / relative


def shipped(folder: str) -> Path:
    """`mappings` or `contracts` as they came with the hub: in a checkout or beside the wheel."""
    return Path(__file__).resolve().parent.parent / folder


def load_settings(file: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in *file*, overridden by *environment*; SettingsError lists every fault."""
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read ({error.strerror})"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{file}: {error}"]) from None
    root = file.resolve().parent
    _override(table, environment)
    if "root" in table:
        raise SettingsError([f"{file}: root: not a key of the file"])
    return convert_table({**table, "root": str(root)}, Settings, root, str(file))


def convert_table(table: dict[str, Any], type_: type[S], root: Path, where: str) -> S:
    """*table* as *type_*, secrets resolved; SettingsError names every key that is wrong."""
    faults = [f"{where}: {fault}" for fault in _faults(table, type_, root, "")]
    if faults:
        raise SettingsError(faults)
    converted: S = _convert(table, type_, root)
    return converted


def with_secrets(table: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """*table* with every `{ file = … }` and `{ env = … }` read into a Secret."""
    return {
        key: _secret(value, root) if is_secret_reference(value) else value
        for key, value in table.items()
    }


def is_secret_reference(value: Any) -> bool:
    """Whether *value* says where a secret is, as `hub.toml` writes it."""
    return isinstance(value, dict) and len(value) == 1 and value.keys() <= {"file", "env"}


def _override(table: dict[str, Any], environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        *sections, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        node = table
        for section in sections:
            node = node.setdefault(section, {})
        node[key] = int(value) if value.isdigit() else value


def _faults(value: Any, type_: Any, root: Path, path: str) -> Iterator[str]:
    """Every fault below *path*, walking into tables so that one fault hides no other."""
    type_ = _without_none(type_)
    if isinstance(type_, type) and issubclass(type_, Struct) and isinstance(value, dict):
        yield from _table_faults(value, type_, root, path)
    elif get_origin(type_) is tuple and isinstance(value, list):
        for number, item in enumerate(value):
            yield from _faults(item, get_args(type_)[0], root, f"{path}[{number}]")
    elif get_origin(type_) is Mapping or get_origin(type_) is _ABC_MAPPING:
        yield from _mapping_faults(value, type_, root, path)
    else:
        try:
            _convert(value, type_, root)
        except (msgspec.ValidationError, SettingsError) as error:
            yield f"{path}: {str(error).split(' - at ')[0]}"


def _mapping_faults(value: Any, type_: Any, root: Path, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: expected a table"
        return
    for key, item in value.items():
        yield from _faults(item, get_args(type_)[1], root, f"{path}.{key}")


def _table_faults(
    table: dict[str, Any], type_: type[Struct], root: Path, path: str
) -> Iterator[str]:
    hints = get_type_hints(type_, include_extras=True)
    prefix = f"{path}." if path else ""
    for key in table.keys() - hints.keys():
        near = difflib.get_close_matches(key, hints, 1)
        yield f"{prefix}{key}: unknown key" + (f", did you mean {near[0]}?" if near else "")
    for info in msgspec.structs.fields(type_):
        if info.name in table:
            yield from _faults(table[info.name], hints[info.name], root, f"{prefix}{info.name}")
        elif info.required:
            yield f"{prefix}{info.name}: missing"


_ABC_MAPPING = get_origin(Mapping[str, str])


def _without_none(type_: Any) -> Any:
    """The type inside `X | None`."""
    members = [member for member in get_args(type_) if member is not type(None)]
    return members[0] if len(members) == 1 and type(None) in get_args(type_) else type_


def _convert(value: Any, type_: Any, root: Path) -> Any:
    def hook(wanted: type, found: Any) -> Any:
        if wanted is Secret:
            return _secret(found, root)
        if issubclass(wanted, Path) and isinstance(found, str):
            return Path(found)
        raise NotImplementedError

    return msgspec.convert(value, type_, dec_hook=hook)


def _secret(found: Any, root: Path) -> Secret:
    """`{ file = … }` or `{ env = … }`, read now; the message never holds what was read."""
    match found:
        case {"file": str(name), **rest} if not rest:
            try:
                return Secret((root / name).read_text("utf-8").strip())
            except (OSError, UnicodeDecodeError):
                raise SettingsError([f"the secret's file {name} cannot be read"]) from None
        case {"env": str(name), **rest} if not rest:
            if value := os.environ.get(name):
                return Secret(value)
            raise SettingsError([f"the secret's variable {name} is not set"])
    raise SettingsError(['a secret is { file = "…" } or { env = "…" }, never a value'])
