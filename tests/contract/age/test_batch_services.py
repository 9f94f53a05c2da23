"""Every service that answers many people at once: encrypted, in the bare signature, or plain."""

from __future__ import annotations

import msgspec
import pytest
import xmlsec
from lxml import etree

from connectors.age.batch import BATCH_SERVICES
from connectors.age.batch_request import answer_request, petition
from connectors.age.request import Requester, RequestForm
from connectors.age.service import CONTRACT
from hub.bulking.people import Unusable
from hub.core.errors import PayloadDestroyed
from hub.position.bulk_records import Fragment
from hub.sandbox import magic
from hub.sandbox.certificates import ensure_certificates
from hub.wire.signature_form import DS, WSU
from tests.contract.age.bulk_world import PEOPLE, a_bulk_world
from tests.contract.age.test_batch_messages import a_bulk
from tests.contract.age.world import real_data
from tests.support.builders import NOW

SOON = "bulk_wait_s = 0"
KINDS = (magic.DEFAULT_CITIZEN, magic.NOTHING_ANYWHERE, 20, 21)
NAMES = {
    "unemployment_benefit": "unemploymentBenefit",
    "work_history": "workHistory",
    "large_family": "largeFamily",
}
"""What may be asked about a whole file of people; `disability` takes a reason for each."""

each = pytest.mark.parametrize("operation", list(NAMES))
every = pytest.mark.parametrize("operation", sorted(BATCH_SERVICES))
ENCRYPTED = ("unencrypted", "foreign_recipient", "spoilt_key", "spoilt_ciphertext", "other_cipher")


def test_one_asynchronous_service_encrypts_and_two_sign_in_the_older_way():
    """The catalogue's profiles; the income level is the one that has no asynchronous side."""
    assert set(BATCH_SERVICES) == {*NAMES, "job_seeker", "disability"}
    encrypted = {n for n, batch in BATCH_SERVICES.items() if batch.asynchronous.encryption}
    bare = {n for n, b in BATCH_SERVICES.items() if b.service.signature.mode == "xml-signature"}
    assert (encrypted, bare) == ({"work_history"}, {"large_family", "disability"})


@each
async def test_everybody_is_asked_about_once_and_answered_for(tmp_path, bulk_keys, operation):
    """Whatever the profile, each person has a block of their own, and the ledger holds."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        run, report = await world.go(world.order(KINDS, operation=operation))
        assert (report.people, report.answered, report.next_at) == (4, 4, None)
        assert world.platform.asynchronous.asked == {PEOPLE.number(i): 1 for i in KINDS}
        results = await world.results(run)
        states = [results[row]["blocks"][NAMES[operation]]["state"] for row in (2, 3, 4, 5)]
        assert states[:2] == ["fresh", "empty"]
        assert set(states) <= {"fresh", "empty"}
        assert world.verified().findings == []


@each
async def test_each_person_s_part_is_kept_in_clear_for_that_person_alone(
    tmp_path, bulk_keys, operation
):
    """What was encrypted for everybody at once is cut by person after it was opened."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        run, _ = await world.go(world.order(KINDS, operation=operation))
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
            for index, item in zip(KINDS, await bench.jobs.items(job.id), strict=True):
                payload = await bench.ledger.payload("fragment", item.key)
                kept = msgspec.msgpack.decode(payload, type=Fragment)
                others = [PEOPLE.number(i).encode() for i in KINDS if i != index]
                for text in (kept.asked or b"", kept.answered or b""):
                    assert PEOPLE.number(index).encode() in text
                    assert b"EncryptedData" not in text
                    assert not any(other in text for other in others)
                specific = etree.fromstring(kept.answered or b"").find("{*}DatosEspecificos")
                assert specific is not None
                assert len(specific)


@each
async def test_one_person_is_erased_and_the_others_stay(tmp_path, bulk_keys, operation):
    """The key of one person destroys one fragment, whatever the message was sealed with."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        run, _ = await world.go(world.order(KINDS, operation=operation))
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
            first, *others = await bench.jobs.items(job.id)
            access = await bench.ledger.read(first.access, "access")
            who = access.header["subject"]
            erase = "DELETE FROM data_key WHERE subject = ?"
            await bench.ledger.work(lambda db: db.execute(erase, (who,)))
        async with world.bench() as bench:
            with pytest.raises(PayloadDestroyed):
                await bench.ledger.payload("fragment", first.key)
            assert all([await bench.ledger.payload("fragment", o.key) for o in others])
        results = await world.results(run)
        assert results[2]["erased"] is True
        assert [NAMES[operation] in results[row]["blocks"] for row in (3, 4, 5)] == [True] * 3


@each
async def test_an_answer_on_record_is_opened_after_a_crash_and_not_fetched_again(
    tmp_path, bulk_keys, monkeypatch, operation
):
    """The recorded bytes are verified and decrypted by the next process."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        order = world.order(KINDS, operation=operation)
        with monkeypatch.context() as patch:

            def dies(*_: object) -> None:
                raise InterruptedError

            patch.setattr("connectors.age.batch.AgeBatch.delivered", dies)
            with pytest.raises(InterruptedError):
                await world.go(order)
        run, report = await world.go(order)
        assert (report.answered, world.asked_twice()) == (4, [])
        assert set(world.platform.asynchronous.served.values()) == {1}
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
        assert (job.sendings, job.polls) == (1, 1)


