"""The connector in front of the simulated platform, over a real socket."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import jsonschema
import pytest
from lxml import etree

from connectors.age.connector import SPEC
from hub.core.binding import check_binding
from hub.core.errors import (
    SourceError,
    SourceInsecure,
    SourceMalformed,
    SourceProtected,
    SourceRefused,
    SourceUnavailable,
)
from hub.core.moment import utc_now
from hub.core.secret import Secret
from hub.sandbox import magic
from hub.sandbox.certificates import CertificateFiles
from tests.contract.age.world import PEOPLE, World, a_world, asking, contract, real_data
from tests.support.builders import MemoryRecorder

OPERATION = "job_seeker"


async def refusal(world: World, index: int = magic.DEFAULT_CITIZEN) -> SourceError:
    """The error with which a fetch ends, whether the connector or the binding raises it."""
    query = asking(index)
    with pytest.raises(SourceError) as caught:
        check_binding(SPEC.operation(OPERATION), query, await world.age.fetch(OPERATION, query))
    return caught.value


async def test_the_default_citizen_is_a_job_seeker(files: CertificateFiles):
    """A found answer is plain data that the contract's schema describes, bound to its request."""
    async with a_world(files) as world:
        query = asking()
        record = await world.age.fetch(OPERATION, query)
    check_binding(SPEC.operation(OPERATION), query, record)
    specific = record.payload["TransmisionDatos"]["DatosEspecificos"]
    assert record.holds
    assert specific["DemandanteEmpleo"]["Inscrito"] == "S"
    schema = json.loads(contract("payloads", "job_seeker.schema.json").read_text())
    jsonschema.validate(record.payload, schema)
    assert record.exchanges == tuple(sent.id for sent in world.recorder.sent)


async def test_not_registered_is_an_answer_and_not_an_empty_one(files: CertificateFiles):
    """State 0003 with Inscrito N: the source holds something, namely that one is not."""
    async with a_world(files) as world:
        record = await world.age.fetch(OPERATION, asking(magic.NOT_A_JOB_SEEKER))
    assert record.holds
    assert record.payload["TransmisionDatos"]["DatosEspecificos"]["DemandanteEmpleo"] == {
        "Inscrito": "N"
    }


async def test_an_unknown_person_is_empty(files: CertificateFiles):
    """Business code 0233 beside the platform's 0003 means that nothing is held."""
    async with a_world(files) as world:
        query = asking(magic.UNKNOWN_TO_EMPLOYMENT)
        record = await world.age.fetch(OPERATION, query)
    check_binding(SPEC.operation(OPERATION), query, record)
    assert not record.holds
    assert record.payload["Atributos"]["Estado"]["CodigoEstado"] == "0003"


async def test_a_protected_person_is_neither_empty_nor_a_failure(files: CertificateFiles):
    """Business code 07 is an outcome of its own."""
    async with a_world(files) as world:
        assert isinstance(await refusal(world, magic.PROTECTED), SourceProtected)


async def test_everybody_gets_some_answer_that_is_bound(files: CertificateFiles):
    """Whoever is asked about, the answer is about that person; all kinds of it occur."""
    seen = set()
    async with a_world(files) as world:
        for index in range(30, 70):
            query = asking(index)
            record = await world.age.fetch(OPERATION, query)
            check_binding(SPEC.operation(OPERATION), query, record)
            specific = record.payload["TransmisionDatos"]["DatosEspecificos"]
            seen.add((record.holds, specific.get("DemandanteEmpleo", {}).get("Inscrito")))
    assert seen == {(True, "S"), (True, "N"), (False, None)}


@pytest.mark.parametrize(
    ("mode", "kind", "reason"),
    [
        ("unsigned", SourceInsecure, "signature"),
        ("foreign_signer", SourceInsecure, "signature"),
        ("expired_signer", SourceInsecure, "signature"),
        ("tampered_body", SourceInsecure, "signature"),
        ("second_body", SourceInsecure, "signature"),
        ("moved_body", SourceInsecure, "signature"),
        ("duplicate_id", SourceInsecure, "signature"),
        ("sha1", SourceInsecure, "signature"),
        ("hmac_swap", SourceInsecure, "signature"),
        ("other_request_id", SourceInsecure, "replay"),
        ("other_citizen", SourceInsecure, "identity_mismatch"),
        ("fault_official", SourceUnavailable, "backend_fault"),
        ("fault_emiserv", SourceUnavailable, "backend_fault"),
        ("fault_bare", SourceUnavailable, "backend_fault"),
        ("protected", SourceProtected, "backend_fault"),
        ("business_error", SourceRefused, "schema"),
        ("business_code", SourceUnavailable, "backend_fault"),
        ("not_ready", SourceUnavailable, "backend_fault"),
        ("not_xml", SourceMalformed, "malformed"),
        ("doctype", SourceInsecure, "forbidden_xml"),
    ],
)
async def test_each_fault_ends_as_what_it_is(
    files: CertificateFiles, mode: str, kind: type[SourceError], reason: str
):
    """Each of the simulator's modes leads to one class of error and one technical reason."""
    async with a_world(files) as world:
        world.spoil(mode)
        error = await refusal(world)
    assert (type(error), error.reason) == (kind, reason)
    assert_nothing_personal(error)
    assert len(world.recorder.sent) == 1, "an act on record there is never repeated"
    assert len(world.recorder.outcomes) == 1


