"""Keys and certificates of nobody, for tests of signatures."""

from __future__ import annotations

import datetime as dt
import functools

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.support.builders import NOW


@functools.cache
def a_key(name: str = "platform") -> rsa.RSAPrivateKey:
    """An RSA key, the same for the same *name* within a run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem_of_key(key: rsa.RSAPrivateKey) -> str:
    """The key as PKCS #8 PEM without passphrase."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def a_certificate(
    key: rsa.RSAPrivateKey | None = None,
    *,
    usage: bool | None = True,
    begins: dt.datetime = NOW - dt.timedelta(days=1),
    ends: dt.datetime = NOW + dt.timedelta(days=365),
) -> str:
    """A self-signed certificate (PEM) with the key usage digitalSignature, another, or none."""
    key = key or a_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "TEST")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    if usage is not None:
        builder = builder.add_extension(
            x509.KeyUsage(
                digital_signature=usage,
                content_commitment=not usage,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
