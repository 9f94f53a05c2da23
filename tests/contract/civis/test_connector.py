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
    SourceMalformed,
    SourceRefused,
    SourceUnavailable,
)
from hub.core.model.social import SocialBenefits, SocialServices
from hub.core.secret import Secret
from hub.sandbox import magic
from tests.contract.civis.asking import (
    OPERATIONS,
    ROWS,
    STRUCK,
    Answering,
    Civis,
    a_row,
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


async def answered_with(operation: str, **changes: object) -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        rows = [a_row(operation, **changes)]
        return httpx.Response(200, json=envelope(request, operation, rows))

    await ask(answering(answer), operation, a_query())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"familia": "VIOLG"}, "out_of_scope", id="protected family"),
        pytest.param({"familia": "INFANCIA"}, "out_of_scope", id="child protection"),
        pytest.param({"familia": " violg ", "codigo": None}, "out_of_scope", id="no code"),
        pytest.param({"codigo": "CAI"}, "out_of_scope", id="centre for children at risk"),
        pytest.param({"codigo": "tad", "familia": "mayores"}, "out_of_scope", id="another case"),
        pytest.param({"codigo": "TAD", "familia": "NUEVA"}, "out_of_scope", id="new family"),
        pytest.param(
            {"familia": "VIOLG", "estado": None, "numeroExpediente": 7},
            "out_of_scope",
            id="protected and malformed",
        ),
        pytest.param({"familia": None}, "schema", id="no family"),
        pytest.param({"codigo": ["TAD"]}, "schema", id="code is a list"),
        pytest.param({"documentoTitular": None}, "schema", id="nobody's row"),
        pytest.param({"documentoTitular": "99000003E"}, "identity_mismatch", id="another's row"),
    ],
)
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_one_row_that_may_not_be_shown_refuses_the_whole_answer(
    operation: str, changes: dict[str, object], reason: str
) -> None:
    """The allow-list holds pairs of code and family as written; everything else fails closed."""
    await answered_with(operation)
    with pytest.raises(SourceError) as caught:
        await answered_with(operation, **changes)
    assert caught.value.reason == reason
    security = reason in ("out_of_scope", "identity_mismatch")
    assert isinstance(caught.value, SourceInsecure if security else SourceMalformed)


CARD = {"medio": "TARJETA", "moneda": "EUR"}


@pytest.mark.parametrize(
    ("operation", "changes"),
    [
        pytest.param("services", {"fechaAlta": "01/02/2026"}, id="date with slashes"),
        pytest.param("services", {"fechaAlta": "2026-01-01\n"}, id="date with a line end"),
        pytest.param("services", {"fechaAlta": 20260101}, id="date as a number"),
        pytest.param("services", {"centro": {"nombre": "X"}}, id="centre without address"),
        pytest.param("services", {"centro": []}, id="centre as a list"),
        pytest.param(
            "services",
            {"proximaCita": {"fechaHora": "1900-01-01T00:00:00", "modalidad": "VIDEO"}},
            id="sentinel appointment",
        ),
        pytest.param(
            "services",
            {"proximaCita": {"fechaHora": "2026-12-03T10:30:00Z", "modalidad": "VIDEO"}},
            id="a zone that the contract excludes",
        ),
        pytest.param("benefits", {"importe": 180.1}, id="amount as a float"),
        pytest.param("benefits", {"importe": "180,10"}, id="decimal comma"),
        pytest.param("benefits", {"saldo": "-1.00"}, id="negative balance"),
        pytest.param("benefits", {"saldo": "1e400"}, id="exponent"),
        pytest.param("benefits", {"moneda": "€"}, id="no currency code"),
        pytest.param(
            "benefits",
            {"abono": CARD | {"terminacionCuenta": "4111111111114821"}},
            id="a whole card number",
        ),
        pytest.param("benefits", {"abono": {"medio": "TARJETA"}}, id="payment without currency"),
    ],
)
async def test_a_value_of_another_form_refuses_the_answer(
    operation: str, changes: dict[str, object]
) -> None:
    """What the contract gives a form is checked before it is passed on, and never quoted."""
    with pytest.raises(SourceMalformed) as caught:
        await answered_with(operation, **changes)
    assert caught.value.reason == "schema"
    assert caught.value.detail.startswith(f"another shape at $.{ROWS[operation]}[0].")


