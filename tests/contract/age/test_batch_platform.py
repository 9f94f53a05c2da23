"""What the platform may do with a request: late, lost, refused, spoiled."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from click.testing import CliRunner

from connectors.age.batch_commands import COMMANDS
from hub.bulking.workshop import HubWorkshop
from tests.contract.age.bulk_world import PEOPLE, PROCEDURE, SERVICE, a_bulk_world

SOON = "bulk_wait_s = 0"
WHO = (2, 6, 12)


def left(report, world):
    """How long until it makes sense to go on."""
    assert report.next_at is not None
    return report.next_at - world.clock()


def calls(world):
    """How often each answer was served."""
    return sum(world.platform.asynchronous.served.values())


async def test_the_estimated_time_is_respected(tmp_path, bulk_keys):
    """TiempoEstimadoRespuesta counts in hours, and nobody asks for the answer before."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_slow", hours=48)
        run, report = await world.go(world.order(WHO))
        wait = left(report, world)
        assert dt.timedelta(hours=47, minutes=58) < wait <= dt.timedelta(hours=48)
        world.later(hours=47)
        _, report = await world.go_on(run)
        assert (report.answered, await polls(world, run)) == (0, 0)
        world.later(hours=1)
        _, report = await world.go_on(run)
        assert (report.answered, await polls(world, run)) == (3, 1)


async def polls(world, run):
    """How often the hub asked for the answer."""
    async with world.bench() as bench:
        return sum(job.polls for job in await bench.jobs.jobs(run.id))


async def test_an_answer_that_is_not_ready_brings_a_new_estimate(tmp_path, bulk_keys):
    """State 0002: no transmissions, another time, and the request is not sent again."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_never_ready", hours=5)
        run, report = await world.go(world.order(WHO))
        assert await polls(world, run) == 1
        wait = left(report, world)
        assert dt.timedelta(hours=4, minutes=58) < wait <= dt.timedelta(hours=5)
        world.spoil("")
        world.later(hours=5)
        _, report = await world.go_on(run)
        assert (report.answered, world.asked_twice()) == (3, [])


async def test_without_an_estimate_the_official_client_s_waits_hold(tmp_path, bulk_keys):
    """Five minutes to the first question for the answer, then a day between two."""
    async with a_bulk_world(tmp_path, bulk_keys) as world:
        world.spoil("async_never_ready", hours=0)
        run, report = await world.go(world.order(WHO))
        first = left(report, world)
        assert dt.timedelta(minutes=4) < first <= dt.timedelta(minutes=5)
        world.later(minutes=5)
        _, report = await world.go_on(run)
        assert dt.timedelta(hours=23) < left(report, world) <= dt.timedelta(hours=24)


async def test_a_request_that_is_in_process_for_ever_is_given_up(tmp_path, bulk_keys):
    """After 30 days everybody's answer is on record as missing, and nobody is asked again."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_never_ready", hours=24)
        run, _ = await world.go(world.order(WHO))
        world.later(days=31)
        _, report = await world.go_on(run)
        assert (report.answered, report.failed, report.next_at) == (0, 3, None)
        assert report.reasons == ("timeout",)
        results = await world.results(run)
        assert {r["blocks"]["jobSeeker"]["state"] for r in results.values()} == {"unavailable"}
        assert world.asked_twice() == []


