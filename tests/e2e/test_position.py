"""The whole line: every system over its real protocol, one position."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

MUNICIPAL = {
    "identity": "padron",
    "residence": "padron",
    "taxBills": "sap_trm",
    "fines": "sap_trm",
    "directDebits": "sap_trm",
    "socialServices": "civis",
    "socialBenefits": "civis",
    "serviceRequests": "avisos",
    "appointments": "citas",
    "cases": "expedientes",
    "registryEntries": "registro",
    "notifications": "notifica",
    "electoralRoll": "censo",
    "seniorCentres": "tabla",
}
ACCESS: dict[str, Any] = {
    "subject": {"document": "99000002K", "givenName": "Ana", "firstSurname": "Prueba"},
    "purpose": "nursery_admission",
    "caseFile": "EI/2026/000123",
    "consent": "given",
    "authorisations": [{"blocks": ["incomeLevel"], "evidence": "EI/2026/000123/AUT-1"}],
}
STATE = {
    "jobSeeker",
    "unemploymentBenefit",
    "workHistory",
    "incomeLevel",
    "largeFamily",
    "disability",
}


def without_times(block):
    """A block without ids and times."""
    return {key: value for key, value in block.items() if key != "provenance"}


def test_a_citizen_sees_their_own_position(hub):
    """Every block of the city's own systems, with provenance; the state needs a procedure."""
    answer = hub.get("/v1/me/position", hub.token())
    position = answer.json()
    assert answer.status_code == 200, answer.text
    assert position["complete"] is True
    blocks = position["blocks"]
    assert {name: blocks[name]["provenance"]["source"] for name in MUNICIPAL} == MUNICIPAL
    assert {blocks[name]["state"] for name in MUNICIPAL} == {"fresh"}
    assert blocks["jobSeeker"] == {"state": "denied", "reason": "needs_procedure"}
    assert all(blocks[name]["provenance"]["exchanges"] for name in MUNICIPAL)
    assert hub.calls()["age"] == 0


def test_an_official_sees_five_sources_under_an_access(hub):
    """The job seeker's registration comes from the State's platform, under the procedure."""
    token = hub.token("--official", number_of(hub, "OFFICIAL"))
    declared = hub.post("/v1/accesses", token, ACCESS)
    assert declared.status_code == 201, declared.text
    access = declared.json()
    assert access["subject"] == "*****002K"
    reveal(hub, access, token)
    position = hub.get(access["position"], token).json()
    states = {name: block["state"] for name, block in position["blocks"].items()}
    assert set(states.values()) == {"fresh"}, states
    sources = {block["provenance"]["source"] for block in position["blocks"].values()}
    assert sources == {"padron", "sap_trm", "civis", "age", "avisos"}
    assert "members" in position["blocks"]["residence"]["data"]


def test_all_six_blocks_of_the_state_have_their_provenance(hub):
    """Signed in two modes, one of them encrypted: six services, one exchange each."""
    token = hub.token("--official", number_of(hub, "OFFICIAL"))
    access = hub.post("/v1/accesses", token, ACCESS).json()
    reveal(hub, access, token)
    hub.sandbox("DELETE", "/calls")
    blocks = hub.get(f"{access['position']}?blocks={','.join(sorted(STATE))}", token).json()[
        "blocks"
    ]
    assert set(blocks) == STATE
    assert {block["state"] for block in blocks.values()} == {"fresh"}, blocks
    for block in blocks.values():
        assert block["provenance"]["source"] == "age"
        assert len(block["provenance"]["exchanges"]) == 1
        assert block["data"]["isAbout"]["number"] == ACCESS["subject"]["document"]
    assert hub.calls()["age"] == 6


def test_without_its_authorisation_nobody_asks_for_the_income(hub):
    """`denied` in place, 403 where it is named, and the platform heard of nothing."""
    token = hub.token("--official", number_of(hub, "OFFICIAL"))
    body = {key: value for key, value in ACCESS.items() if key != "authorisations"}
    access = hub.post("/v1/accesses", token, body).json()
    reveal(hub, access, token)
    hub.sandbox("DELETE", "/calls")
    named = hub.get(f"{access['position']}?blocks=incomeLevel", token)
    assert named.status_code == 403
    assert hub.calls()["age"] == 0
    blocks = hub.get(access["position"], token).json()["blocks"]
    assert blocks["incomeLevel"] == {"state": "denied", "reason": "needs_authorisation"}
    assert blocks["jobSeeker"]["state"] == "fresh"
    assert hub.sandbox("GET", "/calls")["age"]["total"] == 5


def test_whom_the_employment_service_does_not_know_has_an_empty_block(hub):
    """The State answered, and holds nothing: that is not a failure."""
    token = hub.token("--official", number_of(hub, "OFFICIAL"))
    document = number_of(hub, "UNKNOWN_TO_EMPLOYMENT")
    body = {**ACCESS, "subject": {**ACCESS["subject"], "document": document}}
    access = hub.post("/v1/accesses", token, body).json()
    blocks = hub.get(f"{access['position']}?blocks=jobSeeker", token).json()["blocks"]
    assert blocks["jobSeeker"]["state"] == "empty"


