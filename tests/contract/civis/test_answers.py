from __future__ import annotations

import httpx
import pytest

from hub.core.errors import (
    SourceError,
    SourceInsecure,
    SourceMalformed,
    SourceRefused,
    SourceUnavailable,
)
from tests.contract.civis.asking import (
    OPERATIONS,
    ROWS,
    Answering,
    a_row,
    answering,
    ask,
    envelope,
)
from tests.support.builders import CITIZEN, a_query

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
