"""Bad input gets a clear error, no source is asked, and nothing is lost."""

from __future__ import annotations

import pytest

from tests.e2e.test_position import ACCESS, number_of

QUERIES = {
    "unknown block": ("?blocks=residense", "blocks", "did you mean residence?"),
    "unknown field": ("?fields=residence.adress", "fields", "did you mean address?"),
    "field outside the blocks": ("?blocks=fines&fields=residence.address", "fields", "residence"),
    "unknown view": ("?view=tiny", "view", "full, summary"),
}
BODIES = {
    "malformed document": ({"subject": {"document": "99000002A"}}, "/subject/document"),
    "missing subject": ({"subject": None}, "/subject"),
    "missing purpose": ({"purpose": None}, "/purpose"),
    "unknown purpose": ({"purpose": "curiosity"}, "/purpose"),
    "no case file": ({"caseFile": None}, "/caseFile"),
    "no consent": ({"consent": None}, "/consent"),
    "no names": ({"subject": {"document": "99000002K"}}, "/subject/firstSurname"),
    "an authorisation without evidence": (
        {"authorisations": [{"blocks": ["incomeLevel"], "evidence": ""}]},
        "/authorisations",
    ),
    "no such code of a unit": ({"unitCode": "L1"}, "/unitCode"),
    "unknown member": ({"motive": "x"}, ""),
    "birth date": ({"subject": {"document": "99000002K", "birthDate": "1980-13"}}, "birthDate"),
}


@pytest.fixture
def quiet(hub):
    """The hub; afterwards no simulator has counted a call."""
    hub.sandbox("DELETE", "/calls")
    yield hub
    assert set(hub.calls().values()) == {0}


@pytest.mark.parametrize(("query", "parameter", "says"), QUERIES.values(), ids=QUERIES)
def test_a_wrong_parameter_is_named(quiet, query, parameter, says):
    """400 with the parameter, and the near name where there is one."""
    answer = quiet.get(f"/v1/me/position{query}", quiet.token())
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    [fault] = answer.json()["errors"]
    assert fault["parameter"] == parameter
    assert says in fault["detail"]


def test_a_wrong_preference_or_cursor_is_named(quiet):
    """Whole seconds; and a cursor that the hub gave."""
    token = quiet.token()
    wait = quiet.get("/v1/me/position", token, Prefer="wait=soon")
    assert wait.json()["errors"][0]["header"] == "Prefer"
    cursor = quiet.get("/v1/me/position/taxBills?cursor=%00zz", token)
    assert (cursor.status_code, cursor.json()["errors"][0]["parameter"]) == (400, "cursor")


def test_every_fault_is_named_at_once(quiet):
    """Not the first one only."""
    answer = quiet.get("/v1/me/position?blocks=a,b&view=x", quiet.token(), Prefer="wait=0")
    assert len(answer.json()["errors"]) == 4


@pytest.mark.parametrize(("change", "pointer"), BODIES.values(), ids=BODIES)
def test_a_wrong_declaration_is_named(quiet, change, pointer):
    """400 before anything is asked, with a pointer, and never with the value."""
    body = {key: value for key, value in {**ACCESS, **change}.items() if value is not None}
    token = quiet.token("--official", number_of(quiet, "OFFICIAL"))
    answer = quiet.post("/v1/accesses", token, body)
    assert answer.status_code == 400, answer.text
    assert any(pointer in fault["pointer"] for fault in answer.json()["errors"])
    assert "99000002" not in answer.text


@pytest.mark.parametrize(
    ("token", "problem"),
    [(None, "missing-token"), ("a.b.c", "invalid-token"), ("x" * 20_000, "invalid-token")],
    ids=["none", "nonsense", "too long"],
)
def test_a_bad_token_is_401(quiet, token, problem):
    """With a challenge, and a problem that says why."""
    answer = quiet.get("/v1/me/position", token)
    assert answer.status_code == 401
    assert answer.json()["type"] == f"/problems/{problem}"
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_each_kind_of_caller_has_its_resources(quiet):
    """An auditor reads no position, a citizen declares no access."""
    assert quiet.get("/v1/me/position", quiet.token("--auditor")).status_code == 403
    assert quiet.post("/v1/accesses", quiet.token(), ACCESS).status_code == 403


def test_a_named_block_that_may_not_be_had_is_403(quiet):
    """With the public reason; among the defaults it would be `denied` in place."""
    answer = quiet.get("/v1/me/position?blocks=jobSeeker", quiet.token())
    assert answer.status_code == 403
    [fault] = answer.json()["errors"]
    assert (fault["block"], fault["reason"]) == ("jobSeeker", "needs_procedure")


def test_a_field_that_may_not_be_had_is_403(quiet):
    """The names of other people of the household need a purpose that allows them."""
    answer = quiet.get("/v1/me/position?fields=residence.members", quiet.token())
    assert answer.status_code == 403


def test_somebody_elses_access_is_not_found(quiet):
    """Like one that never existed."""
    owner = quiet.token("--official", number_of(quiet, "OFFICIAL"))
    other = quiet.token("--official", number_of(quiet, "HOUSEHOLD_OF_ONE"))
    access = quiet.post("/v1/accesses", owner, ACCESS).json()
    assert quiet.get(access["position"], other).status_code == 404
    assert quiet.get("/v1/accesses/01M81NA0FF58PJA14E1H3Z80MV/position", owner).status_code == 404


@pytest.mark.parametrize("path", ["/nowhere", "/v1/me/position/99000002K", "/v1/me"])
def test_an_unknown_path_is_a_problem_without_the_path(quiet, path):
    """A path can hold anything, so no answer and no log repeats it."""
    answer = quiet.get(path, quiet.token())
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "99000002" not in answer.text


def test_problem_texts_are_in_the_callers_language(quiet):
    """Spanish unless English is asked for."""
    spanish = quiet.get("/v1/me/position")
    english = quiet.get("/v1/me/position", **{"Accept-Language": "en-GB, es;q=0.5"})
    assert spanish.json()["title"] == "Falta el token de acceso"
    assert english.json()["title"] == "The access token is missing"
    page = quiet.get(spanish.json()["type"])
    assert page.status_code == 200
    assert page.text.startswith("# The access token is missing")


def test_a_huge_body_or_query_is_refused(quiet):
    """Before it is read to its end."""
    token = quiet.token("--official", number_of(quiet, "OFFICIAL"))
    body = {**ACCESS, "caseFile": "x" * 100_000}
    assert quiet.post("/v1/accesses", token, body).status_code == 413
    assert quiet.get("/v1/me/position?blocks=" + "x" * 9000, quiet.token()).status_code == 413
