"""Every way in which real servers stray, and what a citizen sees all the same."""

from __future__ import annotations

import datetime as dt

import pytest

from hub.core.errors import (
    MappingError,
)
from hub.sandbox.stage import Fault
from tests.contract.avisos.scene import (
    block_under,
    every_profile,
    numbers_of,
    scene,
    the_block,
)
from tests.support.builders import a_query


@every_profile
async def test_numbers_as_identifiers_read_as_text(profile: str):
    """A server may send 20000020 for "20000020"."""
    items = await block_under(profile, "numeric_ids")
    assert [item.id for item in items] == numbers_of()


@every_profile
async def test_a_request_without_id_and_token_is_no_request_yet(profile: str):
    """It is left out until it has one, kept in the record, and still makes the list not empty."""
    async with scene(profile, Fault(mode="unnumbered")) as s:
        record = await s.ask(a_query())
    assert [item.id for item in the_block(record).items] == numbers_of()[1:]
    assert len(record.payload["unnumbered"]) == 1
    assert record.holds


@every_profile
async def test_a_request_with_a_token_alone_is_shown_without_number(profile: str):
    """The citizen sees that it was received."""
    items = await block_under(profile, "token_only")
    assert (items[0].id, items[0].token) == (None, "0123456789abcdef01234567")
    assert [item.id for item in items[1:]] == numbers_of()[1:]


@every_profile
async def test_the_words_of_many_servers_have_a_state(profile: str):
    """Spelling does not matter: blanks, hyphens and capitals are one form."""
    items = await block_under(profile, "many_statuses")
    codes = [item.stage.code if item.stage else None for item in items[:5]]
    assert codes == [
        "in_progress", "investigating", "action_scheduled", "duplicate", "no_further_action",
    ]  # fmt: skip
    assert [i.status for i in items[:5]] == ["open", "open", "open", "closed", "closed"]


@every_profile
async def test_a_status_that_nobody_knows_is_not_guessed(profile: str):
    """Open or closed is never a default: the mapping refuses, without quoting the word."""
    with pytest.raises(MappingError) as caught:
        await block_under(profile, "unknown_status")
    assert "mislaid" not in str(caught.value)


@every_profile
async def test_empty_texts_are_missing(profile: str):
    """Nothing is shown for an empty element; the rest of the row stands."""
    items = await block_under(profile, "empty_elements")
    assert [item.id for item in items] == numbers_of()
    for item in items:
        assert (item.updated_at, item.expected_at, item.postal_code) == (None, None, None)
        assert (item.description, item.media_url, item.latitude) == (None, None, None)


@every_profile
async def test_a_time_without_zone_is_madrids(profile: str):
    """`2013-01-01 17:15` is local: in winter one hour ahead of UTC."""
    right = await block_under(profile, "trailing_blank")
    items = await block_under(profile, "zoneless_dates")
    madrid = dt.timedelta(hours=1)
    for item, same in zip(items, right, strict=True):
        assert item.requested_at
        assert same.requested_at
        winter = same.requested_at > dt.datetime(2026, 10, 25, 1, tzinfo=dt.UTC)
        written = same.requested_at.replace(second=0)
        assert item.requested_at == written - (madrid if winter else 2 * madrid)


@every_profile
async def test_a_blank_after_an_address_does_not_matter(profile: str):
    """The specification's own example has one."""
    items = await block_under(profile, "trailing_blank")
    assert {item.media_url for item in items} == {"https://avisos.example/a.jpg"}


@every_profile
async def test_a_useless_place_is_no_place(profile: str):
    """Zero, words and projected metres are shown as no coordinates at all."""
    items = await block_under(profile, "useless_coordinates")
    assert {(item.latitude, item.longitude) for item in items} == {(None, None)}


@every_profile
async def test_more_fields_than_the_contract_has_do_no_harm(profile: str):
    """They stay in the record; several recipients read as one text."""
    async with scene(profile, Fault(mode="extra_fields")) as s:
        record = await s.ask(a_query())
    items = the_block(record).items
    assert {item.agency for item in items} == {"Alumbrado Público; Vías y Obras"}
    assert record.payload["requests"][0]["notes"]


@every_profile
async def test_one_request_needs_no_list_around_it(profile: str):
    """A list of one that collapsed into an object is a list of one."""
    items = await block_under(profile, "single_object")
    assert [item.id for item in items] == numbers_of()[:1]


@every_profile
async def test_a_list_may_stand_in_an_object(profile: str):
    """`{"service_requests": […]}`, as XML turned into JSON has it."""
    items = await block_under(profile, "wrapped")
    assert [item.id for item in items] == numbers_of()