@pytest.mark.parametrize("stopped", sorted(set(MUNICIPAL.values())))
def test_a_stopped_source_spoils_nothing_else(hub, stopped):
    """Its blocks are unavailable, all others equal, within the deadline."""
    token = hub.token()
    before = hub.get("/v1/me/position", token).json()["blocks"]
    hub.sandbox("POST", f"/stop/{stopped}")
    answer = hub.get("/v1/me/position", token, Prefer="wait=2")
    assert answer.elapsed.total_seconds() < 6
    after = answer.json()
    assert after["complete"] is False
    for name, source in MUNICIPAL.items():
        if source == stopped:
            assert after["blocks"][name]["state"] == "unavailable"
            assert after["blocks"][name]["reason"] == "temporary"
        else:
            assert without_times(after["blocks"][name]) == without_times(before[name])


def test_a_source_that_hangs_is_cut_at_the_deadline(hub):
    """The rest of the position arrives, and the cut call is on record."""
    hub.fault("civis", "hang")
    answer = hub.get("/v1/me/position", hub.token(), Prefer="wait=1")
    assert answer.headers["preference-applied"] == "wait=1"
    assert answer.elapsed.total_seconds() < 3
    assert answer.json()["blocks"]["socialServices"]["state"] == "unavailable"
    assert answer.json()["blocks"]["residence"]["state"] == "fresh"


def test_the_printed_lines_can_be_pasted(hub):
    """Each is one line for a shell, and gives a full position."""
    lines = [line for line in hub.printed.splitlines() if line.startswith("curl ")]
    assert len(lines) == 2
    for line, purpose in zip(lines, ["self_service", "nursery_admission"], strict=True):
        pasted = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
        position = json.loads(pasted.stdout)
        assert position["purpose"] == purpose
        assert position["complete"] is True
        fresh = {
            b["provenance"]["source"] for b in position["blocks"].values() if b["state"] == "fresh"
        }
        assert fresh >= {"padron", "sap_trm", "civis", "avisos"}
        assert ("age" in fresh) is (purpose == "nursery_admission")


def test_an_unregistered_person_has_an_empty_block(hub):
    """`empty` is not `unavailable`: the register answered, and holds nothing."""
    token = hub.token("--citizen", number_of(hub, "NOT_REGISTERED"))
    blocks = hub.get("/v1/me/position", token).json()["blocks"]
    assert blocks["residence"]["state"] == "empty"
    assert blocks["residence"]["provenance"]["exchanges"]
    assert blocks["taxBills"]["state"] in ("fresh", "empty")


def test_a_long_collection_comes_in_pages(hub):
    """50 rows and a cursor, until all 312 were seen once."""
    token = hub.token("--citizen", number_of(hub, "MANY_BILLS"))
    whole = hub.get("/v1/me/position?blocks=taxBills", token).json()["blocks"]["taxBills"]["data"]
    assert whole["count"] == 312
    assert len(whole["items"]) == 50
    seen, cursor = [], ""
    while True:
        page = hub.get(f"/v1/me/position/taxBills?cursor={cursor}", token).json()["data"]
        seen += [json.dumps(item, sort_keys=True) for item in page["items"]]
        cursor = page.get("next")
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 312


def test_the_summary_fits_a_phone(hub):
    """State, count, what needs action and the next date of each block in at most 8 KB."""
    for name in ("DEFAULT_CITIZEN", "MANY_BILLS"):
        token = hub.token("--citizen", number_of(hub, name))
        answer = hub.get("/v1/me/position?view=summary", token)
        assert len(answer.content) <= 8192
        assert answer.json()["blocks"]["taxBills"]["count"] >= 1
        assert "data" not in answer.text


def test_blocks_and_fields_narrow_the_answer_and_the_calls(hub):
    """A source that is not wanted gets no call."""
    token = hub.token()
    hub.sandbox("DELETE", "/calls")
    answer = hub.get("/v1/me/position?fields=residence.memberCount", token).json()
    assert answer["blocks"]["residence"]["data"].keys() == {"memberCount"}
    counts = hub.calls()
    assert counts.pop("padron") > 0
    assert set(counts.values()) == {0}


def test_an_unchanged_position_is_not_sent_again(hub):
    """The entity tag does not depend on times, and a special category is not stored."""
    token = hub.token()
    first = hub.get("/v1/me/position?blocks=residence", token)
    again = hub.get(
        "/v1/me/position?blocks=residence", token, **{"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "private, no-cache"
    special = hub.get("/v1/me/position?blocks=socialServices", token)
    assert special.headers["cache-control"] == "private, no-store"


def test_nothing_usable_is_503(hub):
    """With the reason per block, and when to try again."""
    for source in set(MUNICIPAL.values()):
        hub.sandbox("POST", f"/stop/{source}")
    answer = hub.get("/v1/me/position", hub.token(), Prefer="wait=1")
    assert answer.status_code == 503
    problem = answer.json()
    assert problem["type"] == "/problems/nothing-available"
    assert {fault["block"] for fault in problem["errors"]} == set(MUNICIPAL)
    assert answer.headers["retry-after"]


def reveal(hub, access, token):
    """State a reason for the special categories, as an official must."""
    masked = {
        "blocks": ["socialServices", "socialBenefits", "disability"],
        "reason": "scoring of the case",
    }
    done = hub.post(f"/v1/accesses/{access['id']}/reveal", token, masked)
    assert done.status_code == 200, done.text


def number_of(hub, name):
    """The document number of a citizen with a fixed meaning."""
    citizens = hub.sandbox("GET", "/citizens")
    return next(c["document"] for c in citizens if c["name"] == name)
