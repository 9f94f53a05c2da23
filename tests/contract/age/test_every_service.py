"""What every service owes, whichever signature, encryption and schema it has."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import jsonschema
import msgspec
import pytest
import xmlsec
from lxml import etree

from connectors.age.request import Requester, RequestForm
from connectors.age.service import CONTRACT, Service, load_services
from hub.core.binding import check_binding
from hub.core.connector import Query
from hub.core.errors import SourceError, SourceInsecure, SourceRefused
from hub.core.model import BLOCKS
from hub.core.model.canonical import PartialDate
from hub.core.secret import Secret
from hub.mapping import as_json, load_mapping
from hub.sandbox import magic
from hub.sandbox.certificates import CertificateFiles
from hub.wire.signature_form import DS, WSU
from tests.contract.age.world import PEOPLE, World, a_world, asking, contract, real_data

SERVICES = load_services(CONTRACT / "services")
BY_CODE = {service.code: service for service in SERVICES}
each = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.code)
MAPPINGS = CONTRACT.parents[1] / "mappings" / "age"


def mapped(service: Service, payload: dict[str, Any]) -> Any:
    """The canonical JSON of *payload*."""
    mapping = load_mapping(MAPPINGS, service.block, BLOCKS[service.block].type)
    return as_json(mapping.apply({service.operation: payload}))


async def refusal(world: World, service: Service, query: Query | None = None) -> SourceError:
    """The error with which a fetch of *service* ends."""
    with pytest.raises(SourceError) as caught:
        await _bound(world, service, query or asking())
    return caught.value


async def _bound(world: World, service: Service, query: Query) -> None:
    record = await world.age.fetch(service.operation, query)
    check_binding(world.age.spec.operation(service.operation), query, record)


@each
async def test_the_default_citizen_has_evidence_of_everything(
    files: CertificateFiles, service: Service
):
    """Signed, opened, bound and mapped: each service gives typed evidence about this person."""
    async with a_world(files) as world:
        query = asking()
        record = await world.age.fetch(service.operation, query)
    check_binding(world.age.spec.operation(service.operation), query, record)
    assert record.holds
    schema = json.loads(contract("payloads", f"{service.operation}.schema.json").read_text())
    jsonschema.validate(record.payload, schema)
    evidence = mapped(service, record.payload)
    assert evidence["isAbout"]["number"] == PEOPLE.number(magic.DEFAULT_CITIZEN)
    assert evidence["isIssuedBy"]["identifier"] == service.provider.identifier


@each
async def test_whoever_is_not_known_has_none(files: CertificateFiles, service: Service):
    """Each provider's own way of saying so is an empty answer, never a failure."""
    async with a_world(files) as world:
        world.spoil("unknown_person")
        query = asking()
        record = await world.age.fetch(service.operation, query)
    check_binding(world.age.spec.operation(service.operation), query, record)
    assert not record.holds


@each
async def test_what_is_sent_satisfies_our_schema_and_the_official_one(
    files: CertificateFiles, service: Service
):
    """With and without the optional parts, the request is what the provider publishes."""
    async with a_world(files) as world:
        for index in (magic.DEFAULT_CITIZEN, magic.ONE_SURNAME, magic.ACCENTS):
            await world.age.fetch(service.operation, asking(index))
    official = _official(service, "peticion.xsd")
    for path in filter(None, (contract("services", service.code, "peticion.xsd"), official)):
        schema = etree.XMLSchema(file=str(path))
        for sent in world.recorder.sent:
            schema.assertValid(etree.fromstring(sent.message.body)[1][0])


def test_only_one_official_schema_is_not_published():
    """Where the official schemas are at hand, five of the six services are held to theirs."""
    real_data("xsd")
    missing = {s.code for s in SERVICES if _official(s, "peticion.xsd") is None}
    assert missing == {"SVDTGSSVIDALABORALWS01"}


def _official(service: Service, name: str) -> Any:
    return real_data("xsd", f"{service.code}v3", name, optional=True)


