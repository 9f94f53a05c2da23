"""The right-of-access report tells, in Spanish, who looked, why, at what, and what was shown."""

from __future__ import annotations

import html
import re

import msgspec

from hub.audit.act import Auditor, note_act
from hub.audit.report import access_report, report_html
from hub.core.document import parse_document
from hub.core.model import BLOCKS
from tests.support.answering import a_world
from tests.support.builders import CITIZEN, NOW
from tests.support.ledgers import SUBJECT

OTHER = "99000006W"


async def reported(world, number=CITIZEN):
    """The report about a person, and its page."""
    desk = world.desk
    made = await access_report(world.ledger, desk.purposes, BLOCKS, parse_document(number), NOW)
    return made, report_html(made)


async def test_it_tells_who_looked_why_and_at_what(tmp_path):
    """Each access once, with the blocks in words, and nobody else's."""
    async with a_world(tmp_path) as world:
        await world.answer()
        await world.answer(blocks=("residence",))
        await world.answer(OTHER, blocks=("residence",))
        auditor = Auditor(holder="x", channel="cli")
        await note_act(
            world.ledger,
            lambda: NOW,
            auditor,
            "explain",
            "a good reason",
            reveals=True,
            subject=SUBJECT,
        )
        made, page = await reported(world)
    assert len(made.looks) == 2
    assert made.reviews == 1
    text = html.unescape(re.sub(r"<[^>]+>", " ", page))
    for words in ("Consulta de mis propios datos", "Empadronamiento: consultado", "Usted"):
        assert words in text
    assert '<html lang="es">' in page
    assert "<script" not in page


async def test_it_shows_what_was_shown_and_no_more(tmp_path):
    """The data of the newest answer per block, narrowed as they were."""
    async with a_world(tmp_path) as world:
        answered = await world.answer()
        made, page = await reported(world)
    shown = msgspec.json.decode(answered.body)["blocks"]["residence"]["data"]
    assert made.shown["Empadronamiento"] == shown
    assert "members" not in made.shown["Empadronamiento"]
    assert html.escape(shown["address"]["fullAddress"]) in page


async def test_a_person_without_records_gets_a_report_that_says_so(tmp_path):
    """Nothing is an answer too."""
    async with a_world(tmp_path) as world:
        await world.answer()
        made, page = await reported(world, OTHER)
    assert (made.looks, dict(made.shown), made.shown_at) == ((), {}, None)
    assert "Consultas que constan" in page


async def test_what_a_source_sent_is_text_in_the_page(tmp_path):
    """Markup inside a datum stays inert."""
    async with a_world(tmp_path) as world:
        inhabitant = world.connectors["padron"].payloads["inhabitant"]
        direction = inhabitant["Resultado"]["Domicilio"]["Direccion"]
        direction["Via"]["Nombre"] = "<script>alert(1)</script>"
        await world.answer(blocks=("residence",))
        _, page = await reported(world)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
