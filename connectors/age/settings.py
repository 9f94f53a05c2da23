"""`[sources.age.settings]`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from msgspec import Meta, Struct

from connectors.age.outcomes import SOURCE
from hub.core.errors import SettingsError
from hub.core.secret import Secret
from hub.wire.signature_form import Algorithm


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The PEM texts are given as `{ file = "…" }`."""

    requester_id: str
    """NIF of the asking body, which must be the serialNumber of its certificate."""
    requester_name: str
    certificate: Secret
    key: Secret
    signer: Secret
    """The certificates, one or more, whose signature on an answer is believed."""
    id_prefix: Annotated[str, Meta(pattern="^[0-9A-Z]{3,9}$")] = "MAD"
    bulk_wait_s: float | None = None
    """Overrides the services' least waits between asynchronous messages; for the sandbox."""
    answer_algorithm: Algorithm | None = None
    """Overrides the services' own: `rsa-sha1` while the platform still signs with it."""
    signers: Mapping[str, Secret] = {}
    """By service code, who signs its answers where the platform does not: the provider."""
    endpoints: Mapping[str, str] = {}
    """By service code, another address than the contract's, below `url`."""
    bulk_endpoints: Mapping[str, str] = {}
    """The same for asynchronous messages: neither address is ever derived from the other."""


def check_codes(settings: Settings, codes: Iterable[str]) -> None:
    """Raise SettingsError for whatever is set for a service that does not exist."""
    named = {*settings.signers, *settings.endpoints, *settings.bulk_endpoints}
    if unknown := sorted(named - set(codes)):
        raise SettingsError([f"{SOURCE}: no service {code}" for code in unknown])
