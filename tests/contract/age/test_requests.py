"""What may be asked, and what is refused before anything is sent."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from lxml import etree

from connectors.age.request import Requester, RequestForm, new_request_id
from connectors.age.service import CONTRACT, load_services
from hub.core.connector import Query
from hub.core.document import Document, parse_document
from hub.core.errors import SourceRefused
from hub.core.policy import Official
from hub.sandbox.certificates import CertificateFiles
from tests.contract.age.world import a_world, asking
from tests.support.builders import NOW

SERVICES = {s.code: s for s in load_services(CONTRACT / "services")}
SERVICE = SERVICES["SVDSEPEDEMWS01"]
NAMES = ("Nombre", "Apellido1", "Apellido2")
FORM = RequestForm(SERVICE, Requester(identifier="P2807900B", name="Ayuntamiento de Madrid"))


def filled(query: Query) -> dict[str, str]:
    """The texts of the request for *query*, by element name."""
    root = FORM.filled(query, "MAD00000000000000000000001", NOW)
    return {etree.QName(node).localname: node.text or "" for node in root.iter() if not len(node)}


async def test_a_request_says_who_asks_for_what_and_on_which_basis():
    """Every field of the access has its place in the request (ENS op.exp.8)."""
    texts = filled(asking())
    assert texts["IdentificadorSolicitante"] == "P2807900B"
    assert texts["UnidadTramitadora"] == "Departamento de Escuelas Infantiles"
    assert texts["CodProcedimiento"] == "MAD_ESC_INF"
    assert texts["Finalidad"] == "Admisión en escuelas infantiles (Ley 39/2015 art. 28)"
    assert texts["Consentimiento"] == "Si"
    assert texts["NombreCompletoFuncionario"] == "FUNCIONARIA DE PRUEBA"
    assert texts["NifFuncionario"] == "99000100G"
    assert texts["IdExpediente"] == "EI/2026/000001"
    assert texts["IdSolicitud"] == texts["IdPeticion"] == "MAD00000000000000000000001"
    assert texts["NumElementos"] == "1"
    assert texts["TimeStamp"] == "2026-11-22T12:00:00.000+00:00"


async def test_a_request_names_its_holder_as_the_subject_does():
    """Names come from the subject of the query; a second surname only where there is one."""
    query = asking()
    texts = filled(query)
    assert texts["Documentacion"] == query.subject.document.number
    assert (texts["TipoDocumentacion"], texts["Apellido1"]) == ("NIF", query.subject.first_surname)
    alone = msgspec.structs.replace(query.subject, second_surname=None)
    assert "Apellido2" not in filled(msgspec.structs.replace(query, subject=alone))


async def test_a_foreigner_is_asked_about_as_one():
    """A NIE is not a NIF to the provider."""
    query = _about(asking(), parse_document("X0000000T"))
    assert filled(query)["TipoDocumentacion"] == "NIE"


def _about(query: Query, document: Document) -> Query:
    access = msgspec.structs.replace(query.access, subject=document)
    subject = msgspec.structs.replace(query.subject, document=document)
    return msgspec.structs.replace(query, subject=subject, access=access)


def _subject(**changes: Any) -> Any:
    def change(query: Query) -> Query:
        subject = msgspec.structs.replace(query.subject, **changes)
        return msgspec.structs.replace(query, subject=subject)

    return change


def _access(**changes: Any) -> Any:
    def change(query: Query) -> Query:
        return msgspec.structs.replace(
            query, access=msgspec.structs.replace(query.access, **changes)
        )

    return change


def _official(**changes: Any) -> Any:
    values = {
        "full_name": "FUNCIONARIA DE PRUEBA",
        "document": parse_document("99000100G"),
        "processing_unit": "Unidad",
    }
    return _access(official=Official(**{**values, **changes}))


CASES = [
    pytest.param(_subject(given_name=None), "given name", id="no given name"),
    pytest.param(_subject(first_surname=""), "first surname", id="no surname"),
    pytest.param(_subject(given_name="N" * 41), "Nombre", id="a name too long"),
    pytest.param(_subject(given_name="   "), "Nombre", id="a name of blanks"),
    pytest.param(_subject(first_surname="A\x00B"), "Apellido1", id="a name with a null"),
    pytest.param(_access(official=None), "official", id="no official"),
    pytest.param(_access(procedure=None), "procedure", id="no procedure"),
    pytest.param(_access(procedure_name=""), "procedure", id="no name of the procedure"),
    pytest.param(_access(procedure="P" * 21), "CodProcedimiento", id="a procedure too long"),
    pytest.param(_access(consent=None), "consent", id="no consent"),
    pytest.param(
        _access(consent="no_opposition"), "consent", id="a consent that the service lacks"
    ),
    pytest.param(_access(case_file="E" * 26), "IdExpediente", id="a case file too long"),
    pytest.param(_access(legal_basis="L" * 260), "Finalidad", id="a legal basis too long"),
    pytest.param(
        _access(subject=parse_document("99000100G")), "somebody else", id="an access about another"
    ),
    pytest.param(_official(full_name=""), "NombreCompletoFuncionario", id="a nameless official"),
    pytest.param(
        _official(document=Document("passport", "AAA00000")),
        "NifFuncionario",
        id="an official without NIF",
    ),
    pytest.param(
        lambda query: _about(query, Document("passport", "AAA00000")),
        "type of document",
        id="a passport",
    ),
    pytest.param(
        lambda query: _about(query, parse_document("P2807900B")), "type of document", id="a company"
    ),
]


@pytest.mark.parametrize(("change", "named"), CASES)
async def test_what_the_service_would_refuse_is_not_even_written(change: Any, named: str):
    """What is missing or does not fit is named, without its value."""
    query = change(asking())
    with pytest.raises(SourceRefused, match=named) as caught:
        filled(query)
    assert (caught.value.source, caught.value.reason) == ("age", "schema")
    for value in (query.subject.document.number, "NNNN", "PPPP", "EEEE", "LLLL"):
        assert value not in str(caught.value)


async def test_what_is_not_written_is_not_sent(files: CertificateFiles):
    """A refusal of the hub's own leaves no exchange, because there was none."""
    async with a_world(files) as world:
        for change in (_access(official=None), _access(consent=None), _subject(given_name=None)):
            with pytest.raises(SourceRefused):
                await world.age.fetch("job_seeker", change(asking()))
    assert world.recorder.seen == []


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
@pytest.mark.parametrize("name", ["given_name", "first_surname", "second_surname"])
async def test_a_name_that_does_not_fit_is_left_out_where_none_is_demanded(service, name):
    """The document says who is meant; names that were cut would say another thing."""
    form = RequestForm(service, Requester(identifier="P2807900B", name="Ayuntamiento de Madrid"))
    length = service.request.name_length
    for value, fits in (("N" * length, True), ("N" * (length + 1), False)):
        query = _subject(**{"second_surname": "PRUEBA", name: value})(asking())
        if service.request.names == "required" and not fits:
            with pytest.raises(SourceRefused, match="does not fit"):
                form.filled(query, "MAD00000000000000000000001", NOW)
            continue
        root = form.filled(query, "MAD00000000000000000000001", NOW)
        assert root.findtext(".//{*}Documentacion") == query.subject.document.number
        sent = [root.find(f".//{{*}}{tag}") is not None for tag in NAMES]
        assert sent == [fits] * 3


async def test_markup_in_a_name_stays_text():
    """A name cannot add elements to the request."""
    query = _subject(given_name="<Nombre>&amp;</Nombre>")(asking())
    assert filled(query)["Nombre"] == "<Nombre>&amp;</Nombre>"


@pytest.mark.parametrize("prefix", ["MAD", "MADRIDEDU"])
def test_request_numbers_never_meet(prefix: str):
    """Numbers are random, so that restarts and parallel processes need not know each other."""
    numbers = {new_request_id(prefix) for _ in range(2000)}
    assert len(numbers) == 2000
    assert all(re.fullmatch(rf"{prefix}[0-9A-Z]{{{26 - len(prefix)}}}", n) for n in numbers)
