from __future__ import annotations

import base64
import datetime as dt
import hashlib

from lxml import etree
from zeep.wsse.username import UsernameToken

from hub.core.secret import Secret
from hub.wire.wsse import (
    PASSWORD_DIGEST,
    WSSE,
    WSU,
    add_username_token,
    new_nonce,
    password_digest,
    security_header,
)

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
AT = dt.datetime(2026, 11, 22, 13, 0, 0, 5000, tzinfo=dt.timezone(dt.timedelta(hours=1)))


def an_envelope() -> etree._Element:
    return etree.fromstring(f'<s:Envelope xmlns:s="{SOAP}"><s:Body/></s:Envelope>')


def the_token(envelope: etree._Element) -> etree._Element:
    (token,) = envelope.findall(f"{{{SOAP}}}Header/{{{WSSE}}}Security/{{{WSSE}}}UsernameToken")
    return token


def test_the_token_carries_user_digest_nonce_and_moment():
    """UsernameToken Profile 1.0: the digest covers nonce and created exactly as they are sent."""
    envelope = an_envelope()
    add_username_token(envelope, "hub", Secret("contraseña"), nonce=b"0123456789abcdef", at=AT)
    token = the_token(envelope)
    created = token.findtext(f"{{{WSU}}}Created")
    nonce = base64.b64decode(token.findtext(f"{{{WSSE}}}Nonce") or "")
    password = token.find(f"{{{WSSE}}}Password")
    assert token.findtext(f"{{{WSSE}}}Username") == "hub"
    assert created == "2026-11-22T12:00:00.005Z"
    assert nonce == b"0123456789abcdef"
    assert password is not None
    assert password.get("Type") == PASSWORD_DIGEST
    material = nonce + created.encode() + "contraseña".encode()
    assert password.text == base64.b64encode(hashlib.sha1(material).digest()).decode()  # noqa: S324 - the profile's


def test_an_independent_implementation_makes_the_same_digest():
    """Zeep's own UsernameToken, which the hub does not use, agrees for the same parts."""
    nonce, at = "abcdefghijklmnop", dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    token_of = UsernameToken("hub", "secret", use_digest=True, nonce=nonce, created=at)
    theirs, _ = token_of.apply(an_envelope(), {})
    token = the_token(theirs)
    created = token.findtext(f"{{{WSU}}}Created") or ""
    assert token.findtext(f"{{{WSSE}}}Password") == password_digest(
        nonce.encode(), created, Secret("secret")
    )


def test_the_security_header_is_one_comes_first_and_must_be_understood():
    """Tokens and signatures share one header; the receiver may not overlook it."""
    envelope = an_envelope()
    security = security_header(envelope)
    assert security_header(envelope) is security
    assert [etree.QName(part).localname for part in envelope] == ["Header", "Body"]
    assert security.get(f"{{{SOAP}}}mustUnderstand") == "1"


def test_a_header_that_is_there_is_used():
    """An envelope with a header of its own keeps it."""
    envelope = etree.fromstring(
        f'<s:Envelope xmlns:s="{SOAP}"><s:Header><x/></s:Header><s:Body/></s:Envelope>'
    )
    security_header(envelope)
    assert len(envelope.findall(f"{{{SOAP}}}Header")) == 1


def test_the_password_is_nowhere_in_the_message():
    """Only its digest travels."""
    envelope = an_envelope()
    add_username_token(envelope, "hub", Secret("correct horse"), nonce=new_nonce(), at=AT)
    assert b"correct horse" not in etree.tostring(envelope)


def test_nonces_do_not_repeat():
    """A nonce is what makes a captured message useless."""
    assert len({new_nonce() for _ in range(200)}) == 200
