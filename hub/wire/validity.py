"""The certificates among a connector's settings: whose they are, and how long they hold.

They are found by their form, so that no connector has to say anything: every secret that is a
PEM text with certificates in it. One whose private key stands beside it is the hub's own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from hub.core.errors import SettingsError
from hub.core.secret import Secret
from hub.wire.signature_keys import key_in

_CERTIFICATE, _KEY = "-----BEGIN CERTIFICATE-----", "PRIVATE KEY-----"


class Held(Struct, frozen=True, kw_only=True):
    """One certificate of a source's settings."""

    setting: str
    number: int
    """Which one of several in the setting, from 0."""
    begins: dt.datetime
    ends: dt.datetime
    is_own: bool

    def days_left(self, now: dt.datetime) -> float:
        """Days until it ends; negative when it has."""
        return (self.ends - now).total_seconds() / 86_400

    def is_valid(self, now: dt.datetime) -> bool:
        """Whether *now* lies within its time."""
        return self.begins <= now <= self.ends


def certificates_in(options: object) -> tuple[Held, ...]:
    """Every certificate among *options*, a connector's settings with their secrets."""
    secrets = dict(_secrets(options, ""))
    keys = {key for text in secrets.values() if (key := _public_of(text)) is not None}
    return tuple(
        held_as(setting, number, certificate, is_own=_bytes_of(certificate) in keys)
        for setting, text in secrets.items()
        for number, certificate in enumerate(_certificates(text))
    )


def held_as(
    setting: str, number: int, certificate: x509.Certificate, *, is_own: bool = False
) -> Held:
    """*certificate* as the one with that *number* in a setting."""
    return Held(
        setting=setting,
        number=number,
        begins=certificate.not_valid_before_utc,
        ends=certificate.not_valid_after_utc,
        is_own=is_own,
    )


def refuse_outdated(where: str, held: tuple[Held, ...], now: dt.datetime) -> None:
    """Raise SettingsError for what could only fail: an own certificate out of its time, and a
    setting whose certificates of others are all out of theirs.
    """
    faults = []
    for setting in dict.fromkeys(one.setting for one in held):
        mine = [one for one in held if one.setting == setting]
        if any(one.is_own and not one.is_valid(now) for one in mine):
            mine = [one for one in mine if one.is_own]
        if any(one.is_valid(now) for one in mine):
            continue
        last = max(mine, key=lambda one: one.ends)
        told = f"expired on {last.ends:%Y-%m-%d}"
        if last.ends > now:
            told = f"not valid before {last.begins:%Y-%m-%d}"
        whose = "the hub's own certificate" if last.is_own else "every certificate in it"
        faults.append(f"{where}.{setting}: {whose} {told if last.is_own else 'is ' + told}")
    if faults:
        raise SettingsError(faults)


def _secrets(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Secret):
        yield path, value.reveal()
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from _secrets(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _secrets(inner, f"{path}.{name}" if path else str(name))


def _certificates(text: str) -> list[x509.Certificate]:
    """None where it cannot be read: the connector says why."""
    if _CERTIFICATE not in text:
        return []
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        return []


def _public_of(text: str) -> bytes | None:
    key = key_in(text) if _KEY in text else None
    if key is None:
        return None
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _bytes_of(certificate: x509.Certificate) -> bytes:
    public = certificate.public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
