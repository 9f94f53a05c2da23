"""How the platform inspects a request: the seal, the form, the authorisation, the moment."""

from __future__ import annotations

import base64
import datetime as dt
from collections import OrderedDict
from pathlib import Path
from zoneinfo import ZoneInfo

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from connectors.age.simulator.services import PublishedService
from hub.core.errors import SourceError
from hub.core.moment import Clock
from hub.wire.xml import parse_xml

AUTHORISED_BODIES = frozenset({"P2807900B"})
AUTHORISED_PROCEDURES = frozenset({"MAD_ESC_INF"})
"""Procedures that the provider authorised the body to ask for (0314 for any other)."""

REMEMBERED = 100_000
"""How many IdPeticion are remembered, to refuse one that comes twice (0229)."""

ASKERS = 1_000
"""Of how many of the last requests the certificate is at hand, to encrypt the answer for it."""

_MADRID = ZoneInfo("Europe/Madrid")
_NS = {
    "s": "http://schemas.xmlsoap.org/soap/envelope/",
    "p": "http://intermediacion.redsara.es/scsp/esquemas/V3/peticion",
    "o": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    "d": "http://www.w3.org/2000/09/xmldsig#",
}
_ALGORITHMS = SignatureConfiguration(
    signature_methods=frozenset({SignatureMethod.RSA_SHA256, SignatureMethod.RSA_SHA1}),
    digest_algorithms=frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA1}),
)


class Refusal(Exception):
    """The platform refuses, with one of its codes."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code)
        self.code, self.text = code, text


class Inspector:
    """Remembers the requests that it let pass, by their IdPeticion."""

    def __init__(self, authority: Path, clock: Clock) -> None:
        self._authority = x509.load_pem_x509_certificate(authority.read_bytes())
        self._clock = clock
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._askers: OrderedDict[str, x509.Certificate] = OrderedDict()

    def opened(self, body: bytes, *, bare: bool = False) -> tuple[etree._Element, x509.Certificate]:
        """The signed Body of a message and who signed it; else a Refusal."""
        try:
            envelope = parse_xml("age-simulator", body)
        except SourceError:
            raise Refusal("0403", "Imposible obtener el contenido XML del mensaje SOAP") from None
        certificate = self._certificate(envelope, bare=bare)
        return self._signed(envelope, certificate), certificate

    def inspect(self, body: bytes, service: PublishedService, most: int = 1) -> etree._Element:
        """The `Peticion` in *body* about at most *most* people, if there is nothing to object
        to; else a Refusal.
        """
        signed, certificate = self.opened(body, bare=service.bare_signature)
        if [child.tag for child in signed] != [f"{{{_NS['p']}}}Peticion"]:
            raise Refusal("0406", "Contenido del mensaje SOAP no esperado")
        petition = signed[0]
        if not service.schema.validate(petition):
            raise Refusal("0401", "La estructura no corresponde con el esquema")
        self._authorised(petition, certificate)
        self._counted(petition, most)
        self._timely(petition)
        self._first(petition)
        self._askers[petition.findtext("p:Atributos/p:IdPeticion", "", _NS)] = certificate
        if len(self._askers) > ASKERS:
            self._askers.popitem(last=False)
        return petition

    def asker(self, petition: etree._Element) -> x509.Certificate:
        """The certificate that sealed a request that was let pass a moment ago."""
        return self._askers[petition.findtext("p:Atributos/p:IdPeticion", "", _NS)]

    def _certificate(self, envelope: etree._Element, *, bare: bool) -> x509.Certificate:
        place = "s:Header" if bare else "s:Header/o:Security"
        inside = "d:Signature/d:KeyInfo/d:X509Data/d:X509Certificate"
        step = inside if bare else "o:BinarySecurityToken"
        token = envelope.findtext(f"{place}/{step}", "", _NS)
        if envelope.find(f"{place}/d:Signature", _NS) is None:
            raise Refusal("0307", "No se ha encontrado el nodo firma")
        try:
            certificate = x509.load_der_x509_certificate(base64.b64decode(token))
        except ValueError:
            raise Refusal("0311", "No se ha encontrado el certificado firmante") from None
        try:
            certificate.verify_directly_issued_by(self._authority)
        except (ValueError, TypeError, InvalidSignature):
            raise Refusal("0310", "No se ha podido verificar la CA del certificado") from None
        if not certificate.not_valid_before_utc <= self._clock() <= certificate.not_valid_after_utc:
            raise Refusal("0302", "Certificado caducado")
        return certificate

    def _signed(self, envelope: etree._Element, certificate: x509.Certificate) -> etree._Element:
        try:
            result = XMLVerifier().verify(
                envelope, x509_cert=certificate, id_attribute="Id", expect_config=_ALGORITHMS
            )
        except (SignXMLException, etree.LxmlError, ValueError, TypeError):
            raise Refusal("0305", "Firma no válida") from None
        signed = result.signed_xml if isinstance(result, VerifyResult) else None
        if signed is None or signed.tag != f"{{{_NS['s']}}}Body":
            raise Refusal("0305", "Firma no válida: no cubre el cuerpo")
        return signed

    def _authorised(self, petition: etree._Element, certificate: x509.Certificate) -> None:
        names = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
        asking = _texts(petition, "IdentificadorSolicitante")
        if asking != {str(name.value) for name in names}:
            raise Refusal("0235", "El NIF del certificado no coincide con el NifSolicitante")
        if not asking <= AUTHORISED_BODIES:
            raise Refusal("0301", "Organismo no autorizado")
        if not _texts(petition, "CodProcedimiento") <= AUTHORISED_PROCEDURES:
            raise Refusal("0314", "Procedimiento no autorizado a consultar el servicio")
        if len(_texts(petition, "CodigoCertificado")) != 1:
            raise Refusal("0243", "No todas las solicitudes son del mismo certificado")

    def _counted(self, petition: etree._Element, most: int) -> None:
        items = petition.findall("p:Solicitudes/p:SolicitudTransmision", _NS)
        if petition.findtext("p:Atributos/p:NumElementos", "", _NS) != str(len(items)):
            raise Refusal("0414", "El número de elementos no coincide con el de solicitudes")
        if len(items) > most:
            raise Refusal("0415", "Más de una solicitud: ejecute el modo asíncrono")

    def _timely(self, petition: etree._Element) -> None:
        text = petition.findtext("p:Atributos/p:TimeStamp", "", _NS)
        try:
            moment = dt.datetime.fromisoformat(text)
        except ValueError:
            raise Refusal("0230", "El timestamp de la petición debe ser válido") from None
        local = moment if moment.tzinfo else moment.replace(tzinfo=_MADRID)
        today = self._clock().astimezone(_MADRID).date()
        if today - local.astimezone(_MADRID).date() not in (dt.timedelta(0), dt.timedelta(days=1)):
            raise Refusal("0230", "El timestamp de la petición debe ser de hoy o de ayer")

    def _first(self, petition: etree._Element) -> None:
        request_id = petition.findtext("p:Atributos/p:IdPeticion", "", _NS)
        if request_id in self._seen:
            raise Refusal("0229", "La petición ya ha sido tramitada")
        self._seen[request_id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)


def _texts(petition: etree._Element, name: str) -> set[str]:
    return {node.text or "" for node in petition.iter(f"{{{_NS['p']}}}{name}")}
