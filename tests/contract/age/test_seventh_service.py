"""Another service is one folder of data and one mapping: an invented one, in the new template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from lxml import etree

from connectors.age.request import Requester, RequestForm
from connectors.age.service import load_services
from hub.core.binding import check_binding
from hub.core.connector import Query
from hub.core.document import parse_document
from hub.core.errors import SourceRefused
from hub.core.model.evidence import JobSeekerEvidence
from hub.core.policy import Official
from hub.mapping import load_mapping
from hub.sandbox.certificates import CertificateFiles
from tests.contract.age.world import a_world, asking, real_data
from tests.support.builders import NOW

HERE = Path(__file__).parent / "invented"
FOLDER = HERE / "contracts" / "age" / "services"
SERVICE = load_services(FOLDER)[0]
FORM = RequestForm(SERVICE, Requester(identifier="P2807900B", name="Ayuntamiento de Madrid"))
OFFICIAL = Official(
    full_name="FUNCIONARIA DE PRUEBA",
    document=parse_document("99000100G"),
    processing_unit="Departamento de Escuelas Infantiles",
    unit_code="L01280796",
)


def asked(basis: str = "no_opposition", **changes: Any) -> Query:
    """A question about the default citizen, with all that the new template wants."""
    values = {"official": OFFICIAL, "procedure_class": 21, "case_file": "E" * 60, **changes}
    return msgspec.structs.replace(asking(**values), bases={"libraryCard": basis})


def texts(query: Query) -> dict[str, str]:
    """The texts of the request for *query*, by element name."""
    root = FORM.filled(query, "MAD00000000000000000000001", NOW)
    return {etree.QName(node).localname: node.text or "" for node in root.iter() if not len(node)}


async def test_a_seventh_service_is_data_alone(files: CertificateFiles):
    """No Python knows it: asked over a socket, signed in its mode, verified, mapped."""
    mapping = load_mapping(HERE / "mappings" / "age", "libraryCard", JobSeekerEvidence)
    platform = {"services": str(FOLDER)}
    async with a_world(files, platform=platform, services=load_services(FOLDER)) as world:
        query = asked()
        record = await world.age.fetch("library_card", query)
        check_binding(world.age.spec.operation("library_card"), query, record)
        world.spoil("unknown_person")
        nobody = await world.age.fetch("library_card", asked())
    value = mapping.apply({"library_card": record.payload})
    assert isinstance(value, JobSeekerEvidence)
    assert value.registered
    assert value.is_about == query.subject.document
    assert not nobody.holds
    sent = world.recorder.sent[0]
    assert b"rsa-sha1" in sent.message.body
    assert b"BinarySecurityToken" not in sent.message.body


async def test_the_new_template_says_which_unit_asks_and_whether_a_machine_does():
    """CodigoUnidadTramitadora, ClaseTramite, Automatizado and NoOpo, where the template has them."""
    said = texts(asked())
    assert said["UnidadTramitadora"] == "Departamento de Escuelas Infantiles"
    assert said["CodigoUnidadTramitadora"] == "L01280796"
    assert said["ClaseTramite"] == "21"
    assert said["Automatizado"] == "N"
    assert said["Consentimiento"] == "NoOpo"
    assert said["Fecha"] == "2026-11-22"
    assert said["Tipo"] == "ADULTO"
    assert "Nombre" not in said
    assert texts(asked(automated=True))["Automatizado"] == "S"
    assert "ClaseTramite" not in texts(asked(procedure_class=None))


@pytest.mark.parametrize(
    ("basis", "said"), [("authorisation", "Si"), ("law", "Ley"), ("no_opposition", "NoOpo")]
)
async def test_each_basis_has_its_word(basis: str, said: str):
    """What the purpose's row rests on is what the provider reads."""
    assert texts(asked(basis))["Consentimiento"] == said


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"official": msgspec.structs.replace(OFFICIAL, unit_code=None)}, "DIR3"),
        ({"official": msgspec.structs.replace(OFFICIAL, unit_code="X")}, "CodigoUnidad"),
        ({"official": msgspec.structs.replace(OFFICIAL, processing_unit="")}, "Solicitante"),
        ({"procedure_class": 1}, "ClaseTramite"),
        ({"case_file": "E" * 66}, "IdExpediente"),
    ],
    ids=["no-unit-code", "no-such-unit-code", "no-unit", "no-such-class", "case-file-too-long"],
)
async def test_what_the_new_template_demands_is_demanded(changes: dict[str, Any], named: str):
    """Missing or wrong, it is refused before anything is signed."""
    with pytest.raises(SourceRefused, match=named):
        FORM.filled(asked(**changes), "MAD00000000000000000000001", NOW)


async def test_the_new_template_satisfies_the_official_schema_of_one_that_uses_it():
    """Held against a published service of that template, under its names."""
    name = "SVDINESECOPACONVIVENCIAACTUALWS01"
    schema = etree.XMLSchema(file=str(real_data("xsd", name, "peticion.xsd")))
    root = FORM.filled(asked(), "MAD00000000000000000000001", NOW)
    for node in root.iter("{*}CodigoCertificado"):
        node.text = name
    item = root[1][0]
    item.remove(item[-1])  # what is asked there is another thing
    schema.assertValid(root)
