"""Memory, switches, quotas and figures of a hub that runs."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import httpx
import pytest

from tests.support.running import RunningHub


@pytest.fixture(scope="module")
def keeping(tmp_path_factory):
    """A hub that keeps answers for a short time."""
    hub = RunningHub(tmp_path_factory.mktemp("keeping"), keeps=True)
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture
def hub(keeping):
    """The same, with nothing ill and nothing switched off."""
    keeping.sandbox("POST", "/reset")
    for source in ("padron", "sap_trm", "civis", "avisos"):
        turn(keeping, source, off=False)
    return keeping


def turn(hub: RunningHub, source: str, *, off: bool, operation: str = "*"):
    body = {"source": source, "operation": operation, "off": off}
    proof = {"Authorization": f"Bearer {hub.token('--operator')}"}
    return httpx.put(f"{hub.base}/v1/switches", json=body, headers=proof, timeout=30)


def answers(hub: RunningHub, last: int):
    """The newest answers' leaves, as the ledger has them in clear."""
    return leaves(hub, "answer", last)


def leaves(hub: RunningHub, kind: str, last: int):
    """The newest leaves of a kind."""
    sql = "SELECT header FROM leaf WHERE kind = ? ORDER BY idx DESC LIMIT ?"
    with closing(sqlite3.connect(hub.folder / "var/ledger.db")) as ledger:
        return [json.loads(header) for (header,) in ledger.execute(sql, (kind, last))]


def citizen(hub: RunningHub, number: int) -> str:
    people = hub.sandbox("GET", "/citizens")
    return hub.token("--citizen", people[number]["document"])


def test_a_second_look_asks_only_for_special_categories(hub):
    """The rest comes from memory, names the first exchange, and says so."""
    token = hub.token()
    first = hub.get("/v1/me/position", token).json()["blocks"]
    hub.sandbox("DELETE", "/calls")
    again = hub.get("/v1/me/position", token).json()["blocks"]
    calls = hub.calls()
    assert calls["civis"] > 0
    assert calls["padron"] == calls["sap_trm"] == calls["avisos"] == 0
    assert again["residence"]["provenance"] == {
        **first["residence"]["provenance"],
        "fromCache": True,
    }
    [leaf] = answers(hub, 1)
    named = {name for names in leaf["shared"].values() for name in names}
    assert set(first["residence"]["provenance"]["exchanges"]) <= named
    assert not [name for name in leaf["shared"] if name.startswith("civis/")]
    special = again["socialServices"]["provenance"]
    assert not special["fromCache"]
    assert special["exchanges"] != first["socialServices"]["provenance"]["exchanges"]


def test_a_late_block_is_pending_and_there_the_next_time(hub):
    """`pending` with a hint; the next call has it, and the source was asked once."""
    token = citizen(hub, 4)
    hub.fault("sap_trm", "latency", ms=1500)
    early = hub.get("/v1/me/position?blocks=taxBills", token, Prefer="wait=1").json()
    assert early["complete"] is False
    assert early["blocks"]["taxBills"]["state"] == "pending"
    assert early["blocks"]["taxBills"]["retryAfter"] >= 1
    later = hub.get("/v1/me/position?blocks=taxBills", token, Prefer="wait=9").json()
    assert later["blocks"]["taxBills"]["state"] in ("fresh", "empty")


def test_a_source_that_is_switched_off_is_not_called(hub):
    """At once, for everybody, and back the same way; only operators may."""
    token = citizen(hub, 6)
    assert turn(hub, "avisos", off=True).json()["off"]["avisos"] == ["*"]
    hub.sandbox("DELETE", "/calls")
    blocks = hub.get("/v1/me/position", token).json()["blocks"]
    assert blocks["serviceRequests"]["state"] == "unavailable"
    assert blocks["serviceRequests"]["reason"] == "maintenance"
    assert hub.calls()["avisos"] == 0
    assert hub.get("/status").json()["sources"]["avisos"]["treatment"]["off"] == ["*"]
    assert turn(hub, "avisos", off=False).json()["off"]["avisos"] == []
    back = hub.get("/v1/me/position?blocks=serviceRequests", token).json()["blocks"]
    assert back["serviceRequests"]["state"] in ("fresh", "empty")
    assert turn(hub, "nothing", off=True).status_code == 404
    assert turn(hub, "avisos", off=True, operation="nothing").status_code == 404
    assert hub.get("/v1/switches", hub.token()).status_code == 403


def test_a_switch_is_turned_on_record_or_not_at_all(hub):
    """The record says what and when, the person sealed; without a ledger nothing is turned."""
    turn(hub, "avisos", off=True)
    [header] = leaves(hub, "switch", 1)
    assert (header["source"], header["operation"], header["off"]) == ("avisos", "*", True)
    assert {"sealed", "key", "request"} <= set(header)
    turn(hub, "avisos", off=False)
    with closing(sqlite3.connect(hub.folder / "var/ledger.db", isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        refused = turn(hub, "avisos", off=True)
        blocker.execute("ROLLBACK")
    assert refused.status_code == 503
    assert refused.json()["type"] == "/problems/ledger-unavailable"
    assert turn(hub, "padron", off=False).json()["off"]["avisos"] == []


def test_every_answer_tells_the_quotas(hub):
    """Both policies, and the older three."""
    answer = hub.get("/v1/me/position?blocks=residence", hub.token())
    for name in ("ratelimit", "ratelimit-policy", "ratelimit-limit", "ratelimit-reset"):
        assert answer.headers[name]
    refused = hub.get("/v1/me/position?blocks=nothing", hub.token())
    assert refused.status_code == 400
    left = int(refused.headers["ratelimit-remaining"])
    assert left <= int(answer.headers["ratelimit-limit"])


def test_who_asks_too_often_is_told_to_wait(hub):
    """429 with `Retry-After`; nothing was asked, and others are served."""
    token = citizen(hub, 8)
    ends = [hub.get("/v1/accesses/none", token) for _ in range(3)]
    assert {end.status_code for end in ends} == {404}
    codes: list[int] = []
    with httpx.Client(base_url=hub.base, headers={"Authorization": f"Bearer {token}"}) as client:
        for _ in range(200):
            answer = client.get("/v1/me/position?blocks=nothing")
            codes.append(answer.status_code)
            if answer.status_code == 429:
                break
    assert codes[-1] == 429
    assert answer.json()["type"] == "/problems/too-many-requests"
    assert int(answer.headers["retry-after"]) >= 1
    assert hub.get("/v1/me/position?blocks=residence", citizen(hub, 9)).status_code == 200


def test_figures_hold_no_person(hub):
    """Prometheus text with every source, and no number of anybody."""
    hub.get("/v1/me/position", hub.token())
    text = hub.get("/metrics").text
    assert 'hub_operations_total{operation="inhabitant",reason="ok",source="padron"}' in text
    assert "99000002" not in text
    assert 'hub_breaker_state{source="age"} 0.0' in text
