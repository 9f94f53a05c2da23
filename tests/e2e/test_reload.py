"""A configuration that changes under a hub that serves, and a hub that is told to stop."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing

import httpx
import pytest

from hub.sandbox.population import Population
from tests.support.load import crowd
from tests.support.running import RunningHub

POSITION = "/v1/me/position?blocks=residence,taxBills,serviceRequests"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A hub of this module's own: its configuration is rewritten."""
    hub = RunningHub(tmp_path_factory.mktemp("reload"))
    hub.start()
    yield hub
    assert hub.stop() == 0


@pytest.fixture
def hub(running):
    """The same, with the configuration that it came with, before and after."""
    good = running.config.read_text("utf-8")
    running.token()  # made once, with the good configuration
    running.sandbox("POST", "/reset")
    yield running
    running.config.write_text(good, "utf-8")
    assert running.reload()["event"] == "reloaded"


def changed(hub, old, new):
    """Rewrite the configuration."""
    text = hub.config.read_text("utf-8")
    assert old in text
    hub.config.write_text(text.replace(old, new, 1), "utf-8")


def test_a_bad_file_is_refused_with_every_fault_and_the_old_one_is_served(hub):
    """All faults stand in one line of the log; answers are as before."""
    text = hub.config.read_text("utf-8")
    bad = text.replace("audience =", "audiense =").replace("[cache]", "[cahce]")
    hub.config.write_text(bad.replace('module = "connectors.civis"', 'module = "connectors.no"'))
    found = hub.reload()
    assert found["event"] == "reload_refused"
    faults = "\n".join(found["faults"])
    assert "audiense: unknown key, did you mean audience?" in faults
    assert "cahce: unknown key, did you mean cache?" in faults
    assert hub.get(POSITION, hub.token()).json()["complete"]
    hub.config.write_text(text, "utf-8")


def test_what_only_shows_when_parts_are_made_is_listed_at_once_too(hub):
    """A module that is not there, a secret that is not there and an issuer without a key."""
    changed(hub, 'module = "connectors.civis"', 'module = "connectors.no"')
    changed(hub, "avisos.secret", "none.secret")
    changed(hub, "sandbox-issuer.jwks.json", "none.json")
    found = hub.reload()
    faults = "\n".join(found["faults"])
    assert found["event"] == "reload_refused"
    assert ["connectors.no" in faults, "none.secret" in faults, "none.json" in faults] == [True] * 3
    assert hub.get(POSITION, hub.token()).json()["complete"]


def test_a_good_file_takes_effect_without_a_failed_request(hub):
    """Under load: a source goes and comes back, limits and quotas move, nobody notices."""
    token = hub.token()
    with crowd(6, hub.base, POSITION, token) as people:
        people.waits_for(20)
        changed(hub, "[sources.avisos]", "[sources.avisos]\nenabled = false")
        changed(hub, "[sources.padron]", "[sources.padron]\nlimits = { max_in_flight = 7 }")
        changed(hub, "[server]\n", "[server]\nmax_wait_s = 9.0\n")
        first = hub.reload()
        people.waits_for(20)
        without = hub.get(POSITION, token).json()["blocks"]
        status = hub.get("/status").json()["sources"]
        changed(hub, "enabled = false", "enabled = true")
        second = hub.reload()
        people.waits_for(20)
    assert set(people.ends) == {200}
    assert first["event"] == second["event"] == "reloaded", (first, second)
    assert first.get("changed") == ["server.max_wait_s", "sources.avisos", "sources.padron"]
    assert first["needs_restart"] == []
    assert without["serviceRequests"]["state"] == "unavailable"
    assert without["residence"]["state"] == "fresh"
    assert status["padron"]["treatment"]["limit"] == 7
    assert second["changed"] == ["sources.avisos"]
    assert hub.get(POSITION, token).json()["blocks"]["serviceRequests"]["state"] == "fresh"


def test_what_needs_a_restart_is_named_and_stays(hub):
    """Another port or ledger file is not half taken over."""
    changed(hub, f"port = {hub.port}", "port = 1")
    changed(hub, 'file = "var/ledger.db"', 'file = "var/other.db"')
    assert hub.reload()["needs_restart"] == ["server.port", "ledger"]
    assert hub.get("/livez").status_code == 200
    assert not (hub.folder / "var/other.db").exists()


