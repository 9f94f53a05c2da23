from __future__ import annotations

import asyncio
import datetime as dt
import json

import httpx
import pytest

from connectors.civis import SPEC, open_connector
from hub.core.connector import Connector
from hub.core.document import Document
from hub.core.errors import (
    LedgerError,
    SourceError,
    SourceInsecure,
    SourceRefused,
    SourceUnavailable,
)
from hub.core.model.social import SocialBenefits, SocialServices
from hub.core.secret import Secret
from hub.sandbox import magic
from tests.contract.civis.asking import (
    OPERATIONS,
    STRUCK,
    Civis,
    answering,
    ask,
    envelope,
    meaning,
    settings,
)
from tests.support.builders import CITIZEN, MemoryRecorder, a_client, a_query, an_official_access

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_default_citizen_has_a_service_and_a_families_card(civis: Civis) -> None:
    """Both operations go over a socket and through the mapping to what a citizen can read."""
    services = meaning("services").apply(
        {"services": (await civis.ask("services", magic.DEFAULT_CITIZEN)).payload}
    )
    benefits = meaning("benefits").apply(
        {"benefits": (await civis.ask("benefits", magic.DEFAULT_CITIZEN)).payload}
    )
    assert isinstance(services, SocialServices)
    assert isinstance(benefits, SocialBenefits)
    (service,), (card,) = services.items, benefits.items
    assert (service.service.code, service.state) == ("ASP", "active")
    assert service.centre is not None
    assert service.next_appointment is not None
    assert service.next_appointment.starts_at > dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    assert (card.benefit.code, card.state) == ("TF", "granted")
    assert card.amount is not None
    assert card.payment is not None
    assert card.payment.next_payment_on == dt.date(2026, 12, 1)


async def test_an_elderly_person_alone_has_telecare_home_help_and_a_centre(civis: Civis) -> None:
    """Several services come in the order in which CIVIS sent them."""
    record = await civis.ask("services", magic.ELDERLY_ALONE)
    found = meaning("services").apply({"services": record.payload})
    assert [item.service.code for item in found.items] == ["TAD", "SAD", "CMM"]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_person_whom_civis_does_not_know_holds_nothing(
    civis: Civis, operation: str
) -> None:
    """`NO_CONSTA` with the document echoed is an answer, and its block is empty."""
    record = await civis.ask(operation, magic.NOTHING_ANYWHERE)
    assert record.payload["resultado"] == "NO_CONSTA"
    assert record.holds is False


async def test_a_person_known_for_a_service_alone_holds_no_benefit(civis: Civis) -> None:
    """An empty list about a known person is empty too, and not an error."""
    record = await civis.ask("benefits", magic.ELDERLY_ALONE)
    assert record.payload["resultado"] == "CONSTA"
    assert record.holds is False


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_protected_record_is_not_even_hinted_at(civis: Civis, operation: str) -> None:
    """Who has protected records alone is answered as somebody unknown."""
    sealed = await civis.ask(operation, magic.SEALED_SOCIAL_RECORD)
    nobody = await civis.ask(operation, magic.NOTHING_ANYWHERE)
    told, nothing = ({**r.payload, "consulta": None} for r in (sealed, nobody))
    assert told == nothing


@pytest.mark.parametrize("index", [magic.DEFAULT_CITIZEN, magic.NOTHING_ANYWHERE])
@pytest.mark.parametrize("mode", STRUCK)
async def test_each_fault_is_refused_with_its_class_and_reason(
    civis: Civis, mode: str, index: int
) -> None:
    """Whether the citizen holds something or not, a fault is told from an empty answer."""
    await civis.connector.ping()
    civis.break_with(mode)
    for operation in OPERATIONS:
        with pytest.raises(SourceError) as caught:
            await civis.ask(operation, index)
        assert (type(caught.value), caught.value.reason) == STRUCK[mode]
        assert civis.stage.population.number(index) not in str(caught.value)
        assert "VIOLG" not in str(caught.value)
    civis.stage.faults.clear()
    assert (await civis.ask("services", magic.DEFAULT_CITIZEN)).holds


async def test_a_token_that_expires_on_the_way_is_replaced_unnoticed(civis: Civis) -> None:
    """One 401 costs one new token and one more message, both on record."""
    await civis.ask("services", magic.DEFAULT_CITIZEN)
    civis.break_with("expired_mid_flight")
    record = await civis.ask("services", magic.DEFAULT_CITIZEN)
    assert record.holds
    statuses = {done.id: done.status for done in civis.recorder.outcomes}
    assert [statuses[exchange] for exchange in record.exchanges] == [401, 200]
    assert [sent.operation for sent in civis.recorder.sent].count("token") == 2


async def test_sentinel_dates_are_no_dates(civis: Civis) -> None:
    """The year 1900 of the legacy modules is never shown to anybody."""
    civis.break_with("sentinel_dates")
    for operation in OPERATIONS:
        record = await civis.ask(operation, magic.DEFAULT_CITIZEN)
        assert b"1900-01-01" in json.dumps(record.payload).encode()
        found = repr(meaning(operation).apply({operation: record.payload}))
        assert "(1900" not in found
        assert "requested_on=None" in found


async def test_a_wrong_secret_is_the_hubs_own_fault(civis: Civis) -> None:
    """The token endpoint's refusal is final, names the cause and not the secret."""
    connector = open_connector(civis.client, settings(client_secret=Secret("canary")))
    with pytest.raises(SourceRefused) as caught:
        await ask(connector, "services", a_query())
    assert caught.value.reason == "hub_credentials"
    assert "canary" not in str(caught.value)


