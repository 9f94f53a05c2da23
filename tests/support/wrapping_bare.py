"""The same for the platform's older mode: a bare signature in the Header."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from hub.wire.signature_form import DS, EXCLUSIVE, INCLUSIVE, WITH_COMMENTS
from tests.support.certificates import a_certificate, a_key
from tests.support.wrapping import FORGED, Attack

BARE_WRAPPINGS: dict[str, tuple[Attack, str]] = {}


def attack(rule: str) -> Callable[[Attack], Attack]:
    """Put an attack on the list, with (a part of) the rule that must refuse it."""

    def put(function: Attack) -> Attack:
        BARE_WRAPPINGS[function.__name__.strip("_").replace("_", " ")] = (function, rule)
        return function

    return put


def _find(envelope: etree._Element, name: str) -> etree._Element:
    return next(envelope.iter(f"{{*}}{name}"))


def _forged(envelope: etree._Element) -> etree._Element:
    forged = copy.deepcopy(envelope[1])
    last = [node for node in forged.iter() if not len(node)][-1]
    last.text = FORGED
    forged.set("Id", "Other")
    return forged


def _signed_id(envelope: etree._Element) -> str:
    return (_find(envelope, "Reference").get("URI") or "")[1:]


@attack("signxml refuses it")
def _a_changed_body(envelope: etree._Element) -> None:
    last = [node for node in envelope[1].iter() if not len(node)][-1]
    last.text = FORGED


@attack("signxml refuses it")
def _a_changed_signature(envelope: etree._Element) -> None:
    node = _find(envelope, "SignatureValue")
    raw = bytearray(base64.b64decode(node.text or ""))
    raw[0] ^= 1
    node.text = base64.b64encode(raw).decode()


@attack("one Header and one Body")
def _a_second_body(envelope: etree._Element) -> None:
    envelope.insert(1, _forged(envelope))


@attack("not one bare Signature")
def _the_body_moved_into_the_header(envelope: etree._Element) -> None:
    genuine = envelope[1]
    envelope.replace(genuine, _forged(envelope))
    envelope[0].append(genuine)
    genuine.tag = "{urn:w}Wrapped"


@attack("a second Body")
def _the_body_inside_the_forged_one(envelope: etree._Element) -> None:
    genuine = envelope[1]
    forged = _forged(envelope)
    envelope.replace(genuine, forged)
    forged[0].append(genuine)


@attack("a second Body")
def _the_body_in_an_object_of_the_signature(envelope: etree._Element) -> None:
    genuine = envelope[1]
    envelope.replace(genuine, _forged(envelope))
    etree.SubElement(_find(envelope, "Signature"), f"{DS}Object").append(genuine)


@attack("an identifier that stands twice")
def _the_same_identifier_twice(envelope: etree._Element) -> None:
    envelope[1][0].set("ID", _signed_id(envelope))


@attack("not one bare Signature")
def _two_signatures(envelope: etree._Element) -> None:
    envelope[0].append(copy.deepcopy(_find(envelope, "Signature")))


@attack("not one bare Signature")
def _no_signature(envelope: etree._Element) -> None:
    envelope[0].remove(_find(envelope, "Signature"))


@attack("not one bare Signature")
def _a_signature_in_a_wrapper(envelope: etree._Element) -> None:
    etree.SubElement(envelope[0], "{urn:w}W").append(_find(envelope, "Signature"))


@attack("a second Signature")
def _a_second_signature_in_the_body(envelope: etree._Element) -> None:
    envelope[1][0].append(copy.deepcopy(_find(envelope, "Signature")))


@attack("does not point to the Body")
def _a_reference_to_the_whole_document(envelope: etree._Element) -> None:
    _find(envelope, "Reference").set("URI", "")


@attack("does not point to the Body")
def _a_reference_elsewhere(envelope: etree._Element) -> None:
    _find(envelope, "Reference").set("URI", "http://127.0.0.1:9/body")


@attack("a transform outside the profile")
def _an_xpath_transform(envelope: etree._Element) -> None:
    _find(envelope, "Transform").set("Algorithm", "http://www.w3.org/TR/1999/REC-xpath-19991116")


@attack("a transform outside the profile")
def _the_other_modes_canonicalisation(envelope: etree._Element) -> None:
    _find(envelope, "Transform").set("Algorithm", EXCLUSIVE)


@attack("a transform outside the profile")
def _signed_info_canonicalised_with_comments(envelope: etree._Element) -> None:
    _find(envelope, "CanonicalizationMethod").set("Algorithm", WITH_COMMENTS)


@attack("a transform outside the profile")
def _a_body_canonicalised_without_comments(envelope: etree._Element) -> None:
    _find(envelope, "Transform").set("Algorithm", INCLUSIVE)


@attack("a transform with parameters")
def _a_prefix_list_where_there_is_none(envelope: etree._Element) -> None:
    etree.SubElement(_find(envelope, "Transform"), f"{{{EXCLUSIVE}}}InclusiveNamespaces")


@attack("a signature method outside the profile")
def _sha_1_where_it_is_not_allowed(envelope: etree._Element) -> None:
    name = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
    _find(envelope, "SignatureMethod").set("Algorithm", name)


@attack("a signature method outside the profile")
def _hmac(envelope: etree._Element) -> None:
    name = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
    _find(envelope, "SignatureMethod").set("Algorithm", name)


@attack("X509Data")
def _a_key_without_a_certificate(envelope: etree._Element) -> None:
    info = _find(envelope, "KeyInfo")
    info.remove(info[0])
    etree.SubElement(info, f"{DS}KeyValue")


@attack("certificate in KeyInfo")
def _two_certificates(envelope: etree._Element) -> None:
    data = _find(envelope, "X509Data")
    data.append(copy.deepcopy(data[0]))


@attack("a KeyInfo of another form")
def _a_key_to_be_fetched(envelope: etree._Element) -> None:
    etree.SubElement(_find(envelope, "KeyInfo"), f"{DS}RetrievalMethod").set("URI", "http://x/")


@attack("not one that is pinned")
def _a_strangers_certificate(envelope: etree._Element) -> None:
    stranger = x509.load_pem_x509_certificate(a_certificate(a_key("stranger")).encode())
    der = stranger.public_bytes(Encoding.DER)
    _find(envelope, "X509Certificate").text = base64.b64encode(der).decode()


@attack("the token is not base64")
def _a_certificate_that_is_no_base64(envelope: etree._Element) -> None:
    _find(envelope, "X509Certificate").text = "MII*"
