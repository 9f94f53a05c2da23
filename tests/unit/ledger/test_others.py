"""People in payloads of others: linked to the exchange's own data key, found, held, verified."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hub.core.document import check_letter, parse_document
from hub.core.errors import LedgerError
from hub.ledger.index import index_path
from hub.ledger.lifecycle import Why, block, destroy, hold, keys_of
from hub.ledger.recorder import entry_of
from hub.ledger.retention import Rule
from hub.ledger.sqlite import SqliteLedger
from hub.ledger.store import Entry, Search
from tests.support.builders import NOW
from tests.support.ledgers import SUBJECT, a_ledger, a_sent, an_entry, its_outcome, verified

MEMBER, OTHER = (parse_document(f"{n}{check_letter(n)}") for n in (99000022, 99000021))
RULES = {"citizen": Rule(use_days=0, blocked_days=0)}
ORDER = Why(by="archive", ground="court", order="ORDER-1")


def people(*exchanges: str, **changes: Any) -> Entry:
    """That *exchanges* speak of MEMBER."""
    values: dict[str, Any] = {"others": [MEMBER], "exchanges": exchanges, "payload": None}
    return an_entry("people", **{**values, **changes})


async def exchanged(ledger: SqliteLedger, **changes: Any) -> str:
    """An exchange on record; its id."""
    sent = a_sent()
    entries = [entry_of(sent), entry_of(its_outcome(sent, **changes))]
    await ledger.append(entries)
    return sent.id


async def found(ledger: SqliteLedger, **asked: Any) -> list[tuple[str, str]]:
    """What a search finds, as kind and id."""
    page = await ledger.search(Search(**asked))
    return [(record.kind, record.id) for record in page.items]


async def test_search_finds_the_exchange_whose_answer_names_somebody(tmp_path: Path) -> None:
    """Its outcome beside the record that links it, also in an index that is filled anew."""
    async with a_ledger(tmp_path) as ledger:
        linked, plain = await exchanged(ledger), await exchanged(ledger)
        await ledger.append([people(linked, id="P1")])
        due = [("people", "P1"), ("outcome", linked)]
        assert await found(ledger, subject=MEMBER) == due
        assert await found(ledger, subject=MEMBER, kind="outcome") == due[1:]
        assert ("outcome", plain) in await found(ledger, subject=SUBJECT)
        assert await found(ledger, subject=OTHER) == []
    index_path(tmp_path / "ledger.db").unlink()
    async with a_ledger(tmp_path) as ledger:
        assert await found(ledger, subject=MEMBER) == due
        await ledger.append([people(linked, id="P2")])
        assert await found(ledger, subject=MEMBER) == [("people", "P2"), *due]
    assert verified(tmp_path).findings == []


async def test_the_link_is_to_the_key_that_sealed_the_answer(tmp_path: Path) -> None:
    """A month later the subject has another key; a hold on the member keeps the first."""
    async with a_ledger(tmp_path) as ledger:
        early = await exchanged(ledger)
        (first,) = await keys_of(ledger, SUBJECT)
        await ledger.append([an_entry(at=NOW + dt.timedelta(days=40))])
        await ledger.append([people(early, at=NOW + dt.timedelta(days=40))])
        await hold(ledger, MEMBER, ORDER)
        done = await destroy(ledger, await keys_of(ledger, SUBJECT), ORDER, RULES)
        assert done.refused == {"legal_hold": (first,)}
        assert len(done.keys) == 1
    assert verified(tmp_path).findings == []


async def test_answers_are_open_until_their_own_key_is_blocked_or_destroyed(
    tmp_path: Path,
) -> None:
    """Every one of them must be; a release to a court opens none for use; others are untouched."""
    async with a_ledger(tmp_path) as ledger:
        early = await exchanged(ledger)
        (first,) = await keys_of(ledger, SUBJECT)
        assert await ledger.are_open([early])
        await block(ledger, [first], ORDER)
        late = await exchanged(ledger)
        assert [await ledger.are_open(ids) for ids in ([early], [late], [early, late])] == [
            False,
            True,
            False,
        ]
        await destroy(ledger, await keys_of(ledger, SUBJECT), ORDER, RULES)
        assert not await ledger.are_open([late])
        assert not await ledger.are_open(["NOTHING"])


async def test_destroying_one_leaves_the_others_evidence_alone(tmp_path: Path) -> None:
    """The member's own payload goes; the subject's opens; then the subject's goes, with its links."""
    async with a_ledger(tmp_path) as ledger:
        linked = await exchanged(ledger)
        await ledger.append([people(linked), an_entry(id="OWN", subject=MEMBER)])
        done = await destroy(ledger, await keys_of(ledger, MEMBER), ORDER, RULES)
        assert (len(done.keys), done.elsewhere) == (1, 1)
        assert await ledger.payload("outcome", linked) is not None
        with pytest.raises(LedgerError, match="its data key is gone"):
            await ledger.payload("access", "OWN")
        assert verified(tmp_path).findings == []
        await destroy(ledger, await keys_of(ledger, SUBJECT), ORDER, RULES)
        await ledger.append([people(linked, id="AFTERWARDS")])
        assert (await destroy(ledger, [], ORDER, RULES)).elsewhere == 0
    assert verified(tmp_path).findings == []


REFUSED = {
    "an exchange that is not on record": {"exchanges": ["NOTHING"]},
    "nobody": {"others": []},
    "no exchange": {"exchanges": []},
    "a payload": {"payload": b"x"},
    "another kind": {"kind": "access"},
    "somebody who is no pseudonym": {"others": ["99000022"]},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
async def test_what_does_not_say_who_and_where_is_refused(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    """Nothing of it is written, and its neighbours are."""
    async with a_ledger(tmp_path) as ledger:
        exchange = await exchanged(ledger)
        values: dict[str, Any] = {"kind": "people", "others": [MEMBER], "exchanges": [exchange]}
        with pytest.raises(LedgerError, match="entry:"):
            await ledger.append([an_entry(**{**values, "payload": None, **changes})])
        await ledger.append([people(exchange)])
        assert await ledger.size() == 3
    assert verified(tmp_path).findings == []


async def test_an_exchange_without_answer_names_nobody(tmp_path: Path) -> None:
    """A request that is still out, or that came to nothing, seals no answer."""
    async with a_ledger(tmp_path) as ledger:
        failed = await exchanged(ledger, message=None, status=None, error="timeout")
        open_ = a_sent()
        await ledger.append([entry_of(open_)])
        for id_ in (failed, open_.id):
            with pytest.raises(LedgerError, match="not on record"):
                await ledger.append([people(id_)])


TAMPERED = {
    "a link taken away": "DELETE FROM co_subject",
    "a link to another": "UPDATE co_subject SET subject = 'x'",
    "a link made up": "INSERT INTO co_subject SELECT id, 'x' FROM data_key",
}


@pytest.mark.parametrize("statement", TAMPERED.values(), ids=TAMPERED)
async def test_links_cannot_be_altered_unnoticed(tmp_path: Path, statement: str) -> None:
    """The verifier derives them from the records."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([people(await exchanged(ledger))])
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db, db:
        assert db.execute(statement).rowcount
    reasons = [finding.reason for finding in verified(tmp_path).findings]
    assert reasons == ["the list of people in the payloads of others is not that of the records"]
