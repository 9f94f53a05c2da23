"""Reports for people: the figures, the findings, and no markup out of data."""

from __future__ import annotations

import msgspec

from hub.audit.difference import Difference
from hub.audit.drift import Drift
from hub.audit.render import as_json, replay_html, replay_text
from hub.audit.replay import Finding, Replay

EVIL = "<script>alert(1)</script>"
REPORT = Replay(
    against="today",
    revealed=True,
    answers=2,
    findings=[Finding(answer="01A", block="residence", verdict="refuted", why="another digest")],
    fields={"residence/address/postCode": 3},
    states={"residence: fresh -> unavailable": 1},
    differences=[
        Difference(answer="01A", block="residence", pointer="/x", then=EVIL, now=None),
    ],
    misfits={"residence: x <- y: missing": 1},
    drift=Drift(
        readings=2,
        read=9,
        ignored=0,
        never_read={"padron: a/b": 1},
        undeclared={"padron: a/c": 2},
        unknown_codes={"residence.address.street_type": 4},
    ),
)


def test_every_form_tells_the_same():
    """Text, HTML and JSON name each finding, count and path."""
    forms = (replay_text(REPORT), replay_html(REPORT), as_json(REPORT))
    told = ["another digest", "residence/address/postCode", "padron: a/b", "padron: a/c"]
    told += ["street_type", "missing"]
    for form in forms:
        for words in told:
            assert words in form
    assert msgspec.json.decode(forms[2])["answers"] == 2


def test_a_value_is_text_in_the_page():
    """Whatever a source sent, the page runs nothing."""
    page = replay_html(REPORT)
    assert EVIL not in page
    assert "&lt;script&gt;" in page


def test_an_empty_table_is_left_out():
    """A replay without findings says only its figures."""
    assert "Not as on record" not in replay_text(Replay(answers=1))
    assert "answers: 1" in replay_text(Replay(answers=1))