async def test_a_scope_that_the_source_does_not_give_is_the_hubs_own_fault(civis: Civis) -> None:
    """Asking for more than the technical user may have is refused before any question."""
    connector = open_connector(civis.client, settings(scope="civis.violg.leer"))
    with pytest.raises(SourceRefused) as caught:
        await ask(connector, "services", a_query())
    assert caught.value.reason == "hub_credentials"


async def test_the_person_is_named_in_the_body_alone(civis: Civis) -> None:
    """No address and no header that leaves holds the document number."""
    await civis.ask("services", magic.DEFAULT_CITIZEN)
    await civis.ask("benefits", magic.DEFAULT_CITIZEN)
    for sent in civis.recorder.sent:
        assert CITIZEN not in sent.url
        assert CITIZEN not in repr(sent.message.headers)
    assert sum(CITIZEN.encode() in sent.message.body for sent in civis.recorder.sent) == 2


async def test_ping_asks_about_nobody(civis: Civis) -> None:
    """A ping is an exchange without subject or body, and finds out whether CIVIS works."""
    await civis.connector.ping()
    assert {sent.origin.subject for sent in civis.recorder.sent} == {None}
    assert {sent.message.body for sent in civis.recorder.sent} == {b""}
    civis.break_with("closed")
    with pytest.raises(SourceUnavailable):
        await civis.connector.ping()


async def test_nothing_is_sent_that_cannot_be_recorded() -> None:
    """Without a ledger there is no question, not even for a token."""
    asked: list[httpx.Request] = []

    async def count(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(500)

    client = a_client(
        "civis",
        "http://civis.test/",
        MemoryRecorder(fails=True),
        transport=httpx.MockTransport(count),
    )
    with pytest.raises(LedgerError):
        await open_connector(client, settings()).fetch("services", a_query())
    assert asked == []


async def test_the_deadline_is_kept_when_civis_is_silent() -> None:
    """A question that gets no answer ends with the query, as a timeout, with its outcome."""

    async def silent(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    recorder = MemoryRecorder()
    began = asyncio.get_running_loop().time()
    with pytest.raises(SourceUnavailable) as caught:
        await ask(answering(silent, recorder), "services", a_query(seconds=0.1))
    assert caught.value.reason == "timeout"
    assert asyncio.get_running_loop().time() - began < 0.3
    assert recorder.outcomes[-1].error == "timeout"


async def test_an_officials_purpose_travels_with_the_question() -> None:
    """CIVIS is told for what, on which basis, for which case file and unit it is asked."""
    seen: list[dict[str, object]] = []

    async def keep(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content))
        return httpx.Response(200, json=envelope(request, "benefits"))

    await ask(answering(keep), "benefits", a_query(access=an_official_access()))
    assert seen[0]["finalidad"] == {
        "codigo": "nursery_admission",
        "baseJuridica": "Ley 39/2015 art. 28",
        "expediente": "EI/2026/000001",
        "unidad": "Departamento de Escuelas Infantiles",
    }


async def test_a_replayed_question_is_the_same_question() -> None:
    """The reference follows from access, request and operation, so a replay is echoed too."""
    seen: list[bytes] = []

    async def keep(request: httpx.Request) -> httpx.Response:
        seen.append(request.content)
        return httpx.Response(200, json=envelope(request, "services"))

    query = a_query()
    for _ in range(2):
        await ask(answering(keep), "services", query)
    await ask(answering(keep), "services", a_query(access=query.access))
    assert seen[0] == seen[1]
    assert json.loads(seen[0])["referencia"] != json.loads(seen[2])["referencia"]


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        pytest.param(Document("nie", "X9900000Z"), "NIE", id="NIE"),
        pytest.param(Document("passport", "99000002K"), "PASAPORTE", id="passport"),
    ],
)
async def test_other_documents_are_asked_for_by_their_kind(document: Document, kind: str) -> None:
    """A passport with the same characters as a NIF is another document, and is echoed as such."""
    query = a_query()
    query = type(query)(
        subject=type(query.subject)(document=document),
        access=query.access,
        as_of=query.as_of,
        wanted={},
        deadline=query.deadline,
        request=query.request,
    )

    async def echo(request: httpx.Request) -> httpx.Response:
        answer = envelope(request, "services")
        assert answer["consulta"]["documento"] == {"tipo": kind, "numero": document.number}
        return httpx.Response(200, json=answer)

    async def as_nif(request: httpx.Request) -> httpx.Response:
        answer = envelope(request, "services")
        answer["consulta"]["documento"]["tipo"] = "NIF"
        return httpx.Response(200, json=answer)

    await ask(answering(echo), "services", query)
    with pytest.raises(SourceInsecure):
        await ask(answering(as_nif), "services", query)


async def test_a_company_is_not_asked_for() -> None:
    """CIVIS knows natural persons; a CIF is refused before anything leaves."""
    recorder = MemoryRecorder()

    async def never(_request: httpx.Request) -> httpx.Response:
        raise AssertionError

    with pytest.raises(SourceRefused):
        await answering(never, recorder).fetch("services", a_query("P2807900B"))
    assert recorder.seen == []


async def test_the_connector_has_the_protocols_shape() -> None:
    """Structural typing is checked here, where a change of the protocol is noticed first."""

    async def never(_request: httpx.Request) -> httpx.Response:
        raise AssertionError

    connector: Connector = answering(never)
    assert connector.spec is SPEC
