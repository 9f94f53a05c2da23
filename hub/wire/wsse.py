"""WS-Security in a SOAP header: the header itself, and the UsernameToken with digest.

OASIS Web Services Security: SOAP Message Security 1.0, and UsernameToken Profile 1.0
section 3.1: `Password_Digest = Base64(SHA-1(nonce + created + password))`.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import os

from lxml import etree

from hub.core.secret import Secret

_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE = f"{_OASIS}wssecurity-secext-1.0.xsd"
WSU = f"{_OASIS}wssecurity-utility-1.0.xsd"
PASSWORD_DIGEST = f"{_OASIS}username-token-profile-1.0#PasswordDigest"
BASE64_BINARY = f"{_OASIS}soap-message-security-1.0#Base64Binary"

NONCE_BYTES = 16


def new_nonce() -> bytes:
    """A fresh nonce; one must never travel twice, not even in a retry."""
    return os.urandom(NONCE_BYTES)


def security_header(envelope: etree._Element) -> etree._Element:
    """The wsse:Security element of *envelope*, made first in its Header where it is lacking.

    The receiver must understand it. X.509 tokens and signatures go into the same element.
    """
    soap = etree.QName(envelope).namespace
    header = envelope.find(f"{{{soap}}}Header")
    if header is None:
        header = etree.Element(f"{{{soap}}}Header")
        envelope.insert(0, header)
    security = header.find(f"{{{WSSE}}}Security")
    if security is None:
        security = etree.SubElement(header, f"{{{WSSE}}}Security", nsmap={"wsse": WSSE, "wsu": WSU})
        security.set(f"{{{soap}}}mustUnderstand", "1")
    return security


def add_username_token(
    envelope: etree._Element, username: str, password: Secret, *, nonce: bytes, at: dt.datetime
) -> None:
    """Put a UsernameToken with digest, made from *nonce* at the aware moment *at*."""
    created = at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    token = etree.SubElement(security_header(envelope), f"{{{WSSE}}}UsernameToken")
    etree.SubElement(token, f"{{{WSSE}}}Username").text = username
    proof = etree.SubElement(token, f"{{{WSSE}}}Password", Type=PASSWORD_DIGEST)
    proof.text = password_digest(nonce, created, password)
    sent = etree.SubElement(token, f"{{{WSSE}}}Nonce", EncodingType=BASE64_BINARY)
    sent.text = base64.b64encode(nonce).decode()
    etree.SubElement(token, f"{{{WSU}}}Created").text = created


def password_digest(nonce: bytes, created: str, password: Secret) -> str:
    """The proof of *password*; *created* is taken as the very text that is sent."""
    material = nonce + created.encode() + password.reveal().encode()
    digest = hashlib.sha1(material, usedforsecurity=False)  # the profile fixes SHA-1
    return base64.b64encode(digest.digest()).decode()
