"""The one form in which a signed SOAP message is accepted, checked before the cryptography.

A signature vouches for an element, not for a document: whoever can move that element about,
or put a second one beside it, makes a verifier and a reader look at different things. So
each thing that the reader relies on must exist exactly once and in its place (the eight
published wrapping patterns all need a second one, or another place).
"""

from __future__ import annotations

import base64
import binascii
from typing import Literal

from lxml import etree
from msgspec import Struct

from hub.core.errors import SourceInsecure

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
WSU = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"
X509V3 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
BASE64 = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
)
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
WITH_COMMENTS = f"{INCLUSIVE}#WithComments"
_PREFIXES = f"{{{EXCLUSIVE}}}InclusiveNamespaces"

Algorithm = Literal["rsa-sha256", "rsa-sha1"]
"""How a message is signed; the digest follows the signature's."""

Mode = Literal["ws-security", "xml-signature"]
"""Where the signature stands: in a wsse:Security header, or bare in the SOAP Header."""

_CANONICAL: dict[Mode, tuple[str, str]] = {
    "ws-security": (EXCLUSIVE, EXCLUSIVE),
    "xml-signature": (INCLUSIVE, WITH_COMMENTS),
}
"""Canonicalisation of SignedInfo, and of the Body. The gate has dropped comments before."""

_URIS: dict[Algorithm, tuple[str, str]] = {
    "rsa-sha256": (
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "http://www.w3.org/2001/04/xmlenc#sha256",
    ),
    "rsa-sha1": (
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#sha1",
    ),
}


class Form(Struct, frozen=True, kw_only=True):
    """What the checks established: how the Body is referred to, and whose token it carries."""

    id_name: str
    """Local name of the attribute that the reference resolves to: `Id` or `ID`."""
    token: bytes
    """The DER certificate that the message names as its signer's. A claim, not a proof."""


class _Refused(Exception):
    """A rule that the message breaks."""


def check_form(
    source: str, envelope: etree._Element, algorithm: Algorithm, mode: Mode = "ws-security"
) -> Form:
    """Raise SourceInsecure (`signature`) unless *envelope* has the accepted form."""
    try:
        return _form(envelope, algorithm, mode)
    except _Refused as refused:
        raise SourceInsecure(source, "signature", str(refused)) from None


def _form(envelope: etree._Element, algorithm: Algorithm, mode: Mode) -> Form:
    header, body = _parts(envelope)
    _unique_ids(envelope)
    if mode == "xml-signature":
        security = header
        _require([child.tag for child in header] == [f"{DS}Signature"], "not one bare Signature")
    else:
        security = _only(header, f"{WSSE}Security", "Security header")
    signature = _only(security, f"{DS}Signature", "Signature in the Security header")
    _alone(envelope, signature, "Signature")
    _require(
        [child.tag for child in signature]
        == [f"{DS}SignedInfo", f"{DS}SignatureValue", f"{DS}KeyInfo"],
        "the Signature holds more or less than it should",
    )
    uri = _signed_info(signature[0], algorithm, mode)
    bare = mode == "xml-signature"
    token = _own_certificate(signature[2]) if bare else _token(security, signature[2])
    return Form(id_name=_id_name(body, uri), token=token)


def _parts(envelope: etree._Element) -> tuple[etree._Element, etree._Element]:
    """The Header and the Body: the only children of the Envelope, in this order."""
    _require(envelope.tag == f"{SOAP}Envelope", "the root is not a SOAP 1.1 Envelope")
    _require(
        [child.tag for child in envelope] == [f"{SOAP}Header", f"{SOAP}Body"],
        "the Envelope does not hold one Header and one Body",
    )
    header, body = envelope
    _alone(envelope, header, "Header")
    _alone(envelope, body, "Body")
    return header, body


def _unique_ids(envelope: etree._Element) -> None:
    """No two elements share an identifier, whatever the attribute's spelling."""
    seen: set[str] = set()
    for element in envelope.iter(etree.Element):
        if not element.items():
            continue
        own = set(_ids(element).values())
        _require(seen.isdisjoint(own), "an identifier that stands twice")
        seen |= own


