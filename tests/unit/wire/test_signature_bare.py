"""The platform's older mode: a bare signature in the Header, inclusive canonicalisation."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable

import pytest
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from hub.core.errors import SourceInsecure
from hub.wire.signature import BodySigner, PinnedVerifier
from hub.wire.signature_form import DS, EXCLUSIVE, INCLUSIVE, SOAP, WITH_COMMENTS, Algorithm, Mode
from tests.support.builders import NOW
from tests.support.certificates import a_certificate, a_key, pem_of_key
from tests.support.sealing import content, signed, the_certificate

MODE: Mode = "xml-signature"
Attack = Callable[[etree._Element], None]
CASES: dict[str, tuple[Attack, str]] = {}


def bare(algorithm: Algorithm = "rsa-sha256") -> etree._Element:
    """A message that the hub's own signer signed in the older mode, parsed."""
    signer = BodySigner("test", the_certificate(), pem_of_key(a_key()), lambda: NOW)
    return etree.fromstring(signer.sign(content(), "MsgBody", algorithm, MODE))


def verified(envelope: etree._Element, algorithm: Algorithm = "rsa-sha256") -> str | None:
    """The text that a verified Body says."""
    verifier = PinnedVerifier("test", the_certificate(), lambda: NOW)
    return verifier.verify(envelope, algorithm, MODE).body[0][0].text


def attack(rule: str) -> Callable[[Attack], Attack]:
    """Put an attack on the list, with (a part of) the rule that must refuse it."""

    def put(function: Attack) -> Attack:
        CASES[function.__name__.strip("_").replace("_", " ")] = (function, rule)
        return function

    return put


def _find(envelope: etree._Element, name: str) -> etree._Element:
    return next(envelope.iter(f"{{*}}{name}"))


def _forged(envelope: etree._Element) -> etree._Element:
    forged = copy.deepcopy(envelope[1])
    forged[0][0].text = "no"
    forged.set("Id", "Other")
    return forged


@attack("signxml refuses it")
def _a_changed_body(envelope):
    envelope[1][0][0].text = "no"


@attack("signxml refuses it")
def _a_changed_signature(envelope):
    node = _find(envelope, "SignatureValue")
    raw = bytearray(base64.b64decode(node.text or ""))
    raw[0] ^= 1
    node.text = base64.b64encode(raw).decode()


@attack("one Header and one Body")
def _a_second_body(envelope):
    envelope.insert(1, _forged(envelope))


@attack("not one bare Signature")
def _the_body_moved_into_the_header(envelope):
    genuine = envelope[1]
    envelope.replace(genuine, _forged(envelope))
    envelope[0].append(genuine)
    genuine.tag = "{urn:w}Wrapped"


@attack("a second Body")
def _the_body_inside_the_forged_one(envelope):
    genuine = envelope[1]
    forged = _forged(envelope)
    envelope.replace(genuine, forged)
    forged[0].append(genuine)


@attack("a second Body")
def _the_body_in_an_object_of_the_signature(envelope):
    genuine = envelope[1]
    envelope.replace(genuine, _forged(envelope))
    etree.SubElement(_find(envelope, "Signature"), f"{DS}Object").append(genuine)


@attack("an identifier that stands twice")
def _the_same_identifier_twice(envelope):
    envelope[1][0].set("ID", "MsgBody")


@attack("not one bare Signature")
def _two_signatures(envelope):
    envelope[0].append(copy.deepcopy(_find(envelope, "Signature")))


@attack("not one bare Signature")
def _no_signature(envelope):
    envelope[0].remove(_find(envelope, "Signature"))


@attack("not one bare Signature")
def _a_signature_in_a_wrapper(envelope):
    etree.SubElement(envelope[0], "{urn:w}W").append(_find(envelope, "Signature"))


@attack("a second Signature")
def _a_second_signature_in_the_body(envelope):
    envelope[1][0].append(copy.deepcopy(_find(envelope, "Signature")))


@attack("does not point to the Body")
def _a_reference_to_the_whole_document(envelope):
    _find(envelope, "Reference").set("URI", "")


@attack("does not point to the Body")
def _a_reference_elsewhere(envelope):
    _find(envelope, "Reference").set("URI", "http://127.0.0.1:9/body")


@attack("a transform outside the profile")
def _an_xpath_transform(envelope):
    _find(envelope, "Transform").set("Algorithm", "http://www.w3.org/TR/1999/REC-xpath-19991116")


@attack("a transform outside the profile")
def _the_other_modes_canonicalisation(envelope):
    _find(envelope, "Transform").set("Algorithm", EXCLUSIVE)


@attack("a transform outside the profile")
def _signed_info_canonicalised_with_comments(envelope):
    _find(envelope, "CanonicalizationMethod").set("Algorithm", WITH_COMMENTS)


@attack("a transform outside the profile")
def _a_body_canonicalised_without_comments(envelope):
    _find(envelope, "Transform").set("Algorithm", INCLUSIVE)


@attack("a transform with parameters")
def _a_prefix_list_where_there_is_none(envelope):
    etree.SubElement(_find(envelope, "Transform"), f"{{{EXCLUSIVE}}}InclusiveNamespaces")


@attack("a signature method outside the profile")
def _sha_1_where_it_is_not_allowed(envelope):
    name = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
    _find(envelope, "SignatureMethod").set("Algorithm", name)


@attack("a signature method outside the profile")
def _hmac(envelope):
    name = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
    _find(envelope, "SignatureMethod").set("Algorithm", name)


@attack("X509Data")
def _a_key_without_a_certificate(envelope):
    info = _find(envelope, "KeyInfo")
    info.remove(info[0])
    etree.SubElement(info, f"{DS}KeyValue")


@attack("certificate in KeyInfo")
def _two_certificates(envelope):
    data = _find(envelope, "X509Data")
    data.append(copy.deepcopy(data[0]))


@attack("a KeyInfo of another form")
def _a_key_to_be_fetched(envelope):
    etree.SubElement(_find(envelope, "KeyInfo"), f"{DS}RetrievalMethod").set("URI", "http://x/")


@attack("not one that is pinned")
def _a_strangers_certificate(envelope):
    stranger = x509.load_pem_x509_certificate(a_certificate(a_key("stranger")).encode())
    der = stranger.public_bytes(Encoding.DER)
    _find(envelope, "X509Certificate").text = base64.b64encode(der).decode()


@attack("the token is not base64")
def _a_certificate_that_is_no_base64(envelope):
    _find(envelope, "X509Certificate").text = "MII*"


@pytest.mark.parametrize(("change", "rule"), CASES.values(), ids=list(CASES))
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
    value = etree.SubElement(_find(envelope, "KeyInfo"), f"{DS}KeyValue")
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
    context.verify(_find(envelope, "Signature"))


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
