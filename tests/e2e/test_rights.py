"""What a citizen may decide and see: oppositions, representations, plans, capabilities."""

from __future__ import annotations

import json

import pytest

from tests.e2e.test_matrix import SUBJECT
from tests.e2e.test_position import number_of

NURSERY = {"purpose": "nursery_admission", "caseFile": "EI/1", "consent": "given"}


@pytest.fixture
def hub(running):
    """The shared hub; whoever puts a fault in force lifts it again."""
    return running


def official_of(hub):
    """An official's token."""
    return hub.token("--official", number_of(hub, "OFFICIAL"))


def opposed(hub, token):
    """The citizen's oppositions by purpose."""
    return {o["purpose"]: o for o in hub.get("/v1/me/oppositions", token).json()["oppositions"]}


def test_a_citizen_opposes_and_withdraws(hub):
    """From then on nothing is asked on that basis; withdrawn, it is asked again."""
    person = number_of(hub, "ACCENTS")
    token, official = hub.token("--citizen", person), official_of(hub)
    assert not opposed(hub, token)["nursery_admission"]["opposed"]
    body = {"purpose": "nursery_admission", "reason": "I bring it myself"}
    assert hub.post("/v1/me/oppositions", token, body).status_code == 201
    assert hub.post("/v1/me/oppositions", token, body).status_code == 200
    row = opposed(hub, token)["nursery_admission"]
    assert row["opposed"]
    assert {"residence", "jobSeeker", "incomeLevel", "disability"} <= set(row["blocks"])
    assert "taxBills" not in row["blocks"]
    access = hub.post(
        "/v1/accesses", official, {**NURSERY, "subject": {**SUBJECT, "document": person}}
    ).json()
    before = hub.calls()
    answer = hub.get(f"{access['position']}?blocks=residence", official)
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["reason"] == "opposed"
    answer = hub.get(f"{access['position']}?blocks=jobSeeker", official)
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["reason"] == "opposed"
    assert hub.calls() == before
    path = "/v1/me/oppositions/nursery_admission"
    assert hub.delete(path, token).status_code == 200
    assert hub.delete(path, token).status_code == 404
    assert hub.get(f"{access['position']}?blocks=residence", official).status_code == 200


@pytest.mark.parametrize("purpose", ["tax_attention", "fine_proceedings", "audit"])
def test_where_the_law_excludes_it_nobody_opposes(hub, purpose):
    """The row says so, with its article."""
    token = hub.token()
    row = opposed(hub, token)[purpose]
    assert row["available"] is False
    answer = hub.post("/v1/me/oppositions", token, {"purpose": purpose})
    assert answer.status_code == 409
    assert answer.json()["detail"] == row["text"]["es"]


@pytest.mark.parametrize("body", [{}, {"purpose": "self_service"}, {"purpose": "x", "y": 1}, []])
def test_an_opposition_to_nothing_is_a_bad_request(hub, body):
    """One's own look, an unknown code and an unknown key among them."""
    assert hub.post("/v1/me/oppositions", hub.token(), body).status_code == 400


def test_a_parent_acts_for_a_child_under_a_relation(hub, tmp_path):
    """It is listed, an access names it, and nobody states whom it is about."""
    parent, child = SUBJECT["document"], number_of(hub, "MINOR")
    line = {
        "register": "representation",
        "document": child,
        "representative": parent,
        "relation": "parent",
        "proof": {"kind": "family_book", "reference": "7/2010"},
        "reason": "shown at the office",
    }
    file = tmp_path / "entries.jsonl"
    restricted = {**line, "relation": "guardian", "restricted": True}
    file.write_text("\n".join(map(json.dumps, [line, restricted])), "utf-8")
    free, bound = hub.command("registers", str(file), "--by", "office").stdout.split()
    token = hub.token("--citizen", parent)
    listed = hub.get("/v1/me/representations", token).json()["representations"]
    assert {entry["id"]: entry["restricted"] for entry in listed} == {free: False, bound: True}
    assert child not in json.dumps(listed)
    body = {"purpose": "self_service", "representation": free}
    access = hub.post("/v1/accesses", token, body)
    assert access.status_code == 201, access.text
    position = hub.get(access.json()["position"], token).json()
    assert position["subject"]["document"].endswith(child[-4:])
    assert position["blocks"]["identity"]["state"] == "fresh"
    answer = hub.post("/v1/accesses", token, {**body, "representation": bound})
    assert answer.json()["type"] == "/problems/representation-restricted"
    stated = hub.post("/v1/accesses", token, {**body, "subject": SUBJECT})
    assert stated.json()["errors"][0]["pointer"] == "/subject"
    other = hub.token("--citizen", number_of(hub, "NO_DEBTS"))
    assert hub.get("/v1/me/representations", other).json()["representations"] == []
    assert hub.post("/v1/accesses", other, body).status_code == 400
    ends = [
        {"register": "representation", "document": child, "end": e, "reason": "over"}
        for e in (free, bound)
    ]
    file.write_text("\n".join(map(json.dumps, ends)), "utf-8")
    hub.command("registers", str(file), "--by", "office")
    assert hub.get("/v1/me/representations", token).json()["representations"] == []


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        '{"register": "protection", "document": "99000002A", "reason": "order"}',
        '{"register": "protection", "document": "99000002K", "reason": ""}',
        '{"register": "representation", "document": "99000002K", "reason": "order"}',
        '{"register": "opposition", "document": "99000002K", "reason": "order"}',
        '{"register": "protection", "document": "99000002K", "reason": "order", "x": 1}',
    ],
)
def test_a_file_with_a_fault_enters_nobody(hub, tmp_path, line):
    """The fault names its line and quotes nothing; the good line before it is not entered."""
    good = {"register": "protection", "document": number_of(hub, "RECENT_ARRIVAL")}
    file = tmp_path / "entries.jsonl"
    file.write_text(json.dumps({**good, "reason": "order"}) + "\n" + line, "utf-8")
    done = hub.command("registers", str(file), "--by", "office", check=False)
    assert done.returncode == 2
    assert "line 2" in done.stderr
    assert "99000002" not in done.stderr
    token = hub.token("--citizen", good["document"])
    identity = hub.get("/v1/me/position?blocks=identity", token).json()["blocks"]["identity"]
    assert identity["state"] == "fresh"