@each
async def test_an_independent_library_verifies_what_is_sent(
    files: CertificateFiles, service: Service
):
    """libxmlsec, which is not what signs, finds the signature right in either mode."""
    async with a_world(files) as world:
        await world.age.fetch(service.operation, asking())
    envelope = etree.fromstring(world.recorder.sent[0].message.body)
    bare = service.signature.mode == "xml-signature"
    signature = envelope[0].find(f"./{DS}Signature" if bare else f"./*/{DS}Signature")
    assert signature is not None
    context = xmlsec.SignatureContext()
    context.register_id(envelope[1], "Id", id_ns=None if bare else WSU[1:-1])
    context.key = xmlsec.Key.from_memory(
        files.hub.read_bytes(), xmlsec.constants.KeyDataFormatCertPem
    )
    context.verify(signature)


@each
async def test_what_the_simulator_answers_satisfies_the_schemas(
    files: CertificateFiles, service: Service
):
    """The adversary keeps the contract where it is not told to break it, once it is opened."""
    async with a_world(files) as world:
        await world.age.fetch(service.operation, asking())
    outcome = world.recorder.outcomes[0]
    assert outcome.message is not None
    envelope = etree.fromstring(outcome.message.body)
    if service.encryption is not None:
        world.age._believer._decryptor.decrypt(envelope, envelope[1], service.encryption)
    official = _official(service, "respuesta.xsd")
    for path in filter(None, (contract("services", service.code, "respuesta.xsd"), official)):
        etree.XMLSchema(file=str(path)).assertValid(envelope[1][0])


@each
@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("unsigned", "signature"),
        ("foreign_signer", "signature"),
        ("expired_signer", "signature"),
        ("tampered_body", "signature"),
        ("second_body", "signature"),
        ("moved_body", "signature"),
        ("sha1", "signature"),
        ("hmac_swap", "signature"),
        ("other_request_id", "replay"),
        ("other_citizen", "identity_mismatch"),
    ],
)
async def test_no_service_believes_what_was_tampered_with(
    files: CertificateFiles, service: Service, mode: str, reason: str
):
    """The same attacks fail in both signature modes, encrypted or not."""
    async with a_world(files) as world:
        world.spoil(mode)
        error = await refusal(world, service)
    assert (type(error), error.reason) == (SourceInsecure, reason)


@each
@pytest.mark.parametrize("mode", ["extra_elements", "twelve_hour_timestamp"])
async def test_every_service_reads_what_outgrows_its_schema(
    files: CertificateFiles, service: Service, mode: str
):
    """Elements that the schema lacks and odd clocks change nothing of the evidence."""
    async with a_world(files) as world:
        usual = await world.age.fetch(service.operation, asking())
        world.spoil(mode)
        odd = await world.age.fetch(service.operation, asking())
    before, after = (mapped(service, record.payload) for record in (usual, odd))
    assert {**before, "identifier": ""} == {**after, "identifier": ""}


async def test_the_platform_may_not_sign_for_a_provider_that_signs_itself(
    files: CertificateFiles,
):
    """A signer is pinned for a service, not for all of them."""
    service = BY_CODE["SVDTGSSVIDALABORALWS01"]
    async with a_world(files, signers={}) as world:
        assert (await refusal(world, service)).reason == "signature"
    swapped = {"SVDSEPEDEMWS01": Secret(files.provider.read_text())}
    async with a_world(files, signers=swapped) as world:
        assert (await refusal(world, BY_CODE["SVDSEPEDEMWS01"])).reason == "signature"


@pytest.mark.parametrize("transport", ["rsa-1_5", "rsa-oaep-mgf1p"])
@pytest.mark.parametrize("cipher", ["aes128-cbc", "aes128-gcm"])
async def test_answers_are_opened_in_every_accepted_form(
    files: CertificateFiles, transport: str, cipher: str
):
    """Either key transport with either cipher."""
    service = BY_CODE["SVDTGSSVIDALABORALWS01"]
    async with a_world(files, platform={"cipher": [transport, cipher]}) as world:
        record = await world.age.fetch(service.operation, asking())
    assert record.holds
    outcome = world.recorder.outcomes[0]
    assert outcome.message is not None
    assert b"EMPRESA" not in outcome.message.body, "it travelled in clear"


