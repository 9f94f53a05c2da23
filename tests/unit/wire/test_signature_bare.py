"""The platform's older mode: a bare signature in the Header, inclusive canonicalisation."""

from __future__ import annotations

import base64

import pytest
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from hub.core.errors import SourceInsecure
from hub.wire.signature import BodySigner, PinnedVerifier
from hub.wire.signature_form import DS, SOAP, Algorithm, Mode
from tests.support.builders import NOW
from tests.support.certificates import a_key, pem_of_key
from tests.support.sealing import content, signed, the_certificate
from tests.support.wrapping import Attack
from tests.support.wrapping_bare import BARE_WRAPPINGS

MODE: Mode = "xml-signature"


def bare(algorithm: Algorithm = "rsa-sha256") -> etree._Element:
    """A message that the hub's own signer signed in the older mode, parsed."""
    signer = BodySigner("test", the_certificate(), pem_of_key(a_key()), lambda: NOW)
    return etree.fromstring(signer.sign(content(), "MsgBody", algorithm, MODE))


def verified(envelope: etree._Element, algorithm: Algorithm = "rsa-sha256") -> str | None:
    """The text that a verified Body says."""
    verifier = PinnedVerifier("test", the_certificate(), lambda: NOW)
    return verifier.verify(envelope, algorithm, MODE).body[0][0].text


@pytest.mark.parametrize(("change", "rule"), BARE_WRAPPINGS.values(), ids=list(BARE_WRAPPINGS))
def test_a_bare_signature_vouches_for_one_body_in_one_form(change: Attack, rule: str):
    """Each attack is refused as `signature`, by the rule that is meant for it."""
    envelope = bare()
    change(envelope)
    with pytest.raises(SourceInsecure) as caught:
        verified(envelope)
    assert caught.value.reason == "signature"
    assert rule in caught.value.detail


@pytest.mark.parametrize("algorithm", ["rsa-sha256", "rsa-sha1"])
def test_what_is_signed_is_verified(algorithm: Algorithm):
    """The unchanged message is accepted, with the algorithm of the profile alone."""
    assert verified(bare(algorithm), algorithm) == "yes"
    other: Algorithm = "rsa-sha1" if algorithm == "rsa-sha256" else "rsa-sha256"
    with pytest.raises(SourceInsecure):
        verified(bare(algorithm), other)


def test_one_mode_is_not_the_other():
    """A service's profile names one mode, and a message in the other is refused."""
    with pytest.raises(SourceInsecure, match="not one bare Signature"):
        verified(signed())
    with pytest.raises(SourceInsecure, match="Security header"):
        PinnedVerifier("test", the_certificate(), lambda: NOW).verify(bare(), "rsa-sha256")


def _with_a_key(name: str | None) -> etree._Element:
    """A bare message whose KeyInfo holds a key beside the certificate, as real ones do."""
    envelope = bare()
    key = a_key() if name is None else a_key(name)
    value = etree.SubElement(next(envelope.iter(f"{DS}KeyInfo")), f"{DS}KeyValue")
    numbers = etree.SubElement(value, f"{DS}RSAKeyValue")
    modulus = key.public_key().public_numbers().n.to_bytes(256, "big")
    etree.SubElement(numbers, f"{DS}Modulus").text = base64.b64encode(modulus).decode()
    etree.SubElement(numbers, f"{DS}Exponent").text = "AQAB"
    return envelope


def test_a_bare_key_beside_the_certificate_must_be_its_own():
    """Only the certificate is trusted; another key beside it makes the message two-faced."""
    assert verified(_with_a_key(None)) == "yes"
    with pytest.raises(SourceInsecure, match="signxml refuses it"):
        verified(_with_a_key("stranger"))


def test_an_independent_library_verifies_ours():
    """Libxmlsec finds the hub's bare signature right."""
    envelope = bare()
    context = xmlsec.SignatureContext()
    context.register_id(envelope[1], "Id")
    pem = the_certificate().encode()
    context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatCertPem)
    context.verify(next(envelope.iter(f"{DS}Signature")))


@pytest.mark.parametrize("names", ["", ' xmlns:x="urn:x" xmlns:y="urn:y"'])
def test_we_verify_an_independent_librarys(names: str):
    """Inclusive canonicalisation writes the namespaces around it out, used or not."""
    envelope = etree.fromstring(
        f'<s:Envelope xmlns:s="{SOAP[1:-1]}"{names}><s:Header/><s:Body Id="MsgBody">'
        '<t:Answer xmlns:t="urn:test"><t:Value>yes</t:Value></t:Answer></s:Body></s:Envelope>'
    )
    known = xmlsec.constants
    signature = xmlsec.template.create(
        envelope, known.TransformInclC14N, known.TransformRsaSha256, ns="ds"
    )
    reference = xmlsec.template.add_reference(signature, known.TransformSha256, uri="#MsgBody")
    xmlsec.template.add_transform(reference, known.TransformInclC14NWithComments)
    info = xmlsec.template.ensure_key_info(signature)
    data = etree.SubElement(info, f"{DS}X509Data")
    certificate = x509.load_pem_x509_certificate(the_certificate().encode())
    etree.SubElement(data, f"{DS}X509Certificate").text = base64.b64encode(
        certificate.public_bytes(Encoding.DER)
    ).decode()
    envelope[0].append(signature)
    context = xmlsec.SignatureContext()
    context.register_id(envelope[1], "Id")
    context.key = xmlsec.Key.from_memory(pem_of_key(a_key()).encode(), known.KeyDataFormatPem)
    context.sign(signature)
    assert verified(etree.fromstring(etree.tostring(envelope))) == "yes"