def test_a_plan_asks_nobody_and_says_whom_it_would(hub):
    """Per block the fields, basis, source and operations; per call what to expect."""
    token = hub.token()
    before = hub.calls()
    plan = hub.get("/v1/me/plan?fields=residence.memberCount,jobSeeker.registered", token).json()
    assert hub.calls() == before
    assert plan["blocks"]["residence"]["operations"] == ["household"]
    assert plan["blocks"]["jobSeeker"]["reason"] == "needs_procedure"
    [call] = plan["calls"]
    assert (call["source"], call["operation"], call["atMostMs"]) == ("padron", "household", 3000)
    assert plan["legalBasis"].startswith("GDPR")
    hub.get("/v1/me/position?fields=residence.memberCount", token)
    counted = hub.sandbox("GET", "/calls")["padron"]["operations"]
    again = hub.get("/v1/me/plan?fields=residence.memberCount", token).json()["calls"]
    assert counted["ConsultaConvivencia"] >= 1
    assert again[0]["expectedMs"] > 0
    assert again[0]["state"] == "answering"


def test_one_field_asks_one_operation(hub):
    """The simulators' counters say which."""
    hub.sandbox("POST", "/reset")
    hub.get("/v1/me/position?fields=residence.memberCount", hub.token())
    calls = hub.sandbox("GET", "/calls")
    assert calls["padron"]["operations"] == {"ConsultaConvivencia": 1}
    assert sum(counts["total"] for counts in calls.values()) == 1


def test_a_plan_under_an_access_is_its_holders(hub):
    """Somebody else's access is not found."""
    official = official_of(hub)
    access = hub.post("/v1/accesses", official, {**NURSERY, "subject": SUBJECT}).json()
    path = f"/v1/accesses/{access['id']}/plan"
    plan = hub.get(path, official).json()
    assert plan["blocks"]["socialServices"]["reason"] == "reveal"
    assert plan["blocks"]["jobSeeker"]["basis"] == "authorisation"
    other = hub.token("--official", number_of(hub, "HOUSEHOLD_OF_ONE"))
    assert hub.get(path, other).status_code == 404


@pytest.mark.parametrize("kind", ["citizen", "official", "system", "auditor"])
def test_capabilities_are_the_rows_of_the_caller(hub, kind):
    """Each purpose of its audience with its blocks and fields, and no other."""
    token = {"citizen": hub.token(), "official": official_of(hub)}.get(kind)
    rows = hub.get("/v1/capabilities", token or hub.token(f"--{kind}")).json()["purposes"]
    codes = {row["purpose"] for row in rows}
    assert codes == {
        "citizen": {"self_service"},
        "system": {"registration_check"},
        "auditor": {"audit"},
    }.get(kind, codes)
    if kind == "official":
        rows_by = {row["purpose"]: row for row in rows}
        assert "self_service" not in codes
        special = rows_by["protected_attention"]["blocks"]["identity"]
        assert (special["available"], special["reason"], special["needs"]) == (
            False,
            "step_up",
            "high",
        )
        phone = rows_by["phone_attention"]["blocks"]["identity"]
        assert phone["fields"] == ["givenName", "firstSurname", "document"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"blocks": ["socialServices"], "reason": "short"}, 400),
        ({"blocks": ["identity"], "reason": "scoring of the case"}, 400),
        ({"blocks": [], "reason": "scoring of the case"}, 400),
        ({"blocks": ["nowhere"], "reason": "scoring of the case"}, 400),
        ({"blocks": ["socialServices"]}, 400),
        ({"blocks": ["socialServices"], "reason": "scoring of the case"}, 200),
    ],
)
def test_a_reveal_needs_a_masked_block_and_a_reason(hub, body, status):
    """Anything else opens nothing."""
    official = official_of(hub)
    access = hub.post("/v1/accesses", official, {**NURSERY, "subject": SUBJECT}).json()
    answer = hub.post(f"/v1/accesses/{access['id']}/reveal", official, body)
    assert answer.status_code == status
    block = hub.get(f"{access['position']}?blocks=socialServices", official)
    assert block.status_code == (200 if status == 200 else 403)
