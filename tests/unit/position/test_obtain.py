"""From memory, together with others, or by asking: each caller gets its own by its deadline."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from hub.core.errors import AccessClosed, LedgerError
from hub.core.exchange import SourceRecord
from hub.core.limits import CacheLimits, SourceLimits
from hub.core.policy import Caller
from hub.position.failure import Failure, Underway
from tests.support.builders import a_query, an_access, an_official_access
from tests.support.scripted import STEPS, World, after
from tests.support.simulated import simulate

OTHER = "99000003E"


async def got(world: World, operation: str = "read", *, short: bool = True, **asked: Any) -> Any:
    """What one caller gets; loosely typed, for a test asserts what it is."""
    return await world.obtainer.obtain(STEPS[operation], a_query(**asked), short=short)


def test_many_who_ask_the_same_ask_once():
    """A hundred requests of one person at the same moment are one call; each names its exchange."""

    async def story():
        world = World()
        answers = await asyncio.gather(*(got(world) for _ in range(100)))
        assert world.asked == ["read"]
        [exchange] = world.recorder.sent
        assert {a.got.exchanges for a in answers} == {(exchange.id,)}
        assert [a.joined for a in answers].count(False) == 1

    simulate(story())


CALLER = an_access().caller
DIFFERENT = {
    "another person": an_access(OTHER),
    "another purpose": an_access(purpose="tax_attention"),
    "another legal basis": an_access(legal_basis="GDPR art. 6.1.c"),
    "another asker": an_access(
        caller=Caller(issuer=CALLER.issuer, subject_id="other", audience="citizen")
    ),
    "another client": an_access(
        caller=Caller(
            issuer=CALLER.issuer,
            subject_id=CALLER.subject_id,
            audience="citizen",
            assurance="substantial",
            document=CALLER.document,
            client="another-portal",
        )
    ),
    "an official": an_official_access(),
    "another case file": an_access(case_file="EI/2026/000002"),
    "other names": an_access(subject_names={"given_name": "ANA"}),
}


@pytest.mark.parametrize("access", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_what_differs_is_never_shared(access):
    """Neither under way nor from memory does an answer cross a person, purpose, basis or asker."""

    async def story():
        world = World()
        number = access.subject.number
        first, second = await asyncio.gather(got(world), got(world, number=number, access=access))
        again = await got(world, number=number, access=access)
        assert len(world.asked) == 2
        assert not second.joined
        assert first.got.exchanges != second.got.exchanges == again.got.exchanges
        assert second.got.payload == {"id": number}

    simulate(story())


def test_a_narrower_wish_does_not_serve_a_wider_one():
    """A connector may ask for no more than is wanted: what was wanted is part of the question."""

    async def story():
        world = World()
        await got(world, wanted={"plain": frozenset({"a"})})
        await got(world, wanted={"plain": frozenset({"a", "b"})})
        await got(world, wanted={"plain": frozenset({"a"}), "else": frozenset({"z"})})
        assert len(world.asked) == 2

    simulate(story())


def test_a_flight_survives_its_leader():
    """Whoever asked first goes away; whoever joined gets the answer."""

    async def story():
        world = World(after(2))
        leader = asyncio.create_task(got(world))
        await asyncio.sleep(0.5)
        follower = asyncio.create_task(got(world))
        await asyncio.sleep(0.5)
        leader.cancel()
        assert isinstance((await follower).got, SourceRecord)
        assert world.asked == ["read"]
        assert len(world.obtainer.flights) == 0

    simulate(story())


def test_an_answer_is_given_again_while_it_is_fresh_and_no_longer():
    """It names the first exchange; then the source is asked anew."""

    async def story():
        world = World()
        first = await got(world)
        await asyncio.sleep(20)
        again = await got(world)
        assert (again.from_cache, again.got) == (True, first.got)
        await asyncio.sleep(20)
        assert not (await got(world)).from_cache
        assert len(world.asked) == 2

    simulate(story())


@pytest.mark.parametrize(("operation", "short"), [("read", False), ("social", True)])
def test_what_may_not_be_kept_is_asked_every_time(operation, short):
    """Under a purpose without cache, and for special categories under any purpose."""

    async def story():
        world = World()
        for _ in range(3):
            assert not (await got(world, operation, short=short)).from_cache
        world.far = after(0.1, 500)
        ill = await got(world, operation, short=short)
        assert (isinstance(ill.got, Failure), ill.instead_of) == (True, None)
        assert len(world.asked) == 4
        assert len(world.obtainer.cache) == 0

    simulate(story())


def test_an_older_answer_stands_in_for_a_source_that_is_ill():
    """It says why, up to its last age; after that there is none."""

    async def story():
        world = World(cache=CacheLimits(fresh_s=10, stale_s=100))
        first = await got(world)
        world.far = after(0.1, 500)
        await asyncio.sleep(50)
        ill = await got(world)
        assert ill.got == first.got
        assert ill.instead_of.reason == "backend_fault"
        await asyncio.sleep(51)
        assert isinstance((await got(world)).got, Failure)

    simulate(story())


def test_an_answer_about_somebody_else_leaves_nothing_standing():
    """A mismatch is shown to nobody, kept by nobody, and no older answer hides it."""

    async def story():
        world = World(cache=CacheLimits(fresh_s=1, stale_s=1000))
        await got(world)
        await asyncio.sleep(2)

        async def confused(request):
            return httpx.Response(200, json={"id": OTHER})

        world.far = confused
        wrong = await got(world)
        assert (wrong.got.reason, wrong.instead_of) == ("identity_mismatch", None)
        assert len(world.obtainer.cache) == 0
        assert world.guard.standing().breaker == "open"

    simulate(story())


def test_a_late_answer_is_there_for_the_next_call():
    """At the deadline it is on its way; it is kept, and the next call asks nobody."""

    async def story():
        world = World(after(3), cache=CacheLimits(fresh_s=0, stale_s=10))
        early = await got(world, seconds=1)
        assert isinstance(early.got, Underway)
        assert early.got.retry_after == 5
        await asyncio.sleep(30)
        next_ = await got(world, seconds=1)
        assert next_.from_cache
        assert world.asked == ["read"]
        assert [o.error for o in world.recorder.outcomes] == [None]

    simulate(story())


def test_a_second_caller_joins_what_is_on_its_way():
    """`pending`, and the call after it, are one exchange."""

    async def story():
        world = World(after(3))
        assert isinstance((await got(world, seconds=1)).got, Underway)
        assert isinstance((await got(world, seconds=4)).got, SourceRecord)
        assert world.asked == ["read"]

    simulate(story())


@pytest.mark.parametrize(("operation", "short"), [("read", False), ("social", True)])
def test_what_may_not_be_kept_ends_with_its_caller(operation, short):
    """At the deadline the call is cut, with its outcome on record, and nothing goes on."""

    async def story():
        world = World(after(5))
        late = await got(world, operation, short=short, seconds=1)
        assert late.got.reason == "timeout"
        assert len(world.obtainer.flights) == 0
        assert [o.error for o in world.recorder.outcomes] in (["timeout"], ["cancelled"])

    simulate(story())


def test_an_act_that_was_sent_is_waited_for_and_its_answer_read_once():
    """The access that asked finds it within 60 s, once; no other access ever does."""

    async def story():
        world = World(after(4))
        access = an_official_access()
        other = an_official_access()
        assert isinstance(
            (await got(world, "act", access=access, short=False, seconds=1)).got, Underway
        )
        await asyncio.sleep(10)
        foreign = asyncio.create_task(got(world, "act", access=other, short=False, seconds=9))
        mine = await got(world, "act", access=access, short=False, seconds=1)
        assert isinstance(mine.got, SourceRecord)
        assert (await foreign).got.exchanges != mine.got.exchanges
        assert world.asked == ["act", "act"]
        assert len(world.obtainer.held) == 0

    simulate(story())


@pytest.mark.parametrize("back_after_s", [0.5, 30])
def test_who_hangs_up_on_an_act_and_comes_back_asks_no_second_time(back_after_s):
    """Whether it is still under way or has landed: the access that asked finds it, once."""

    async def story():
        world, access = World(after(4)), an_official_access()
        caller = asyncio.create_task(got(world, "act", access=access, short=False))
        await asyncio.sleep(1)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        await asyncio.sleep(back_after_s)
        again = await got(world, "act", access=access, short=False, seconds=9)
        assert isinstance(again.got, SourceRecord)
        assert world.asked == ["act"]
        assert len(world.obtainer.held) == 0

    simulate(story())


def test_a_held_answer_is_gone_after_a_minute():
    """Not only unreadable: it is no longer in memory."""

    async def story():
        world = World(after(4))
        access = an_official_access()
        await got(world, "act", access=access, short=False, seconds=1)
        await asyncio.sleep(5)
        assert len(world.obtainer.held) == 1
        await asyncio.sleep(62)
        assert not vars(world.obtainer.held)["_Cache__data"]

    simulate(story())


def test_an_act_that_waits_for_a_place_is_not_sent_after_its_deadline():
    """What has not been sent is cancelled, also where what has been sent is waited for."""

    async def story():
        world = World(after(4), SourceLimits(max_in_flight=1))
        first = asyncio.create_task(
            got(world, "act", access=an_official_access(), short=False, seconds=9)
        )
        await asyncio.sleep(0.1)
        late = await got(world, "act", access=an_official_access(), short=False, seconds=1)
        assert late.got.reason == "timeout"
        await first
        assert world.asked == ["act"]

    simulate(story())


@pytest.mark.parametrize(
    "limits", [SourceLimits(max_background=2), SourceLimits(max_background_per_client=2)]
)
def test_background_work_is_bounded(limits):
    """Per source and per client: the third that nobody waits for is ended, and says so."""

    async def story():
        world = World(after(5), limits)
        numbers = ["99000002K", "99000003E", "99000004T"]
        answers = [
            (await got(world, number=n, access=an_access(n, caller=CALLER), seconds=0.5)).got
            for n in numbers
        ]
        assert [type(answer) for answer in answers] == [Underway, Underway, Failure]
        assert len(world.obtainer.flights) == 2

    simulate(story())


@pytest.mark.parametrize(
    ("limits", "others"),
    [
        (SourceLimits(max_background=2), Failure),
        (SourceLimits(max_background_per_client=2), Underway),
    ],
)
def test_acts_in_the_background_are_bounded_before_they_are_sent(limits, others):
    """The third act that its client will not wait for is not asked; the others land, and it goes."""

    async def story():
        world = World(after(5), limits)
        other = Caller(issuer="https://issuer.test", subject_id="other", audience="official")
        first = an_official_access()

        async def act(access):
            return (await got(world, "act", access=access, short=False, seconds=0.5)).got

        assert [type(await act(a)) for a in (first, an_official_access())] == [Underway] * 2
        refused = await act(an_official_access())
        assert (refused.reason, refused.passing) == ("throttled", True)
        assert world.guard.tally.refused == {"throttled": 1}
        assert isinstance(await act(first), Underway)  # its own is on its way
        assert isinstance(await act(an_official_access(caller=other)), others)
        await asyncio.sleep(10)
        assert isinstance(await act(an_official_access()), Underway)
        assert len(world.asked) == (4 if others is Underway else 3)
        await world.obtainer.aclose()

    simulate(story())


def test_without_background_acts_go_one_at_a_time():
    """Zero cannot mean never: an act is begun when none is left behind."""

    async def story():
        world = World(after(2), SourceLimits(max_background=0, max_background_per_client=0))
        ends = [
            (await got(world, "act", access=an_official_access(), short=False, seconds=1)).got
            for _ in range(2)
        ]
        assert [type(end) for end in ends] == [Underway, Failure]
        await asyncio.sleep(2)
        waited = await got(world, "act", access=an_official_access(), short=False, seconds=4)
        assert isinstance(waited.got, SourceRecord)

    simulate(story())


def test_reads_in_the_background_keep_nobody_from_an_act():
    """Another operation's slowness is not this one's bound."""

    async def story():
        world = World(after(5), SourceLimits(max_background=1, max_background_per_client=1))
        assert isinstance((await got(world, seconds=0.5)).got, Underway)
        act = await got(world, "act", access=an_official_access(), short=False, seconds=9)
        assert isinstance(act.got, SourceRecord)

    simulate(story())


def test_a_source_that_nobody_waits_out_becomes_known_as_slow():
    """Calls cut at the hub's own deadlines, after the source had been slow, open the breaker."""

    async def story():
        world = World(after(60))
        for _ in range(10):
            await got(world, short=False, seconds=3)
        assert world.guard.standing().breaker == "open"
        before = asyncio.get_running_loop().time()
        assert (await got(world, short=False, seconds=3)).got.reason == "circuit_open"
        assert asyncio.get_running_loop().time() == before

    simulate(story())


