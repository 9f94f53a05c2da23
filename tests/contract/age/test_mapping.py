"""What an answer means: samples become the blocks on file, through connector and mapping."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import xmlsec
from lxml import etree

from connectors.age.connector import SPEC, Age
from connectors.age.service import CONTRACT, Service, load_services
from connectors.age.simulator.sealing import SHA256, Seal
from hub.core.binding import check_binding
from hub.core.errors import MappingError, SourceError
from hub.core.model import BLOCKS
from hub.core.model.evidence import JobSeekerEvidence
from hub.core.moment import utc_now
from hub.mapping import as_json, check_paths, coverage, load_mapping, load_schemas, run_examples
from hub.sandbox.certificates import CertificateFiles
from hub.wire.client import open_client
from hub.wire.signature import PinnedVerifier
from hub.wire.signature_form import WSU
from hub.wire.xml import parse_xml
from tests.contract.age.world import asking, contract, real_data, settings
from tests.support.builders import NOW, MemoryRecorder
from tests.support.certificates import a_key, pem_of_key
from tests.support.sealing import the_certificate

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "mappings" / "age"
MAPPING = load_mapping(FOLDER, "jobSeeker", JobSeekerEvidence)
ALL = load_services(CONTRACT / "services")
SAMPLES = sorted(contract("samples").glob("*.xml"))
SCHEMA = json.loads(contract("payloads", "job_seeker.schema.json").read_text(encoding="utf-8"))


async def block_of(files: CertificateFiles, sample: str) -> dict[str, Any]:
    """What becomes of *sample*, sealed by the platform: an outcome, and the block if any."""
    seal = Seal(files.platform, files.platform_key, SHA256, utc_now)
    sealed = seal.sealed(sample)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=sealed))
    client = open_client("age", "http://platform.test/", MemoryRecorder(), transport=transport)
    age = Age(client, settings(files), lambda prefix: f"{prefix}00000000000000000000001")
    query = asking()
    try:
        record = await age.fetch("job_seeker", query)
        check_binding(SPEC.operation("job_seeker"), query, record)
        jsonschema.validate(record.payload, SCHEMA)
        if not record.holds:
            return {"outcome": "empty"}
        value = MAPPING.apply({"job_seeker": record.payload})
        return {"outcome": "found", "block": as_json(value)}
    except SourceError as error:
        return {"outcome": type(error).__name__, "reason": error.reason}
    except MappingError:
        return {"outcome": "MappingError"}
    finally:
        await client.aclose()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_becomes_the_block_on_file(files: CertificateFiles, sample: Path):
    """Each sample goes through signature, connector and mapping to its golden outcome."""
    golden = json.loads(sample.with_suffix(".golden.json").read_text(encoding="utf-8"))
    assert asyncio.run(block_of(files, sample.read_text(encoding="utf-8"))) == golden


def test_every_sample_has_its_golden_file_and_every_golden_file_its_sample():
    """A sample without an expectation tests nothing."""
    golden = {path.name.removesuffix(".golden.json") for path in contract("samples").glob("*.json")}
    assert golden == {path.stem for path in SAMPLES}
    assert len(golden) >= 10


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_what_the_schema_describes(sample: Path):
    """Samples keep the contract, but for the one that shows how real answers outgrow it."""
    schema = etree.XMLSchema(file=str(contract("services", "SVDSEPEDEMWS01", "respuesta.xsd")))
    valid = schema.validate(parse_xml("test", sample.read_bytes()))
    assert valid is ("newer-than-the-schema" not in sample.name)


def test_the_examples_come_out_as_they_say():
    """The examples are the documentation of the mapping."""
    assert run_examples(MAPPING, FOLDER / "job_seeker.examples.json") == ()


@pytest.mark.parametrize("service", ALL, ids=lambda service: service.code)
def test_the_mapping_fits_the_contract(service: Service):
    """Every path that is read exists, and what is not read is left alone on purpose."""
    name = service.operation
    schemas = {name: load_schemas(contract())[name]}
    mapping = load_mapping(FOLDER, service.block, BLOCKS[service.block].type)
    assert check_paths(mapping, schemas) == ()
    assert coverage(mapping, schemas).never_read == ()
    assert run_examples(mapping, FOLDER / f"{name}.examples.json") == ()


def test_the_block_says_who_vouches_for_it_and_about_whom():
    """The lineage of each value leads to its place in the provider's answer."""
    example = json.loads((FOLDER / "job_seeker.examples.json").read_text(encoding="utf-8"))[0]
    lineage = {line.target: line.sources for line in MAPPING.trace(example["payloads"])}
    specific = "job_seeker/TransmisionDatos/DatosEspecificos/DemandanteEmpleo"
    assert lineage["registered"] == (f"{specific}/Inscrito",)
    assert lineage["last_registration"] == (f"{specific}/UltimaInscripcion",)
    generic = "job_seeker/TransmisionDatos/DatosGenericos"
    assert lineage["is_about"] == (f"{generic}/Titular/Documentacion",)
    assert lineage["is_issued_by.identifier"] == (f"{generic}/Emisor/NifEmisor",)


@pytest.mark.parametrize(
    "name",
    ["12-dgp-ci-respuesta", "02-tgss001-respuesta-sincrona-wss-cifrada", "11-dgp-ci-peticion"],
)
def test_a_message_of_the_real_shape_verifies_once_it_is_signed_again(name: str):
    """The structure of real messages, sealed by libxmlsec under a test's key, is accepted.

    Their own seals were taken out with the personal data, and so cannot be checked.
    """
    text = real_data("samples", f"{name}.sanitised.xml").read_bytes()
    token = "".join(the_certificate().split("-----")[2].split()).encode()
    envelope = parse_xml("test", text.replace(b"BASE64-DER-CERT", token))
    body = envelope[1]
    context = xmlsec.SignatureContext()
    context.register_id(body, "Id", id_ns=WSU[1:-1] if body.get(f"{WSU}Id") else None)
    key = pem_of_key(a_key()).encode()
    context.key = xmlsec.Key.from_memory(key, xmlsec.constants.KeyDataFormatPem)
    signature = envelope.find(".//{*}Signature")
    assert signature is not None
    context.sign(signature)
    verified = PinnedVerifier("test", the_certificate(), lambda: NOW).verify(envelope, "rsa-sha1")
    assert etree.tostring(verified.body[0], method="c14n", exclusive=True) == etree.tostring(
        body[0], method="c14n", exclusive=True
    )
