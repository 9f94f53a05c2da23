"""What the simulated Padrón refuses: it trusts no request, as the real one would not."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
from pathlib import Path

from lxml import etree

from hub.core.errors import SourceError
from hub.core.moment import Clock
from hub.wire.xml import parse_trusted_file, parse_xml

NAMESPACE = "urn:posicion-integral:padron:1"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
CONTRACT = Path(__file__).parents[3] / "contracts" / "padron"

_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
_WSSE = "{" + _OASIS + "wssecurity-secext-1.0.xsd}"
_WSU = "{" + _OASIS + "wssecurity-utility-1.0.xsd}"
_DIGEST_TYPE = _OASIS + "username-token-profile-1.0#PasswordDigest"
_WINDOW = dt.timedelta(minutes=5)
_MOST_NONCES = 100_000


class Refusal(Exception):
    """A SOAP fault to answer with: its faultcode, the service's own code, and a text."""

    def __init__(self, faultcode: str, text: str, code: str | None = None) -> None:
        super().__init__(text)
        self.faultcode, self.text, self.code = faultcode, text, code


class Guard:
    """Checks credentials and form of a request. Remembers nonces for as long as they count."""

    def __init__(self, username: str, password: str, clock: Clock) -> None:
        self._username, self._password, self._clock = username, password, clock
        self._schema = etree.XMLSchema(parse_trusted_file(str(CONTRACT / "padron.xsd")))
        self._nonces: dict[bytes, dt.datetime] = {}

    def admit(self, body: bytes, action: str, skew: dt.timedelta) -> etree._Element:
        """The request element in *body*; raises Refusal. *skew* sets the service's clock wrong."""
        try:
            envelope = parse_xml("padron", body)
        except SourceError:
            raise Refusal("soap:Client", "Mensaje SOAP ilegible", "0403") from None
        bodies = envelope.findall(f"{{{SOAP}}}Body")
        if envelope.tag != f"{{{SOAP}}}Envelope" or len(bodies) != 1 or len(bodies[0]) != 1:
            raise Refusal("soap:Client", "Contenido del mensaje SOAP no esperado", "0406")
        self._check_token(envelope, self._clock() + skew)
        request = bodies[0][0]
        if not self._schema.validate(request):
            raise Refusal("soap:Client", "El mensaje no corresponde con el esquema", "0401")
        operation = etree.QName(request).localname.removesuffix("Peticion")
        if action != f"{NAMESPACE}:{operation}":
            raise Refusal("soap:Client", "Contenido del mensaje SOAP no esperado", "0406")
        return request

    def _check_token(self, envelope: etree._Element, now: dt.datetime) -> None:
        tokens = envelope.findall(f"{{{SOAP}}}Header/{_WSSE}Security/{_WSSE}UsernameToken")
        if len(tokens) != 1:
            raise Refusal("wsse:InvalidSecurity", "Falta la cabecera de seguridad")
        token = tokens[0]
        password = token.find(f"{_WSSE}Password")
        if password is None or password.get("Type") != _DIGEST_TYPE:
            raise Refusal("wsse:UnsupportedSecurityToken", "Se exige PasswordDigest")
        created = token.findtext(f"{_WSU}Created") or ""
        nonce = _nonce(token.findtext(f"{_WSSE}Nonce") or "")
        given = (token.findtext(f"{_WSSE}Username") or "", password.text or "")
        if not self._proves(given, nonce, created) or not self._is_timely(created, now):
            raise Refusal("wsse:FailedAuthentication", "Credenciales no válidas")
        self._spend(nonce, now)

    def _proves(self, given: tuple[str, str], nonce: bytes, created: str) -> bool:
        secret = nonce + created.encode() + self._password.encode()
        proof = base64.b64encode(hashlib.sha1(secret, usedforsecurity=False).digest())
        named = hmac.compare_digest(given[0].encode(), self._username.encode())
        return hmac.compare_digest(given[1].encode(), proof) and named

    def _is_timely(self, created: str, now: dt.datetime) -> bool:
        try:
            at = dt.datetime.fromisoformat(created)
        except ValueError:
            return False
        return at.tzinfo is not None and abs(now - at) <= _WINDOW

    def _spend(self, nonce: bytes, now: dt.datetime) -> None:
        """Refuse a nonce that was seen within the window; forget those that are older."""
        if nonce in self._nonces and self._nonces[nonce] > now:
            raise Refusal("wsse:FailedAuthentication", "Credenciales no válidas")
        self._nonces[nonce] = now + 2 * _WINDOW
        while len(self._nonces) > 1 and self._is_spent(now):
            self._nonces.pop(next(iter(self._nonces)))

    def _is_spent(self, now: dt.datetime) -> bool:
        return len(self._nonces) > _MOST_NONCES or next(iter(self._nonces.values())) <= now


def _nonce(text: str) -> bytes:
    try:
        nonce = base64.b64decode(text, validate=True)
    except binascii.Error:
        nonce = b""
    if not nonce:
        raise Refusal("wsse:InvalidSecurityToken", "Falta el nonce")
    return nonce
