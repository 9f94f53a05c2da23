"""People beside the subject, and answers from memory: what the evidence of a running hub says."""

from __future__ import annotations

import html
import re

import pytest

from hub.sandbox.population import Population
from tests.e2e.test_position import ACCESS, number_of, reveal
from tests.support.running import RunningHub

REASON = "request of the person concerned 2026/31"
PEOPLE = Population()


@pytest.fixture(scope="module")
def keeping(tmp_path_factory):
    """A hub that keeps answers for a short time."""
    hub = RunningHub(tmp_path_factory.mktemp("household"), keeps=True)
    hub.start()
    yield hub
    hub.kill()


def household_of(hub, name):
    """The document numbers in the household of a citizen with a fixed meaning, theirs first."""
    person = PEOPLE.find(number_of(hub, name))
    assert person is not None
    members = [m.document.number for m in PEOPLE.household(person).members if m.document]
    own = number_of(hub, name)
    return [own, *sorted(set(members) - {own})]


def search(hub, **query):
    """Every record that an auditor's search finds, newest first."""
    body = {"reason": REASON, **query}
    return hub.post("/v1/audit/searches", hub.token("--auditor"), body).json()["records"]


def looked_at(hub, number):
    """A position under an official's access, household included; the access's id."""
    official = hub.token("--official", number_of(hub, "OFFICIAL"))
    subject = {"document": number, "givenName": "Ana", "firstSurname": "Prueba"}
    access = hub.post("/v1/accesses", official, {**ACCESS, "subject": subject}).json()
    reveal(hub, access, official)
    answer = hub.get(f"{access['position']}?blocks=residence,taxBills", official)
    assert {b["state"] for b in answer.json()["blocks"].values()} == {"fresh"}, answer.text
    return access["id"]


def page_of(hub, number):
    """The text of somebody's right-of-access report."""
    out = hub.folder / "report.html"
    hub.command("report", "--subject", number, "--reason", REASON, "--out", str(out))
    return html.unescape(re.sub(r"<[^>]+>", " ", out.read_text("utf-8")))


def destroyed(hub, number):
    """What the command says that destroys somebody's payloads by a court's order."""
    file = hub.folder / "subject.txt"
    file.write_text(number, "utf-8")
    why = ("--by", "archive", "--ground", "court", "--order", "ORDER-1")
    return hub.command("ledger", "destroy", "--subject-from", str(file), *why, check=False).stdout


def test_a_member_of_the_household_is_found_reported_and_erased_alone(keeping):
    """Search and report find the exchange that names them; destroying what is theirs leaves the
    subject's evidence, and destroying the subject's takes what named them along.
    """
    hub = keeping
    subject, member, *rest = household_of(hub, "HOUSEHOLD_OF_SIX")
    assert rest
    access = looked_at(hub, subject)
    for number in (member, *rest):
        found = search(hub, subject=number, access=access)
        kinds = [record["kind"] for record in found]
        assert sorted(set(kinds)) == ["answer", "outcome", "people"], kinds
        assert {r["header"]["source"] for r in found if r["kind"] == "outcome"} == {"padron"}
    exchange = next(r["id"] for r in found if r["kind"] == "outcome")
    assert search(hub, subject=number_of(hub, "NO_DEBTS"), access=access) == []

    text = page_of(hub, member)
    assert re.search(r"aparece usted .*padron\s+1\s", text)
    assert "Consultas que constan 0" in re.sub(r"\s+", " ", text)
    assert subject not in text

    own = looked_at(hub, member)
    assert "payloads of others speak of this person: 1 data keys" in destroyed(hub, member)
    assert _opens(hub, access)
    assert not _opens(hub, own)
    assert [r["id"] for r in search(hub, subject=member, access=access, kind="outcome")] == [
        exchange
    ]
    destroyed(hub, subject)
    assert not _opens(hub, access)
    assert "payloads of others" not in destroyed(hub, member)
    assert "no findings" in hub.command("ledger", "verify").stdout


def _opens(hub, access):
    """Whether the answer under *access* can still be explained."""
    [answer] = [r["id"] for r in search(hub, access=access, kind="answer")]
    done = hub.command("explain", answer, "--reason", REASON, check=False)
    return done.returncode == 0 and "residence: fresh" in done.stdout


def test_an_answer_from_memory_names_its_exchanges_and_has_its_own_record(keeping):
    """The second look asks nobody; its record names the first one's exchanges, and its lineage
    leads to their bytes.
    """
    hub = keeping
    token = hub.token()
    first = hub.get("/v1/me/position", token).json()
    hub.sandbox("DELETE", "/calls")
    second = hub.get("/v1/me/position", token).json()
    kept = {
        name: b for name, b in second["blocks"].items() if b.get("provenance", {}).get("fromCache")
    }
    assert {"identity", "residence", "taxBills", "fines", "serviceRequests"} <= set(kept)
    for name, block in kept.items():
        assert block["provenance"]["exchanges"] == first["blocks"][name]["provenance"]["exchanges"]
    assert hub.calls()["padron"] == hub.calls()["sap_trm"] == hub.calls()["avisos"] == 0

    newest, before = search(hub, subject="99000002K", kind="answer")[:2]
    assert newest["id"] != before["id"]
    assert newest["header"]["access"] != before["header"]["access"]
    shared = {id_ for ids in newest["header"]["shared"].values() for id_ in ids}
    asked = {r["id"] for r in search(hub, access=before["header"]["access"], kind="outcome")}
    own = {r["id"] for r in search(hub, access=newest["header"]["access"], kind="outcome")}
    assert shared <= asked
    assert not shared & own
    assert newest["header"]["others"] == before["header"]["others"]

    path = f"/v1/audit/answers/{newest['id']}/lineage?block=residence"
    lineage = hub.get(path, hub.token("--auditor")).json()
    [residence] = [block for block in lineage["blocks"] if block["block"] == "residence"]
    assert residence["fromCache"] is True
    assert residence["replays"] is True
    sources = [source for field in residence["fields"] for source in field["sources"]]
    assert {id_ for source in sources for id_ in source["exchanges"]} <= shared
    assert any("raw" in source for source in sources)
    proofs = {proof["record"] for proof in lineage["proofs"]}
    assert {
        f"{kind} {id_}" for kind in ("sent", "outcome") for id_ in sources[0]["exchanges"]
    } <= proofs
    assert f"answer {newest['id']}" in proofs