def test_a_switch_in_the_file_turns_and_one_turned_by_hand_stays(hub):
    """And the source's breaker, limit and counters are those that it had."""
    operator = hub.token("--operator")
    asked = 'hub_operations_total{operation="inhabitant",reason="ok",source="padron"}'
    hub.get(POSITION, hub.token())
    proof = {"Authorization": f"Bearer {operator}"}
    order = {"source": "civis", "off": True}
    httpx.put(f"{hub.base}/v1/switches", headers=proof, json=order).raise_for_status()
    changed(hub, "[sources.padron]", '[sources.padron]\nlimits = { off = ["household"] }')
    before = hub.get("/metrics").text
    hub.reload()
    off = hub.get("/v1/switches", operator).json()["off"]
    assert (off["padron"], off["civis"]) == (["household"], ["*"])
    line = next(line for line in before.splitlines() if line.startswith(asked))
    assert line in hub.get("/metrics").text
    httpx.put(f"{hub.base}/v1/switches", headers=proof, json={**order, "off": False})


def test_an_issuer_that_is_taken_out_is_believed_no_more(hub):
    """Not even a token that was verified before."""
    token = hub.token()
    assert hub.get(POSITION, token).status_code == 200
    changed(hub, 'issuer = "https://issuer.sandbox.example"', 'issuer = "https://other.example"')
    hub.reload()
    assert hub.get(POSITION, token).status_code == 401


def test_a_renewed_secret_is_used(hub):
    """The file that the configuration names has another content."""
    secret = hub.folder / "var/keys/padron.secret"
    good = secret.read_text("utf-8")
    secret.write_text("another", "utf-8")
    assert hub.reload()["changed"] == ["sources.padron"]
    block = hub.get(POSITION, hub.token()).json()["blocks"]["residence"]
    assert block["state"] == "unavailable"
    secret.write_text(good, "utf-8")


def test_quotas_move_with_the_file(hub):
    """The next answer tells the new ones."""
    changed(hub, "caller_burst = 100000", "caller_burst = 31")
    hub.reload()
    assert "31" in hub.get(POSITION, hub.token()).headers["ratelimit-policy"]


def test_what_the_log_says_of_a_reload_names_no_request(hub):
    """A signal interrupts whatever runs; what it begins has nothing to do with that."""
    with crowd(4, hub.base, POSITION, hub.token()) as people:
        people.waits_for(8)
        assert "request" not in hub.reload()


def number(of):
    """The document of a synthetic citizen."""
    document = Population("madrid").person(of).document
    assert document is not None
    return document.number


def asked(folder):
    """Every record, in the ledger's order: kind and header."""
    with closing(sqlite3.connect(folder / "var/ledger.db")) as db:
        rows = db.execute("SELECT header FROM leaf ORDER BY idx").fetchall()
    return [json.loads(header) for (header,) in rows]


def test_a_hub_that_is_told_to_stop_finishes_what_it_owes(tmp_path):
    """No request that came in fails; what goes on in the background is recorded with its
    answer; the last checkpoint covers every record.
    """
    hub = RunningHub(tmp_path, keeps=True)
    hub.config.write_text(
        hub.config.read_text("utf-8").replace("[server]\n", "[server]\ndrain_s = 1.5\n"), "utf-8"
    )
    hub.start()
    try:
        token, slow = hub.token(), "/v1/me/position?blocks=residence"
        hub.fault("padron", "latency", ms=2500)
        left = hub.get(slow, hub.token("--citizen", number(7)), Prefer="wait=1").json()
        assert left["blocks"]["residence"]["state"] == "pending"
        with crowd(6, hub.base, "/v1/me/position?blocks=taxBills", token) as people:
            people.waits_for(12)
            hub.signal(signal.SIGTERM)
            while hub.get("/readyz").status_code == 200:
                continue
            people.waits_for(6)  # the door is still open for who has not heard of it
            assert hub.get("/readyz").json()["type"] == "/problems/leaving"
            people.leaves.set()
        code = hub.wait()
    finally:
        hub.kill()
    assert code == 0
    assert set(people.ends) == {200}
    records = asked(tmp_path)
    sent = {r["id"]: r for r in records if r["kind"] == "sent"}
    ends = {r["id"]: r for r in records if r["kind"] == "outcome"}
    assert sent.keys() == ends.keys()
    assert {end.get("error") for end in ends.values()} == {None}
    assert any(end["source"] == "padron" and end["status"] == 200 for end in ends.values())
    assert covered(tmp_path) == len(records)
    assert hub.command("ledger", "verify").returncode == 0


def covered(folder):
    """How many records the last checkpoint signs."""
    with closing(sqlite3.connect(folder / "var/ledger.db")) as db:
        return db.execute("SELECT max(size) FROM checkpoint").fetchone()[0]


def test_a_second_signal_does_not_wait_for_the_door(tmp_path):
    """Whoever asks twice is in a hurry: what is under way is still finished."""
    hub = RunningHub(tmp_path)
    hub.config.write_text(
        hub.config.read_text("utf-8").replace("[server]\n", "[server]\ndrain_s = 3600\n"), "utf-8"
    )
    hub.start()
    hub.signal(signal.SIGTERM)
    while hub.get("/readyz").status_code == 200:
        continue
    assert hub.stop() == 0
