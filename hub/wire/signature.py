"""Sign and verify the Body of a SOAP message: WS-Security 1.0, or a bare XML signature.

What is believed is what was verified: `PinnedVerifier.verify` gives back the Body that the
signature covers, re-read from its canonical bytes, and nothing of the message as it came.
signxml does the cryptography and the canonicalisation; `signature_form` first makes sure
that there is only one way to read the message, so that a valid signature over one element
cannot vouch for another (signature wrapping).
"""

from __future__ import annotations

import base64
import hashlib

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from msgspec import Struct
from signxml.exceptions import SignXMLException
from signxml.signer import SignatureReference
from signxml.verifier import SignatureConfiguration, VerifyResult

from hub.core.errors import SettingsError, SourceInsecure, SourceRefused
from hub.core.moment import Clock
from hub.wire.signature_form import (
    BASE64,
    DS,
    SOAP,
    WSSE,
    WSU,
    X509V3,
    Algorithm,
    Form,
    Mode,
    check_form,
)
from hub.wire.signature_keys import (
    certificates_of,
    one_certificate,
    private_key_of,
    unfit,
    valid_at,
)
from hub.wire.signature_signxml import (
    C14N_WITH_COMMENTS,
    EXCLUSIVE_C14N,
    INCLUSIVE_C14N,
    InPlaceVerifier,
    expected,
    signer_of,
)

__all__ = ["BodySigner", "PinnedVerifier", "Verified", "valid_at"]

_NAMES = {"soapenv": SOAP[1:-1]}
"""Namespaces of a message's Envelope. Inclusive canonicalisation writes them out inside the
signature as well, so that a bare signature is made in the same company (see `_bare`)."""


class Verified(Struct, frozen=True, kw_only=True):
    """The Body that a signature vouches for.

    `body` is parsed from the bytes that were signed and has no parent; `digest` is the
    SHA-256 (hex) of those bytes, by which an answer that comes twice is recognised.
    """

    body: etree._Element
    digest: str


class BodySigner:
    """Signs what the hub sends, with its own certificate and RSA key (PEM)."""

    def __init__(self, source: str, certificate: str, key: str, clock: Clock) -> None:
        """Raise SettingsError unless *key* is the RSA key of *certificate*."""
        self._source, self._clock = source, clock
        self._certificate = one_certificate(source, "certificate", certificate)
        self._key = private_key_of(source, key)
        if self._key.public_key() != self._certificate.public_key():
            raise SettingsError([f"{source}: key does not belong to certificate"])
        self._token = base64.b64encode(self._certificate.public_bytes(Encoding.DER)).decode()

    def sign(
        self,
        content: etree._Element,
        body_id: str,
        algorithm: Algorithm,
        mode: Mode = "ws-security",
    ) -> bytes:
        """A SOAP 1.1 message whose Body holds *content*, signed; UTF-8.

        *body_id* (an NCName) becomes the Body's wsu:Id, or its Id in `xml-signature` mode.
        Raises SourceRefused (`hub_credentials`) when the hub's own certificate is not valid
        now.
        """
        if not valid_at(self._certificate, self._clock()):
            detail = "the hub's certificate is not valid now"
            raise SourceRefused(self._source, "hub_credentials", detail)
        if mode == "xml-signature":
            envelope = self._bare(content, body_id, algorithm)
        else:
            envelope = self._secured(content, body_id, algorithm)
        return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)

    def _secured(
        self, content: etree._Element, body_id: str, algorithm: Algorithm
    ) -> etree._Element:
        """WS-Security 1.0: one token, one signature over the Body, exclusive canonicalisation."""
        envelope, header, body = _envelope(content, {"wsu": WSU[1:-1]})
        body.set(f"{WSU}Id", body_id)
        names = {"wsse": WSSE[1:-1], "wsu": WSU[1:-1]}
        security = etree.SubElement(header, f"{WSSE}Security", nsmap=names)
        security.set(f"{SOAP}mustUnderstand", "1")
        token_id = f"X509-{body_id}"
        security.append(self._signature(envelope, body_id, token_id, algorithm))
        token = etree.SubElement(security, f"{WSSE}BinarySecurityToken")
        token.set(f"{WSU}Id", token_id)
        token.set("EncodingType", BASE64)
        token.set("ValueType", X509V3)
        token.text = self._token
        return envelope

    def _bare(self, content: etree._Element, body_id: str, algorithm: Algorithm) -> etree._Element:
        """The platform's older mode: a signature in the Header, inclusive canonicalisation.

        SignedInfo is canonicalised with the namespaces around it. signxml makes it outside
        the message, so that it is given the Envelope's: there must be no others.
        """
        envelope, header, body = _envelope(content, {})
        body.set("Id", body_id)
        signer = signer_of(algorithm, INCLUSIVE_C14N)
        signer.namespaces = {"ds": DS[1:-1], **_NAMES}
        whole = SignatureReference(URI=f"#{body_id}", c14n_method=C14N_WITH_COMMENTS)
        signature = signer.sign(
            envelope,
            key=self._key,
            cert=[self._certificate],
            reference_uri=[whole],
            id_attribute="Id",
        )
        header.append(signature)
        return envelope

    def _signature(
        self, envelope: etree._Element, body_id: str, token_id: str, algorithm: Algorithm
    ) -> etree._Element:
        signer = signer_of(algorithm, EXCLUSIVE_C14N)
        key_info = etree.Element(f"{DS}KeyInfo")
        reference = etree.SubElement(
            etree.SubElement(key_info, f"{WSSE}SecurityTokenReference"), f"{WSSE}Reference"
        )
        reference.set("URI", f"#{token_id}")
        reference.set("ValueType", X509V3)
        signature: etree._Element = signer.sign(
            envelope,
            key=self._key,
            reference_uri=f"#{body_id}",
            key_info=key_info,
            id_attribute="Id",
        )
        return signature