@pytest.mark.parametrize(("how", "served"), [("expired", 0), ("too often", 3)])
async def test_an_answer_that_is_gone_is_not_asked_for_again(tmp_path, bulk_keys, how, served):
    """0208 after ten days, 0225 after too many servings: said on two days, it is over."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_slow", hours=1)
        run, _ = await world.go(world.order(WHO))
        world.spoil("")
        world.later(days=12 if how == "expired" else 1)
        for taken in world.platform.asynchronous._taken.values():
            taken.served = served
        _, report = await world.go_on(run)
        assert (report.answered, left(report, world) > dt.timedelta(hours=23)) == (0, True)
        world.later(days=1)
        _, report = await world.go_on(run)
        assert (report.failed, report.next_at, calls(world)) == (3, None, 0)
        results = await world.results(run)
        assert {r["blocks"]["jobSeeker"]["state"] for r in results.values()} == {"unavailable"}
        assert world.asked_twice() == []


PASSING = [
    *({"code": code} for code in ("0301", "0230", "0401", "0208", "0225", "0244")),
    *({"status": status} for status in (401, 403, 404)),
]


@pytest.mark.parametrize("how", PASSING, ids=lambda how: "-".join(map(str, *how.items())))
async def test_a_refusal_that_passes_costs_nobody_their_answer(tmp_path, bulk_keys, how):
    """Nobody signed it, and the platform has the answers: they are asked for again."""
    async with a_bulk_world(tmp_path, bulk_keys, "bulk_wait_s = 3600") as world:
        run, _ = await world.go(world.order(WHO))
        world.spoil("async_withholds", **how)
        world.later(hours=1)
        _, report = await world.go_on(run)
        assert (report.answered, await polls(world, run)) == (0, 1)
        world.spoil("")
        world.later(days=1)
        _, report = await world.go_on(run)
        assert (report.answered, report.next_at, world.asked_twice()) == (3, None, [])
        results = await world.results(run)
        states = {r["blocks"]["jobSeeker"]["state"] for r in results.values()}
        assert "unavailable" not in states


async def test_a_refusal_that_lasts_ends_when_the_hub_gives_up(tmp_path, bulk_keys):
    """Operators hear of it each time; after 30 days the run is over, and nobody asked again."""
    async with a_bulk_world(tmp_path, bulk_keys, "bulk_wait_s = 3600") as world:
        run, _ = await world.go(world.order(WHO))
        world.spoil("async_withholds", code="0301")
        for days in (1, 1, 31):
            world.later(days=days)
            _, report = await world.go_on(run)
        assert (report.next_at, await polls(world, run), world.asked_twice()) == (None, 2, [])
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
        assert job.failure == "timeout"


async def test_a_claim_that_was_taken_back_counts_no_more(tmp_path, bulk_keys):
    """Gone, says somebody; not ready, signs the platform; gone, says somebody: that is one day."""
    async with a_bulk_world(tmp_path, bulk_keys, "bulk_wait_s = 3600") as world:
        run, _ = await world.go(world.order(WHO))
        for mode in ("async_withholds", "async_never_ready", "async_withholds"):
            world.spoil(mode, code="0208")
            world.later(days=1)
            _, report = await world.go_on(run)
            assert report.next_at is not None
        world.spoil("")
        world.later(days=1)
        _, report = await world.go_on(run)
        assert (report.next_at, world.asked_twice()) == (None, [])
        states = {r["blocks"]["jobSeeker"]["state"] for r in (await world.results(run)).values()}
        assert "unavailable" not in states


async def test_a_store_from_before_is_gone_on_with(tmp_path, bulk_keys):
    """A request under way when the hub was renewed, in rows that knew nothing of lost answers."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_slow", hours=1)
        run, _ = await world.go(world.order(WHO))
        async with world.bench() as bench:
            drop = "ALTER TABLE bulk_job DROP COLUMN gone"
            await bench.jobs.work(lambda db: db.execute(drop))
        world.later(hours=1)
        _, report = await world.go_on(run)
        assert (report.answered, world.asked_twice()) == (3, [])


async def test_a_request_of_unknown_fate_is_found_by_its_number(tmp_path, bulk_keys):
    """Taken, but answered with nonsense: the answer is asked for, and nothing is sent anew."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_breaks")
        run, _ = await world.go(world.order(WHO))
        world.spoil("")
        _, report = await world.go_on(run)
        assert (report.answered, world.asked_twice()) == (3, [])


async def test_a_request_that_never_arrived_is_sent_again_under_its_number(tmp_path, bulk_keys):
    """0244 is no proof that nobody was asked; the same IdPeticion is (0229 refuses a second)."""
    async with a_bulk_world(tmp_path, bulk_keys) as world:
        world.spoil("async_never_arrives")
        run, _ = await world.go(world.order(WHO))
        async with world.bench() as bench:
            (before,) = await bench.jobs.jobs(run.id)
        world.spoil("")
        world.later(minutes=6)
        await world.go_on(run)
        world.later(minutes=6)
        _, report = await world.go_on(run)
        async with world.bench() as bench:
            (after,) = await bench.jobs.jobs(run.id)
        assert (report.answered, after.sendings, world.asked_twice()) == (3, 2, [])
        assert before.request_id == after.request_id


async def test_a_request_that_was_confirmed_and_forgotten_is_not_sent_again(tmp_path, bulk_keys):
    """The platform signed that it had it: to send it again could ask about people twice."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_forgets")
        run, report = await world.go(world.order(WHO))
        assert (report.answered, report.failed) == (0, 0)
        world.later(days=1)
        _, report = await world.go_on(run)
        assert (report.failed, report.next_at) == (3, None)
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
        assert (job.sendings, job.failure) == (1, "backend_fault")


async def test_a_repetition_that_the_platform_refuses_is_waited_for(tmp_path, bulk_keys):
    """0229 after a restart says that the request is there: its answer is collected."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_breaks")
        run, _ = await world.go(world.order(WHO))
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
            await bench.jobs.move(job, "planned", due=0)
        world.spoil("")
        _, report = await world.go_on(run)
        assert (report.answered, world.asked_twice()) == (3, [])


async def test_an_unsigned_word_that_it_is_there_confirms_nothing(tmp_path, bulk_keys):
    """0229 is a fault, which anybody may send: the platform, which never had it, is asked."""
    async with a_bulk_world(tmp_path, bulk_keys) as world:
        world.spoil("async_refuses", code="0229")
        run, _ = await world.go(world.order(WHO))
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
        assert (job.state, job.confirmed) == ("waiting", 0)
        world.spoil("")
        for _ in range(2):  # 0244, and sent again; then its answer
            world.later(minutes=6)
            _, report = await world.go_on(run)
        assert (report.answered, report.next_at) == (3, None)
        assert dict(world.platform.asynchronous.asked) == {PEOPLE.number(i): 1 for i in WHO}


async def test_a_request_that_is_there_and_unheard_of_is_not_sent_for_ever(tmp_path, bulk_keys):
    """Two faults contradict each other: five sendings, then it is gone if that is said again."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_refuses", code="0229")
        run, report = await world.go(world.order(WHO))
        assert dt.timedelta(hours=23) < left(report, world)
        world.later(days=1)
        _, report = await world.go_on(run)
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
        assert (job.sendings, job.failure, report.next_at) == (5, "backend_fault", None)
        assert not world.platform.asynchronous.asked


