"""How the platform seals an answer, and every way in which a seal can be wrong."""

from __future__ import annotations

import base64
import copy
import datetime as dt
import secrets
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from lxml import etree
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.signer import XMLSigner

from connectors.age.simulator.messages import SOAP
from hub.core.moment import Clock
from hub.wire.xml import parse_xml

WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_TOKENS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
_X509 = f"{_TOKENS}-x509-token-profile-1.0#X509v3"
_BASE64 = f"{_TOKENS}-soap-message-security-1.0#Base64Binary"
_S = f"{{{SOAP}}}"

Algorithm = tuple[SignatureMethod, DigestAlgorithm]
SHA256: Algorithm = (SignatureMethod.RSA_SHA256, DigestAlgorithm.SHA256)
SHA1: Algorithm = (SignatureMethod.RSA_SHA1, DigestAlgorithm.SHA1)
HMAC: Algorithm = (SignatureMethod.HMAC_SHA256, DigestAlgorithm.SHA256)


class _AnyAlgorithm(XMLSigner):
    """The platform still signs with SHA-1 at some services."""

    def check_deprecated_methods(self) -> None:
        """Nothing is deprecated here."""


class Seal:
    """The platform's certificate and key, and some that are not its own."""

    def __init__(self, certificate: Path, key: Path, usual: Algorithm, clock: Clock) -> None:
        self._certificate = x509.load_pem_x509_certificate(certificate.read_bytes())
        loaded = load_pem_private_key(key.read_bytes(), password=None)
        if not isinstance(loaded, rsa.RSAPrivateKey):
            raise TypeError("the platform's key is not an RSA key")
        self._key, self._usual, self._clock = loaded, usual, clock

    def sealed(self, content: str, mode: str | None = None) -> bytes:
        """*content* in a signed message; *mode* names what is to be wrong with it."""
        certificate, key, algorithm = self._certificate, self._key, self._usual
        if mode == "foreign_signer":
            certificate, key = self._stranger
        elif mode == "expired_signer":
            certificate = _self_signed(key, self._clock() - dt.timedelta(days=400))
        elif mode == "sha1":
            algorithm = SHA1
        elif mode == "hmac_swap":
            algorithm = HMAC
        envelope = _envelope(content)
        if mode != "unsigned":
            _sign(envelope, certificate, key, algorithm)
        if mode in TAMPERING:
            TAMPERING[mode](envelope)
        return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)

    @cached_property
    def _stranger(self) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
        """Somebody else's certificate, under the platform's name."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return _self_signed(key, self._clock()), key


def _self_signed(key: rsa.RSAPrivateKey, began: dt.datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "PLATFORM (sandbox)")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began - dt.timedelta(days=1))
        .not_valid_after(began + dt.timedelta(days=90))
        .sign(key, hashes.SHA256())
    )


def _envelope(content: str) -> etree._Element:
    """An unsigned message; the Body bears two identifiers, as real answers do."""
    text = (
        f'<soapenv:Envelope xmlns:soapenv="{SOAP}"><soapenv:Header/>'
        f'<soapenv:Body xmlns:wsu="{WSU}" Id="Body" wsu:Id="id-{secrets.randbelow(10**8)}">'
        f"{content}</soapenv:Body></soapenv:Envelope>"
    )
    return parse_xml("age-simulator", text.encode())


def _sign(
    envelope: etree._Element,
    certificate: x509.Certificate,
    key: rsa.RSAPrivateKey,
    algorithm: Algorithm,
) -> None:
    mark = secrets.token_hex(8).upper()
    header, body = envelope
    security = etree.SubElement(header, f"{{{WSSE}}}Security", nsmap={"wsse": WSSE})
    token = etree.SubElement(security, f"{{{WSSE}}}BinarySecurityToken", nsmap={"wsu": WSU})
    token.set("EncodingType", _BASE64)
    token.set("ValueType", _X509)
    token.set(f"{{{WSU}}}Id", f"CertId-{mark}")
    token.text = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    info = etree.Element("{http://www.w3.org/2000/09/xmldsig#}KeyInfo")
    holder = etree.SubElement(info, f"{{{WSSE}}}SecurityTokenReference")
    reference = etree.SubElement(holder, f"{{{WSSE}}}Reference")
    reference.set("URI", f"#CertId-{mark}")
    reference.set("ValueType", _X509)
    method, digest = algorithm
    signer = _AnyAlgorithm(
        SignatureConstructionMethod.detached,
        method,
        digest,
        CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    uri = f"#{body.get(f'{{{WSU}}}Id')}"
    shared = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secret = shared if algorithm == HMAC else key
    made = signer.sign(envelope, key=secret, reference_uri=uri, key_info=info, id_attribute="Id")
    if algorithm == HMAC:
        made.append(info)
    security.append(made)


def _forged(body: etree._Element) -> etree._Element:
    """A copy of *body* that says the opposite."""
    forged = copy.deepcopy(body)
    for node in forged.iter("{*}Inscrito"):
        node.text = "N" if node.text == "S" else "S"
    for node in forged.iter("{*}LiteralError"):
        node.text = "FALSIFICADA"
    return forged


def _tampered_body(envelope: etree._Element) -> None:
    body = envelope[1]
    envelope.replace(body, _forged(body))


def _second_body(envelope: etree._Element) -> None:
    forged = _forged(envelope[1])
    forged.set("Id", "Other")
    forged.set(f"{{{WSU}}}Id", "id-other")
    envelope.insert(1, forged)


def _moved_body(envelope: etree._Element) -> None:
    header, body = envelope
    forged = _forged(body)
    forged.set("Id", "Other")
    forged.set(f"{{{WSU}}}Id", "id-other")
    envelope.replace(body, forged)
    etree.SubElement(header, "{urn:wrapper}Wrapper").append(body)


def _duplicate_id(envelope: etree._Element) -> None:
    header, body = envelope
    envelope.replace(body, _forged(body))
    etree.SubElement(header, "{urn:wrapper}Wrapper").append(body)


TAMPERING: dict[str, Callable[[etree._Element], None]] = {
    "tampered_body": _tampered_body,
    "second_body": _second_body,
    "moved_body": _moved_body,
    "duplicate_id": _duplicate_id,
}
"""What an attacker between the platform and the hub does to a signed message."""

MODES = frozenset({"unsigned", "foreign_signer", "expired_signer", "sha1", "hmac_swap", *TAMPERING})
