"""A protected citizen, an ordinary case and an unknown person look alike to an official."""

from __future__ import annotations

import json
import time

import pytest

from tests.e2e.test_position import number_of

COUNTER = {"purpose": "tax_attention"}
UNKNOWN = "X0000000T"


@pytest.fixture(scope="module")
def people(running, tmp_path_factory):
    """Three people: one entered as protected, one under 14, one whom nobody knows."""
    protected = number_of(running, "HOUSEHOLD_OF_ONE")
    line = {"register": "protection", "document": protected, "reason": "court order 1/2026"}
    file = tmp_path_factory.mktemp("entries") / "entries.jsonl"
    file.write_text(json.dumps(line), "utf-8")
    entered = running.command("registers", str(file), "--by", "specialised unit")
    yield {
        "protected": {"document": protected},
        "under 14": {"document": number_of(running, "ELDERLY_ALONE"), "birthDate": "2020-01-01"},
        "unknown": {"document": UNKNOWN},
    }
    over = {**line, "end": entered.stdout.strip(), "reason": "lifted"}
    file.write_text(json.dumps(over), "utf-8")
    running.command("registers", str(file), "--by", "specialised unit")


def without_identity(answer):
    """What an official can see of an answer, without its times and ids."""
    body = answer.json()
    for name in ("asOf", "id", "beganAt", "expiresAt", "position", "subject", "traceId"):
        body.pop(name, None)
    varying = ("date", "etag", "location", "content-length", "x-request-id", "ratelimit")
    headers = sorted(
        (k, v)
        for k, v in answer.headers.items()
        if k.lower() not in varying and not k.lower().startswith("ratelimit")
    )
    return answer.status_code, body, headers


def looked_at(hub, token, subject):
    """Everything that an official can try about somebody, in order."""
    access = hub.post("/v1/accesses", token, {**COUNTER, "subject": subject})
    path = access.json()["position"]
    plan = f"/v1/accesses/{access.json()['id']}/plan"
    paths = [
        path,
        f"{path}?view=summary",
        f"{path}?blocks=taxBills",
        f"{path}?fields=identity.givenName",
        f"{path}/fines",
        f"{path}?blocks=residence",
    ]
    answers = [access, *(hub.get(p, token) for p in paths)]
    planned = hub.get(plan, token).json()
    for call in planned["calls"]:  # what other people's answers took
        call.pop("expectedMs")
        call.pop("state")
    return [without_identity(answer) for answer in answers], planned, answers


def log_lines(hub, answers):
    """The log's lines about those answers, without what differs between any two requests."""
    wanted = {answer.headers["x-request-id"] for answer in answers}
    found: list[dict[str, object]] = []
    ends = time.monotonic() + 10
    while len(found) < len(wanted) and time.monotonic() < ends:
        lines = (hub.folder / "var/hub.log").read_text("utf-8").splitlines()
        found = [e for e in map(json.loads, lines) if e.get("request") in wanted]
        time.sleep(0.02)
    varying = ("request", "timestamp", "at", "elapsed_ms", "duration_ms", "ms")
    return [{k: v for k, v in event.items() if k not in varying} for event in found]


def test_nobody_can_tell_who_is_protected(hub, people):
    """Status, body, headers, plan and logs are the same for the three."""
    token = hub.token("--official", number_of(hub, "OFFICIAL"))
    looked_at(hub, token, {"document": number_of(hub, "MANY_BILLS")})  # who failed, is well again
    seen = {name: looked_at(hub, token, subject) for name, subject in people.items()}
    logs = {name: log_lines(hub, answers) for name, (_, _, answers) in seen.items()}
    shown, planned, answers = seen["protected"]
    assert all(b == {"state": "denied", "reason": "in_person"} for b in blocks_of(answers[1]))
    assert [status for status, _, _ in shown] == [201, 200, 200, 200, 200, 200, 403]
    for other in ("under 14", "unknown"):
        assert seen[other][0] == shown, other
        assert seen[other][1] == planned, other
        assert logs[other] == logs["protected"], other


def test_nobody_can_tell_it_while_a_source_fails(hub, people):
    """What others read for want of it, she reads too: the status, the body and the headers."""
    token = hub.token("--official", number_of(hub, "OFFICIAL"))
    hub.fault("padron", "status", code=500)
    looked_at(hub, token, people["unknown"])
    seen = {name: looked_at(hub, token, subject) for name, subject in people.items()}
    shown, planned, answers = seen["protected"]
    assert {b["state"] for b in blocks_of(answers[1])} == {"unavailable", "denied"}
    assert [status for status, _, _ in shown] == [201, 200, 200, 200, 503, 200, 403]
    for other in ("under 14", "unknown"):
        assert seen[other][0] == shown, other
        assert seen[other][1] == planned, other


def blocks_of(answer):
    """The blocks of a position."""
    return answer.json()["blocks"].values()


def test_what_a_lawful_unit_sees_is_not_hidden(hub, people):
    """The purpose of the specialised unit is not told that she is to come in person."""
    token = hub.token("--official", number_of(hub, "OFFICIAL"))
    body = {"purpose": "protected_attention", "caseFile": "VG/1", "subject": people["protected"]}
    position = hub.get(hub.post("/v1/accesses", token, body).json()["position"], token).json()
    reasons = {name: block["reason"] for name, block in position["blocks"].items()}
    assert set(reasons.values()) == {"step_up"}, "the token of the sandbox is not high enough"


def test_the_protected_citizen_gets_no_call(hub, people):
    """What the simulators count is nothing."""
    token = hub.token("--official", number_of(hub, "OFFICIAL"))
    access = hub.post("/v1/accesses", token, {**COUNTER, "subject": people["protected"]})
    before = hub.calls()
    hub.get(access.json()["position"], token)
    assert hub.calls() == before


def test_a_level_that_is_too_low_is_challenged(hub, people):
    """RFC 9470: the answer says which level would do; something else refused makes it 403."""
    token = hub.token("--official", number_of(hub, "OFFICIAL"))
    body = {"purpose": "protected_attention", "caseFile": "VG/2", "subject": people["protected"]}
    position = hub.post("/v1/accesses", token, body).json()["position"]
    before = hub.calls()
    answer = hub.get(f"{position}?blocks=identity", token)
    assert answer.status_code == 401
    assert answer.json()["type"] == "/problems/insufficient-user-authentication"
    [fault] = answer.json()["errors"]
    assert (fault["block"], fault["reason"], fault["needs"]) == ("identity", "step_up", "high")
    assert answer.headers["www-authenticate"] == (
        'Bearer realm="posicion-integral", error="insufficient_user_authentication", '
        'acr_values="http://eidas.europa.eu/LoA/high"'
    )
    assert hub.get(f"{position}?blocks=identity,taxBills", token).status_code == 403
    assert hub.calls() == before
