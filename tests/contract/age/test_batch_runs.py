"""A run from its file to an answer on record for each person."""

from __future__ import annotations

import msgspec
import pytest

from hub.bulking.people import Unusable
from hub.bulking.workshop import begin
from hub.core.document import parse_document
from hub.core.errors import LedgerError, SourceUnavailable
from hub.ledger.bulk_keys import BulkKeys
from hub.position.bulk_records import Fragment
from hub.sandbox import magic
from hub.sandbox.issuer import SandboxIssuer
from tests.contract.age.bulk_world import PEOPLE, a_bulk_world

SOON = "bulk_wait_s = 0"
KINDS = (
    magic.DEFAULT_CITIZEN,
    magic.PROTECTED,
    magic.UNKNOWN_TO_EMPLOYMENT,
    magic.NOT_A_JOB_SEEKER,
)


async def test_everybody_in_a_file_is_asked_about_once_and_answered_for(tmp_path, bulk_keys):
    """One request, one answer; each person's block says what a synchronous one would."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        run, report = await world.go(world.order(KINDS))
        assert (report.people, report.answered, report.next_at) == (4, 4, None)
        asked = world.platform.asynchronous.asked
        assert asked == {PEOPLE.number(index): 1 for index in KINDS}
        results = await world.results(run)
        blocks = [results[row]["blocks"]["jobSeeker"] for row in (2, 3, 4, 5)]
        assert [block["state"] for block in blocks] == ["fresh", "denied", "empty", "fresh"]
        assert blocks[0]["data"]["registered"] is True
        assert blocks[1]["reason"] == "in_person"
        assert await world.states(run) == ["done"]
        assert world.verified().findings == []


async def test_whom_a_register_protects_nobody_asks_about(tmp_path, bulk_keys):
    """The protection register holds for files as for calls: the line is named, nobody asked."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        async with world.bench() as bench:
            registers = bench.desk.door.registers
            person = parse_document(PEOPLE.number(magic.DEFAULT_CITIZEN))
            await registers.enter(registers.new("protection", person, "test", "office"))
        with pytest.raises(Unusable, match="line 2: in_person"):
            await world.go(world.order(KINDS))
        assert world.platform.asynchronous.asked == {}


async def test_who_opposed_the_procedure_s_inquiries_is_not_asked_about(tmp_path, bulk_keys):
    """Whatever a form authorised before: the line is named, and nobody asked."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        async with world.bench() as bench:
            registers = bench.desk.door.registers
            person = parse_document(PEOPLE.number(magic.DEFAULT_CITIZEN))
            entry = registers.new("opposition", person, "test", "citizen")
            await registers.enter(msgspec.structs.replace(entry, purpose="nursery_admission"))
        with pytest.raises(Unusable, match="line 2: opposed"):
            await world.go(world.order(KINDS))
        assert world.platform.asynchronous.asked == {}


async def test_whom_a_register_withholds_before_the_sending_nobody_asks_about(tmp_path, bulk_keys):
    """An entry made after the file was handed in counts too; the others are asked about."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        async with world.bench() as bench:
            run = await begin(bench, world.order(KINDS))
            registers = bench.desk.door.registers
            person = parse_document(PEOPLE.number(magic.DEFAULT_CITIZEN))
            await registers.enter(registers.new("protection", person, "test", "office"))
        await world.go_on(run)
        others = {PEOPLE.number(index): 1 for index in KINDS[1:]}
        assert world.platform.asynchronous.asked == others
        results = await world.results(run)
        assert results[5]["blocks"]["jobSeeker"]["state"] == "fresh"
        assert world.verified().findings == []
        # Her line reads as that of somebody whom the provider protects, to the moment in it.
        hers, theirs = ({**results[n], "subject": "", "access": "", "row": 0} for n in (2, 3))
        assert hers == theirs
        assert hers["blocks"]["jobSeeker"] == {"state": "denied", "reason": "in_person"}