@pytest.mark.parametrize("seconds", [0.7, 3.0])
def test_operators_see_a_source_that_nobody_waits_out(seconds):
    """However short callers wait: it is failing, of a timeout, and that is what is counted."""

    async def story():
        world = World(after(60))
        for _ in range(3):
            assert (await got(world, short=False, seconds=seconds)).got.reason == "timeout"
        assert world.guard.tally.ended == {("read", "timeout"): 3}
        beat = world.sources.pulse.beats()["x"]
        assert (beat.state, beat.reason) == ("failing", "timeout")

    simulate(story())


def test_waiting_for_a_place_is_no_illness_of_the_source():
    """It answers in a second; who queued for three says nothing about it."""

    async def story():
        limits = SourceLimits(max_in_flight=2, min_in_flight=2, max_background=0)
        world = World(after(1.0), limits)

        async def asks(number: int) -> Any:
            who = Caller(issuer="https://issuer.test", subject_id=str(number), audience="citizen")
            return (await got(world, access=an_access(caller=who), seconds=3.5)).got

        ends = await asyncio.gather(*(asks(number) for number in range(60)))
        assert {type(end) for end in ends} == {SourceRecord, Failure}
        assert world.guard.tally.ended[("read", "timeout")] == 2  # sent in the last half second
        assert world.guard.breaker.opened == 0
        assert world.guard.limit.places == 2

    simulate(story())


