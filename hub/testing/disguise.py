"""The forms in which a credential could stand in a message."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable

from hub.core.secret import Secret


def forms_of(settings: Iterable[object]) -> set[str]:
    """Each secret among *settings* as it is, and in base64, alone and behind a user's name."""
    listed = list(settings)
    secrets = {value.reveal() for value in listed if isinstance(value, Secret)}
    users = [f"{value}:" for value in listed if isinstance(value, str)]
    pairs = {before + secret for before in ("", *users) for secret in secrets}
    return secrets | {b64encode(pair.encode()).decode().rstrip("=") for pair in pairs}