async def test_nobody_s_result_comes_before_the_others(tmp_path, bulk_keys):
    """That a line is there already would say who was never asked about."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_slow", hours=2)
        async with world.bench() as bench:
            run = await begin(bench, world.order(KINDS))
            registers = bench.desk.door.registers
            person = parse_document(PEOPLE.number(magic.DEFAULT_CITIZEN))
            await registers.enter(registers.new("protection", person, "test", "office"))
        await world.go_on(run)
        assert await world.results(run) == {}
        world.later(hours=3)
        await world.go_on(run)
        assert sorted(await world.results(run)) == [2, 3, 4, 5]


async def _sent_and_not_arrived(world, monkeypatch, how):
    """A run whose first sending nobody got: no connection was made, or a proxy was closed."""
    order = world.order(KINDS)
    if how == "never arrived":
        world.spoil("async_never_arrives")
        run, _ = await world.go(order)
        world.spoil("")
        return run

    async def dead(_self, _bulk):
        raise SourceUnavailable("age", "connect_failed", "refused")

    with monkeypatch.context() as patch:
        patch.setattr("connectors.age.batch.AgeBatch.submit", dead)
        run, _ = await world.go(order)
    return run


@pytest.mark.parametrize("how", ["no connection", "never arrived"])
@pytest.mark.parametrize("what", ["protected", "opposed", "closed", "expired"])
async def test_each_sending_looks_anew_at_whom_it_may_ask_about(
    tmp_path, bulk_keys, monkeypatch, how, what
):
    """Between two sendings somebody may come to be withheld, or an access end."""
    async with a_bulk_world(tmp_path, bulk_keys) as world:
        run = await _sent_and_not_arrived(world, monkeypatch, how)
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
            first = (await bench.jobs.items(job.id))[0]
            registers = bench.desk.door.registers
            person = parse_document(PEOPLE.number(magic.DEFAULT_CITIZEN))
            if what == "protected":
                await registers.enter(registers.new("protection", person, "test", "office"))
            elif what == "opposed":
                entry = registers.new("opposition", person, "test", "citizen")
                await registers.enter(msgspec.structs.replace(entry, purpose="nursery_admission"))
            elif what == "closed":
                access = await bench.desk.find_access(first.access)
                assert access is not None
                await bench.desk.closings.close(access, None)
        world.later(hours=9 if what == "expired" else 0, minutes=6)
        await world.go_on(run)
        world.later(minutes=6)
        await world.go_on(run)
        others = {} if what == "expired" else {PEOPLE.number(index): 1 for index in KINDS[1:]}
        assert world.platform.asynchronous.asked == others
        results = await world.results(run)
        reasons = {"protected": "in_person", "opposed": "opposed"}
        if what in reasons:
            withheld = results[2]["blocks"]["jobSeeker"]
            assert withheld == {"state": "denied", "reason": reasons[what]}
        else:
            assert results[2] == {"row": 2, "access": first.access, what: True}
        assert world.verified().findings == []


async def test_whom_a_register_withholds_before_the_answer_is_not_shown(tmp_path, bulk_keys):
    """She was asked about in time; by the time the answer comes she is to come in person."""
    async with a_bulk_world(tmp_path, bulk_keys) as world:
        run, report = await world.go(world.order(KINDS))
        assert report.answered == 0
        async with world.bench() as bench:
            registers = bench.desk.door.registers
            person = parse_document(PEOPLE.number(magic.DEFAULT_CITIZEN))
            await registers.enter(registers.new("protection", person, "test", "office"))
        world.later(hours=1)
        await world.go_on(run)
        assert world.platform.asynchronous.asked == {PEOPLE.number(index): 1 for index in KINDS}
        results = await world.results(run)
        withheld = results[2]["blocks"]["jobSeeker"]
        assert (withheld["state"], withheld["reason"], withheld.get("data")) == (
            "denied",
            "in_person",
            None,
        )
        assert results[5]["blocks"]["jobSeeker"]["state"] == "fresh"
        assert world.verified().findings == []


async def test_more_people_than_a_request_may_hold_become_several(tmp_path, bulk_keys, monkeypatch):
    """The service's own limit is respected; everybody is still asked about once."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        order = world.order(range(2, 9))
        async with world.bench() as bench:
            rules = bench.connector.rules
        small = {n: msgspec.structs.replace(rule, limit=3) for n, rule in rules.items()}
        monkeypatch.setattr("connectors.age.batch.AgeBatch.rules", property(lambda _self: small))
        run, report = await world.go(order)
        assert await world.states(run) == ["done", "done", "done"]
        assert (report.answered, sorted(world.platform.asynchronous.asked.values())) == (7, [1] * 7)


