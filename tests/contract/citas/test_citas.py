from __future__ import annotations

import json

import httpx
import pytest

from connectors.citas.simulator import FAULTS
from hub.core.errors import MappingError, SourceError, SourceInsecure, SourceMalformed
from hub.sandbox import magic
from tests.support.builders import CITIZEN, NOW, a_query
from tests.support.slices import Slice, ask

CITAS = Slice(system="citas", operation="appointments", block="appointments")
INSECURE, MALFORMED = (SourceInsecure, "identity_mismatch"), (SourceMalformed, "schema")
STRUCK = {
    "answers_other_citizen": INSECURE,
    "rows_of_other_citizen": INSECURE,
    "answers_other_request": INSECURE,
    "no_echo": MALFORMED,
    "null_list": MALFORMED,
    "wrong_total": MALFORMED,
}


async def test_booking_and_appointment_are_two_moments():
    """The default citizen's next appointment, over a socket, to what a citizen can read."""
    async with CITAS.playing() as playing:
        record = await playing.ask(magic.DEFAULT_CITIZEN)
    CITAS.check(record.payload)
    first, *earlier = CITAS.block_of(record.payload).items
    assert record.holds
    assert first.state == "booked"
    assert first.booked_at < NOW < first.starts_at
    assert first.booked_at < first.reminder_at < first.starts_at
    assert first.office.full_address
    assert "Documento de identidad" in first.documents
    assert first.change_url.startswith("https://")
    assert [item.needs_action for item in (first, *earlier)] == [True, False, False]
    assert all(item.cancel_url is None for item in earlier)


async def test_nothing_is_an_answer():
    """Who has no appointment holds nothing, and that is not an error."""
    async with CITAS.playing() as playing:
        record = await playing.ask(magic.NOTHING_ANYWHERE)
    CITAS.check(record.payload)
    assert record.holds is False
    assert CITAS.block_of(record.payload).items == ()


@pytest.mark.parametrize("mode", STRUCK)
async def test_each_fault_has_its_class_and_reason(mode):
    """A fault is told from an empty answer, and nothing of it is quoted."""
    async with CITAS.playing(mode) as playing:
        with pytest.raises(SourceError) as caught:
            await playing.ask(magic.DEFAULT_CITIZEN)
    assert (type(caught.value), caught.value.reason) == STRUCK[mode]
    assert CITIZEN not in str(caught.value)


async def test_wrong_types_never_become_a_block():
    """A row by another contract is refused by the mapping, which names places and types."""
    async with CITAS.playing("wrong_types") as playing:
        record = await playing.ask(magic.DEFAULT_CITIZEN)
    with pytest.raises(MappingError, match="expected"):
        CITAS.block_of(record.payload)


async def test_a_link_is_for_the_citizen_and_nobody_follows_it():
    """A script is no link; a web address is data, and the only message is the question."""
    async with CITAS.playing("script_links") as playing:
        spoiled = await playing.ask(magic.DEFAULT_CITIZEN)
    links = [(item.change_url, item.cancel_url) for item in CITAS.block_of(spoiled.payload).items]
    assert set(links) == {(None, None)}
    async with CITAS.playing() as playing:
        await playing.ask(magic.DEFAULT_CITIZEN)
    assert [sent.url for sent in playing.recorder.sent] == [f"{playing.url}v1/citas/consulta"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"estado": "NUEVA"}, "state"),
        ({"canal": None}, "channel"),
        ({"fechaCita": "1900"}, "starts_at"),
        ({"fechaCita": None}, "starts_at"),
        ({"duracionMinutos": 15.5}, "minutes"),
        ({"oficina": []}, "office"),
        ({"oficina": {"nombre": "X"}}, "full_address"),
        ({"documentacion": "DNI"}, "documents"),
        ({"documentacion": [7]}, "documents"),
    ],
)
def test_a_hostile_row_is_refused_whole(changes, message):
    """No state, date or place is guessed."""
    payload = json.loads((CITAS.contract / "samples" / "appointments-several.json").read_text())
    payload["citas"][0] |= changes
    with pytest.raises(MappingError, match=message):
        CITAS.block_of(payload)


async def test_the_question_is_by_the_contract_and_names_the_person_in_its_body_alone():
    """Sent bytes fit the schema; neither address nor headers hold the number."""
    async with CITAS.playing() as playing:
        await playing.ask(magic.DEFAULT_CITIZEN)
    CITAS.check_question(playing)


async def test_a_replayed_question_is_the_same_question():
    """The reference follows from access and request alone."""
    seen = []

    def keep(request):
        seen.append(request.content)
        return httpx.Response(500)

    query = a_query()
    for _ in range(2):
        with pytest.raises(SourceError):
            await ask(CITAS, CITAS.answering(keep), query)
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "v1/citas/consulta", b"", 405),
        ("POST", "v1/otra", b"", 404),
        ("POST", "v1/citas/consulta?documento=1", b"{}", 400),
        ("POST", "v1/citas/consulta", b"[" * 3000, 400),
        ("POST", "v1/citas/consulta", b"\xff", 400),
        ("POST", "v1/citas/consulta", b"{}", 400),
        ("POST", "v1/citas/consulta", b" " * 100_000, 413),
    ],
)
async def test_the_simulator_refuses_what_the_contract_excludes(method, path, content, status):
    """Who may ask, and what."""
    async with CITAS.playing() as playing, httpx.AsyncClient(trust_env=False) as http:
        headers = {"content-type": "application/json"}
        url, proof = playing.url + path, ("hub", "the secret")
        answer = await http.request(method, url, content=content, headers=headers, auth=proof)
        nobody = await http.request(method, playing.url + "v1/estado", auth=("hub", "guess"))
    assert (answer.status_code, nobody.status_code) == (status, 401)


@pytest.mark.parametrize("sample", CITAS.samples, ids=lambda path: path.stem)
def test_a_sample_becomes_its_golden_block(sample):
    """Each sample on file is valid by the contract and means what stands beside it."""
    CITAS.check_sample(sample)


def test_mapping_contract_and_page_are_complete():
    """Every leaf is read or left alone for a reason, and every fault mode has its promise."""
    CITAS.check_mapping()
    CITAS.check_openapi()
    CITAS.check_page(FAULTS, STRUCK.keys() | {"wrong_types", "script_links"})
