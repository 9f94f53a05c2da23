"""Decrypt the part of a verified Body that its sender encrypted for the hub (XML Encryption).

The order is fixed: the signature is verified first, over the ciphertext, and only what it
vouches for is decrypted; the result is read by the XML gate like everything from outside.
The wrapped key travels in the SOAP Header, which nobody signs, so that an attacker can change
it and watch what happens. Hence there is one failure: the same error with the same words,
whatever went wrong, and a key that cannot be unwrapped is replaced by a random one, with
which the work goes on. cryptography does the arithmetic.
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import Literal
from xml.sax.saxutils import quoteattr

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree
from msgspec import Struct

from hub.core.errors import SourceError, SourceInsecure
from hub.wire.signature_form import DS, SOAP, WSSE
from hub.wire.signature_keys import private_key_of
from hub.wire.xml import parse_xml

XENC = "{http://www.w3.org/2001/04/xmlenc#}"
_X11 = "http://www.w3.org/2009/xmlenc11#"
_CONTENT = f"{XENC[1:-1]}Content"

KeyTransport = Literal["rsa-1_5", "rsa-oaep-mgf1p"]
Cipherment = Literal["aes128-cbc", "aes128-gcm"]

_TRANSPORTS: dict[str, KeyTransport] = {
    f"{XENC[1:-1]}rsa-1_5": "rsa-1_5",
    f"{XENC[1:-1]}rsa-oaep-mgf1p": "rsa-oaep-mgf1p",
}
_CIPHERS: dict[str, Cipherment] = {
    f"{XENC[1:-1]}aes128-cbc": "aes128-cbc",
    f"{_X11}aes128-gcm": "aes128-gcm",
}
_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    f"{DS[1:-1]}sha1": hashes.SHA1(),  # noqa: S303 - OAEP's default in XML Encryption 1.0; it signs nothing  # nosec B303
    f"{XENC[1:-1]}sha256": hashes.SHA256(),
}
KEY_BYTES = 16
_IV_BYTES, _NONCE_BYTES, _TAG_BYTES = 16, 12, 16


class EncryptionProfile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part of an answer is encrypted, and the only algorithms that are accepted."""

    element: str
    """Local name of the element whose content is replaced by the ciphertext."""
    key_transport: tuple[KeyTransport, ...]
    data: tuple[Cipherment, ...]


class _Unreadable(Exception):
    """Something does not fit; what it was is told to nobody."""


class Decryptor:
    """Opens what was encrypted for the hub's own certificate, with its RSA key (PEM)."""

    def __init__(self, source: str, key: str) -> None:
        """Raise SettingsError unless *key* is an RSA key."""
        self._source, self._key = source, private_key_of(source, key)

    def decrypt(
        self, envelope: etree._Element, body: etree._Element, profile: EncryptionProfile
    ) -> None:
        """Put the plain content into *body*, the verified Body of *envelope*, in its place.

        Elements called `profile.element` that are not there (an answer that is not ready)
        leave nothing to do. One that is there in clear, more than one ciphertext, another
        algorithm or place, a key that does not fit: SourceInsecure (`decryption`).
        """
        holders = list(body.iter(f"{{*}}{profile.element}"))
        if not holders and body.find(f".//{XENC}EncryptedData") is None:
            return
        try:
            holder, data = _the_ciphertext(body, holders)
            plain = self._plain(_the_key(envelope, data), data, profile)
            _replace(self._source, holder, plain)
        except (_Unreadable, SourceError):
            detail = "the encrypted part cannot be read"
            raise SourceInsecure(self._source, "decryption", detail) from None

    def _plain(
        self, wrapped: etree._Element, data: etree._Element, profile: EncryptionProfile
    ) -> bytes:
        transport = _TRANSPORTS.get(_algorithm(wrapped))
        cipher = _CIPHERS.get(_algorithm(data))
        if transport not in profile.key_transport or cipher not in profile.data:
            raise _Unreadable
        return _deciphered(cipher, self._unwrapped(transport, wrapped), _cipher_value(data))

    def _unwrapped(self, transport: KeyTransport | None, wrapped: etree._Element) -> bytes:
        """The session key, or a random one: what is wrong with a key shows nowhere."""
        scheme: padding.AsymmetricPadding = padding.PKCS1v15()
        if transport == "rsa-oaep-mgf1p":
            scheme = _oaep(wrapped)
        stand_in = os.urandom(KEY_BYTES)
        try:
            key = self._key.decrypt(_cipher_value(wrapped), scheme)
        except ValueError:
            return stand_in
        return key if len(key) == KEY_BYTES else stand_in


