"""What the city's own documents show of "Mi Carpeta", on a phone's first screen."""

from __future__ import annotations

from tests.e2e.test_position import number_of

FOLDER = {
    "residence": None,
    "electoralRoll": None,
    "registryEntries": 20,
    "cases": 3,
    "notifications": 4,
    "appointments": 3,
}
"""The blocks of the folder, and how many things the default citizen has in each list."""
BESIDE = {
    "taxBills",
    "fines",
    "directDebits",
    "socialServices",
    "socialBenefits",
    "serviceRequests",
}
MOST_BYTES = 8192


def summary(hub, name):
    """The answer to the summary of a citizen with a fixed meaning."""
    token = hub.token("--citizen", number_of(hub, name))
    answer = hub.get("/v1/me/position?view=summary", token)
    assert answer.status_code == 200, answer.text
    return answer


def test_the_whole_folder_fits_a_first_screen(hub):
    """Every list with its count and what waits for the citizen, in at most 8 KB."""
    answer = summary(hub, "DEFAULT_CITIZEN")
    assert len(answer.content) <= MOST_BYTES
    position = answer.json()
    blocks = position["blocks"]
    assert position["complete"] is True
    assert {blocks[name]["state"] for name in {*FOLDER, *BESIDE}} == {"fresh"}
    counts = {name: blocks[name]["count"] for name in FOLDER if FOLDER[name] is not None}
    assert counts == {name: count for name, count in FOLDER.items() if count is not None}
    assert all(blocks[name]["count"] >= 1 for name in BESIDE)
    waiting = {
        name: blocks[name]["needsAction"] for name in ("cases", "notifications", "appointments")
    }
    assert waiting == {"cases": 1, "notifications": 1, "appointments": 1}
    assert blocks["appointments"]["nextDate"] > position["asOf"][:10]


def test_a_folder_with_nothing_in_it_says_so(hub):
    """Registered, and that is all: every list is `empty` with count 0, which is no failure."""
    position = summary(hub, "NOTHING_ANYWHERE").json()
    blocks = position["blocks"]
    assert position["complete"] is True
    assert blocks["residence"]["state"] == "fresh"
    for name in FOLDER.keys() - {"residence"}:
        assert blocks[name] == {"state": "empty", "count": 0}


def test_a_cut_list_is_counted_as_the_source_counts_it(hub):
    """999 of 1204 cases: the summary says 1204, and the block that it is cut."""
    hub.fault("expedientes", "truncated")
    assert summary(hub, "DEFAULT_CITIZEN").json()["blocks"]["cases"]["count"] == 1204
    token = hub.token()
    cases = hub.get("/v1/me/position?blocks=cases", token).json()["blocks"]["cases"]["data"]
    assert (cases["count"], cases["heldCount"], cases["truncated"]) == (999, 1204, True)
    assert len(cases["items"]) == 50


def test_a_silent_registry_spoils_one_line_of_the_screen(hub):
    """What did not answer is told from what holds nothing."""
    hub.sandbox("POST", "/stop/registro")
    position = summary(hub, "DEFAULT_CITIZEN").json()
    assert position["complete"] is False
    assert position["blocks"]["registryEntries"]["state"] == "unavailable"
    assert position["blocks"]["cases"]["count"] == 3
