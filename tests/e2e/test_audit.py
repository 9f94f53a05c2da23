"""An auditor's morning: search, lineage, replay and proof against the running hub."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys

import httpx
import pytest

from hub.audit.verify_bundle import verify_bundle
from hub.core.moment import utc_now
from hub.sandbox.issuer import SandboxIssuer
from hub.sandbox.population import Population
from tests.e2e.test_position import ACCESS, number_of, reveal
from tests.support.running import ROOT
from tests.unit.audit.test_bundle import certificate

REASON = "complaint 2026/17 of the citizen"


@pytest.fixture
def answered(hub):
    """A hub that has just given a whole position under an official's access."""
    official = hub.token("--official", number_of(hub, "OFFICIAL"))
    access = hub.post("/v1/accesses", official, ACCESS).json()
    reveal(hub, access, official)
    assert hub.get(access["position"], official).status_code == 200
    hub.sandbox("DELETE", "/calls")
    return hub


def search(hub, **query):
    """A search of the auditor."""
    return hub.post("/v1/audit/searches", hub.token("--auditor"), {"reason": REASON, **query})


def last_answer(hub):
    """The id of the newest answer about the default citizen."""
    page = search(hub, subject="99000002K", kind="answer", purpose="nursery_admission").json()
    return page["records"][0]["id"]


def test_only_auditors_reach_the_evidence(answered):
    """Every other role gets 403 on every route, and an auditor gets no position."""
    hub = answered
    answer = last_answer(hub)
    others = [
        hub.token(),
        hub.token("--official", number_of(hub, "OFFICIAL")),
        hub.token("--operator"),
        hub.token("--system"),
    ]
    for token in others:
        for path in (
            "checkpoint",
            "consistency/1",
            f"answers/{answer}/lineage",
            f"records/answer/{answer}/proof",
        ):
            assert hub.get(f"/v1/audit/{path}", token).status_code == 403
        for path in ("searches", "replays", "samples", f"answers/{answer}/lineage"):
            assert hub.post(f"/v1/audit/{path}", token, {"reason": REASON}).status_code == 403
    assert hub.get("/v1/me/position", hub.token("--auditor")).status_code == 403
    assert hub.get("/v1/audit/checkpoint").status_code == 401


def test_each_field_of_five_sources_leads_to_its_bytes(answered):
    """Lineage of a real answer: row, source path, and the place in the message as it came."""
    hub = answered
    answer = last_answer(hub)
    explained = hub.get(f"/v1/audit/answers/{answer}/lineage", hub.token("--auditor"))
    assert explained.status_code == 200, explained.text
    body = explained.json()
    assert {block["source"] for block in body["blocks"]} == {
        "padron",
        "sap_trm",
        "civis",
        "age",
        "avisos",
    }
    assert all(block["replays"] for block in body["blocks"])
    for block in body["blocks"]:
        sources = [s for field in block["fields"] for s in field["sources"]]
        assert sources
        assert all(source["exchanges"] for source in sources)
        located = [source for source in sources if "raw" in source]
        assert located, f"nothing of {block['block']} was found in the bytes"
    assert {"answer", "access", "mapping", "sent", "outcome"} == {
        proof["record"].split()[0] for proof in body["proofs"]
    }
    assert sum(hub.calls().values()) == 0


def test_values_are_masked_until_they_are_revealed_with_a_reason(answered):
    """The reveal is on record about the person before the values are shown."""
    hub = answered
    answer, token = last_answer(hub), hub.token("--auditor")
    masked = hub.get(f"/v1/audit/answers/{answer}/lineage", token).json()
    fields = [f for b in masked["blocks"] for f in b["fields"] if "value" in f]
    assert {str(f["value"])[0] for f in fields} == {"["}
    path = f"/v1/audit/answers/{answer}/lineage"
    assert hub.post(path, token, {"reveal": True}).status_code == 400
    assert hub.post(path, token, {"reveal": True, "reason": "why"}).status_code == 400
    shown = hub.post(path, token, {"reveal": True, "reason": REASON}).json()
    values = {
        f["pointer"]: f.get("value")
        for b in shown["blocks"]
        if b["block"] == "residence"
        for f in b["fields"]
    }
    assert values["/address/postCode"].startswith("28")
    reveals = search(hub, subject="99000002K", kind="reveal").json()["records"]
    assert reveals[0]["header"]["action"] == "explain"
    assert REASON not in json.dumps(reveals)