async def test_a_refused_request_is_over(tmp_path, bulk_keys):
    """0301 is the hub's own fault: on record for everybody, without a second try."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_refuses", code="0301")
        run, report = await world.go(world.order(WHO))
        assert (report.failed, report.next_at, len(world.platform.asynchronous.asked)) == (
            3,
            None,
            0,
        )
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
        assert job.failure == "hub_credentials"


@pytest.mark.parametrize(
    ("mode", "code", "said"),
    [
        ("async_refuses", 69, "0 of 3 answered, 3 without an answer (hub_credentials)\n"),
        ("async_slow", 75, "0 of 3 answered; not before"),
        ("", 0, "3 of 3 answered\n"),
    ],
)
async def test_a_command_ends_with_what_became_of_the_run(tmp_path, bulk_keys, mode, code, said):
    """A script must not take a run that failed for everybody for one that went well."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        order = world.order(WHO)
        (tmp_path / "token").write_text(order.token, "utf-8")
        given = ["request", "--service", SERVICE, "--procedure", PROCEDURE, "--wait", "0"]
        given += ["--file", str(order.file), "--token-file", str(tmp_path / "token")]
        world.spoil(mode)
        workshop = HubWorkshop(world.settings, "age", world.clock)
        done = await asyncio.to_thread(CliRunner().invoke, COMMANDS, given, obj=workshop)
        assert (done.exit_code, said in done.stdout) == (code, True)


async def test_a_repetition_that_is_refused_ends_nothing(tmp_path, bulk_keys):
    """Unheard of and refused, say two faults: the platform has taken it all the same."""
    async with a_bulk_world(tmp_path, bulk_keys, "bulk_wait_s = 3600") as world:
        world.spoil("async_breaks")
        run, _ = await world.go(world.order(WHO))
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
            world.later(hours=2)
            world.spoil("async_withholds", code="0244")
            job = await bench.runner.advance(run, job)
            assert job.state == "planned"
            world.spoil("async_refuses", code="0301")
            job = await bench.runner.advance(run, job)
            assert (job.state, job.sendings) == ("waiting", 2)
        world.later(hours=2)
        world.spoil("")
        _, report = await world.go_on(run)
        assert (report.answered, report.failed, world.asked_twice()) == (3, 0, [])


ITEMS = [
    ("async_missing_item", "schema", 0),
    ("async_second_item", "replay", 1),
    ("async_other_item", "identity_mismatch", 1),
    ("async_surplus_item", None, 1),
]


@pytest.mark.parametrize(("mode", "reason", "events"), ITEMS, ids=[row[0] for row in ITEMS])
async def test_one_spoiled_part_spoils_nobody_else(tmp_path, bulk_keys, mode, reason, events):
    """A part that is missing, doubled or about somebody else is that person's misfortune alone."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil(mode)
        run, report = await world.go(world.order(WHO))
        assert report.answered == 3
        blocks = [r["blocks"]["jobSeeker"] for r in (await world.results(run)).values()]
        states = [block["state"] for block in blocks]
        assert (states[0] == "unavailable") == (reason is not None)
        assert "unavailable" not in states[1:]
        async with world.bench() as bench:
            records = await bench.ledger.records(0, 1000)
        answer = next(r for r in records if r.kind == "answer")
        wanted = [] if reason is None else [f"age/job_seeker: {reason}"]
        assert answer.header["failures"] == wanted
        assert [r.kind for r in records].count("security") == events


@pytest.mark.parametrize("mode", ["async_unsigned", "async_other_request", "tampered_body"])
async def test_an_answer_that_is_not_to_be_believed_shows_nobody_anything(
    tmp_path, bulk_keys, mode
):
    """It is a security event, and the answer is asked for again in its time."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_slow", hours=1)
        run, _ = await world.go(world.order(WHO))
        world.spoil(mode)
        world.later(hours=1)
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
            after = await bench.runner.advance(run, job)
            records = await bench.ledger.records(0, 1000)
        assert after.state == "waiting"
        assert not any(r.kind == "answer" for r in records)
        assert [r.kind for r in records].count("security") == 1
        world.spoil("")
        _, report = await world.go_on(run)
        assert (report.answered, world.asked_twice()) == (3, [])


async def test_no_number_of_a_person_stands_in_clear(tmp_path, bulk_keys):
    """Neither the rows of the run nor the records' headers tell who was asked about."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_slow")
        await world.go(world.order(WHO))
        files = [path.read_bytes() for path in (world.folder / "var").glob("ledger.db*")]
        for index in WHO:
            assert not any(PEOPLE.number(index).encode() in content for content in files)
            surname = PEOPLE.person(index).first_surname.encode()
            assert not any(surname in content for content in files)
