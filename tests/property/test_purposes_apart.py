"""Two officials, two purposes, one citizen, at once: each sees what their own purpose allows."""

from __future__ import annotations

import asyncio
import os

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.document import parse_document
from hub.core.fields import covers, field_paths
from hub.core.model import BLOCKS
from hub.core.position import Fresh, Stale
from hub.position.desk import Refused, Wish
from tests.support.answering import World, a_world
from tests.support.officials import OFFICIAL, an_access_of, whole_register

FEEDS: dict[str, tuple[str, ...]] = {
    "padron": ("identity", "residence"),
    "sap_trm": ("taxBills",),
    "avisos": ("serviceRequests",),
}
SERVED = tuple(block for blocks in FEEDS.values() for block in blocks)
PURPOSES = ("phone_attention", "census_certificate", "fine_proceedings", "nursery_admission")
OTHER = msgspec.structs.replace(OFFICIAL, subject_id="other", document=parse_document("99000101M"))

wishes = st.one_of(
    st.just(Wish()),
    st.sampled_from(SERVED).flatmap(
        lambda block: st.frozensets(
            st.sampled_from(sorted(field_paths(BLOCKS[block].type))), min_size=1, max_size=3
        ).map(lambda fields: Wish(blocks=(block,), fields={block: fields}))
    ),
    st.frozensets(st.sampled_from(SERVED), min_size=1).map(lambda b: Wish(blocks=tuple(b))),
)
calls = st.lists(st.tuples(st.booleans(), wishes, st.integers(0, 4)), min_size=2, max_size=6)


def leaves(data, at=""):
    """Every path under which *data* shows a value, without list indices; null shows none."""
    if isinstance(data, list | tuple):
        for item in data:
            yield from leaves(item, at)
    elif isinstance(data, dict) and data:
        for name, value in data.items():
            yield from leaves(value, f"{at}.{name}" if at else name)
    elif at and data is not None and data != {}:
        yield at


class Halting:
    """A connector that answers when its turn in the interleaving has come."""

    def __init__(self, connector, turns):
        self.spec, self._inner, self._turns = connector.spec, connector, turns

    async def fetch(self, operation, query):
        """The inner answer, some turns of the loop later, before and after it is asked."""
        for _ in range(next(self._turns)):
            await asyncio.sleep(0)
        record = await self._inner.fetch(operation, query)
        for _ in range(next(self._turns)):
            await asyncio.sleep(0)
        return record

    async def ping(self):
        """Nothing to ask."""


def interleave(world: World, delays: list[int]) -> None:
    """Let every source answer after the next of *delays*, over and over."""

    def turns():
        while True:
            yield from delays

    order = turns()
    world.desk.sources.by_name = {
        name: msgspec.structs.replace(source, connector=Halting(world.connectors[name], order))
        for name, source in world.desk.sources.by_name.items()
    }


async def asked(world, access, wish, delay):
    """One answer; None where it was refused."""
    for _ in range(delay):
        await asyncio.sleep(0)
    try:
        return await world.desk.answer(access, access.caller, wish)
    except Refused:
        return None


def check(world, access, wish, answered) -> int:
    """Every value in *answered* is one that the purpose allows and *wish* asked for."""
    purpose = world.desk.purposes.get(access.purpose)
    shown = 0
    for name, block in answered.position.blocks.items():
        if not isinstance(block, Fresh | Stale):
            continue
        allowed = frozenset(purpose.blocks[name].fields)
        wanted = wish.fields.get(name) if wish.fields else None
        for path in leaves(msgspec.to_builtins(block.data)):
            shown += 1
            assert covers(allowed, path), (access.purpose, name, path)
            assert wanted is None or covers(wanted, path), (name, path)
    return shown


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    """One desk for all examples, and the loop that it lives in."""
    with asyncio.Runner() as runner:
        opened = a_world(tmp_path_factory.mktemp("world"), FEEDS)
        world = runner.run(opened.__aenter__())
        whole_register(world)
        yield runner, world
        runner.run(opened.__aexit__(None, None, None))


async def together(world, purposes, made):
    """The answers of *made* at once, each with its access and wish."""
    first = await an_access_of(world, purposes[0])
    second = await an_access_of(world, purposes[1], caller=OTHER)
    jobs = [(second if other else first, wish, delay) for other, wish, delay in made]
    jobs.append((first, Wish(), 0))
    answers = await asyncio.gather(*(asked(world, *job) for job in jobs))
    return [(access, wish, got) for (access, wish, _), got in zip(jobs, answers, strict=True)]


EXAMPLES = int(os.environ.get("HUB_INTERLEAVINGS", "60"))
"""`make races` runs ten thousand."""


@settings(max_examples=EXAMPLES)
@given(
    st.lists(st.sampled_from(PURPOSES), min_size=2, max_size=2, unique=True),
    calls,
    st.lists(st.integers(0, 5), min_size=1, max_size=12),
)
def test_no_interleaving_gives_a_purpose_a_field_of_another(standing, purposes, made, delays):
    """Whatever the order of calls and answers, and whatever is shared below."""
    runner, world = standing
    interleave(world, delays)
    *some, last = runner.run(together(world, purposes, made))
    for access, wish, answered in some:
        if answered is not None:
            check(world, access, wish, answered)
    assert check(world, *last) > 0
