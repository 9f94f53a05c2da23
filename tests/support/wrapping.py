"""Signature wrapping and its relatives in WS-Security: each way of making a message read in two
ways, or of having it vouched for by nobody.

Each attack changes a genuine message, whoever made it; beside it stands a part of the rule that
must refuse it.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable

from lxml import etree

from hub.wire.signature_form import DS, EXCLUSIVE, SOAP, WSSE, WSU

FORGED = "FALSIFICADA"
"""What a forged Body says; nobody may ever read it."""

Attack = Callable[[etree._Element], None]
WRAPPINGS: list[tuple[str, Attack, str]] = []


def attack(rule: str) -> Callable[[Attack], Attack]:
    """Put an attack on the list, with (a part of) the rule that must refuse it."""

    def put(function: Attack) -> Attack:
        WRAPPINGS.append((function.__name__.strip("_"), function, rule))
        return function

    return put


def _find(envelope: etree._Element, name: str) -> etree._Element:
    node = envelope.find(f".//{{*}}{name}")
    assert node is not None
    return node


def _forged(envelope: etree._Element, body_id: str = "Other") -> etree._Element:
    """A Body that says the opposite, under another identifier."""
    forged = copy.deepcopy(envelope[1])
    last = [node for node in forged.iter() if not len(node)][-1]
    last.text = FORGED
    forged.attrib.clear()
    forged.set(f"{WSU}Id", body_id)
    return forged


def _signed_id(envelope: etree._Element) -> str:
    """The identifier that the signature refers to."""
    return (_find(envelope, "SignedInfo")[2].get("URI") or "")[1:]


def _wrapped(parent: etree._Element, node: etree._Element) -> None:
    etree.SubElement(parent, "{urn:wrapper}Wrapper").append(node)


@attack("one Header and one Body")
def _second_body_before(envelope: etree._Element) -> None:
    envelope.insert(1, _forged(envelope))


@attack("one Header and one Body")
def _second_body_after(envelope: etree._Element) -> None:
    envelope.append(_forged(envelope))


@attack("a second Body")
def _body_moved_into_the_header(envelope: etree._Element) -> None:
    genuine = envelope[1]
    envelope.replace(genuine, _forged(envelope))
    _wrapped(envelope[0], genuine)


@attack("a second Body")
def _body_moved_into_the_security_header(envelope: etree._Element) -> None:
    genuine = envelope[1]
    envelope.replace(genuine, _forged(envelope))
    _wrapped(_find(envelope, "Security"), genuine)


@attack("a second Body")
def _body_moved_into_an_object_of_the_signature(envelope: etree._Element) -> None:
    genuine = envelope[1]
    envelope.replace(genuine, _forged(envelope))
    etree.SubElement(_find(envelope, "Signature"), f"{DS}Object").append(genuine)


@attack("a second Body")
def _body_inside_the_forged_body(envelope: etree._Element) -> None:
    genuine = envelope[1]
    forged = _forged(envelope)
    envelope.replace(genuine, forged)
    _wrapped(forged, genuine)


@attack("a second Body")
def _body_of_another_namespace(envelope: etree._Element) -> None:
    etree.SubElement(envelope[0], "{http://www.w3.org/2003/05/soap-envelope}Body")


@attack("one Header and one Body")
def _body_below_a_wrapper(envelope: etree._Element) -> None:
    genuine = envelope[1]
    envelope.remove(genuine)
    _wrapped(envelope, genuine)


@attack("an identifier that stands twice")
def _same_identifier_on_another_element(envelope: etree._Element) -> None:
    etree.SubElement(envelope[0], "{urn:wrapper}Wrapper").set(f"{WSU}Id", _signed_id(envelope))


@attack("an identifier that stands twice")
def _same_identifier_spelt_without_namespace(envelope: etree._Element) -> None:
    etree.SubElement(envelope[0], "{urn:wrapper}Wrapper").set("Id", _signed_id(envelope))


@attack("an identifier that stands twice")
def _same_identifier_in_capitals(envelope: etree._Element) -> None:
    etree.SubElement(envelope[0], "{urn:wrapper}Wrapper").set("ID", _signed_id(envelope))


@attack("an identifier that stands twice")
def _same_identifier_in_small_letters(envelope: etree._Element) -> None:
    etree.SubElement(envelope[0], "{urn:wrapper}Wrapper").set("id", _signed_id(envelope))


@attack("an identifier that stands twice")
def _same_identifier_as_xml_id(envelope: etree._Element) -> None:
    name = "{http://www.w3.org/XML/1998/namespace}id"
    etree.SubElement(envelope[0], "{urn:wrapper}Wrapper").set(name, _signed_id(envelope))


@attack("an identifier that stands twice")
def _same_identifier_inside_the_body(envelope: etree._Element) -> None:
    envelope[1][0].set("Id", _signed_id(envelope))


@attack("Signature in the Security header")
def _no_signature(envelope: etree._Element) -> None:
    _find(envelope, "Security").remove(_find(envelope, "Signature"))


@attack("Security header")
def _no_security_header(envelope: etree._Element) -> None:
    envelope[0].remove(_find(envelope, "Security"))


@attack("Security header")
def _two_security_headers(envelope: etree._Element) -> None:
    etree.SubElement(envelope[0], f"{WSSE}Security")


@attack("Signature in the Security header")
def _two_signatures(envelope: etree._Element) -> None:
    security = _find(envelope, "Security")
    second = copy.deepcopy(_find(envelope, "Signature"))
    security.append(second)


@attack("a second Signature")
def _second_signature_in_the_body(envelope: etree._Element) -> None:
    envelope[1][0].append(copy.deepcopy(_find(envelope, "Signature")))


@attack("Signature in the Security header")
def _signature_beside_the_security_header(envelope: etree._Element) -> None:
    envelope[0].append(_find(envelope, "Signature"))


@attack("one Header and one Body")
def _second_header(envelope: etree._Element) -> None:
    envelope.insert(0, etree.Element(f"{SOAP}Header"))


@attack("not a SOAP 1.1 Envelope")
def _envelope_of_soap_1_2(envelope: etree._Element) -> None:
    envelope.tag = "{http://www.w3.org/2003/05/soap-envelope}Envelope"


@attack("exactly one Reference")
def _second_reference(envelope: etree._Element) -> None:
    info = _find(envelope, "SignedInfo")
    info.append(copy.deepcopy(_find(envelope, "SignedInfo")[2]))


def _pointing_to(uri: str) -> Attack:
    def point(envelope: etree._Element) -> None:
        _find(envelope, "SignedInfo")[2].set("URI", uri)

    point.__name__ = f"reference to {uri or 'the whole document'}"
    return point


for _uri in (
    "",
    "#Other",
    "Body-1",
    "##Body-1",
    "#xpointer(/)",
    "#xpointer(id('Body-1'))",
    "http://127.0.0.1:9/body.xml",
    "file:///etc/hostname",
    "cid:attachment",
    "#X509-Body-1",
):
    attack("does not point to the Body")(_pointing_to(_uri))


@attack("does not point to the Body")
def _reference_without_uri(envelope: etree._Element) -> None:
    del _find(envelope, "SignedInfo")[2].attrib["URI"]


def _transforming_with(algorithm: str) -> Attack:
    def transform(envelope: etree._Element) -> None:
        _find(envelope, "Transform").set("Algorithm", algorithm)

    transform.__name__ = f"transform {algorithm.rpartition('/')[2]}"
    return transform


for _algorithm in (
    "http://www.w3.org/TR/1999/REC-xpath-19991116",
    "http://www.w3.org/2002/06/xmldsig-filter2",
    "http://www.w3.org/TR/1999/REC-xslt-19991116",
    "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
    "http://www.w3.org/2000/09/xmldsig#base64",
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform",
    "",
):
    attack("a transform outside the profile")(_transforming_with(_algorithm))


@attack("a transform with parameters")
def _transform_with_an_xpath_inside(envelope: etree._Element) -> None:
    etree.SubElement(_find(envelope, "Transform"), f"{DS}XPath").text = "//*"


@attack("not one Transform")
def _second_transform(envelope: etree._Element) -> None:
    transforms = _find(envelope, "Transforms")
    etree.SubElement(transforms, f"{DS}Transform").set("Algorithm", EXCLUSIVE)


@attack("a Reference of another form")
def _no_transforms(envelope: etree._Element) -> None:
    reference = _find(envelope, "SignedInfo")[2]
    reference.remove(_find(envelope, "Transforms"))


@attack("a signature method outside the profile")
def _hmac_with_the_public_certificate(envelope: etree._Element) -> None:
    name = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
    _find(envelope, "SignatureMethod").set("Algorithm", name)


@attack("a signature method outside the profile")
def _signature_with_sha_1(envelope: etree._Element) -> None:
    name = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
    _find(envelope, "SignatureMethod").set("Algorithm", name)


@attack("a signature method with parameters")
def _signature_method_with_a_length(envelope: etree._Element) -> None:
    etree.SubElement(_find(envelope, "SignatureMethod"), f"{DS}HMACOutputLength").text = "0"


@attack("a digest method outside the profile")
def _digest_with_sha_1(envelope: etree._Element) -> None:
    name = "http://www.w3.org/2000/09/xmldsig#sha1"
    _find(envelope, "DigestMethod").set("Algorithm", name)


@attack("more or less than it should")
def _manifest_beside_the_signed_info(envelope: etree._Element) -> None:
    holder = etree.SubElement(_find(envelope, "Signature"), f"{DS}Object")
    etree.SubElement(holder, f"{DS}Manifest")


@attack("more or less than it should")
def _no_key_info(envelope: etree._Element) -> None:
    _find(envelope, "Signature").remove(_find(envelope, "KeyInfo"))


@attack("token reference")
def _key_info_with_a_key_alone(envelope: etree._Element) -> None:
    info = _find(envelope, "KeyInfo")
    info.remove(info[0])
    etree.SubElement(info, f"{DS}KeyValue")


@attack("KeyInfo does not point to an X.509 token")
def _key_info_points_elsewhere(envelope: etree._Element) -> None:
    reference = _find(envelope, "SecurityTokenReference")[0]
    reference.set("URI", f"#{_signed_id(envelope)}")


@attack("KeyInfo does not point to an X.509 token")
def _token_outside_the_security_header(envelope: etree._Element) -> None:
    envelope[0].append(_find(envelope, "BinarySecurityToken"))


@attack("KeyInfo does not point to an X.509 token")
def _token_of_another_type(envelope: etree._Element) -> None:
    _find(envelope, "BinarySecurityToken").set("ValueType", "urn:other#PKCS7")


@attack("the token is not base64")
def _token_that_is_no_base64(envelope: etree._Element) -> None:
    _find(envelope, "BinarySecurityToken").text = "MII*"


@attack("not one that is pinned")
def _token_of_a_stranger(envelope: etree._Element) -> None:
    _find(envelope, "BinarySecurityToken").text = base64.b64encode(b"0").decode()