def test_a_replay_of_the_running_hub_asks_nobody(answered):
    """Every block comes out as recorded; the simulators' counters stay at zero."""
    hub = answered
    body = {"reason": REASON, "purpose": "nursery_admission"}
    report = hub.post("/v1/audit/replays", hub.token("--auditor"), body).json()
    assert report.get("findings", []) == []
    assert report["identical"] == report["blocks"] >= 9
    assert report.get("changedBlocks", 0) == 0
    assert sum(hub.calls().values()) == 0


def test_bad_requests_of_auditors_name_their_faults(answered):
    """Strict bodies, no person in an error, and 404 for what is not on record."""
    hub, token = answered, answered.token("--auditor")
    assert search(hub, subject="99000002A").status_code == 400
    assert "99000002" not in search(hub, subject="99000002A").text
    assert search(hub, subjekt="x").status_code == 400
    assert search(hub, cursor="nonsense").status_code == 400
    assert search(hub, since="2026-11-22T10:00:00").status_code == 400
    assert hub.get("/v1/audit/answers/01NOTHING/lineage", token).status_code == 404
    assert hub.get("/v1/audit/records/answer/01NOTHING/proof", token).status_code == 404
    assert hub.get("/v1/audit/records/invented/01NOTHING/proof", token).status_code == 404
    unended = {"since": "2026-01-01T00:00:00Z", "until": "2999-01-01T00:00:00Z", "size": 3}
    unended |= {"reason": REASON}
    assert hub.post("/v1/audit/samples", token, unended).status_code == 400


def test_the_command_line_explains_and_replays(answered):
    """Beside the serving hub, on the same store; nothing of a person without --reveal."""
    hub = answered
    answer = last_answer(hub)
    text = hub.command("explain", answer, "--reason", REASON).stdout
    assert "residence: fresh" in text
    assert "inhabitant/Resultado/Domicilio" in text
    assert "gives the value on record" in text
    page = hub.command("replay", "--reason", REASON, "--last", "20", "--format", "html").stdout
    assert page.startswith("<!doctype html>")
    report = json.loads(
        hub.command(
            "replay",
            "--subject",
            "99000002K",
            "--reason",
            REASON,
            "--against",
            "working-tree",
            "--format",
            "json",
        ).stdout
    )
    assert report["identical"] == report["blocks"] > 0
    assert report.get("fields", {}) == {}
    assert report["drift"]["undeclared"] == {}
    known = json.loads(
        hub.command(
            "replay", "--subject", "99000002K", "--as-known-at", "2999-01-01", "--reason", REASON
        ).stdout
    )
    assert known["position"]["subject"]["document"] == "*****002K"
    refused = hub.command("explain", answer, "--reason", "x", check=False)
    assert refused.returncode == 2
    assert sum(hub.calls().values()) == 0


def test_the_recorded_bytes_go_through_the_connectors_of_now(answered):
    """Five protocols decoded again, signatures verified as of then; no source hears of it."""
    hub = answered
    answer = last_answer(hub)
    done = hub.command("replay", "--answer", answer, "--wire", "--reason", REASON, check=False)
    [report] = json.loads(done.stdout)
    assert {reading["source"] for reading in report["readings"]} == {
        "padron",
        "sap_trm",
        "civis",
        "age",
        "avisos",
    }
    assert [r for r in report["readings"] if r["verdict"] != "identical"] == []
    assert all(block["identical"] for block in report["blocks"])
    assert done.returncode == 0
    assert sum(hub.calls().values()) == 0


