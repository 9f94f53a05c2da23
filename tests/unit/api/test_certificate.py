"""The client certificate that a TLS terminator hands on: believed from it alone."""

from __future__ import annotations

import base64
import hashlib

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hub.api.certificate import MAX_HEADER_BYTES, thumbprint_of, trusted_networks
from hub.core.errors import SettingsError

PEM = trustme.CA().issue_cert("system.example").cert_chain_pems[0].bytes()
DER = x509.load_pem_x509_certificate(PEM).public_bytes(Encoding.DER)
FIELD = b":" + base64.b64encode(DER) + b":"
THUMBPRINT = base64.urlsafe_b64encode(hashlib.sha256(DER).digest()).rstrip(b"=").decode()
TRUSTED = trusted_networks(["127.0.0.1", "10.1.0.0/16", "fd00::/8"])


def a_scope(*fields, peer="127.0.0.1"):
    """A request with these `Client-Cert` lines."""
    headers = [(b"host", b"x"), *((b"client-cert", field) for field in fields)]
    return {"headers": headers, "client": (peer, 1234) if peer else None}


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.255.3", "fd00::7"])
def test_the_terminator_is_believed(peer):
    """The thumbprint is the SHA-256 of the DER in base64url (RFC 8705 section 3.1)."""
    assert thumbprint_of(a_scope(FIELD, peer=peer), TRUSTED) == THUMBPRINT


@pytest.mark.parametrize("peer", ["127.0.0.2", "10.2.0.1", "::1", "unix:", "", None])
def test_nobody_else_is(peer):
    """A client that writes the header itself gains nothing."""
    assert thumbprint_of(a_scope(FIELD, peer=peer), TRUSTED) is None
    assert thumbprint_of(a_scope(FIELD, peer=peer), ()) is None


BAD = {
    "empty": b"",
    "one colon": b":",
    "no colons": FIELD[1:-1],
    "not base64": b":" + b"?" * 40 + b":",
    "not a certificate": b":" + base64.b64encode(b"hello") + b":",
    "a certificate and more": b":" + base64.b64encode(DER + b"x") + b":",
    "a list": FIELD + b", " + FIELD,
    "a parameter": FIELD + b";a=1",
    "too long": b":" + b"A" * MAX_HEADER_BYTES + b":",
    "PEM": base64.b64encode(PEM),
}


@pytest.mark.parametrize("field", BAD.values(), ids=BAD)
def test_a_field_of_another_form_is_no_certificate(field):
    """RFC 9440 allows one form: the DER as a byte sequence."""
    assert thumbprint_of(a_scope(field), TRUSTED) is None


def test_two_fields_are_none():
    """One of them was not written by the terminator."""
    assert thumbprint_of(a_scope(FIELD, FIELD), TRUSTED) is None


def test_what_is_no_network_stops_the_start():
    """With the key of the configuration in the fault."""
    with pytest.raises(SettingsError, match=r"server\.trusted_proxies"):
        trusted_networks(["proxy.example"])