async def test_what_was_sent_and_answered_is_kept_for_each_person_alone(tmp_path, bulk_keys):
    """The fragment holds this person's part of both messages, and nobody else's number."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        run, _ = await world.go(world.order(KINDS))
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
            for index, item in zip(KINDS, await bench.jobs.items(job.id), strict=True):
                payload = await bench.ledger.payload("fragment", item.key)
                fragment = msgspec.msgpack.decode(payload, type=Fragment)
                for text in (fragment.asked or b"", fragment.answered or b""):
                    assert PEOPLE.number(index).encode() in text
                    others = [PEOPLE.number(i).encode() for i in KINDS if i != index]
                    assert not any(other in text for other in others)


async def test_the_raw_bytes_cannot_be_read_once_everybody_has_their_part(tmp_path, bulk_keys):
    """The request's key is gone, from the file and its log too; both exchanges stay on record."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_slow")
        run, _ = await world.go(world.order(KINDS))
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
            read = "SELECT wrapped FROM bulk_key WHERE bulk = ?"
            wrapped = await bench.jobs.work(lambda db: db.execute(read, (job.id,)).fetchone()[0])
        store = world.folder / "var" / "ledger.db"
        assert wrapped in store.read_bytes()
        world.later(hours=49)
        await world.go(world.order(KINDS))
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
            assert job.state == "done"
            record = await bench.ledger.read(job.sent, "sent")
            assert record is not None
            assert PEOPLE.number(KINDS[0]).encode() not in (record.payload or b"")
            with pytest.raises(LedgerError, match="gone"):
                await BulkKeys(bench.jobs, bench.ledger.keys).key(job.id)
            assert (await bench.ledger.read(job.id, "bulk")).header["event"] == "key_destroyed"
            files = [path.read_bytes() for path in store.parent.glob("ledger.db*")]
            assert not any(wrapped in content for content in files)


async def _erase(world, run, index):
    """Destroy a person's data keys, as an erasure does."""
    async with world.bench() as bench:
        (job,) = await bench.jobs.jobs(run.id)
        item = (await bench.jobs.items(job.id))[index]
        access = await bench.ledger.read(item.access, "access")
        who = access.header["subject"]
        await bench.ledger.work(
            lambda db: db.execute("DELETE FROM data_key WHERE subject = ?", (who,))
        )


async def test_one_person_can_be_erased_and_the_others_stay(tmp_path, bulk_keys):
    """After erasure nothing of a batch tells of that person; the rest of it is readable."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        run, _ = await world.go(world.order(KINDS))
        await _erase(world, run, 0)
        results = await world.results(run)
        assert results[2]["erased"] is True
        assert [results[row]["blocks"]["jobSeeker"]["state"] for row in (3, 4, 5)] == [
            "denied",
            "empty",
            "fresh",
        ]


async def test_an_answer_about_somebody_erased_meanwhile_is_dropped(tmp_path, bulk_keys):
    """Late answers after erasure are kept nowhere, and recorded as dropped."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_slow", hours=2)
        run, _ = await world.go(world.order(KINDS))
        await _erase(world, run, 0)
        world.later(hours=3)
        _, report = await world.go_on(run)
        assert report.answered == 4
        assert (await world.results(run))[2]["erased"] is True
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
            first = (await bench.jobs.items(job.id))[0]
            record = await bench.ledger.read(first.key, "answer")
            assert (record.header["dropped"], record.payload) == ("erased", None)
            assert await bench.ledger.read(first.key, "fragment") is None
            count = "SELECT count(*) FROM leaf WHERE kind = 'security'"
            assert await bench.jobs.work(lambda db: db.execute(count).fetchone()[0]) == 0


async def test_the_same_file_is_asked_about_once(tmp_path, bulk_keys):
    """The same order finds its run; only an explicit wish begins another."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        first, _ = await world.go(world.order())
        second, _ = await world.go(world.order())
        assert first == second
        assert world.asked_twice() == []
        third, _ = await world.go(world.order(again=True))
        assert third.id != first.id
        assert set(world.platform.asynchronous.asked.values()) == {2}


async def test_a_run_that_is_not_over_is_never_begun_anew(tmp_path, bulk_keys):
    """Wishing for it again while an answer is due goes on with what there is."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_slow")
        first, _ = await world.go(world.order())
        second, _ = await world.go(world.order(again=True))
        assert (second.id, world.asked_twice()) == (first.id, [])


