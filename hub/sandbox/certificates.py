"""Certificates for the simulated state platform: a CA and the seals of those who talk.

Files in the keys folder: `age-ca`, `age-hub`, `age-platform` and `age-provider` (a provider
that signs its own answers), each as `.pem` and `.key` (PEM; keys PKCS #8 without passphrase;
mode 0600).
RSA-2048, signed with SHA-256, valid for two years, renewed when less than 30 days remain.
The serialNumber attribute holds the NIF of the owner, as in Spanish seal certificates, which
the platform compares with the requester.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from msgspec import Struct

from hub.core.moment import Clock, utc_now
from hub.sandbox.keys import locked, read_private, write_private

VALID = dt.timedelta(days=730)
RENEW_BEFORE = dt.timedelta(days=30)
HUB_NIF = "P2807900B"
"""Madrid City Council."""
PLATFORM_NIF = "S2833002E"
"""The state administration that runs the platform."""

PROVIDER_NIF = "Q2827003A"
"""The social security's treasury, which seals its answers itself."""


class CertificateFiles(Struct, frozen=True, kw_only=True):
    """Where the certificates and keys are."""

    ca: Path
    hub: Path
    hub_key: Path
    platform: Path
    platform_key: Path
    provider: Path
    provider_key: Path


class _Pair(Struct, frozen=True):
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


def ensure_certificates(keys: Path, *, clock: Clock = utc_now) -> CertificateFiles:
    """The certificates, made or renewed where they are missing, damaged or near their end.

    Raises SettingsError if others can read one of the files.
    """
    now = clock()
    with locked(keys):
        authority = _sound(keys, "age-ca", now, None)
        if authority is None:
            authority = _issue(_subject("CA", None), now, None)
            _keep(keys, "age-ca", authority)
        for name, title, nif in (
            ("age-hub", "Ayuntamiento de Madrid", HUB_NIF),
            ("age-platform", "Plataforma de Intermediacion", PLATFORM_NIF),
            ("age-provider", "Organismo cedente", PROVIDER_NIF),
        ):
            if _sound(keys, name, now, authority) is None:
                _keep(keys, name, _issue(_subject(title, nif), now, authority))
    return CertificateFiles(
        ca=keys / "age-ca.pem",
        hub=keys / "age-hub.pem",
        hub_key=keys / "age-hub.key",
        platform=keys / "age-platform.pem",
        platform_key=keys / "age-platform.key",
        provider=keys / "age-provider.pem",
        provider_key=keys / "age-provider.key",
    )


def _sound(keys: Path, name: str, now: dt.datetime, authority: _Pair | None) -> _Pair | None:
    """The pair on file, if it can be used: its own key, its issuer, and time left."""
    pem, key_pem = read_private(keys / f"{name}.pem"), read_private(keys / f"{name}.key")
    if pem is None or key_pem is None:
        return None
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = serialization.load_pem_private_key(key_pem, password=None)
        certificate.verify_directly_issued_by(
            certificate if authority is None else authority.certificate
        )
    except (ValueError, TypeError, InvalidSignature):
        return None
    if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != certificate.public_key():
        return None
    in_time = certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc
    fresh = certificate.not_valid_after_utc - now >= RENEW_BEFORE
    return _Pair(certificate, key) if in_time and fresh else None


def _subject(title: str, nif: str | None) -> x509.Name:
    """A name that says that it is the sandbox's, so that nobody takes it for a real seal."""
    attributes = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "ES"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "SANDBOX"),
        x509.NameAttribute(NameOID.COMMON_NAME, f"{title} (sandbox)"),
    ]
    if nif is not None:
        attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, nif))
    return x509.Name(attributes)


def _issue(subject: x509.Name, now: dt.datetime, authority: _Pair | None) -> _Pair:
    """A new key with its certificate, issued by *authority*, or by itself as one."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    is_ca = authority is None
    ends = now + VALID
    if authority is not None:
        ends = min(ends, authority.certificate.not_valid_after_utc)
    issuer_key = key if authority is None else authority.key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if authority is None else authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))  # clocks differ a little
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=0 if is_ca else None), True)
        .add_extension(_usage(is_ca=is_ca), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False
        )
    )
    return _Pair(builder.sign(issuer_key, hashes.SHA256()), key)


def _usage(*, is_ca: bool) -> x509.KeyUsage:
    """Signing certificates for an authority; for a seal signing messages, and being sent keys."""
    return x509.KeyUsage(
        digital_signature=not is_ca,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        content_commitment=False,
        key_encipherment=not is_ca,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _keep(keys: Path, name: str, pair: _Pair) -> None:
    """The key first: a certificate without its key is made anew, and so is a mismatch."""
    write_private(
        keys / f"{name}.key",
        pair.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    pem = pair.certificate.public_bytes(serialization.Encoding.PEM)
    write_private(keys / f"{name}.pem", pem)
