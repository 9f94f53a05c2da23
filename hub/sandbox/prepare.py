"""Make what the sandbox needs before anything starts: keys, secrets, certificates, the key set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec

from hub.core.errors import SettingsError
from hub.sandbox.certificates import ensure_certificates
from hub.sandbox.issuer import SandboxIssuer
from hub.sandbox.keys import ensure_secret
from hub.sandbox.sources import SimulatedSource
from hub.settings import Settings
from hub.tables import is_secret_reference, with_secrets

KEY_SET = "sandbox-issuer.jwks.json"
"""The sandbox issuer's public keys, as `hub.toml` names them."""


def prepare_sandbox(settings: Settings) -> SandboxIssuer:
    """Everything on disk that the sandbox reads; made once, reused ever after."""
    if settings.sandbox is None:
        raise SettingsError(["hub.toml has no [sandbox] table, so there is nothing to play"])
    keys = settings.path(settings.keys)
    issuer = SandboxIssuer(keys)
    (keys / KEY_SET).write_bytes(msgspec.json.encode(issuer.jwks()))
    named = {Path(f) for table in settings.sources.values() for f in _files(table.settings)}
    if any(file.suffix in (".pem", ".key") for file in named):
        ensure_certificates(keys)
    for file in named:
        _ensure(settings.path(file), keys)
    return issuer


def _files(settings: Mapping[str, Any]) -> Iterator[str]:
    """Every file that a source's settings name, in tables of theirs too."""
    for value in settings.values():
        if is_secret_reference(value):
            yield from (str(value[key]) for key in value if key == "file")
        elif isinstance(value, dict):
            yield from _files(value)


def _ensure(file: Path, keys: Path) -> None:
    """Only the sandbox's own secrets: `<name>.secret` in the keys folder."""
    if file.suffix == ".secret" and file.parent.resolve() == keys.resolve():
        ensure_secret(keys, file.stem)


def simulated_sources(settings: Settings) -> list[SimulatedSource]:
    """Every enabled source at a loopback address, to be played there."""
    found = []
    for name, table in settings.sources.items():
        url = httpx.URL(table.url)
        if table.enabled and url.host in ("127.0.0.1", "localhost") and url.port:
            found.append(
                SimulatedSource(
                    name=name,
                    module=table.module,
                    port=url.port,
                    settings=with_secrets(table.settings, settings.root),
                )
            )
    return found
