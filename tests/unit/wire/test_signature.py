"""Signing and verifying a Body; libxmlsec is the second opinion in both directions."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from hub.core.errors import SettingsError, SourceError, SourceInsecure, SourceRefused
from hub.wire.signature import BodySigner, PinnedVerifier
from hub.wire.signature_form import DS, WSU, Algorithm
from hub.wire.xml import parse_xml
from tests.support.builders import NOW
from tests.support.certificates import a_certificate, a_key, pem_of_key
from tests.support.sealing import (
    BODY_ID,
    content,
    signed,
    the_certificate,
    xmlsec_signed,
    xmlsec_verifies,
)


def verifier(pinned: str | None = None, now: dt.datetime = NOW) -> PinnedVerifier:
    return PinnedVerifier("test", pinned or the_certificate(), lambda: now)


def refusal(envelope: etree._Element, algorithm: Algorithm = "rsa-sha256") -> SourceInsecure:
    with pytest.raises(SourceInsecure) as caught:
        verifier().verify(envelope, algorithm)
    assert caught.value.reason == "signature"
    return caught.value


@pytest.mark.parametrize("algorithm", ["rsa-sha256", "rsa-sha1"])
def test_what_the_hub_signs_an_independent_library_verifies(algorithm: Algorithm):
    """An independent library finds our signature right, and wrong once the Body changes."""
    envelope = signed(algorithm)
    assert xmlsec_verifies(envelope, the_certificate())
    envelope[1][0][0].text = "no"
    assert not xmlsec_verifies(envelope, the_certificate())


@pytest.mark.parametrize("algorithm", ["rsa-sha256", "rsa-sha1"])
def test_what_is_verified_is_what_was_signed(algorithm: Algorithm):
    """The Body comes back from the signed bytes, without a way to the rest of the message."""
    verified = verifier().verify(signed(algorithm), algorithm)
    assert verified.body.getparent() is None
    assert verified.body.findtext(".//{urn:test}Value") == "yes"
    assert verified.digest != verifier().verify(signed(algorithm, "no"), algorithm).digest


@pytest.mark.parametrize(
    ("ids", "uri", "token_first", "prefixes"),
    [
        pytest.param({f"{WSU}Id": "Id-608"}, "#Id-608", False, None, id="wsu-id"),
        pytest.param({"Id": "Body", f"{WSU}Id": "id-122"}, "#id-122", True, None, id="two-ids"),
        pytest.param({"Id": "TGSS00"}, "#TGSS00", True, None, id="plain-id"),
        pytest.param({"ID": "B-1"}, "#B-1", True, None, id="capital-id"),
        pytest.param({f"{WSU}Id": "Id-9"}, "#Id-9", False, "soapenv", id="prefix-list"),
    ],
)
@pytest.mark.parametrize("algorithm", ["rsa-sha256", "rsa-sha1"])
def test_the_forms_of_real_messages_are_accepted(ids, uri, token_first, prefixes, algorithm):
    """Whoever signed it, a message in one of the seen forms verifies."""
    envelope = xmlsec_signed(
        ids=ids, uri=uri, algorithm=algorithm, token_first=token_first, prefixes=prefixes
    )
    verified = verifier().verify(envelope, algorithm)
    assert verified.body.findtext(".//{urn:test}Value") == "yes"


@pytest.mark.parametrize(
    ("made", "accepted"), [("rsa-sha1", "rsa-sha256"), ("rsa-sha256", "rsa-sha1")]
)
def test_another_algorithm_than_the_profile_s_is_refused(made: Algorithm, accepted: Algorithm):
    """A profile names one algorithm: neither a weaker nor a stronger one will do."""
    assert "outside the profile" in refusal(signed(made), accepted).detail


def test_a_changed_value_is_refused():
    """One changed letter of the Body is enough."""
    envelope = signed()
    envelope[1][0][0].text = "yEs"
    assert "InvalidDigest" in refusal(envelope).detail


@pytest.mark.parametrize("name", ["SignatureValue", "DigestValue"])
def test_a_changed_signature_is_refused(name: str):
    """Neither the digest nor the signature can be replaced."""
    envelope = signed()
    node = envelope.find(f".//{DS}{name}")
    assert node is not None
    assert node.text
    node.text = ("B" if node.text[0] == "A" else "A") + node.text[1:]
    assert "Invalid" in refusal(envelope).detail


@pytest.mark.parametrize("text", ["", "!!", "AA=A"])
def test_a_signature_that_is_no_base64_is_refused(text: str):
    """Nonsense where the signature stands is a refusal like any other, not a crash."""
    envelope = signed()
    node = envelope.find(f".//{DS}SignatureValue")
    assert node is not None
    node.text = text
    refusal(envelope)


def test_a_signer_that_is_not_pinned_is_refused():
    """A message is not believed because of the certificate that it brings along."""
    stranger = verifier(a_certificate(a_key("stranger")))
    with pytest.raises(SourceInsecure, match="not one that is pinned"):
        stranger.verify(signed(), "rsa-sha256")


def test_another_certificate_for_the_same_key_is_refused():
    """What is pinned is the certificate, with its validity, and not the key alone."""
    with pytest.raises(SourceInsecure, match="not one that is pinned"):
        verifier(a_certificate()).verify(signed(), "rsa-sha256")


def test_a_token_without_its_key_is_refused():
    """A pinned certificate in the token does not help a signature of another key."""
    impostor = BodySigner(
        "test", a_certificate(a_key("stranger")), pem_of_key(a_key("stranger")), lambda: NOW
    )
    envelope = etree.fromstring(impostor.sign(content(), BODY_ID, "rsa-sha256"))
    genuine = signed().find(".//{*}BinarySecurityToken")
    token = envelope.find(".//{*}BinarySecurityToken")
    assert genuine is not None
    assert token is not None
    token.text = genuine.text
    assert "InvalidSignature" in refusal(envelope).detail


@pytest.mark.parametrize("days", [-2, 366], ids=["not yet", "no longer"])
def test_a_pinned_certificate_counts_only_while_it_is_valid(days: int):
    """The hub's clock decides, not the message."""
    with pytest.raises(SourceInsecure, match="not valid now"):
        verifier(now=NOW + dt.timedelta(days=days)).verify(signed(), "rsa-sha256")