async def test_every_failure_to_decrypt_looks_the_same(files: CertificateFiles):
    """Whoever tampers with the unsigned key learns nothing from what comes of it."""
    service, seen = BY_CODE["SVDTGSSVIDALABORALWS01"], set()
    for cipher in ("aes128-cbc", "aes128-gcm"):
        async with a_world(files, platform={"cipher": ["rsa-1_5", cipher]}) as world:
            for mode in (
                "unencrypted",
                "foreign_recipient",
                "spoilt_key",
                "spoilt_ciphertext",
                "other_cipher",
            ):
                world.spoil(mode)
                seen.add(str(await refusal(world, service)))
    assert seen == {"age: decryption: the encrypted part cannot be read"}


THIRD_PERSONS = ("HIJA", "CONYUGE", "PERSONA DE PRUEBA", "Puntuacion", "indEmbargo", "Cola")


@each
async def test_third_persons_stay_in_the_sealed_message(files: CertificateFiles, service: Service):
    """What is withheld came, is on record as bytes, and is not in what the hub works with."""
    async with a_world(files) as world:
        record = await world.age.fetch(service.operation, asking())
    outcome = world.recorder.outcomes[0]
    assert outcome.message is not None
    raw, kept = outcome.message.body.decode(), json.dumps(record.payload)
    assert not [word for word in (*THIRD_PERSONS, *service.withheld) if word in kept]
    if service.withheld:
        assert any(word in raw for word in service.withheld)


@pytest.mark.parametrize(
    ("today", "year"),
    [("2026-06-30", "2024"), ("2026-07-01", "2025"), ("2026-12-31", "2025")],
)
async def test_the_income_is_of_the_last_year_that_was_filed(today: str, year: str):
    """The term for a year's returns ends with June of the next."""
    form = RequestForm(
        BY_CODE["NIVRENTI"], Requester(identifier="P2807900B", name="Ayuntamiento de Madrid")
    )
    noon = dt.datetime.fromisoformat(f"{today}T11:00:00+00:00")
    request = form.filled(asking(), "MAD00000000000000000000001", noon)
    assert request.findtext(".//{*}Ejercicio") == year


async def test_a_birth_date_goes_where_a_region_wants_it_and_only_if_it_is_whole(
    files: CertificateFiles,
):
    """It comes from the access or the token; a year alone is not sent."""
    async with a_world(files) as world:
        for born in (PartialDate(year=1986, month=2, day=28), PartialDate(year=1986), None):
            query = asking()
            subject = msgspec.structs.replace(query.subject, birth_date=born)
            await world.age.fetch("large_family", msgspec.structs.replace(query, subject=subject))
    bodies = [sent.message.body for sent in world.recorder.sent]
    assert [b"28/02/1986" in body for body in bodies] == [True, False, False]
    assert [b"FechaNacimiento" in body for body in bodies] == [True, False, False]


async def test_an_encrypted_answer_of_a_service_that_does_not_encrypt_is_refused(
    files: CertificateFiles,
):
    """The profile says what is accepted, in both directions."""
    plain = msgspec.structs.replace(BY_CODE["SVDTGSSVIDALABORALWS01"], encryption=None)
    async with a_world(files, services=(plain,)) as world:
        assert (await refusal(world, plain)).reason == "decryption"


async def test_the_basis_of_the_row_is_what_the_provider_is_told(files: CertificateFiles):
    """`law` is Ley and `authorisation` is Si, whatever else the access states."""
    async with a_world(files) as world:
        for basis in ("law", "authorisation"):
            query = msgspec.structs.replace(asking(consent="given"), bases={"jobSeeker": basis})
            await world.age.fetch("job_seeker", query)
        query = msgspec.structs.replace(asking(), bases={"jobSeeker": "no_opposition"})
        with pytest.raises(SourceRefused, match="consent"):
            await world.age.fetch("job_seeker", query)
    told = [
        etree.fromstring(sent.message.body).findtext(".//{*}Consentimiento")
        for sent in world.recorder.sent
    ]
    assert told == ["Ley", "Si"]