def assert_nothing_personal(error: SourceError) -> None:
    """The message of an error ends in logs."""
    person = PEOPLE.person(magic.DEFAULT_CITIZEN)
    for value in (PEOPLE.number(magic.DEFAULT_CITIZEN), person.given_name, person.first_surname):
        assert value not in str(error)


@pytest.mark.parametrize("mode", ["extra_elements", "twelve_hour_timestamp"])
async def test_what_real_answers_do_beyond_their_schema_is_read(files: CertificateFiles, mode: str):
    """Elements that the published schema lacks and odd clocks do not make an answer wrong."""
    async with a_world(files) as world:
        world.spoil(mode)
        query = asking()
        record = await world.age.fetch(OPERATION, query)
    check_binding(SPEC.operation(OPERATION), query, record)
    assert record.holds


@pytest.mark.parametrize("mode", ["unknown_person"])
async def test_a_spoilt_answer_can_be_an_empty_one(files: CertificateFiles, mode: str):
    """The mode that plays an unknown person is an answer, not an error."""
    async with a_world(files) as world:
        world.spoil(mode)
        assert not (await world.age.fetch(OPERATION, asking())).holds


async def test_an_earlier_answer_is_not_taken_for_this_one(files: CertificateFiles):
    """A genuine, signed answer about the same person, from an hour ago, is a replay."""
    async with a_world(files) as world:
        await world.age.fetch(OPERATION, asking())
        world.spoil("replayed_answer")
        assert (await refusal(world)).reason == "replay"


async def test_the_same_answer_is_believed_once(files: CertificateFiles):
    """Even to a request with the same number, what was given before is not believed again."""
    async with a_world(files, new_id=lambda prefix: f"{prefix}{'0' * 23}") as world:
        await world.age.fetch(OPERATION, asking())
        envelope = world.recorder.outcomes[0].message
        assert envelope is not None
        body = etree.fromstring(envelope.body)
        service = world.age._services[OPERATION]
        verified = world.age._believer.verified(body, service)
        with pytest.raises(SourceInsecure, match="replay"):
            world.age._refuse_seen(verified.digest)


async def test_a_request_number_is_accepted_once(files: CertificateFiles):
    """The platform refuses a number that it has seen (0229), and the hub says whose fault it is."""
    async with a_world(files, new_id=lambda prefix: f"{prefix}{'0' * 23}") as world:
        await world.age.fetch(OPERATION, asking())
        error = await refusal(world)
    assert isinstance(error, SourceRefused)
    assert "0229" in error.detail


async def test_an_operator_can_accept_sha_1_while_the_platform_signs_with_it(
    files: CertificateFiles,
):
    """The override accepts what real answers carry, and then nothing else."""
    async with a_world(
        files, platform={"answer_algorithm": "rsa-sha1"}, answer_algorithm="rsa-sha1"
    ) as world:
        assert (await world.age.fetch(OPERATION, asking())).holds
    async with a_world(files, answer_algorithm="rsa-sha1") as world:
        assert (await refusal(world)).reason == "signature"


async def test_a_certificate_of_another_body_is_refused_by_the_platform(files: CertificateFiles):
    """The requester in the message must be the one in the certificate (0235)."""
    async with a_world(files, requester_id="P2800000A") as world:
        error = await refusal(world)
    assert (type(error), error.reason) == (SourceRefused, "hub_credentials")
    assert "0235" in error.detail


