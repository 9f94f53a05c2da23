"""The caller's client certificate, as the TLS terminator in front of the hub hands it on.

RFC 9440: the terminator sends `Client-Cert: :<base64 of the DER>:` and strips what a client
wrote there itself. The header is believed only from an address that `hub.toml` names.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
from collections.abc import Sequence

from cryptography import x509
from litestar.types import Scope

from hub.core.errors import SettingsError

HEADER = b"client-cert"
MAX_HEADER_BYTES = 16_384

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def trusted_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """The addresses and networks of `server.trusted_proxies`; SettingsError for anything else."""
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError:
        fault = "server.trusted_proxies: an address or a network each, as 10.1.0.0/16"
        raise SettingsError([fault]) from None


def thumbprint_of(scope: Scope, trusted: Sequence[Network]) -> str | None:
    """The `x5t#S256` (RFC 8705 section 3.1) of the certificate that the caller proved to hold;
    None where there is none, or nobody to be believed says so.
    """
    lines = [value for name, value in scope["headers"] if name == HEADER]
    if len(lines) != 1 or len(lines[0]) > MAX_HEADER_BYTES or not is_trusted(scope, trusted):
        return None
    text = lines[0].strip()
    if len(text) < 2 or text[:1] != b":" or text[-1:] != b":":  # noqa: PLR2004 - both colons
        return None
    try:
        der = base64.b64decode(text[1:-1], validate=True)
        x509.load_der_x509_certificate(der)
    except (binascii.Error, ValueError):
        return None
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


def is_trusted(scope: Scope, trusted: Sequence[Network]) -> bool:
    """Whether the request comes from one of those whose word counts."""
    peer = scope.get("client")
    if peer is None or not trusted:
        return False
    try:
        address = ipaddress.ip_address(peer[0])
    except ValueError:
        return False
    return any(address in network for network in trusted)
