"""`GET /v1/me/accesses` over a socket: what was declared is what the citizen reads."""

from __future__ import annotations

import datetime as dt

import pytest

from hub.api.access_log import _midnight
from tests.support.hubs import AnIssuer, a_hub


async def test_the_citizen_reads_what_an_official_declared(tmp_path):
    """And nobody else does."""
    issuer = AnIssuer()
    async with a_hub(tmp_path, issuer.configured(tmp_path, body="Body of the test")) as served:
        declared = await served.declare(issuer.official(processing_unit="L01280796"))
        assert declared.status_code == 201
        mine = await served.get("/v1/me/accesses", issuer.token())
        others = await served.get("/v1/me/accesses", issuer.token(nif="99000003E", sub="b"))
        official = await served.get("/v1/me/accesses", issuer.official())
        nobody = await served.get("/v1/me/accesses")
    [look] = mine.json()["items"]
    assert look["id"] == declared.json()["id"]
    assert look["body"] == "Body of the test"
    assert look["unit"]["en"] == "General services of Madrid City Council"
    assert look["purpose"]["title"]["es"] == "Atención tributaria en oficina"
    assert look["purpose"]["explanation"]["en"]
    assert mine.headers["cache-control"] == "private, no-store"
    assert "99000" not in mine.text
    assert others.json() == {"items": []}
    assert (official.status_code, nobody.status_code) == (403, 401)


async def test_a_look_at_ones_own_position_is_in_the_log_and_reading_the_log_is_not(tmp_path):
    """Else every page of the log would make the log longer."""
    issuer = AnIssuer()
    async with a_hub(tmp_path, issuer.configured(tmp_path)) as served:
        await served.get("/v1/me/position?blocks=residence", issuer.token())
        for _ in range(2):
            answer = await served.get("/v1/me/accesses", issuer.token())
            assert [look["actor"] for look in answer.json()["items"]] == ["yourself"]
        records = await served.hub.ledger.records(0)
    assert [r.kind for r in records].count("search") == 2


async def test_the_log_comes_in_pages(tmp_path):
    """Newest first, each once, and the last page names no next."""
    issuer = AnIssuer()
    async with a_hub(tmp_path, issuer.configured(tmp_path)) as served:
        ids = [(await served.declare(issuer.official())).json()["id"] for _ in range(5)]
        seen, path = [], "/v1/me/accesses?limit=2"
        while path:
            page = (await served.get(path, issuer.token())).json()
            seen += [look["id"] for look in page["items"]]
            path = f"/v1/me/accesses?limit=2&cursor={page['next']}" if "next" in page else ""
    assert seen == ids[::-1]


BAD = {
    "from=yesterday": "from",
    "from=2026-13-01": "from",
    "from=20261101": "from",
    "to=2026-W01-1": "to",
    "to=9999-12-31": "to",
    "to=0001-01-01": "to",
    "from=2026-11-02&to=2026-11-01": "to",
    "block=invented": "block",
    "limit=0": "limit",
    "limit=51": "limit",
    "limit=-1": "limit",
    "limit=%D9%A3": "limit",
    "limit=99999999999999999999": "limit",
    "cursor=AAAA": "cursor",
    "cursor=": "cursor",
    "from=2026-11-01&from=2026-11-02": "from",
    "nif=99000002K": "-",
}


async def test_a_faulty_query_is_refused_with_its_parameter(tmp_path):
    """Nothing is read, and nothing of it is quoted."""
    issuer, found = AnIssuer(), {}
    async with a_hub(tmp_path, issuer.configured(tmp_path)) as served:
        for query in BAD:
            answer = await served.get(f"/v1/me/accesses?{query}", issuer.token())
            assert answer.status_code == 400, query
            found[query] = answer.json()["errors"][0]["parameter"]
            assert "99000" not in answer.text
        assert await served.hub.ledger.size() == 0
    assert found == BAD


@pytest.mark.parametrize(
    ("day", "utc"), [("2026-01-15", "2026-01-14T23:00"), ("2026-07-15", "2026-07-14T22:00")]
)
def test_a_day_begins_at_midnight_in_madrid(day, utc):
    """Winter and summer."""
    moment = _midnight(dt.date.fromisoformat(day))
    assert moment is not None
    assert moment.astimezone(dt.UTC).isoformat(timespec="minutes") == f"{utc}+00:00"