def test_without_a_record_there_is_no_answer():
    """A ledger that refuses stops the caller and everybody who joined; nothing was sent."""

    async def story():
        world = World()
        world.recorder.fails = True
        ends = await asyncio.gather(*(got(world) for _ in range(3)), return_exceptions=True)
        assert [type(end) for end in ends] == [LedgerError] * 3
        assert world.asked == []

    simulate(story())


def test_a_closed_access_ends_nobody_elses_question():
    """Who joined the flight of an access that is closed before it is sent asks anew."""

    async def story():
        world = World()
        leading, joining = an_access(), an_access()
        write = world.recorder.record

        async def refuses_the_leader(entry):
            await asyncio.sleep(0.1)
            if entry.origin.access == leading.id:
                raise AccessClosed("the access is closed")
            await write(entry)

        world.recorder.record = refuses_the_leader  # type: ignore[method-assign]
        ends = await asyncio.gather(
            got(world, access=leading), got(world, access=joining), return_exceptions=True
        )
        assert isinstance(ends[0], AccessClosed)
        follower: Any = ends[1]
        assert isinstance(follower.got, SourceRecord)
        assert {entry.origin.access for entry in world.recorder.sent} == {joining.id}

    simulate(story())


def test_closing_ends_what_is_under_way_with_its_outcome():
    """Nothing is left running, and no request is left without an outcome."""

    async def story():
        world = World(after(5))
        await got(world, seconds=1)
        await world.obtainer.aclose()
        assert len(world.obtainer.flights) == 0
        assert [o.error for o in world.recorder.outcomes] == ["cancelled"]
        assert world.guard.limit.in_flight == 0

    simulate(story())


