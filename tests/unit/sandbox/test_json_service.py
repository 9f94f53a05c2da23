"""What every simulated JSON service refuses, echoes and spoils."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import httpx
import pytest
from msgspec import Struct

from hub.sandbox import magic
from hub.sandbox.json_service import LARGEST_BODY, JsonService, Names, Route, Rows, spoilers
from hub.sandbox.stage import Fault
from tests.support.serving import a_stage, serving

NAMES = Names(echo="asked", reference="reference", rows="rows", owner="of", total="total")
PROOF = ("hub", "the secret")


class Question(Struct, forbid_unknown_fields=True):
    """Whose rows."""

    number: str
    reference: str


def a_service(mode=None):
    """A service that holds one row about everybody, under a fault."""
    stage = a_stage("tiny", Path("unused"), {"user": "hub"}, password="the secret")
    if mode:
        stage.faults.put("tiny", Fault(mode=mode))

    def answer(question, person, today):
        number = person.document.number if person else question.number
        rows = [{"of": number, "day": today.isoformat()}] if person else []
        asked = {"number": number, "reference": question.reference}
        return {"asked": asked, "total": len(rows), "rows": rows}

    rows = Rows(stage, Question, lambda question: question.number, answer, spoilers(NAMES))
    return JsonService(stage, {"/rows": Route("POST", "rows", rows)})


async def ask(mode=None, number="99000002K", **changes):
    """The answer of a service under *mode*."""
    async with serving(a_service(mode)) as url, httpx.AsyncClient(trust_env=False) as http:
        body = {"number": number, "reference": "r"}
        values = {"method": "POST", "url": f"{url}rows", "json": body, "auth": PROOF, **changes}
        return await http.request(**values)


async def test_a_question_has_its_echo_and_its_row():
    """The right answer, dated by the stage's clock, labelled for the counters."""
    answer = await ask()
    found = answer.json()
    assert found["asked"] == {"number": "99000002K", "reference": "r"}
    assert found["rows"][0]["of"] == "99000002K"
    assert dt.date.fromisoformat(found["rows"][0]["day"])
    assert answer.headers["x-sandbox-operation"] == "rows"
    assert (await ask(number="99999999X")).json()["rows"] == []


@pytest.mark.parametrize("number", ["99000002K", "99000008G"])
async def test_each_spoiled_answer_is_wrong_in_its_own_way(number):
    """Somebody else is never the person asked about."""
    spoiled = {mode: (await ask(mode, number)).json() for mode in spoilers(NAMES)}
    assert spoiled["answers_other_citizen"]["asked"]["number"] != number
    assert spoiled["rows_of_other_citizen"]["asked"]["number"] == number
    assert spoiled["rows_of_other_citizen"]["rows"][0]["of"] != number
    assert "asked" not in spoiled["no_echo"]
    assert spoiled["answers_other_request"]["asked"]["reference"] != "r"
    assert spoiled["null_list"]["rows"] is None
    assert spoiled["wrong_total"]["total"] != len(spoiled["wrong_total"]["rows"])
    assert spoiled["wrong_types"]["rows"] == [{"of": number, "day": 7}]
    assert magic.MANY_BILLS != magic.DEFAULT_CITIZEN


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"auth": ("hub", "guess")}, 401),
        ({"auth": None, "headers": {"authorization": "Basic !!"}}, 401),
        ({"auth": None, "headers": {"authorization": "Basic ñ".encode("latin-1")}}, 401),
        ({"method": "PUT"}, 405),
        ({"params": {"number": "1"}}, 400),
        ({"json": {"number": "1"}}, 400),
        ({"json": None, "content": b"{}"}, 415),
        ({"json": "x" * LARGEST_BODY}, 413),
    ],
)
async def test_what_is_no_question_is_refused(changes, status):
    """Who may ask, and what."""
    assert (await ask(**changes)).status_code == status
