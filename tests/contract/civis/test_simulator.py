from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from connectors.civis.simulator.tokens import LIFE_S

BASIC = {"authorization": "Basic " + base64.b64encode(b"hub:the+secret").decode()}
FORM = "grant_type=client_credentials&scope=civis.servicios.leer"
QUESTION = {
    "documento": {"tipo": "NIF", "numero": "99000002K"},
    "referencia": "r",
    "finalidad": {"codigo": "self_service", "baseJuridica": "GDPR art. 6.1.e"},
}
SERVICES = "v1/consultas/servicios"

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def grant(http: httpx.AsyncClient, form: str = FORM, **headers: str) -> httpx.Response:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    return await http.post("oauth/token", content=form, headers={**kind, **BASIC, **headers})


async def bearer(http: httpx.AsyncClient, form: str = FORM) -> dict[str, str]:
    return {"authorization": f"Bearer {(await grant(http, form)).json()['access_token']}"}


@pytest.mark.parametrize(
    ("form", "headers", "status", "error"),
    [
        pytest.param(FORM, {"authorization": ""}, 401, "invalid_client", id="no client"),
        pytest.param(FORM, {"authorization": "Basic !!"}, 401, "invalid_client", id="no base64"),
        pytest.param(
            FORM,
            {"authorization": "Basic " + base64.b64encode(b"hub:guess").decode()},
            401,
            "invalid_client",
            id="wrong secret",
        ),
        pytest.param(
            FORM,
            {"authorization": "Basic " + base64.b64encode(b"other:the+secret").decode()},
            401,
            "invalid_client",
            id="wrong client",
        ),
        pytest.param(
            FORM, {"content-type": "application/json"}, 400, "invalid_request", id="not a form"
        ),
        pytest.param(FORM + "&scope=a", {}, 400, "invalid_request", id="a parameter twice"),
        pytest.param("grant_type=password", {}, 400, "unsupported_grant_type", id="another grant"),
        pytest.param("", {}, 400, "unsupported_grant_type", id="nothing"),
        pytest.param("grant_type=client_credentials", {}, 400, "invalid_scope", id="no scope"),
        pytest.param(
            "grant_type=client_credentials&scope=civis.violg.leer",
            {},
            400,
            "invalid_scope",
            id="protected scope",
        ),
    ],
)
async def test_the_token_endpoint_refuses_as_the_standard_says(
    http: httpx.AsyncClient, form: str, headers: dict[str, str], status: int, error: str
) -> None:
    """RFC 6749 section 5.2: each refusal has its status and its code."""
    answer = await grant(http, form, **headers)
    assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_a_granted_token_says_how_long_it_lives(http: httpx.AsyncClient) -> None:
    """RFC 6749 section 5.1, with the header that keeps it out of caches."""
    answer = await grant(http)
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", LIFE_S)
    assert body["scope"] == "civis.servicios.leer"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("authorization", "status", "challenge"),
    [
        pytest.param(None, 401, 'Bearer realm="civis"', id="nothing"),
        pytest.param("Basic x", 401, 'Bearer realm="civis"', id="another scheme"),
        pytest.param("Bearer x", 401, 'Bearer realm="civis", error="invalid_token"', id="invented"),
    ],
)
async def test_a_question_without_a_good_token_is_refused(
    http: httpx.AsyncClient, authorization: str | None, status: int, challenge: str
) -> None:
    """RFC 6750 section 3: the refusal says what is missing."""
    headers = {"authorization": authorization} if authorization else {}
    answer = await http.post(SERVICES, json=QUESTION, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (status, challenge)


async def test_a_token_opens_what_its_scope_says_and_no_more(http: httpx.AsyncClient) -> None:
    """A token for services does not read benefits."""
    headers = await bearer(http)
    assert (await http.post(SERVICES, json=QUESTION, headers=headers)).status_code == 200
    answer = await http.post("v1/consultas/prestaciones", json=QUESTION, headers=headers)
    assert answer.status_code == 403
    assert "insufficient_scope" in answer.headers["www-authenticate"]


def changed(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**QUESTION, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("question", "status"),
    [
        pytest.param(changed(documento=None), 400, id="about nobody"),
        pytest.param(changed(finalidad=None), 400, id="for no purpose"),
        pytest.param(changed(referencia=None), 400, id="without reference"),
        pytest.param(changed(referencia="x" * 201), 400, id="long reference"),
        pytest.param(changed(extra=1), 400, id="a member too many"),
        pytest.param(changed(documento="99000002K"), 400, id="document as text"),
        pytest.param(changed(documento={"tipo": "DNI", "numero": "99000002K"}), 400, id="kind"),
        pytest.param(changed(documento={"tipo": "NIF", "numero": "99000002A"}), 422, id="letter"),
        pytest.param(changed(documento={"tipo": "NIF", "numero": "99000002k"}), 422, id="case"),
        pytest.param(changed(documento={"tipo": "NIE", "numero": "99000002K"}), 422, id="mixed"),
        pytest.param(changed(finalidad={"codigo": "a"}), 400, id="purpose without basis"),
        pytest.param([], 400, id="a list"),
    ],
)
async def test_a_question_against_the_contract_is_refused(
    http: httpx.AsyncClient, question: object, status: int
) -> None:
    """The simulator is as strict as the contract, so that the connector is held to it."""
    answer = await http.post(SERVICES, json=question, headers=await bearer(http))
    assert answer.status_code == status
    assert answer.json()["error"]["codigo"] == f"CIV-{status}"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", SERVICES, 405, id="wrong method"),
        pytest.param("POST", "v1/personas/99000002K", 404, id="no such path"),
        pytest.param("POST", SERVICES + "?documento=99000002K", 400, id="identifier in the query"),
        pytest.param("POST", "v1/consultas", 404, id="half a path"),
    ],
)
async def test_other_addresses_do_not_exist(
    http: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    """There are four addresses; none takes anything in its query string."""
    answer = await http.request(method, path, json=QUESTION, headers=await bearer(http))
    assert answer.status_code == status
    assert "99000002K" not in answer.text


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        pytest.param(json.dumps(QUESTION).encode(), "text/plain", id="not declared as JSON"),
        pytest.param(b"{", "application/json", id="cut"),
        pytest.param(b"\xff\xfe", "application/json", id="noise"),
        pytest.param(b"[" * 60_000, "application/json", id="deep"),
        pytest.param(b" " * 70_000, "application/json", id="large"),
    ],
)
async def test_a_body_that_is_no_question_is_refused(
    http: httpx.AsyncClient, content: bytes, kind: str
) -> None:
    """Nonsense is a 400, never an error of the simulator itself."""
    headers = {**await bearer(http), "content-type": kind}
    assert (await http.post(SERVICES, content=content, headers=headers)).status_code == 400
