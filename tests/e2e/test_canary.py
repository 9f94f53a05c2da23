"""A citizen goes through every route and many faults, and leaves no trace in any output."""

from __future__ import annotations

import json
import time

import pytest

from hub.sandbox.population import Population
from tests.e2e.test_position import ACCESS, number_of

FAULTS: dict[str, dict[str, int]] = {
    "latency": {"ms": 1},
    "html": {},
    "garbage": {},
    "truncate": {},
    "wrong-charset": {},
    "empty": {},
    "status": {"code": 500},
}

PATHS = [
    "/v1/me/position",
    "/v1/me/position/taxBills",
    "/v1/me/position?blocks=jobSeeker",
    "/v1/me/position?blocks=99000002K",
    "/v1/me/position?fields=residence.99000002K",
    "/v1/me/position/99000002K",
    "/v1/me/position?cursor=99000002K",
    "/99000002K/Mu%C3%B1oz",
]


@pytest.fixture
def canary():
    """What must not appear: number, names, surnames, telephone, e-mail, street."""
    population = Population()
    person = population.person(2)
    assert person.document is not None
    dwelling = population.household(person).dwelling
    texts = [
        person.document.number,
        person.document.number[:8],
        person.given_name,
        person.first_surname,
        person.phone,
        person.phone.replace(" ", ""),
        person.email,
        dwelling.street_name,
    ]
    return [form for text in texts for form in (text, json.dumps(text)[1:-1])]


def test_the_canary_leaves_no_trace(hub, canary):
    """Neither the log, nor a problem document, nor an operator's page, nor a header has any."""
    token = hub.token()
    official = hub.token("--official", number_of(hub, "OFFICIAL"))
    outputs = [_shown(hub.get(path, token)) for path in PATHS]
    access = hub.post("/v1/accesses", official, ACCESS)
    outputs.append(access.text)
    outputs.append(_shown(hub.get(access.json()["position"], official)))
    bad = {**ACCESS, "subject": {"document": "99000002A", "givenName": 7}}
    outputs.append(hub.post("/v1/accesses", official, bad).text)
    for fault, values in FAULTS.items():
        for source in ("padron", "sap_trm", "civis", "avisos"):
            hub.fault(source, fault, **values)
        outputs.append(_shown(hub.get("/v1/me/position", token, Prefer="wait=2")))
    hub.sandbox("POST", "/reset")
    outputs += [
        hub.get(path).text for path in ("/status", "/metrics", "/readyz", "/livez", "/openapi.json")
    ]
    outputs.append((hub.folder / "var/hub.log").read_text("utf-8"))
    outputs.append(hub.command("ledger", "recent", "--count", "500").stdout)
    everything = "\n".join(outputs)
    assert len(everything) > 100_000
    assert [text for text in canary if text in everything] == []


def _shown(answer):
    """Headers, and the body unless it is the citizen's own data."""
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    is_data = answer.headers["content-type"] == "application/json"
    return headers if is_data else f"{headers}\n{answer.text}"


def test_each_request_is_one_line_of_json(hub):
    """With a route template, never a path, and an id that the problem document repeats."""
    answer = hub.get("/v1/me/position?blocks=%0d%0a%22forged%22", hub.token())
    log, trace = hub.folder / "var/hub.log", answer.json()["traceId"]
    while trace not in log.read_text("utf-8"):  # the line follows the answer
        time.sleep(0.01)
    lines = log.read_text("utf-8").splitlines()
    mine = [e for e in map(json.loads, lines) if e.get("request") == trace]
    assert [event["event"] for event in mine] == ["request"]
    assert mine[0]["route"] == "/v1/me/position"
    assert "forged" not in "\n".join(lines)