def fixed(response: httpx.Response) -> Answering:
    async def answer(_request: httpx.Request) -> httpx.Response:
        return response

    return answer


def reply(**changes: object) -> httpx.Response:
    body = {"consulta": {}, "resultado": "CONSTA", "total": 0, "servicios": []}
    return httpx.Response(200, json={**body, **changes})


@pytest.mark.parametrize(
    ("response", "kind", "reason"),
    [
        pytest.param(httpx.Response(200), SourceMalformed, "malformed", id="empty"),
        pytest.param(
            httpx.Response(200, content=b'{"a":"\xff"}'), SourceMalformed, "charset", id="noise"
        ),
        pytest.param(httpx.Response(200, content=b'{"a"'), SourceMalformed, "malformed", id="cut"),
        pytest.param(
            httpx.Response(200, content='{"a":"Muñoz"}'.encode("latin-1")),
            SourceMalformed,
            "charset",
            id="Latin-1",
        ),
        pytest.param(
            httpx.Response(200, html="<html>Inicie sesión</html>"),
            SourceUnavailable,
            "maintenance",
            id="login page",
        ),
        pytest.param(httpx.Response(200, json=[]), SourceMalformed, "schema", id="a list"),
        pytest.param(httpx.Response(200, content=b"null"), SourceMalformed, "schema", id="null"),
        pytest.param(
            httpx.Response(200, content=b"[" * 3000), SourceMalformed, "malformed", id="deep"
        ),
        pytest.param(
            httpx.Response(200, content=b" " * 1_100_000), SourceMalformed, "too_large", id="huge"
        ),
        pytest.param(
            httpx.Response(302, headers={"location": "http://elsewhere.test/"}),
            SourceMalformed,
            "redirect",
            id="redirect",
        ),
        pytest.param(httpx.Response(400), SourceRefused, "backend_fault", id="400"),
        pytest.param(httpx.Response(404), SourceRefused, "backend_fault", id="404 is not empty"),
        pytest.param(httpx.Response(422), SourceRefused, "backend_fault", id="422"),
        pytest.param(httpx.Response(403), SourceRefused, "hub_credentials", id="403"),
        pytest.param(httpx.Response(429), SourceUnavailable, "throttled", id="429"),
        pytest.param(httpx.Response(500), SourceUnavailable, "backend_fault", id="500"),
        pytest.param(httpx.Response(503), SourceUnavailable, "maintenance", id="503"),
        pytest.param(httpx.Response(200, json={}), SourceMalformed, "schema", id="nothing in it"),
        pytest.param(reply(resultado="QUIZA"), SourceMalformed, "schema", id="another result"),
        pytest.param(reply(total="0"), SourceMalformed, "schema", id="total as text"),
        pytest.param(reply(servicios={}), SourceMalformed, "schema", id="rows as an object"),
        pytest.param(reply(servicios=[None]), SourceMalformed, "schema", id="a null row"),
        pytest.param(
            reply(consulta="99000002K"), SourceInsecure, "identity_mismatch", id="text echo"
        ),
        pytest.param(reply(consulta=None), SourceInsecure, "identity_mismatch", id="null echo"),
    ],
)
async def test_a_hostile_answer_is_refused_with_its_class_and_reason(
    response: httpx.Response, kind: type[SourceError], reason: str
) -> None:
    """Whatever comes instead of an answer, it is told apart and never read as "nothing"."""
    with pytest.raises(SourceError) as caught:
        await ask(answering(fixed(response)), "services", a_query())
    assert (type(caught.value), caught.value.reason) == (kind, reason)
    assert CITIZEN not in str(caught.value)


async def test_the_connector_has_the_protocols_shape() -> None:
    """Structural typing is checked here, where a change of the protocol is noticed first."""

    async def never(_request: httpx.Request) -> httpx.Response:
        raise AssertionError

    connector: Connector = answering(never)
    assert connector.spec is SPEC