async def test_two_processes_do_not_work_on_one_ledger(tmp_path, bulk_keys):
    """The second is refused at once, and nothing is sent."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world, world.bench():
        with pytest.raises(LedgerError, match="another process"):
            await world.go(world.order())
    assert not world.platform.asynchronous.asked


async def test_who_does_not_fit_the_form_is_found_before_anybody_is_asked_about(
    tmp_path, bulk_keys
):
    """A person without the surname that the service demands stops the whole file, by its line."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        order = world.order()
        lines = order.file.read_text("utf-8").splitlines()
        cells = lines[3].split(";")
        lines[3] = ";".join([*cells[:2], "", "", *cells[4:]])
        order.file.write_text("\n".join(lines), "utf-8")
        with pytest.raises(Unusable, match="line 4") as caught:
            await world.go(order)
        assert cells[0] not in str(caught.value)
        async with world.bench() as bench:
            assert await bench.ledger.size() == 0
        assert not world.platform.asynchronous.asked


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"procedure": "OTHER"}, "no purpose of yours"),
        ({"operation": "unheard"}, "cannot be asked in bulk"),
        ({"token": "x"}, "the token is refused"),
    ],
)
async def test_an_order_that_is_not_allowed_asks_nobody(tmp_path, bulk_keys, changes, why):
    """Policy and token are those of the API, and come before everything else."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        with pytest.raises(Unusable, match=why):
            await world.go(world.order(**changes))
        assert not world.platform.asynchronous.asked


async def test_a_citizen_gives_no_orders(tmp_path, bulk_keys):
    """Asking about a file of people takes an official's token."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        token = SandboxIssuer(bulk_keys).token("citizen", PEOPLE.person(2))
        with pytest.raises(Unusable, match="not an official's"):
            await world.go(world.order(token=token))


async def test_people_without_a_stated_consent_are_not_asked_about(tmp_path, bulk_keys):
    """What the purpose demands of an access, it demands of every line."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        order = world.order()
        text = order.file.read_text("utf-8").replace(";given\n", ";\n", 1)
        order.file.write_text(text, "utf-8")
        with pytest.raises(Unusable, match="line 2, consent"):
            await world.go(order)


async def test_every_exchange_is_recorded_as_always(tmp_path, bulk_keys):
    """Each message is a Sent and an Outcome that name the bulk request, and no person."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        run, _ = await world.go(world.order(KINDS))
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
            records = await bench.ledger.records(0, 1000)
        halves = [r for r in records if r.kind in ("sent", "outcome")]
        assert [r.kind for r in halves] == ["sent", "outcome"] * 2
        assert {r.header["bulk"] for r in halves} == {job.id}
        assert not any("subject" in r.header for r in halves)
        kinds = [r.kind for r in records]
        assert kinds.index("access") < kinds.index("sent")
        answers = [r for r in records if r.kind == "answer"]
        first = answers[0].header["blocks"]["jobSeeker"]["provenance"]["exchanges"]
        assert first == [halves[0].id, halves[2].id]


async def test_nobody_is_asked_about_under_an_access_that_was_closed_before(tmp_path, bulk_keys):
    """A closed access stops its person's question and nobody else's."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        async with world.bench() as bench:
            run = await begin(bench, world.order(KINDS))
            (job,) = await bench.jobs.jobs(run.id)
            first = (await bench.jobs.items(job.id))[0]
            access = await bench.desk.find_access(first.access)
            assert access is not None
            await bench.desk.closings.close(access, None)
        _, report = await world.go_on(run)
        assert report.answered == 4
        asked = set(world.platform.asynchronous.asked)
        assert asked == {PEOPLE.number(index) for index in KINDS[1:]}
        results = await world.results(run)
        assert results[2]["closed"] is True
        assert results[5]["blocks"]["jobSeeker"]["state"] == "fresh"


@pytest.mark.parametrize("when", ["before the answer", "after the answer"])
async def test_nobody_is_shown_an_answer_under_an_access_that_was_closed(tmp_path, bulk_keys, when):
    """What was asked stays on record; of the answer nobody is shown anything."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        world.spoil("async_slow", hours=1)
        run, _ = await world.go(world.order(KINDS))
        if when == "after the answer":
            world.later(hours=2)
            await world.go_on(run)
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
            first = (await bench.jobs.items(job.id))[0]
            access = await bench.desk.find_access(first.access)
            assert access is not None
            await bench.desk.closings.close(access, None)
        world.later(hours=2)
        await world.go_on(run)
        results = await world.results(run)
        assert results[2] == {"row": 2, "access": first.access, "closed": True}
        assert results[5]["blocks"]["jobSeeker"]["state"] == "fresh"
        async with world.bench() as bench:
            payload = await bench.ledger.payload("fragment", first.key)
            fragment = msgspec.msgpack.decode(payload, type=Fragment)
            assert PEOPLE.number(KINDS[0]).encode() in (fragment.answered or b"")
        assert world.verified().findings == []
