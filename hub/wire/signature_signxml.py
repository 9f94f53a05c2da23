"""signxml as the hub uses it: which classes sign and verify, and how each profile is called there.

signxml works on copies: before it signs or verifies it writes the message out and reads it
again, because inclusive canonicalisation takes in what stands around an element. Where that
cannot matter, the classes here leave the copy out (ADR 51).
"""

from __future__ import annotations

import datetime as dt

from lxml import etree
from signxml import processor
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

from hub.wire.signature_form import SOAP, WSSE, Algorithm, Mode

# At DEBUG this logger writes the canonical message out, and the message is about a person.
processor.logger.disabled = True

_METHODS = {
    "rsa-sha256": (SignatureMethod.RSA_SHA256, DigestAlgorithm.SHA256),
    "rsa-sha1": (SignatureMethod.RSA_SHA1, DigestAlgorithm.SHA1),
}
EXCLUSIVE_C14N = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
INCLUSIVE_C14N = CanonicalizationMethod.CANONICAL_XML_1_0
C14N_WITH_COMMENTS = CanonicalizationMethod.CANONICAL_XML_1_0_WITH_COMMENTS
_PLACES: dict[Mode, str] = {
    "ws-security": f"./{SOAP}Header/{WSSE}Security/",
    "xml-signature": f"./{SOAP}Header/",
}


class _Signer(XMLSigner):
    """Signs as its profile has decided, in writing: with SHA-1 too, where a service wants it."""

    def check_deprecated_methods(self) -> None:
        """Nothing is refused here."""


class _InPlaceSigner(_Signer):
    """Canonicalises the message where it stands, for exclusive canonicalisation alone.

    signxml works on copies (it writes the message out and reads it again, twice), because the
    inclusive form takes in what stands around an element. The exclusive form does not.
    """

    def get_root(self, data: etree._Element) -> etree._Element:
        """*data* itself."""
        return data


class InPlaceVerifier(XMLVerifier):
    """Verifies a message from the XML gate without a copy of it beforehand.

    signxml changes nothing before it takes the copies that it canonicalises and hands out.
    """

    def get_root(self, data: etree._Element) -> etree._Element:
        """*data* itself."""
        return data


def signer_of(algorithm: Algorithm, canonical: CanonicalizationMethod) -> XMLSigner:
    """Whoever signs with *algorithm*, over what *canonical* makes of it."""
    method, digest = _METHODS[algorithm]
    return (_InPlaceSigner if canonical is EXCLUSIVE_C14N else _Signer)(
        method=SignatureConstructionMethod.detached,
        signature_algorithm=method,
        digest_algorithm=digest,
        c14n_algorithm=canonical,
    )


def expected(algorithm: Algorithm, mode: Mode, now: dt.datetime) -> SignatureConfiguration:
    """That signature and no other: one reference, in its place, with these algorithms."""
    method, digest = _METHODS[algorithm]
    return SignatureConfiguration(
        expect_references=1,
        location=_PLACES[mode],
        signature_methods=frozenset({method}),
        digest_algorithms=frozenset({digest}),
        verification_time=now,
    )
