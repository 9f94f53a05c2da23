"""The right-of-access report tells, in Spanish, who looked, why, at what, and what was shown."""

from __future__ import annotations

import datetime as dt
import html
import re
from contextlib import closing

import msgspec
import pytest

from hub.audit.act import Auditor, note_act
from hub.audit.report import access_report, report_html
from hub.core.document import check_letter, parse_document
from hub.core.errors import LedgerError, PayloadBlocked
from hub.core.model import BLOCKS
from hub.core.policy import Official
from hub.ledger.lifecycle import Why, block, keys_of
from hub.ledger.schema import connect, open_writing
from hub.position.access_log import GENERIC_PURPOSE
from hub.position.desk import Wish
from hub.position.units import Unit, UnitTable
from tests.support.answering import a_world
from tests.support.builders import CITIZEN, NOW
from tests.support.ledgers import SUBJECT

OTHER = "99000006W"
UNITS = UnitTable(
    units=(
        Unit(code="L1", es="Unidad uno", en="Unit one"),
        Unit(code="L2", es="Unidad que pone en peligro", en="Endangering unit", discreet=True),
    )
)
ALIKE = "99023002K"
"""Masked it reads like CITIZEN; its household names CITIZEN."""


async def reported(world, number=CITIZEN):
    """The report about a person, and its page."""
    made = await at(world, world.desk.purposes, NOW, parse_document(number))
    return made, report_html(made)


async def at(world, purposes, now, subject=SUBJECT):
    """The report under another table, or at another moment."""
    return await access_report(world.ledger, purposes, UNITS, BLOCKS, subject, now)


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


async def test_only_auditors_count_as_reviews(tmp_path):
    """What an official opened belongs to an access; of one that is sealed nothing is told."""
    async with a_world(tmp_path) as world:
        access = await world.access()
        await world.desk.door.reveal(access, ("residence",), "an official's reason", "request")
        made, _ = await reported(world)
    assert made.reviews == 0


async def test_it_shows_what_was_shown_and_no_more(tmp_path):
    """The data of the newest answer per block, narrowed as they were."""
    async with a_world(tmp_path) as world:
        answered = await world.answer()
        made, page = await reported(world)
    shown = msgspec.json.decode(answered.body)["blocks"]["residence"]["data"]
    assert made.shown["Empadronamiento"] == shown
    assert "members" not in made.shown["Empadronamiento"]
    assert html.escape(shown["address"]["fullAddress"]) in page


async def test_whoever_has_the_same_masked_number_is_somebody_else(tmp_path):
    """An answer about them that names the person is opened for nobody's report but theirs."""
    async with a_world(tmp_path) as world:
        await world.answer(ALIKE, blocks=("residence",))
        made, _ = await reported(world)
        theirs, _ = await reported(world, ALIKE)
    assert str(parse_document(ALIKE)) == str(SUBJECT)
    assert (made.looks, dict(made.shown), made.shown_at) == ((), {}, None)
    assert "Empadronamiento" in theirs.shown


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


async def test_it_tells_where_the_person_appears_beside_others(tmp_path):
    """By source and in sum; not whose answers these are, nor what the law seals."""
    async with a_world(tmp_path) as world:
        await world.answer(OTHER, blocks=("residence", "taxBills"))
        await world.answer(OTHER, blocks=("residence",))  # from memory: no other exchange
        await world.answer(f"99000021{check_letter(99000021)}", blocks=("residence",))
        await world.answer()
        made, page = await reported(world)
        [padron] = made.appearances
        later = await at(world, without(world.desk.purposes), NOW)
    assert (padron.source, padron.times, padron.first, padron.last) == ("padron", 2, NOW, NOW)
    assert len(made.looks) == 1
    assert "Respuestas sobre otras personas en las que aparece usted" in page
    assert OTHER not in page
    assert later.appearances == ()


def without(purposes):
    """The table with every purpose's name such that it endangers."""
    discreet = tuple(msgspec.structs.replace(p, discreet=True) for p in purposes.purposes)
    return msgspec.structs.replace(purposes, purposes=discreet)


async def an_official_looks(world, unit):
    """An access of an official to the person's data, in a case."""
    access = await world.access()
    person = Official(full_name="X", document=parse_document("99000100G"), processing_unit=unit)
    caller = msgspec.structs.replace(access.caller, audience="official", processing_unit=unit)
    named = {"caller": caller, "official": person, "case_file": "EXP-1"}
    access = msgspec.structs.replace(access, id=f"ACCESS-{unit}", **named)
    await world.desk.open_access(access, None, "test")


async def test_it_names_no_more_than_the_persons_own_log(tmp_path):
    """A unit or purpose whose name endangers is generic here too, and its case is not named."""
    async with a_world(tmp_path) as world:
        for unit in ("L1", "L2", "unlisted"):
            await an_official_looks(world, unit)
        plain = await at(world, world.desk.purposes, NOW)
        discreet = await at(world, without(world.desk.purposes), NOW)
    officials = {look.who for look in plain.looks if look.case_file == "EXP-1"}
    generic = f"Personal municipal ({UNITS.generic.es})"
    assert officials == {"Personal municipal (Unidad uno)", generic}
    assert {look.who for look in discreet.looks} == {"Usted", generic}
    assert {(look.why, look.basis, look.case_file) for look in discreet.looks} == {
        (GENERIC_PURPOSE.es, "", "")
    }


async def test_what_was_altered_is_no_report(tmp_path):
    """Only what is blocked or destroyed is counted as such; of the rest nothing can be said."""
    why = Why(by="archive", ground="end_of_use")
    async with a_world(tmp_path) as world:
        await world.answer(blocks=("residence",))
        await block(world.ledger, await keys_of(world.ledger, SUBJECT), why)
        made, _ = await reported(world)
        await world.answer(blocks=("residence",))
        with closing(open_writing(tmp_path / "ledger.db", connect)) as db:
            db.execute("UPDATE sealed SET data = zeroblob(50)")
        with pytest.raises(LedgerError) as caught:
            await reported(world)
    assert (len(made.looks), made.unreadable, dict(made.shown)) == (0, 1, {})
    assert not isinstance(caught.value, PayloadBlocked)


async def test_a_sealed_access_is_absent_without_a_trace(tmp_path):
    """Neither its row nor what was shown under it, until it opens."""
    async with a_world(tmp_path) as world:
        access = await world.access()
        until = NOW + dt.timedelta(days=30)
        sealed = msgspec.structs.replace(access, id="SEALED", sealed_until=until)
        await world.desk.open_access(sealed, None, "test")
        await world.desk.answer(sealed, sealed.caller, Wish(blocks=("residence",)))
        made, _ = await reported(world)
        opened = await at(world, world.desk.purposes, until)
    assert (len(made.looks), dict(made.shown), made.shown_at) == (1, {}, None)
    assert len(opened.looks) == 2
    assert "Empadronamiento" in opened.shown