def test_a_signature_is_judged_again_and_by_the_configuration_of_now(answered):
    """With another signer pinned, the recorded answer of the State is refused, and only it."""
    hub = answered
    answer = last_answer(hub)
    text = hub.config.read_text("utf-8")
    other = hub.folder / "other.toml"
    pinned = 'signer = { file = "var/keys/age-platform.pem" }'
    assert pinned in text
    other.write_text(text.replace(pinned, 'signer = { file = "var/keys/age-hub.pem" }'), "utf-8")
    command = [sys.executable, "-m", "hub", "replay", "--answer", answer, "--wire"]
    command += ["--reason", REASON, "--config", str(other)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    [report] = json.loads(done.stdout)
    refused = [r for r in report["readings"] if r["verdict"] != "identical"]
    assert {r["source"] for r in refused} == {"age"}
    assert all(r["why"].startswith("signature") for r in refused)
    assert done.returncode == 1


def test_an_exported_case_is_verified_by_the_bundles_own_verifier(answered, tmp_path):
    """Out of the running hub, with payloads for the named auditor."""
    hub = answered
    (tmp_path / "auditor.pem").write_bytes(certificate(begins=utc_now()))
    out = tmp_path / "bundle.zip"
    hub.command(
        *("audit", "export", "--answer", last_answer(hub), "--out", str(out)),
        *("--auditor", str(tmp_path / "auditor.pem"), "--reason", REASON),
    )
    key = (hub.folder / "var" / "keys" / "log.pub").read_text("utf-8")
    assert verify_bundle(out, key) == []
    assert out.stat().st_mode & 0o777 == 0o600
    again = hub.command(
        *("audit", "export", "--answer", last_answer(hub), "--out", str(out)),
        *("--auditor", str(tmp_path / "auditor.pem"), "--reason", REASON),
        check=False,
    )
    assert again.returncode == 2


def test_a_person_gets_their_report_in_spanish(answered, tmp_path):
    """Who looked, why, at what, and what was shown."""
    hub, out = answered, tmp_path / "informe.html"
    hub.command("report", "--subject", "99000002K", "--out", str(out), "--reason", REASON)
    page = out.read_text("utf-8")
    assert "Admisión en escuelas infantiles municipales" in page
    assert "Empadronamiento: consultado" in page
    assert "<td>*****002K</td>" in page


def test_a_sample_of_the_running_hub_can_be_drawn_again(answered):
    """By the API and beside it a moment later, the same."""
    hub = answered
    hub.get("/v1/me/position?blocks=residence", hub.token())
    since = utc_now() - dt.timedelta(hours=1)
    last = search(hub, kind="answer").json()["records"][-1]["at"]
    body = {"since": since.isoformat(), "until": last, "size": 5, "kind": "sent", "reason": REASON}
    drawn = hub.post("/v1/audit/samples", hub.token("--auditor"), body).json()
    assert len(drawn["drawn"]) <= 5
    period = f"{since.isoformat()}/{last}"
    command = ("audit", "sample", "--period", period, "--size", "5", "--kind", "sent")
    printed = json.loads(hub.command(*command, "--reason", REASON).stdout)
    assert (printed["checkpoint"], printed["drawn"]) == (drawn["checkpoint"], drawn["drawn"])


def test_a_kept_checkpoint_is_proved_to_be_extended(answered, tmp_path):
    """By the API from its size, and by the command from its file; none from no tree."""
    hub, token = answered, answered.token("--auditor")
    note = hub.get("/v1/audit/checkpoint", token).json()["note"]
    kept = tmp_path / "kept.txt"
    kept.write_text(note, "utf-8")
    size = int(note.split("\n")[1])
    hub.get("/v1/me/position?blocks=residence", hub.token())
    proof = hub.get(f"/v1/audit/consistency/{size}", token).json()
    assert proof["first"] == size < proof["second"]
    printed = json.loads(hub.command("audit", "consistency", str(kept)).stdout)
    assert printed["first"] == size
    assert hub.get("/v1/audit/consistency/0", token).status_code == 404


def test_whoever_has_operated_cannot_audit(answered):
    """One look at the switches is enough; the same person has a good auditor's token."""
    hub = answered
    issuer = SandboxIssuer(hub.folder / "var" / "keys")
    person = Population().person(60)
    token = issuer.token("auditor", person)
    assert hub.get("/v1/switches", issuer.token("operator", person)).status_code == 200
    refused = hub.get("/v1/audit/checkpoint", token)
    assert refused.status_code == 403
    assert refused.json()["type"] == "/problems/conflicting-duties"
    assert hub.get("/problems/conflicting-duties").status_code == 200
    assert hub.get("/v1/audit/checkpoint", hub.token("--auditor")).status_code == 200


def test_whoever_has_audited_turns_no_switch(answered):
    """The order is refused, nothing is turned, and no record says that it was."""
    hub = answered
    issuer = SandboxIssuer(hub.folder / "var" / "keys")
    person = Population().person(61)
    assert hub.get("/v1/audit/checkpoint", issuer.token("auditor", person)).status_code == 200
    proof = {"Authorization": f"Bearer {issuer.token('operator', person)}"}
    order = {"source": "padron", "off": True}
    refused = httpx.put(f"{hub.base}/v1/switches", json=order, headers=proof, timeout=30)
    assert refused.status_code == 403
    assert refused.json()["type"] == "/problems/conflicting-duties"
    assert hub.get("/v1/switches", hub.token("--operator")).json()["off"]["padron"] == []
    assert search(hub, kind="switch").json()["records"] == []