def test_a_source_can_change_its_certificate_without_a_gap():
    """Of several pinned certificates each is accepted."""
    both = a_certificate(a_key("stranger")) + the_certificate()
    assert verifier(both).verify(signed(), "rsa-sha256").body is not None


@pytest.mark.parametrize(
    ("pem", "fault"),
    [
        pytest.param("", "no certificate", id="nothing"),
        pytest.param("-----BEGIN CERTIFICATE-----\nAA==\n", "no certificate", id="broken"),
        pytest.param(a_certificate(usage=None), "no key usage", id="no-usage"),
        pytest.param(a_certificate(usage=False), "without digitalSignature", id="other-usage"),
    ],
)
def test_a_certificate_that_cannot_vouch_cannot_be_pinned(pem: str, fault: str):
    """What is wrong with a pinned certificate shows at start-up."""
    with pytest.raises(SettingsError, match=fault):
        verifier(pem or " ")


def _elliptic() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        pytest.param("", "no unencrypted private key", id="nothing"),
        pytest.param(pem_of_key(a_key("stranger")), "does not belong", id="another"),
        pytest.param(_elliptic(), "not an RSA key", id="elliptic"),
    ],
)
def test_a_key_that_is_not_the_certificate_s_stops_the_start(key: str, fault: str):
    """A hub that cannot sign says so before anybody asks, and prints no key."""
    with pytest.raises(SettingsError, match=fault) as caught:
        BodySigner("test", the_certificate(), key, lambda: NOW)
    assert "PRIVATE" not in str(caught.value)


def test_nothing_is_signed_with_an_expired_certificate():
    """The platform would refuse it, and the refusal would be on record there."""
    late = NOW + dt.timedelta(days=366)
    signer = BodySigner("test", the_certificate(), pem_of_key(a_key()), lambda: late)
    with pytest.raises(SourceRefused) as caught:
        signer.sign(content(), BODY_ID, "rsa-sha256")
    assert caught.value.reason == "hub_credentials"


def test_no_message_is_written_to_a_log(caplog: pytest.LogCaptureFixture):
    """The library logs canonical messages at DEBUG; here it is silent."""
    with caplog.at_level(10):
        verifier().verify(signed(), "rsa-sha256")
    assert caplog.records == []
    assert "signxml.processor" in sys.modules


_MESSAGE = etree.tostring(signed())


@settings(max_examples=150)
@given(st.integers(0, len(_MESSAGE) - 1), st.binary(max_size=3))
def test_no_change_of_bytes_yields_another_body(position: int, bytes_: bytes):
    """Whatever is done to the bytes, the same Body is read or the message is refused."""
    changed = _MESSAGE[:position] + bytes_ + _MESSAGE[position + 1 :]
    body = etree.tostring(verifier().verify(parse_xml("test", _MESSAGE), "rsa-sha256").body)
    with contextlib.suppress(SourceError):
        verified = verifier().verify(parse_xml("test", changed), "rsa-sha256")
        assert etree.tostring(verified.body) == body
