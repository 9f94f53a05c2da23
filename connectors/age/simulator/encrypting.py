"""How a provider encrypts its part of an answer for whoever asked, and how that goes wrong."""

from __future__ import annotations

import base64
import secrets

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

XENC = "http://www.w3.org/2001/04/xmlenc#"
DS = "http://www.w3.org/2000/09/xmldsig#"
_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
WSSE = f"{_WSS}-wssecurity-secext-1.0.xsd"
WSU = f"{_WSS}-wssecurity-utility-1.0.xsd"
_X509 = f"{_WSS}-x509-token-profile-1.0#X509v3"
CIPHERS = {
    "aes128-cbc": f"{XENC}aes128-cbc",
    "aes128-gcm": "http://www.w3.org/2009/xmlenc11#aes128-gcm",
}
MODES = frozenset(
    {"unencrypted", "foreign_recipient", "spoilt_key", "spoilt_ciphertext", "other_cipher"}
)
"""What can be wrong with the encryption; a service that does not encrypt answers as always."""

_BLOCK = 16


def encrypt(
    envelope: etree._Element,
    recipient: x509.Certificate,
    algorithms_: tuple[str, ...],
    element: str,
    mode: str | None,
) -> list[etree._Element]:
    """Replace the content of *element*; the token and wrapped key for the header."""
    holder = next(envelope.iter(f"{{*}}{element}"), None)
    if holder is None or mode == "unencrypted":
        return []
    transport, cipher = algorithms_
    key, data_id = secrets.token_bytes(_BLOCK), f"EncDataId-{secrets.token_hex(6).upper()}"
    plain = (holder.text or "").encode() + b"".join(etree.tostring(child) for child in holder)
    sealed = bytearray(_enciphered(cipher, key, plain))
    if mode == "spoilt_ciphertext":
        sealed[-1] ^= 1
    for child in list(holder):
        holder.remove(child)
    holder.text = None
    holder.set("Id", "Cifrado0")
    name = f"{XENC}aes256-cbc" if mode == "other_cipher" else CIPHERS[cipher]
    holder.append(_data(data_id, name, bytes(sealed)))
    if mode == "spoilt_key":
        key = secrets.token_bytes(_BLOCK)
    public = recipient.public_key()
    if mode == "foreign_recipient":
        public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise TypeError("whoever asked has no RSA key")
    return _locks(public, recipient, transport, key, data_id)


def _enciphered(cipher: str, key: bytes, plain: bytes) -> bytes:
    if cipher == "aes128-gcm":
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(key).encrypt(nonce, plain, None)
    short = _BLOCK - len(plain) % _BLOCK
    padded = plain + secrets.token_bytes(short - 1) + bytes([short])
    start = secrets.token_bytes(_BLOCK)
    work = Cipher(algorithms.AES(key), modes.CBC(start)).encryptor()
    return start + work.update(padded) + work.finalize()


def _data(data_id: str, name: str, sealed: bytes) -> etree._Element:
    data = etree.Element(f"{{{XENC}}}EncryptedData", nsmap={"xenc": XENC})
    data.attrib.update({"Id": data_id, "Type": f"{XENC}Content"})
    etree.SubElement(data, f"{{{XENC}}}EncryptionMethod").set("Algorithm", name)
    etree.SubElement(_values(data), f"{{{XENC}}}CipherValue").text = _text(sealed)
    return data


def _locks(
    public: rsa.RSAPublicKey,
    recipient: x509.Certificate,
    transport: str,
    key: bytes,
    data_id: str,
) -> list[etree._Element]:
    mark = f"CertId-{secrets.token_hex(6).upper()}"
    token = etree.Element(f"{{{WSSE}}}BinarySecurityToken", nsmap={"wsse": WSSE, "wsu": WSU})
    token.attrib.update({f"{{{WSU}}}Id": mark, "ValueType": _X509})
    token.text = _text(recipient.public_bytes(Encoding.DER))
    wrapped = etree.Element(f"{{{XENC}}}EncryptedKey", nsmap={"xenc": XENC})
    wrapped.set("Id", f"EncKeyId-{secrets.token_hex(6).upper()}")
    etree.SubElement(wrapped, f"{{{XENC}}}EncryptionMethod").set("Algorithm", f"{XENC}{transport}")
    info = etree.SubElement(wrapped, f"{{{DS}}}KeyInfo")
    holder = etree.SubElement(info, f"{{{WSSE}}}SecurityTokenReference", nsmap={"wsse": WSSE})
    etree.SubElement(holder, f"{{{WSSE}}}Reference").set("URI", f"#{mark}")
    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if transport == "rsa-oaep-mgf1p":
        sha1 = hashes.SHA1()  # noqa: S303 - what the algorithm's identifier means  # nosec B303
        scheme = padding.OAEP(mgf=padding.MGF1(sha1), algorithm=sha1, label=None)
    etree.SubElement(_values(wrapped), f"{{{XENC}}}CipherValue").text = _text(
        public.encrypt(key, scheme)
    )
    references = etree.SubElement(wrapped, f"{{{XENC}}}ReferenceList")
    etree.SubElement(references, f"{{{XENC}}}DataReference").set("URI", f"#{data_id}")
    return [token, wrapped]


def _values(parent: etree._Element) -> etree._Element:
    return etree.SubElement(parent, f"{{{XENC}}}CipherData")


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
