"""Certificates and keys as operators give them: PEM texts that are checked at start-up."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hub.core.errors import SettingsError


def valid_at(certificate: x509.Certificate, moment: dt.datetime) -> bool:
    """Whether *moment* (aware) lies within the validity period of *certificate*."""
    return certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc


def unfit(certificate: x509.Certificate) -> str | None:
    """Why *certificate* cannot vouch for a message, if it cannot."""
    if not isinstance(certificate.public_key(), RSAPublicKey):
        return "not an RSA key"
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return "no key usage"
    return None if usage.digital_signature else "key usage without digitalSignature"


def certificates_of(source: str, setting: str, pem: str) -> list[x509.Certificate]:
    """Every certificate in *pem*; SettingsError when there is none."""
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise SettingsError([f"{source}: {setting}: no certificate in PEM form"]) from None


def one_certificate(source: str, setting: str, pem: str) -> x509.Certificate:
    """The first certificate in *pem*; SettingsError when there is none."""
    return certificates_of(source, setting, pem)[0]


def private_key_of(source: str, pem: str) -> RSAPrivateKey:
    """The RSA key in *pem*, without passphrase; SettingsError for anything else."""
    key = key_in(pem)
    if key is None:
        raise SettingsError([f"{source}: key: no unencrypted private key in PEM form"])
    if not isinstance(key, RSAPrivateKey):
        raise SettingsError([f"{source}: key: not an RSA key"])
    return key


@lru_cache(maxsize=8)
def key_in(pem: str) -> PrivateKeyTypes | None:
    """The private key in *pem*, without passphrase; None where there is none.

    Remembered, for to check the numbers of an RSA key costs 50 ms, and five parts read the same one.
    """
    try:
        return load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