async def test_a_certificate_of_another_authority_is_refused(
    files: CertificateFiles, tmp_path_factory: pytest.TempPathFactory
):
    """Wrong credentials are the hub's own fault, and operators are told (0310)."""
    from hub.sandbox.certificates import ensure_certificates

    other = ensure_certificates(tmp_path_factory.mktemp("other"))
    stranger: dict[str, Any] = {
        "certificate": Secret(other.hub.read_text()),
        "key": Secret(other.hub_key.read_text()),
    }
    async with a_world(files, **stranger) as world:
        error = await refusal(world)
    assert (type(error), error.reason) == (SourceRefused, "hub_credentials")
    assert "0310" in error.detail


async def test_a_procedure_without_authorisation_is_refused(files: CertificateFiles):
    """The provider authorises procedures one by one (0314)."""
    async with a_world(files) as world:
        query = asking(procedure="ANOTHER")
        with pytest.raises(SourceRefused, match="0314") as caught:
            await world.age.fetch(OPERATION, query)
    assert caught.value.reason == "hub_credentials"


@pytest.mark.parametrize(("days", "refused"), [(0, False), (1, False), (2, True), (-1, True)])
async def test_a_request_is_of_today_or_of_yesterday(
    files: CertificateFiles, days: int, *, refused: bool
):
    """A wrong clock is found out by the platform (0230) and named as what it is."""
    noon = utc_now().replace(hour=11, minute=0)
    async with a_world(
        files, clock=lambda: noon, platform_clock=lambda: noon + dt.timedelta(days=days)
    ) as world:
        if refused:
            error = await refusal(world)
            assert (type(error), error.reason) == (SourceRefused, "clock_skew")
        else:
            assert await world.age.fetch(OPERATION, asking())


async def test_nothing_leaves_that_the_ledger_does_not_hold(files: CertificateFiles):
    """Sent is on record before the answer, with the request as it left."""
    async with a_world(files) as world:
        await world.age.fetch(OPERATION, asking())
    sent = world.recorder.sent[0]
    assert sent.origin.subject == asking().subject.document
    assert sent.message.body.startswith(b"<?xml")
    assert PEOPLE.number(magic.DEFAULT_CITIZEN) not in sent.url


async def test_where_the_ledger_cannot_write_nothing_is_asked(files: CertificateFiles):
    """No record, no request: the platform never hears of it."""
    from hub.core.errors import LedgerError

    async with a_world(files) as world:
        world.recorder.fails = True
        with pytest.raises(LedgerError):
            await world.age.fetch(OPERATION, asking())
        assert isinstance(world.recorder, MemoryRecorder)
        assert world.recorder.seen == []


async def test_a_ping_asks_about_nobody(files: CertificateFiles):
    """The platform is asked for its description; no body is recorded, no act is done."""
    async with a_world(files) as world:
        await world.age.ping()
    sent = world.recorder.sent[0]
    assert (sent.method, sent.origin.subject, sent.message.body) == ("GET", None, b"")


async def test_a_ping_says_when_nobody_answers(files: CertificateFiles):
    """A closed port is a SourceError like any other."""
    async with a_world(files) as world:
        pass
    with pytest.raises((SourceUnavailable, RuntimeError)):
        await world.age.ping()


async def test_what_is_sent_satisfies_the_official_schema(files: CertificateFiles):
    """The request is valid by the schema that the provider publishes, not by ours alone."""
    official = real_data("xsd", "SVDSEPEDEMWS01v3", "peticion.xsd")
    async with a_world(files) as world:
        for index in (magic.DEFAULT_CITIZEN, magic.ONE_SURNAME, magic.ACCENTS):
            await world.age.fetch(OPERATION, asking(index))
    schema = etree.XMLSchema(file=str(official))
    for sent in world.recorder.sent:
        schema.assertValid(etree.fromstring(sent.message.body)[1][0])


async def test_what_the_simulator_answers_satisfies_both_schemas(files: CertificateFiles):
    """The adversary keeps the contract where it is not told to break it."""
    async with a_world(files) as world:
        for index in (magic.DEFAULT_CITIZEN, magic.UNKNOWN_TO_EMPLOYMENT, magic.NOT_A_JOB_SEEKER):
            await world.age.fetch(OPERATION, asking(index))
    ours = contract("services", "SVDSEPEDEMWS01", "respuesta.xsd")
    for path in (ours, real_data("xsd", "SVDSEPEDEMWS01v3", "respuesta.xsd", optional=True)):
        if path is None:
            continue
        schema = etree.XMLSchema(file=str(path))
        for outcome in world.recorder.outcomes:
            assert outcome.message is not None
            schema.assertValid(etree.fromstring(outcome.message.body)[1][0])
