"""Build a `Peticion` and hold it against its schema; nothing that fails here is ever sent."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Mapping

from lxml import etree
from msgspec import Struct

from connectors.age.outcomes import SOURCE
from connectors.age.service import Service
from connectors.age.specific import Lacking, specific_data
from hub.core.connector import Query, Subject
from hub.core.errors import SourceRefused
from hub.core.policy import Access, Consent, Official

ID_LENGTH = 26
"""Most characters of an IdPeticion."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ELEMENT = re.compile(r"Element '(?:\{[^}]*\})?(\w+)'")

_CONSENTS: Mapping[str, Consent] = {
    "authorisation": "given",
    "no_opposition": "no_opposition",
    "law": "law",
}
"""What the basis of a purpose's row is called in an access."""

Node = Mapping[str, "Node | str | None"]
"""An element's children by name; None for one that is left out."""


class Requester(Struct, frozen=True, kw_only=True):
    """The body that asks, as its certificate names it."""

    identifier: str
    name: str


def new_request_id(prefix: str) -> str:
    """A fresh IdPeticion: *prefix* and random characters, 26 in all.

    Nothing is counted, so that restarts and parallel processes never meet: with a prefix of
    three characters 115 random bits are left, with nine 85. It cannot be guessed either,
    and an answer must repeat it.
    """
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(ID_LENGTH - len(prefix)))


class RequestForm:
    """The form of one service's requests, filled in and checked for each query."""

    def __init__(self, service: Service, requester: Requester) -> None:
        self._service, self._requester = service, requester
        self._schema = service.request_schema()

    def filled(self, query: Query, request_id: str, now: dt.datetime) -> etree._Element:
        """The `Peticion` for *query*, valid against the service's schema.

        Raises SourceRefused (`schema`) when the access or the subject lacks something that
        the service demands; the detail names the element, never its value.
        """
        namespace = self._service.namespace("peticion")
        root = etree.Element(f"{{{namespace}}}Peticion", nsmap={"scsp": namespace})
        _fill(root, namespace, self._content(query, request_id, now))
        try:
            specific = specific_data(self._service.request.specific, query, now)
        except Lacking as lacking:
            raise _refusal(f"{lacking} has no value") from None
        if specific is not None:
            root[1][0].append(specific)
        _check(self._schema, root)
        return root

    def _content(self, query: Query, request_id: str, now: dt.datetime) -> Node:
        service = self._service
        moment = now.astimezone(dt.UTC).isoformat(timespec="milliseconds")
        data: Node = {
            "Emisor": {
                "NifEmisor": service.provider.identifier,
                "NombreEmisor": service.provider.name,
            },
            "Solicitante": _requester(service, self._requester, query),
            "Titular": _holder(service, query),
            "Transmision": {
                "CodigoCertificado": service.code,
                "IdSolicitud": request_id,
                "FechaGeneracion": moment,
            },
        }
        attributes: Node = {
            "IdPeticion": request_id,
            "NumElementos": "1",
            "TimeStamp": moment,
            "CodigoCertificado": service.code,
        }
        return {
            "Atributos": attributes,
            "Solicitudes": {"SolicitudTransmision": {"DatosGenericos": data}},
        }


def _requester(service: Service, requester: Requester, query: Query) -> Node:
    access = query.access
    official = access.official
    if official is None:
        raise _refusal("the access names no official")
    consent = service.request.consents.get(_basis(service, query))
    if consent is None:
        raise _refusal("the access states no kind of consent that the service knows")
    return {
        "IdentificadorSolicitante": requester.identifier,
        "NombreSolicitante": requester.name,
        **_unit(service, official),
        "Procedimiento": _procedure(service, access),
        "Finalidad": f"{access.procedure_name} ({access.legal_basis})",
        "Consentimiento": consent,
        "Funcionario": {
            "NombreCompletoFuncionario": official.full_name,
            "NifFuncionario": official.document.number,
        },
        "IdExpediente": access.case_file or None,
    }


def _basis(service: Service, query: Query) -> Consent:
    """On what the block is asked for: the purpose's row decides, not who happens to ask."""
    stated = query.access.consent
    basis = query.bases.get(service.block)
    if basis is None and stated is None:
        raise _refusal("the access states no kind of consent that the service knows")
    return _CONSENTS.get(basis or "", stated or "given")


def _unit(service: Service, official: Official) -> Node:
    """The processing unit, by its name and, in the newer template, its DIR3 code too."""
    name = official.processing_unit or None
    if service.template == "classic":
        return {"UnidadTramitadora": name}
    if not official.unit_code:
        raise _refusal("the access names no DIR3 code of the processing unit")
    return {"UnidadTramitadora": name, "CodigoUnidadTramitadora": official.unit_code}


def _procedure(service: Service, access: Access) -> Node:
    """The authorised procedure; its class and whether a machine asks, in the newer template."""
    if not access.procedure or not access.procedure_name:
        raise _refusal("the access names no procedure")
    named: Node = {
        "CodProcedimiento": access.procedure,
        "NombreProcedimiento": access.procedure_name,
    }
    if service.template == "classic":
        return named
    kind = access.procedure_class
    return {
        **named,
        "Automatizado": "S" if access.automated else "N",
        "ClaseTramite": None if kind is None else str(kind),
    }


def _holder(service: Service, query: Query) -> Node:
    subject = query.subject
    if subject.document != query.access.subject:
        raise _refusal("the access is about somebody else")
    kind = service.request.document_types.get(subject.document.type)
    if kind is None:
        raise _refusal("a type of document that the service does not know")
    document: Node = {"TipoDocumentacion": kind, "Documentacion": subject.document.number}
    rule = service.request.names
    if rule == "never" or (rule == "optional" and not _names_fit(service, subject)):
        return document
    if not subject.given_name or not subject.first_surname:
        raise _refusal("the service needs the given name and the first surname")
    return {
        **document,
        "Nombre": subject.given_name,
        "Apellido1": subject.first_surname,
        "Apellido2": subject.second_surname or None,
    }


def _names_fit(service: Service, subject: Subject) -> bool:
    """Whether all names can be sent as they are: cut short, they would name somebody else."""
    names = (subject.given_name or "", subject.first_surname or "")
    stated = (*names, subject.second_surname) if subject.second_surname else names
    return all(0 < len(" ".join(n.split())) <= service.request.name_length for n in stated)


def _fill(parent: etree._Element, namespace: str, node: Node) -> None:
    for name, value in node.items():
        if value is None:
            continue
        child = etree.SubElement(parent, f"{{{namespace}}}{name}")
        if isinstance(value, Mapping):
            _fill(child, namespace, value)
            continue
        try:
            child.text = value
        except ValueError:
            raise _refusal(f"{name} holds a character that XML does not know") from None


def _check(schema: etree.XMLSchema, root: etree._Element) -> None:
    """The schema's own words quote values, so that only the element's name is kept."""
    try:
        schema.assertValid(root)
    except etree.DocumentInvalid as error:
        found = _ELEMENT.search(str(error))
        name = found.group(1) if found else "Peticion"
        raise _refusal(f"{name} does not fit its schema") from None


def _refusal(detail: str) -> SourceRefused:
    return SourceRefused(SOURCE, "schema", f"request: {detail}")