@each
async def test_an_answer_that_is_not_ready_holds_nothing_to_open(tmp_path, bulk_keys, operation):
    """State 0002 has no Transmisiones, encrypted or not; later the answer has them."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_never_ready", hours=2)
        run, report = await world.go(world.order(KINDS, operation=operation))
        assert report.answered == 0
        world.spoil("")
        world.later(hours=2)
        _, report = await world.go_on(run)
        assert (report.answered, world.asked_twice()) == (4, [])


HOSTILE = [
    *((operation, mode, "signature") for operation in NAMES for mode in ("unsigned", "sha1")),
    *((operation, "foreign_signer", "signature") for operation in NAMES),
    *((operation, "second_body", "signature") for operation in NAMES),
    *(("work_history", mode, "decryption") for mode in ENCRYPTED),
]


@pytest.mark.parametrize(("operation", "mode", "reason"), HOSTILE)
async def test_what_must_not_be_believed_is_on_record_and_asked_for_again(
    tmp_path, bulk_keys, operation, mode, reason
):
    """Forged, or not to be opened: a security event with its reason, and nobody's data."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_slow", hours=1)
        run, _ = await world.go(world.order(KINDS, operation=operation))
        world.spoil(mode)
        world.later(hours=1)
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
            after = await bench.runner.advance(run, job)
            records = await bench.ledger.records(0, 1000)
        assert after.state == "waiting"
        assert not any(record.kind == "answer" for record in records)
        assert [r.header["reason"] for r in records if r.kind == "security"] == [reason]
        world.spoil("")
        _, report = await world.go_on(run)
        assert (report.answered, world.asked_twice()) == (4, [])


async def test_the_platform_may_not_answer_for_a_provider_that_signs_itself(tmp_path, bulk_keys):
    """Whose seal counts is said for a service, asynchronous or not."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        seals = world.platform.asynchronous._seals
        world.platform.asynchronous._seals = dict.fromkeys(seals, seals["platform"])
        run, _ = await world.go(world.order(KINDS, operation="work_history"))
        world.later(days=1)  # served as often as it may be, and never believed
        await world.go_on(run)
        async with world.bench() as bench:
            records = await bench.ledger.records(0, 1000)
        reasons = {record.header["reason"] for record in records if record.kind == "security"}
        blocks = [r["blocks"]["workHistory"] for r in (await world.results(run)).values()]
        assert reasons == {"signature"}
        assert [block["state"] for block in blocks] == ["unavailable"] * 4


async def test_a_file_is_not_asked_about_where_each_person_takes_a_reason(tmp_path, bulk_keys):
    """Health data is opened person by person, with a reason on record, and never by the file."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        with pytest.raises(Unusable, match="disability: reveal"):
            await world.go(world.order(KINDS, operation="disability"))
        assert not world.platform.asynchronous.asked


@every
@pytest.mark.parametrize("message", ["peticion", "solicitud-respuesta"])
async def test_both_messages_fit_ours_and_the_official_schemas(operation, message):
    """Of every service with an asynchronous side, where its schemas are published."""
    batch = BATCH_SERVICES[operation]
    bulk = a_bulk(2, 6, 8, operation=operation)
    form = RequestForm(batch.service, Requester(identifier="P2807900B", name="Ayuntamiento"))
    root = (
        petition(form, batch.service.request_schema(), bulk, NOW)
        if message == "peticion"
        else answer_request(batch.service, bulk, NOW)
    )
    ours = {
        "peticion": CONTRACT / "services" / batch.service.code / "peticion.xsd",
        "solicitud-respuesta": CONTRACT / "asynchronous" / "solicitud-respuesta.xsd",
    }
    found = real_data("xsd", f"{batch.service.code}v3", f"{message}.xsd", optional=True)
    for path in filter(None, (ours[message], found)):
        etree.XMLSchema(file=str(path)).assertValid(etree.fromstring(etree.tostring(root)))


@each
async def test_an_independent_library_verifies_both_messages(
    tmp_path, bulk_keys, monkeypatch, operation
):
    """Libxmlsec finds the hub's signatures right in either mode, as they were recorded."""
    bodies: list[bytes] = []
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        inspector = world.platform.asynchronous._inspector
        opened = inspector.opened

        def heard(body: bytes, *, bare: bool = False):
            bodies.append(body)
            return opened(body, bare=bare)

        monkeypatch.setattr(inspector, "opened", heard)
        await world.go(world.order(KINDS, operation=operation))
    bare = BATCH_SERVICES[operation].service.signature.mode == "xml-signature"
    assert len(bodies) == 2
    for body in bodies:
        envelope = etree.fromstring(body)
        signature = envelope[0].find(f"./{DS}Signature" if bare else f"./*/{DS}Signature")
        assert signature is not None
        context = xmlsec.SignatureContext()
        context.register_id(envelope[1], "Id", id_ns=None if bare else WSU[1:-1])
        pem = ensure_certificates(bulk_keys).hub.read_bytes()
        context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatCertPem)
        context.verify(signature)
