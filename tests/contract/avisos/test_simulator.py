"""The simulator refuses what the real systems would refuse, and knows nobody by heart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.avisos.simulator import simulate
from connectors.avisos.simulator.reports import reports_of
from hub.sandbox.magic import DEFAULT_CITIZEN, NOTHING_ANYWHERE
from hub.sandbox.population import Population
from tests.contract.avisos.scene import PROFILES, every_profile, the_settings
from tests.support.builders import CITIZEN, NOW
from tests.support.serving import a_stage, serving

KEYS = {"X-CLIENT-ID": "hub", "X-APP-KEY": "right"}
QUESTION: dict[str, Any] = {
    "jurisdiction_ids": "es.madrid",
    "limit": 100,
    "page": 1,
    "own": True,
    "id_document": CITIZEN,
}
ACCOUNT = "account_id=" + "ab" * 25


async def told(
    profile: str, method: str, path: str, body: Any = None, keys: dict[str, str] | None = None
) -> httpx.Response:
    """What the simulator of *profile* answers to a bare client."""
    settings = {"client_id": "hub", **PROFILES[profile]}
    stage = a_stage("avisos", Path("unused"), settings, app_key="right", account_key="shared")
    content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    async with serving(simulate(stage)) as url, httpx.AsyncClient(base_url=url) as client:
        return await client.request(
            method, path, content=content, headers=KEYS if keys is None else keys
        )


@every_profile
@pytest.mark.parametrize(
    "keys",
    [{}, {"X-CLIENT-ID": "hub"}, {**KEYS, "X-APP-KEY": "wrong"}, {**KEYS, "X-CLIENT-ID": "x"}],
    ids=["none", "no_key", "wrong_key", "wrong_client"],
)
async def test_nobody_is_told_anything_without_the_key(profile: str, keys: dict[str, str]):
    """403 with an error list, as the standard has it, whatever was asked."""
    for method, path in (("GET", "services"), ("POST", "requests-list"), ("GET", "requests.json")):
        answer = await told(profile, method, path, QUESTION, keys)
        assert answer.status_code == 403
        assert "403" in answer.text


MADRID = [
    pytest.param("POST", "requests-list", b"{", 400, id="no_json"),
    pytest.param("POST", "requests-list", b"[]", 400, id="no_object"),
    pytest.param("POST", "requests-list", {**QUESTION, "jurisdiction_ids": "x"}, 404, id="city"),
    pytest.param("POST", "requests-list", {**QUESTION, "limit": 501}, 400, id="limit"),
    pytest.param("POST", "requests-list", {**QUESTION, "limit": True}, 400, id="limit_bool"),
    pytest.param("POST", "requests-list", {**QUESTION, "page": 0}, 400, id="page"),
    pytest.param("POST", "requests-list", {**QUESTION, "id_document": "1"}, 404, id="user"),
    pytest.param(
        "POST", "requests-list", {**QUESTION, "id_document": "99000002A"}, 404, id="wrong_letter"
    ),
    pytest.param("POST", "requests-list?page=1", QUESTION, 400, id="parameter_in_the_url"),
    pytest.param("POST", "requests-list.json", QUESTION, 404, id="suffix"),
    pytest.param("GET", "requests-list", None, 404, id="method"),
    pytest.param("GET", "services", None, 404, id="services_of_no_city"),
]
GEOREPORT = [
    pytest.param("requests.json", 404, id="no_jurisdiction"),
    pytest.param(f"requests.xml?jurisdiction_id=es.madrid&{ACCOUNT}", 404, id="other_form"),
    pytest.param("requests?jurisdiction_id=es.madrid", 404, id="no_form"),
    pytest.param(f"requests.json?jurisdiction_id=es.madrid&{ACCOUNT}", 404, id="forged_account"),
    pytest.param(
        "requests.json?jurisdiction_id=es.madrid&account_id=99000002K", 404, id="plain_document"
    ),
    pytest.param("requests.json?jurisdiction_id=es.madrid&page_size=501", 400, id="page_size"),
    pytest.param("requests.json?jurisdiction_id=es.madrid&start_date=today", 400, id="date"),
    pytest.param(
        "requests.json?jurisdiction_id=es.madrid"
        "&start_date=2026-01-01T00:00:00Z&end_date=2026-04-02T00:00:00Z",
        400,
        id="ninety_one_days",
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), MADRID)
async def test_madrids_profile_refuses_what_it_does_not_know(
    method: str, path: str, body: Any, status: int
):
    """A wrong question is an error list, never an empty list."""
    answer = await told("madrid", method, path, body)
    assert answer.status_code == status
    assert answer.json()[0]["code"] == status


@pytest.mark.parametrize(("path", "status"), GEOREPORT)
async def test_georeport_refuses_what_it_does_not_know(path: str, status: int):
    """As above; a document number is no account."""
    answer = await told("georeport_json", "GET", path)
    assert answer.status_code == status
    assert answer.json()[0]["code"] == status


async def test_without_own_the_list_is_everybodys():
    """The real trap: whoever forgets `own` is told about other people."""
    answer = await told("madrid", "POST", "requests-list", {**QUESTION, "own": False})
    assert len({row["user"]["id_document"] for row in answer.json()}) > 1


async def test_a_public_geo_report_list_is_everybodys():
    """Without an account the standard's list names no one person."""
    answer = await told("georeport_json", "GET", "requests.json?jurisdiction_id=es.madrid")
    assert len({row["account_id"] for row in answer.json()}) > 1


def test_what_a_person_reported_depends_on_the_person_and_the_day_alone():
    """Three million people cost no memory: asking twice tells the same."""
    twice = [
        reports_of(population, population.person(DEFAULT_CITIZEN), NOW.date())
        for population in (Population(), Population())
    ]
    assert twice[0] == twice[1]
    assert {report.step.node for report in twice[0]} == {
        "initial_node", "middle_node", "final_ok_node", "final_not_ok_node",
    }  # fmt: skip


def test_people_differ_and_some_reported_nothing():
    """Numbers are nobody else's; the citizen with nothing anywhere has nothing here."""
    population = Population()
    lists = [reports_of(population, population.person(n), NOW.date()) for n in range(60)]
    numbers = [report.number for reports in lists for report in reports]
    assert len(set(numbers)) == len(numbers) > 60
    assert lists[NOTHING_ANYWHERE] == []


def test_the_settings_that_the_readme_shows_are_settings():
    """The table for hub.toml in the README names every key, and none that does not exist."""
    readme = Path(__file__).parents[3] / "connectors" / "avisos" / "README.md"
    shown = {
        line.split("=")[0].strip("# ")
        for table in readme.read_text().split("[sources.avisos.settings]")[1:]
        for line in table.split("```")[0].splitlines()
        if "=" in line
    }
    assert shown == set(the_settings("madrid").__struct_fields__)