def test_an_erased_person_is_forgotten():
    """What was destroyed or blocked on record is asked for again; others' answers stay."""

    async def story():
        world = World()
        first = await got(world)
        await got(world, number=OTHER, access=an_access(OTHER))
        world.witness.erased |= {*first.got.exchanges}
        again = await got(world)
        assert not again.from_cache
        assert again.got.exchanges != first.got.exchanges
        assert (await got(world, number=OTHER, access=an_access(OTHER))).from_cache
        assert (await got(world)).from_cache

    simulate(story())


def test_an_erased_person_does_not_stand_in_either():
    """Where the source gives nothing, there is nothing."""

    async def story():
        world = World()
        first = await got(world)
        await asyncio.sleep(40)  # no longer fresh
        world.far = after(0.1, status=503)
        assert (await got(world)).from_cache
        world.witness.erased |= {*first.got.exchanges}
        assert isinstance((await got(world)).got, Failure)
        assert len(world.obtainer.cache) == 0

    simulate(story())


def test_a_key_shows_nobody():
    """A key that ends in a log or a traceback names the operation and no person."""

    async def story():
        world = World(after(1))
        task = asyncio.create_task(got(world))
        await asyncio.sleep(0.5)
        [key] = world.obtainer.flights._by_key
        assert repr(key) == "Key('x', 'read')"
        await task

    simulate(story())
