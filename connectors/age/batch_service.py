"""The asynchronous side of a service as data: `asynchronous.toml` beside its `service.toml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from connectors.age.service import Service
from hub.core.connector import Operation, Patience
from hub.core.errors import SettingsError
from hub.wire.bulk import BulkRules
from hub.wire.xmlenc import EncryptionProfile


class Asynchronous(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Address, actions and limits. The address is never derived: sources are irregular."""

    endpoint: str
    request_action: str
    answer_action: str
    limit: int
    """The most people in one request; the interface allows 1000, a service may allow fewer."""
    first_wait_s: float
    interval_s: float
    give_up_s: float
    patience: Patience
    encryption: EncryptionProfile | None = None
    """How answers are encrypted: another part of the message than of a synchronous one."""


class BatchService(Struct, frozen=True, kw_only=True):
    """A service that can be asked about many people at once."""

    service: Service
    asynchronous: Asynchronous

    @property
    def operation(self) -> Operation:
        """As the wire needs it; an answer is bound by its signature and its IdPeticion."""
        return Operation(
            name=self.service.operation,
            echoes=(),
            patience=self.asynchronous.patience,
            repeatable=False,
        )

    def rules(self, least_wait_s: float | None) -> BulkRules:
        """What the hub must respect; *least_wait_s* overrides the waits (the sandbox's)."""
        own = self.asynchronous
        return BulkRules(
            limit=own.limit,
            first_wait_s=own.first_wait_s if least_wait_s is None else least_wait_s,
            interval_s=own.interval_s if least_wait_s is None else least_wait_s,
            give_up_s=own.give_up_s,
        )


def batch_services(services: Sequence[Service]) -> Mapping[str, BatchService]:
    """By operation, those of *services* that have an asynchronous side.

    Raises SettingsError with all faults at once.
    """
    found: dict[str, BatchService] = {}
    faults: list[str] = []
    for service in services:
        path = Path(service.folder) / "asynchronous.toml"
        if not path.exists():
            continue
        try:
            side = msgspec.toml.decode(path.read_bytes(), type=Asynchronous)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            faults.append(f"age: {service.code}/asynchronous.toml: {error}")
            continue
        if (side.encryption is None) != (service.encryption is None):
            faults.append(f"age: {service.code}/asynchronous.toml: encryption on one side alone")
        found[service.operation] = BatchService(service=service, asynchronous=side)
    if faults:
        raise SettingsError(faults)
    return found
