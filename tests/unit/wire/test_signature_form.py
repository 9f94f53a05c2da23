"""Signature wrapping and its relatives: each way of making a message read in two ways."""

from __future__ import annotations

import pytest
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, SignatureConstructionMethod
from signxml.signer import XMLSigner

from hub.core.errors import SourceInsecure
from hub.wire.signature import PinnedVerifier
from hub.wire.signature_form import WSU, check_form
from tests.support.builders import NOW
from tests.support.certificates import a_key
from tests.support.sealing import signed, the_certificate
from tests.support.wrapping import WRAPPINGS, Attack


@pytest.mark.parametrize(
    ("change", "rule"), [pytest.param(c, r, id=n.replace("_", " ")) for n, c, r in WRAPPINGS]
)
def test_a_message_that_can_be_read_in_two_ways_is_refused(change: Attack, rule: str):
    """Each attack is refused as `signature`, by the rule that is meant for it."""
    envelope = signed()
    change(envelope)
    with pytest.raises(SourceInsecure) as caught:
        PinnedVerifier("test", the_certificate(), lambda: NOW).verify(envelope, "rsa-sha256")
    assert caught.value.reason == "signature"
    assert rule in caught.value.detail


def test_the_unchanged_message_is_accepted():
    """The attacks above are refused for what they change, and for nothing else."""
    form = check_form("test", signed(), "rsa-sha256")
    assert form.id_name == "Id"


def test_a_genuine_signature_over_something_else_vouches_for_no_body():
    """The platform may well have signed a header: that says nothing of the Body."""
    envelope = signed()
    security = envelope[0][0]
    signature = next(envelope.iter("{*}Signature"))
    stamp = etree.SubElement(security, f"{WSU}Timestamp")
    stamp.set(f"{WSU}Id", "TS-1")
    key_info = signature[2]
    security.remove(signature)
    made = XMLSigner(
        method=SignatureConstructionMethod.detached,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    ).sign(envelope, key=a_key(), reference_uri="#TS-1", key_info=key_info, id_attribute="Id")
    security.append(made)
    with pytest.raises(SourceInsecure, match="does not point to the Body"):
        PinnedVerifier("test", the_certificate(), lambda: NOW).verify(envelope, "rsa-sha256")


def test_no_refusal_repeats_what_the_message_says():
    """Details end in logs, and the message is about a person."""
    for _, change, _ in WRAPPINGS:
        envelope = signed(text="99000002K")
        change(envelope)
        with pytest.raises(SourceInsecure) as caught:
            PinnedVerifier("test", the_certificate(), lambda: NOW).verify(envelope, "rsa-sha256")
        assert "99000002K" not in str(caught.value)
        assert "Body-1" not in str(caught.value)