class PinnedVerifier:
    """Verifies what a source sends against the certificates that its operator pinned (PEM).

    Several may be pinned, so that a source can change its certificate without a gap.
    """

    def __init__(self, source: str, pinned: str, clock: Clock) -> None:
        """Raise SettingsError unless each pinned certificate may sign with an RSA key."""
        self._source, self._clock = source, clock
        certificates = certificates_of(source, "signer", pinned)
        faults = [fault for c in certificates if (fault := unfit(c))]
        if faults:
            raise SettingsError([f"{source}: signer: {fault}" for fault in faults])
        self._pinned = {c.public_bytes(Encoding.DER): c for c in certificates}

    def verify(
        self, envelope: etree._Element, algorithm: Algorithm, mode: Mode = "ws-security"
    ) -> Verified:
        """The Body of *envelope*, if a pinned certificate that is valid now signed it.

        *envelope* comes from the XML gate. Raises SourceInsecure (`signature`) for every
        deviation from the one accepted form; the detail names the rule, never a value.
        """
        form = check_form(self._source, envelope, algorithm, mode)
        certificate = self._pinned.get(form.token)
        if certificate is None:
            raise self._refusal("the signer is not one that is pinned")
        now = self._clock()
        if not valid_at(certificate, now):
            raise self._refusal("the pinned certificate is not valid now")
        config = expected(algorithm, mode, now)
        result = self._cryptographic(envelope, form, certificate, config)
        body = result.signed_xml
        if body is None or body.tag != f"{SOAP}Body":
            raise self._refusal("what is signed is not the Body")
        return Verified(body=body, digest=hashlib.sha256(result.signed_data).hexdigest())

    def _cryptographic(
        self,
        envelope: etree._Element,
        form: Form,
        certificate: x509.Certificate,
        config: SignatureConfiguration,
    ) -> VerifyResult:
        try:
            result = InPlaceVerifier().verify(
                envelope,
                x509_cert=certificate,
                id_attribute=form.id_name,
                expect_config=config,
                validate_schema=False,  # it knows no prefix list, and check_form is stricter
            )
        except (
            SignXMLException,
            UnsupportedAlgorithm,
            etree.LxmlError,
            ValueError,
            TypeError,
        ) as error:
            raise self._refusal(f"signxml refuses it: {type(error).__name__}") from None
        if not isinstance(result, VerifyResult):
            raise self._refusal("more than one signed element")
        return result

    def _refusal(self, detail: str) -> SourceInsecure:
        return SourceInsecure(self._source, "signature", detail)


def _envelope(
    content: etree._Element, names: dict[str, str]
) -> tuple[etree._Element, etree._Element, etree._Element]:
    """An unsigned message around *content*, its Header and its Body, which declares *names*."""
    envelope = etree.Element(f"{SOAP}Envelope", nsmap=_NAMES)
    header = etree.SubElement(envelope, f"{SOAP}Header")
    body = etree.SubElement(envelope, f"{SOAP}Body", nsmap=names)
    body.append(content)
    return envelope, header, body