def _ids(element: etree._Element) -> dict[str, str]:
    """Identifiers of *element* by attribute name: Id, ID, id, wsu:Id, xml:id."""
    return {
        str(name): str(value)
        for name, value in element.items()
        if _local(str(name)).lower() == "id"
    }


def _local(name: str) -> str:
    """The local part of a name in Clark notation."""
    return name.rpartition("}")[2]


def _signed_info(info: etree._Element, algorithm: Algorithm, mode: Mode) -> str:
    """The URI of the one reference, if all algorithms are those of the profile."""
    signing, digesting = _URIS[algorithm]
    _require(
        [child.tag for child in info]
        == [f"{DS}CanonicalizationMethod", f"{DS}SignatureMethod", f"{DS}Reference"],
        "SignedInfo does not hold exactly one Reference",
    )
    canonical, method, reference = info
    for_info, for_body = _CANONICAL[mode]
    _canonicalises(canonical, for_info)
    _require(method.get("Algorithm") == signing, "a signature method outside the profile")
    _require(len(method) == 0, "a signature method with parameters")
    _require(
        [child.tag for child in reference]
        == [f"{DS}Transforms", f"{DS}DigestMethod", f"{DS}DigestValue"],
        "a Reference of another form",
    )
    transforms, digest, _ = reference
    _require([child.tag for child in transforms] == [f"{DS}Transform"], "not one Transform")
    _canonicalises(transforms[0], for_body)
    _require(digest.get("Algorithm") == digesting, "a digest method outside the profile")
    return reference.get("URI") or ""


def _canonicalises(element: etree._Element, algorithm: str) -> None:
    """That canonicalisation, with at most a prefix list, which only the exclusive one has."""
    _require(element.get("Algorithm") == algorithm, "a transform outside the profile")
    known = (_PREFIXES,) if algorithm == EXCLUSIVE else ()
    _require(all(child.tag in known for child in element), "a transform with parameters")


def _id_name(body: etree._Element, uri: str) -> str:
    """Under which attribute the Body has the identifier that *uri* points to."""
    names = [
        _local(name)
        for name, value in _ids(body).items()
        if uri == f"#{value}" and name in ("Id", "ID", f"{WSU}Id")
    ]
    _require(bool(names), "the Reference does not point to the Body")
    return names[0]


def _token(security: etree._Element, key_info: etree._Element) -> bytes:
    """The certificate in the token that KeyInfo points to."""
    holder = _only(key_info, f"{WSSE}SecurityTokenReference", "token reference")
    uri = _only(holder, f"{WSSE}Reference", "reference to a token").get("URI") or ""
    tokens = [
        token
        for token in security.findall(f"{WSSE}BinarySecurityToken")
        if f"#{token.get(f'{WSU}Id')}" == uri and token.get("ValueType") == X509V3
    ]
    _require(len(tokens) == 1, "KeyInfo does not point to an X.509 token beside it")
    return _decoded(tokens[0])


def _own_certificate(key_info: etree._Element) -> bytes:
    """The one certificate in KeyInfo. A bare key beside it is never looked at."""
    kinds = [child.tag for child in key_info]
    _require(set(kinds) <= {f"{DS}X509Data", f"{DS}KeyValue"}, "a KeyInfo of another form")
    holder = _only(key_info, f"{DS}X509Data", "X509Data")
    return _decoded(_only(holder, f"{DS}X509Certificate", "certificate in KeyInfo"))


def _decoded(token: etree._Element) -> bytes:
    text = "".join((token.text or "").split())
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _Refused("the token is not base64") from None


def _only(parent: etree._Element, tag: str, what: str) -> etree._Element:
    found = parent.findall(tag)
    _require(len(found) == 1, f"not exactly one {what}")
    return found[0]


def _alone(envelope: etree._Element, element: etree._Element, name: str) -> None:
    """No other element, of whatever namespace, bears the local name of *element*."""
    _require(list(envelope.iter(f"{{*}}{name}")) == [element], f"a second {name}")


def _require(holds: bool, rule: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise _Refused(rule)
