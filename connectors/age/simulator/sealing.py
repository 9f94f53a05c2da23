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
from msgspec import Struct
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.signer import SignatureReference, XMLSigner

from connectors.age.simulator import encrypting
from connectors.age.simulator.messages import SOAP
from hub.core.moment import Clock
from hub.wire.xml import parse_xml

WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
DS = "http://www.w3.org/2000/09/xmldsig#"
_TOKENS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
_X509 = f"{_TOKENS}-x509-token-profile-1.0#X509v3"
_BASE64 = f"{_TOKENS}-soap-message-security-1.0#Base64Binary"
_S = f"{{{SOAP}}}"

Algorithm = tuple[SignatureMethod, DigestAlgorithm]
SHA256: Algorithm = (SignatureMethod.RSA_SHA256, DigestAlgorithm.SHA256)
SHA1: Algorithm = (SignatureMethod.RSA_SHA1, DigestAlgorithm.SHA1)
HMAC: Algorithm = (SignatureMethod.HMAC_SHA256, DigestAlgorithm.SHA256)


class Manner(Struct, frozen=True, kw_only=True):
    """How a service's answers are sealed."""

    bare: bool = False
    """A signature in the Header itself, with inclusive canonicalisation (the older mode)."""
    body_id: str | None = None
    recipient: x509.Certificate | None = None
    encryption: tuple[str, ...] | None = None
    """Key transport and cipher."""
    element: str = "DatosEspecificos"
    """Whose content is encrypted."""


_USUAL = Manner()


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

    def sealed(self, content: str, mode: str | None = None, manner: Manner = _USUAL) -> bytes:
        """*content* in a signed message; *mode* names what is to be wrong with it."""
        envelope = _envelope(content, manner)
        locks: list[etree._Element] = []
        if manner.recipient is not None and manner.encryption is not None:
            locks = encrypting.encrypt(
                envelope, manner.recipient, manner.encryption, manner.element, mode
            )
        if mode != "unsigned":
            _sign(envelope, *self._hand(mode), bare=manner.bare)
        if locks and len(envelope[0]):
            envelope[0][0].extend(locks)
        if mode in TAMPERING:
            TAMPERING[mode](envelope)
        return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)

    def _hand(self, mode: str | None) -> tuple[x509.Certificate, rsa.RSAPrivateKey, Algorithm]:
        """Whose certificate and key seal, and how."""
        algorithm = {"sha1": SHA1, "hmac_swap": HMAC}.get(mode or "", self._usual)
        if mode == "foreign_signer":
            return *self._stranger, algorithm
        if mode == "expired_signer":
            old = _self_signed(self._key, self._clock() - dt.timedelta(days=400))
            return old, self._key, algorithm
        return self._certificate, self._key, algorithm

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


def _envelope(content: str, manner: Manner) -> etree._Element:
    """An unsigned message; the platform's Body bears two identifiers, others one."""
    ids = f'xmlns:wsu="{WSU}" Id="Body" wsu:Id="id-{secrets.randbelow(10**8)}"'
    if manner.body_id is not None:
        ids = f'Id="{manner.body_id}"'
    text = (
        f'<soapenv:Envelope xmlns:soapenv="{SOAP}"><soapenv:Header/>'
        f"<soapenv:Body {ids}>{content}</soapenv:Body></soapenv:Envelope>"
    )
    return parse_xml("age-simulator", text.encode())


def _sign(
    envelope: etree._Element,
    certificate: x509.Certificate,
    key: rsa.RSAPrivateKey,
    algorithm: Algorithm,
    *,
    bare: bool,
) -> None:
    header, body = envelope
    place, info = _bare(header, certificate) if bare else _secured(header, certificate)
    whole = CanonicalizationMethod.CANONICAL_XML_1_0_WITH_COMMENTS
    exclusive = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
    signer = _AnyAlgorithm(
        SignatureConstructionMethod.detached,
        *algorithm,
        CanonicalizationMethod.CANONICAL_XML_1_0 if bare else exclusive,
    )
    if bare:
        signer.namespaces = {"ds": DS, "soapenv": SOAP}
    uri = f"#{body.get(f'{{{WSU}}}Id') or body.get('Id')}"
    reference = SignatureReference(URI=uri, c14n_method=whole if bare else exclusive)
    shared = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secret = shared if algorithm == HMAC else key
    made = signer.sign(
        envelope, key=secret, reference_uri=[reference], key_info=info, id_attribute="Id"
    )
    if algorithm == HMAC:
        made.append(info)
    place.append(made)


def _secured(
    header: etree._Element, certificate: x509.Certificate
) -> tuple[etree._Element, etree._Element]:
    """A Security header with the token in it, and a KeyInfo that points to the token."""
    mark = secrets.token_hex(8).upper()
    security = etree.SubElement(header, f"{{{WSSE}}}Security", nsmap={"wsse": WSSE})
    token = etree.SubElement(security, f"{{{WSSE}}}BinarySecurityToken", nsmap={"wsu": WSU})
    token.set("EncodingType", _BASE64)
    token.set("ValueType", _X509)
    token.set(f"{{{WSU}}}Id", f"CertId-{mark}")
    token.text = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    info = etree.Element(f"{{{DS}}}KeyInfo")
    holder = etree.SubElement(info, f"{{{WSSE}}}SecurityTokenReference")
    reference = etree.SubElement(holder, f"{{{WSSE}}}Reference")
    reference.set("URI", f"#CertId-{mark}")
    reference.set("ValueType", _X509)
    return security, info


def _bare(
    header: etree._Element, certificate: x509.Certificate
) -> tuple[etree._Element, etree._Element]:
    """The Header itself, and a KeyInfo that holds the certificate."""
    info = etree.Element(f"{{{DS}}}KeyInfo")
    data = etree.SubElement(info, f"{{{DS}}}X509Data")
    token = etree.SubElement(data, f"{{{DS}}}X509Certificate")
    token.text = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    return header, info


def _forged(body: etree._Element) -> etree._Element:
    """A copy of *body* that says the opposite."""
    forged = copy.deepcopy(body)
    for node in forged.iter("{*}IdTransmision"):
        node.text = "FALSIFICADA"
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
