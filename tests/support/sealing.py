"""Signed SOAP messages for tests: by the hub's signer, and by libxmlsec, which is not ours."""

from __future__ import annotations

import base64
import functools

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from hub.wire.signature import BodySigner
from hub.wire.signature_form import BASE64, DS, EXCLUSIVE, SOAP, WSSE, WSU, X509V3, Algorithm
from tests.support.builders import NOW
from tests.support.certificates import a_certificate, a_key, pem_of_key

BODY_ID = "Body-1"
_METHODS = {
    "rsa-sha256": (xmlsec.constants.TransformRsaSha256, xmlsec.constants.TransformSha256),
    "rsa-sha1": (xmlsec.constants.TransformRsaSha1, xmlsec.constants.TransformSha1),
}


@functools.cache
def the_certificate() -> str:
    """The certificate of the test's platform."""
    return a_certificate()


def content(text: str = "yes") -> etree._Element:
    """What a message is about."""
    root = etree.Element("{urn:test}Answer", nsmap={"t": "urn:test"})
    etree.SubElement(root, "{urn:test}Value").text = text
    return root


def signed(algorithm: Algorithm = "rsa-sha256", text: str = "yes") -> etree._Element:
    """A message that the hub's own signer signed, parsed."""
    return etree.fromstring(_signed(algorithm, text))


@functools.cache
def _signed(algorithm: Algorithm, text: str) -> bytes:
    signer = BodySigner("test", the_certificate(), pem_of_key(a_key()), lambda: NOW)
    return signer.sign(content(text), BODY_ID, algorithm)


def xmlsec_verifies(envelope: etree._Element, certificate: str) -> bool:
    """Whether libxmlsec finds the signature in *envelope* right, with *certificate* alone."""
    context = xmlsec.SignatureContext()
    context.register_id(envelope[1], "Id", id_ns=WSU[1:-1])
    context.key = xmlsec.Key.from_memory(
        certificate.encode(), xmlsec.constants.KeyDataFormatCertPem
    )
    signature = envelope.find(f".//{DS}Signature")
    assert signature is not None
    try:
        context.verify(signature)
    except xmlsec.Error:
        return False
    return True


def xmlsec_signed(
    *,
    ids: dict[str, str],
    uri: str,
    algorithm: Algorithm = "rsa-sha256",
    token_first: bool = True,
    prefixes: str | None = None,
) -> etree._Element:
    """A message in the shape of real ones, signed by libxmlsec.

    *ids* are the identifiers of the Body by attribute name; *uri* is what the reference
    says; *prefixes* is the PrefixList of both canonicalisations, where there is one.
    """
    envelope, body, security = _parts(ids)
    method, digest = _METHODS[algorithm]
    signature = xmlsec.template.create(
        envelope, xmlsec.constants.TransformExclC14N, method, ns="ds"
    )
    reference = xmlsec.template.add_reference(signature, digest, uri=uri)
    transform = xmlsec.template.add_transform(reference, xmlsec.constants.TransformExclC14N)
    if prefixes is not None:
        for node in (transform, next(signature.iter(f"{DS}CanonicalizationMethod"))):
            etree.SubElement(node, f"{{{EXCLUSIVE}}}InclusiveNamespaces").set(
                "PrefixList", prefixes
            )
    holder = etree.SubElement(
        xmlsec.template.ensure_key_info(signature), f"{WSSE}SecurityTokenReference"
    )
    etree.SubElement(holder, f"{WSSE}Reference").attrib.update({"URI": "#T-1", "ValueType": X509V3})
    security.append(signature)
    security.insert(0 if token_first else 1, _token())
    context = xmlsec.SignatureContext()
    for name in ids:
        qualified = etree.QName(name)
        context.register_id(body, qualified.localname, id_ns=qualified.namespace)
    context.key = xmlsec.Key.from_memory(
        pem_of_key(a_key()).encode(), xmlsec.constants.KeyDataFormatPem
    )
    context.sign(signature)
    return etree.fromstring(etree.tostring(envelope))


def _parts(ids: dict[str, str]) -> tuple[etree._Element, etree._Element, etree._Element]:
    envelope = etree.Element(f"{SOAP}Envelope", nsmap={"soapenv": SOAP[1:-1]})
    header = etree.SubElement(envelope, f"{SOAP}Header")
    security = etree.SubElement(header, f"{WSSE}Security", nsmap={"wsse": WSSE[1:-1]})
    body = etree.SubElement(envelope, f"{SOAP}Body", nsmap={"wsu": WSU[1:-1]})
    for name, value in ids.items():
        body.set(name, value)
    body.append(content())
    return envelope, body, security


def _token() -> etree._Element:
    token = etree.Element(f"{WSSE}BinarySecurityToken", nsmap={"wsu": WSU[1:-1]})
    token.attrib.update({f"{WSU}Id": "T-1", "EncodingType": BASE64, "ValueType": X509V3})
    certificate = x509.load_pem_x509_certificate(the_certificate().encode())
    token.text = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    return token