def is_encrypted(body: etree._Element) -> bool:
    """Whether anything in *body* is a ciphertext, which only some services may send."""
    return body.find(f".//{XENC}EncryptedData") is not None


def _the_ciphertext(
    body: etree._Element, holders: list[etree._Element]
) -> tuple[etree._Element, etree._Element]:
    """The one element whose whole content is one ciphertext."""
    found = list(body.iter(f"{XENC}EncryptedData"))
    if len(holders) != 1 or len(found) != 1 or list(holders[0]) != found:
        raise _Unreadable
    if found[0].get("Type") != _CONTENT or (holders[0].text or "").strip():
        raise _Unreadable
    return holders[0], found[0]


def _the_key(envelope: etree._Element, data: etree._Element) -> etree._Element:
    """The one wrapped key, in the Security header, which says that it is for *data*."""
    keys = list(envelope.iter(f"{XENC}EncryptedKey"))
    security = envelope.find(f"./{SOAP}Header/{WSSE}Security")
    if len(keys) != 1 or security is None or keys[0].getparent() is not security:
        raise _Unreadable
    uris = [node.get("URI") for node in keys[0].iter(f"{XENC}DataReference")]
    if not data.get("Id") or uris != [f"#{data.get('Id')}"]:
        raise _Unreadable
    return keys[0]


def _algorithm(element: etree._Element) -> str:
    method = element.find(f"./{XENC}EncryptionMethod")
    return "" if method is None else method.get("Algorithm") or ""


def _cipher_value(element: etree._Element) -> bytes:
    """The bytes that stand in the message; a CipherReference is never followed."""
    values = element.findall(f"./{XENC}CipherData/{XENC}CipherValue")
    if len(values) != 1:
        raise _Unreadable
    try:
        return base64.b64decode("".join((values[0].text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise _Unreadable from None


def _oaep(wrapped: etree._Element) -> padding.AsymmetricPadding:
    """OAEP with MGF1 over SHA-1, as its name says; the digest may be stated."""
    named = wrapped.find(f"./{XENC}EncryptionMethod/{DS}DigestMethod")
    digest = _DIGESTS.get(f"{DS[1:-1]}sha1" if named is None else named.get("Algorithm") or "")
    if digest is None or wrapped.find(f".//{XENC}OAEPparams") is not None:
        raise _Unreadable
    mask = padding.MGF1(hashes.SHA1())  # noqa: S303 - fixed by the algorithm's identifier  # nosec B303
    return padding.OAEP(mgf=mask, algorithm=digest, label=None)


def _deciphered(cipher: Cipherment | None, key: bytes, sealed: bytes) -> bytes:
    if cipher == "aes128-gcm":
        if len(sealed) < _NONCE_BYTES + _TAG_BYTES:
            raise _Unreadable
        try:
            return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        except InvalidTag:
            raise _Unreadable from None
    if len(sealed) < 2 * _IV_BYTES or len(sealed) % _IV_BYTES:
        raise _Unreadable
    work = Cipher(algorithms.AES(key), modes.CBC(sealed[:_IV_BYTES])).decryptor()
    padded = work.update(sealed[_IV_BYTES:]) + work.finalize()
    if not 1 <= padded[-1] <= _IV_BYTES:  # XML Encryption 5.2: only the last byte counts
        raise _Unreadable
    return padded[: -padded[-1]]


def _replace(source: str, holder: etree._Element, plain: bytes) -> None:
    """Read *plain* among the namespaces of *holder*, and make it its content.

    Whatever closes the wrapper early leaves a second root, and the gate refuses that.
    """
    names = "".join(
        f" xmlns{f':{prefix}' if prefix else ''}={quoteattr(uri)}"
        for prefix, uri in holder.nsmap.items()
    )
    whole = parse_xml(source, f"<w{names}>".encode() + plain + b"</w>")
    for child in list(holder):
        holder.remove(child)
    holder.text = whole.text
    holder.extend(list(whole))
