"""The verifier: it stands alone, and it finds and names whatever is not as it was written."""

# ruff: noqa: S608 - the statements are the test's own

from __future__ import annotations

import ast
import datetime as dt
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.core.errors import LedgerError
from hub.ledger import verify
from hub.ledger.open import PUBLIC_KEY, open_ledger
from hub.ledger.recorder import LedgerRecorder, entry_of
from hub.ledger.verify import Finding, verify_ledger
from tests.support.builders import NOW
from tests.support.ledgers import ORIGIN, a_ledger, a_sent, an_entry, its_outcome, verified

VERIFIER = Path(verify.__file__)


async def written(folder: Path) -> str:
    """A ledger of 13 records under two checkpoints, after that of the empty log; the last note."""
    async with a_ledger(folder) as ledger:
        recorder = LedgerRecorder(ledger)
        await ledger.append([an_entry(), an_entry("answer", decoded=b"{}")])
        for number in range(5):
            sent = a_sent(source=f"s{number}")
            await recorder.record(sent)
            await recorder.record(its_outcome(sent))
            if number == 2:
                await ledger.checkpoint()
        await recorder.record(a_sent())
        return (await ledger.checkpoint()).note


def changed(folder: Path, *statements: str) -> None:
    """Somebody with write access to the file."""
    db = sqlite3.connect(folder / "ledger.db")
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


async def test_a_ledger_as_it_was_written_has_no_findings(tmp_path: Path) -> None:
    """All is counted, and nothing is found."""
    note = await written(tmp_path)
    report = verified(tmp_path, note)
    assert report.findings == []
    assert report.ok
    assert (report.records, report.covered, report.checkpoints) == (13, 13, 3)
    assert report.without_outcome == 1


async def test_a_live_ledger_can_be_verified(tmp_path: Path) -> None:
    """While the hub writes, the verifier sees one consistent moment of it."""
    async with a_ledger(tmp_path, publish_every_s=0.01) as ledger:
        for number in range(1, 6):
            await ledger.append([an_entry() for _ in range(7)])
            report = verified(tmp_path)
            assert (report.findings, report.records) == ([], number * 7)


def test_it_imports_nothing_but_the_standard_library_and_cryptography() -> None:
    """Neither the hub nor any other package has a part in the verdict."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(VERIFIER.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add((node.module or "").split(".")[0])
    assert names - set(sys.stdlib_module_names) == {"cryptography"}


def ran(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """The command, to its end."""
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


async def test_it_runs_alone_from_another_folder(tmp_path: Path) -> None:
    """A copy of the one file, Python in isolated mode: exit 0, and 1 once a byte is changed."""
    note = await written(tmp_path)
    (alone := tmp_path / "alone").mkdir()
    shutil.copy(VERIFIER, alone / "verify.py")
    (alone / "held.txt").write_text(note, "utf-8")
    command = [sys.executable, "-I", str(alone / "verify.py"), str(tmp_path / "ledger.db")]
    command += ["--key", str(tmp_path / "keys" / PUBLIC_KEY), "--checkpoint"]
    command += [str(alone / "held.txt")]
    run = ran(command, alone)
    assert (run.returncode, run.stderr) == (0, "")
    assert "13 records, 13 under 3 good checkpoints, 1 without outcome: no findings" in run.stdout
    changed(tmp_path, "UPDATE sealed SET data = x'00' WHERE idx = 4")
    run = ran(command, alone)
    assert run.returncode == 1
    assert "FOUND record 4 (sent " in run.stdout
    assert "1 findings" in run.stdout


NEW = '\'access\', \'01NEW\', CAST(\'{"at":1,"format":1,"id":"01NEW","kind":"access"}\' AS BLOB)'
OTHER = "CASE substr({0}, 10, 1) WHEN x'21' THEN x'22' ELSE x'21' END"
FLIP = f"CAST(substr({{0}}, 1, 9) || {OTHER} || substr({{0}}, 11) AS BLOB)"
FORGERIES: dict[str, tuple[str, str]] = {
    "a byte of a header": (
        f"UPDATE leaf SET header = {FLIP.format('header')} WHERE idx = 5",
        "record 5 (outcome ",
    ),
    "a whole header": (
        "UPDATE leaf SET header = (SELECT header FROM leaf WHERE idx = 7) WHERE idx = 5",
        "record 5 (outcome ",
    ),
    "no header": ("UPDATE leaf SET header = x'' WHERE idx = 5", "record 5 (outcome "),
    "the kind of a row": ("UPDATE leaf SET kind = 'denial' WHERE idx = 0", "record 0 (denial "),
    "the id of a row": ("UPDATE leaf SET id = 'other' WHERE idx = 0", "record 0 (access other)"),
    "a byte of a payload": (
        f"UPDATE sealed SET data = {FLIP.format('data')} WHERE idx = 3",
        "record 3 (outcome ",
    ),
    "no payload": ("DELETE FROM sealed WHERE idx = 3", "record 3 (outcome "),
    "a payload of another record": (
        "UPDATE sealed SET data = (SELECT data FROM sealed WHERE idx = 2) WHERE idx = 3",
        "record 3 (outcome ",
    ),
    "a payload of no record": ("INSERT INTO sealed VALUES (99, x'00')", "ledger"),
    "a leaf": (
        f"UPDATE node SET hash = {FLIP.format('hash')} WHERE level = 0 AND idx = 6",
        "record 6",
    ),
    "a node": (
        f"UPDATE node SET hash = {FLIP.format('hash')} WHERE level = 2 AND idx = 1",
        "tree node 2/1 over records 4 to 7",
    ),
    "no node": ("DELETE FROM node WHERE level = 3", "tree node 3/0 over records 0 to 7"),
    "one node more": ("INSERT INTO node VALUES (4, 0, x'00')", "tree node 4/0"),
    "a checkpoint's byte": (
        "UPDATE checkpoint SET note = replace(note, 'hub.test/l', 'hub.test/m') WHERE seq = 1",
        "checkpoint 1",
    ),
    "a checkpoint's size": (
        "UPDATE checkpoint SET note = replace(note, char(10) || '8', char(10) || '9')",
        "checkpoint 2",
    ),
    "the size in a checkpoint's row": (
        "UPDATE checkpoint SET size = 3 WHERE seq = 1",
        "checkpoint 1",
    ),
    "no first checkpoint": ("DELETE FROM checkpoint WHERE seq = 1", "checkpoint 2"),
    "a data key": ("UPDATE data_key SET wrapped = zeroblob(60)", "record 0 (access "),
    "the subject of a data key": ("UPDATE data_key SET subject = 'x'", "record 0 (access "),
    "no data key": ("DELETE FROM data_key", "record 0 (access "),
    "one data key more": (
        "INSERT INTO data_key VALUES ('x', 'x', 'x', 'x', 'x', x'00', 'open')",
        "ledger",
    ),
    "a dropped record": ("DELETE FROM leaf WHERE idx = 5", "record 5"),
    "a dropped first record": ("DELETE FROM leaf WHERE idx = 0", "record 0"),
    "a dropped last record": ("DELETE FROM leaf WHERE idx = 12", "record 12"),
    "an added record": (f"INSERT INTO leaf VALUES (13, {NEW})", "record 13 (access 01NEW)"),
    "a record before the first": (
        f"INSERT INTO leaf VALUES (-1, {NEW})",
        "record -1 (access 01NEW)",
    ),
    "a record far away": (f"INSERT INTO leaf VALUES (99, {NEW})", "record 99 (access 01NEW)"),
    "no list of open exchanges": ("DELETE FROM open_exchange", "ledger"),
    "one open exchange more": ("INSERT INTO open_exchange VALUES ('x', 1)", "ledger"),
    "another origin": ("UPDATE meta SET value = 'x.test' WHERE name = 'origin'", "checkpoint 1"),
    "another format": ("UPDATE meta SET value = '3' WHERE name = 'format'", "ledger"),
    "no table": ("DROP TABLE node", "ledger"),
}


@pytest.mark.parametrize("chunk", [4096, 4], ids=["in one chunk", "over chunks"])
@pytest.mark.parametrize(("statement", "place"), FORGERIES.values(), ids=FORGERIES)
async def test_a_forgery_is_found_where_it_is(
    tmp_path: Path, statement: str, place: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One change to the file, one place named, wherever a chunk of the pass ends."""
    monkeypatch.setattr(verify, "_CHUNK", chunk)
    await written(tmp_path)
    changed(tmp_path, statement)
    report = verified(tmp_path)
    assert any(finding.place.startswith(place) for finding in report.findings), report.findings


async def test_swapped_records_are_both_named(tmp_path: Path) -> None:
    """Two records that changed places are no longer the leaves of theirs."""
    await written(tmp_path)
    changed(
        tmp_path,
        "UPDATE leaf SET idx = -1 WHERE idx = 4",
        "UPDATE leaf SET idx = 4 WHERE idx = 8",
        "UPDATE leaf SET idx = 8 WHERE idx = -1",
    )
    places = " ".join(finding.place for finding in verified(tmp_path).findings)
    assert "record 4 " in places
    assert "record 8 " in places


async def test_an_inserted_record_is_named_though_the_rest_moved_up(tmp_path: Path) -> None:
    """Where something was put in between, the first wrong record is that one."""
    await written(tmp_path)
    changed(
        tmp_path,
        "UPDATE leaf SET idx = idx + 1000 WHERE idx >= 4",
        "UPDATE leaf SET idx = idx - 999 WHERE idx >= 1000",
        f"INSERT INTO leaf VALUES (4, {NEW})",
    )
    findings = verified(tmp_path).findings
    assert findings[0].place == "record 4 (access 01NEW)"


async def test_an_outcome_before_its_sent_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a faulty writer let pass, the order of an exchange is judged by the records."""
    sent = a_sent()
    async with a_ledger(tmp_path) as ledger:
        monkeypatch.setattr("hub.ledger.batch._pair", lambda *_: None)
        await ledger.append([an_entry(), entry_of(its_outcome(sent)), entry_of(sent)])
    report = verified(tmp_path)
    assert report.findings[0] == Finding(
        f"record 1 (outcome {sent.id})", "is an outcome without a sent before it"
    )
    assert report.without_outcome == 1


async def test_an_exchange_that_was_sent_twice_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two requests under one id would leave open which of them an outcome answers."""
    sent = a_sent()
    async with a_ledger(tmp_path) as ledger:
        monkeypatch.setattr("hub.ledger.batch._pair", lambda *_: None)
        changed(tmp_path, "DROP INDEX leaf_by_id")
        await ledger.append([entry_of(sent), entry_of(sent)])
    assert verified(tmp_path).findings[0] == Finding(
        f"record 1 (sent {sent.id})", "was sent before"
    )


async def test_wherever_an_id_stands_in_the_file_a_change_is_seen(tmp_path: Path) -> None:
    """In the row, in the header, in the index that finds it: no copy can be altered unseen."""
    entry = an_entry(id="0123456789ABCDEFGHJKMNPQRS", payload=None)
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([entry])
    raw = (tmp_path / "ledger.db").read_bytes()
    places = [match.start() for match in re.finditer(entry.id.encode(), raw)]
    assert len(places) == 3
    for place in places:
        (tmp_path / "ledger.db").write_bytes(raw[:place] + b"9" + raw[place + 1 :])
        assert not verified(tmp_path).ok


async def test_one_forgery_does_not_hide_another(tmp_path: Path) -> None:
    """Every altered record is named, not only the first."""
    await written(tmp_path)
    flip = f"UPDATE leaf SET header = {FLIP.format('header')} WHERE idx IN (1, 6, 11)"
    changed(tmp_path, flip, f"UPDATE sealed SET data = {FLIP.format('data')} WHERE idx = 8")
    places = [finding.place for finding in verified(tmp_path).findings]
    for index in (1, 6, 8, 11):
        assert any(place.startswith(f"record {index} ") for place in places)


def truncated(folder: Path, size: int) -> None:
    """A ledger cut back to *size* in every table, without a trace inside."""
    changed(
        folder,
        f"DELETE FROM leaf WHERE idx >= {size}",
        f"DELETE FROM sealed WHERE idx >= {size}",
        f"DELETE FROM node WHERE ((idx + 1) << level) > {size}",
        f"DELETE FROM checkpoint WHERE size > {size}",
        "DELETE FROM open_exchange",
    )


async def test_truncation_is_seen_by_whoever_kept_a_checkpoint(tmp_path: Path) -> None:
    """Cut back with care, a log looks whole; the checkpoint kept elsewhere says otherwise."""
    note = await written(tmp_path)
    truncated(tmp_path, 8)
    assert verified(tmp_path).findings == []
    (finding,) = verified(tmp_path, note).findings
    assert finding.place == "outside checkpoint 1"
    assert "truncated or rolled back" in finding.reason


async def test_a_rolled_back_copy_is_seen_by_whoever_kept_a_checkpoint(tmp_path: Path) -> None:
    """An older backup put back verifies by itself, and not against a later checkpoint."""
    await written(tmp_path)
    shutil.copy(tmp_path / "ledger.db", tmp_path / "backup")
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry()])
        later = (await ledger.checkpoint()).note
    shutil.move(tmp_path / "backup", tmp_path / "ledger.db")
    assert verified(tmp_path).findings == []
    assert [finding.place for finding in verified(tmp_path, later).findings] == [
        "outside checkpoint 1"
    ]


async def test_a_fork_is_seen_by_whoever_kept_a_checkpoint(tmp_path: Path) -> None:
    """Another history under the same key verifies by itself, and not against the first one."""
    note = await written(tmp_path)
    truncated(tmp_path, 8)
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry() for _ in range(5)])
    assert verified(tmp_path).findings == []
    (finding,) = verified(tmp_path, note).findings
    assert finding.place == "outside checkpoint 1"
    assert "forked" in finding.reason


async def test_a_rewritten_history_contradicts_its_own_checkpoints(tmp_path: Path) -> None:
    """Without the log key, records and tree can be rewritten, but not what was signed."""
    await written(tmp_path)
    async with a_ledger(tmp_path / "other") as ledger:
        await ledger.append([an_entry() for _ in range(13)])
    changed(
        tmp_path,
        f"ATTACH '{tmp_path / 'other' / 'ledger.db'}' AS other",
        *(
            statement
            for table in ("leaf", "sealed", "node", "data_key", "open_exchange")
            for statement in (
                f"DELETE FROM main.{table}",
                f"INSERT INTO main.{table} SELECT * FROM other.{table}",
            )
        ),
    )
    report = verified(tmp_path)
    assert [finding.place for finding in report.findings] == ["checkpoint 2"]
    assert report.covered == 0


async def spread(folder: Path, seconds: int) -> None:
    """Ten records over *seconds*, under one checkpoint and the one of the empty log."""
    async with a_ledger(folder) as ledger:
        for number in range(10):
            at = NOW + dt.timedelta(seconds=seconds * number / 9)
            await ledger.append([an_entry(at=at)])


TAKEN = {
    "all checkpoints": ("DELETE FROM checkpoint", ["ledger", "records from 0 on"]),
    "all but the first": ("DELETE FROM checkpoint WHERE seq > 1", ["records from 0 on"]),
}


@pytest.mark.parametrize(("statement", "places"), TAKEN.values(), ids=TAKEN)
async def test_checkpoints_that_were_taken_away_are_missed(
    tmp_path: Path, statement: str, places: list[str]
) -> None:
    """Whoever has no key can only take signatures away; a log that grew so long has some. The
    hub signs nothing on top either.
    """
    await spread(tmp_path, 61)
    assert verified(tmp_path).findings == []
    changed(tmp_path, statement)
    assert [finding.place for finding in verified(tmp_path).findings] == places
    with pytest.raises(LedgerError, match="verify before going on"):
        open_ledger(tmp_path / "ledger.db", tmp_path / "keys", origin=ORIGIN)
    assert [finding.place for finding in verified(tmp_path).findings] == places


async def test_what_a_crash_leaves_unsigned_is_none_and_is_signed_at_the_next_opening(
    tmp_path: Path,
) -> None:
    """Up to a minute; before anything follows it, however much later that is."""
    await spread(tmp_path, 60)
    changed(tmp_path, "DELETE FROM checkpoint WHERE seq > 1")
    assert (verified(tmp_path).findings, verified(tmp_path).covered) == ([], 0)
    async with a_ledger(tmp_path) as ledger:
        assert verified(tmp_path).covered == 10
        await ledger.append([an_entry(at=NOW + dt.timedelta(days=1))])
        assert verified(tmp_path).findings == []


async def test_a_foreign_key_does_not_verify(tmp_path: Path) -> None:
    """Checkpoints hold under the log's own key alone."""
    note = await written(tmp_path)
    await written(tmp_path / "other")
    foreign = (tmp_path / "other" / "keys" / PUBLIC_KEY).read_text()
    own = (tmp_path / "keys" / PUBLIC_KEY).read_text()
    report = verify_ledger(tmp_path / "ledger.db", foreign, checkpoints=[note])
    places = [finding.place for finding in report.findings]
    assert places == [*(f"checkpoint {n}" for n in (1, 2, 3)), "outside checkpoint 1"]
    assert report.covered == 0
    assert verify_ledger(tmp_path / "ledger.db", foreign + own).findings == []


NOTES: dict[str, Callable[[str], str]] = {
    "nothing": lambda _: "",
    "text before": lambda note: "x\n" + note,
    "text after": lambda note: note + "x\n",
    "leading zero": lambda note: note.replace("\n13\n", "\n013\n"),
    "no signature": lambda note: note.split("\n\n")[0] + "\n",
    "cut": lambda note: note[:-5],
    "another size": lambda note: note.replace("\n13\n", "\n12\n"),
    "another dash": lambda note: note.replace("—", "-"),
    "bad base64": lambda note: note[:-2] + "\x00\n",
}


@pytest.mark.parametrize("change", NOTES.values(), ids=NOTES)
async def test_an_outside_checkpoint_that_is_none_is_a_finding(
    tmp_path: Path, change: Callable[[str], str]
) -> None:
    """A note that cannot be believed is reported, and the rest is verified all the same."""
    note = await written(tmp_path)
    report = verified(tmp_path, change(note))
    assert [finding.place for finding in report.findings] == ["outside checkpoint 1"]
    assert report.covered == 13


@pytest.mark.parametrize("key", ["", "\n", "x", "a+b+c", "hub.test/ledger+00000000+AQ=="])
async def test_a_key_that_is_none_cannot_verify(tmp_path: Path, key: str) -> None:
    """Without a key there is no verdict, above all not a good one."""
    await written(tmp_path)
    with pytest.raises(ValueError, match=r"key|base64|padding"):
        verify_ledger(tmp_path / "ledger.db", key)


async def test_without_ledger_or_key_the_command_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A verification that did not take place is neither good nor bad: exit 2."""
    await written(tmp_path)
    key, ledger = tmp_path / "keys" / PUBLIC_KEY, tmp_path / "ledger.db"
    assert verify.main([str(tmp_path / "none.db"), "--key", str(key)]) == 2
    assert verify.main([str(ledger), "--key", str(tmp_path / "none.pub")]) == 2
    assert "cannot verify" in capsys.readouterr().err


DAMAGED = {
    "empty": b"",
    "text": b"this is not a database" * 100,
    "header alone": b"SQLite format 3\x00" + bytes(84),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
async def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path, content: bytes) -> None:
    """A damaged file is not verified, and the verifier does not fall over."""
    await written(tmp_path)
    (tmp_path / "ledger.db").write_bytes(content)
    assert [finding.place for finding in verified(tmp_path).findings] == ["ledger"]


async def test_a_hostile_file_without_types_is_a_finding(tmp_path: Path) -> None:
    """Tables remade without types, with values of other kinds: found, not fallen over."""
    await written(tmp_path)
    changed(
        tmp_path,
        "ALTER TABLE leaf RENAME TO was",
        "CREATE TABLE leaf (idx INTEGER PRIMARY KEY, kind, id, header)",
        "INSERT INTO leaf SELECT idx, kind, NULL, CAST(header AS TEXT) FROM was",
        "UPDATE leaf SET header = NULL WHERE idx = 2",
        "UPDATE leaf SET header = 5, kind = x'ff' WHERE idx = 3",
    )
    assert not verified(tmp_path).ok


async def test_findings_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger that is wrong all over does not fill the memory."""
    await written(tmp_path)
    monkeypatch.setattr(verify, "MAX_FINDINGS", 5)
    changed(tmp_path, "UPDATE node SET hash = zeroblob(32)")
    assert len(verified(tmp_path).findings) == 5


async def test_progress_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a large ledger whoever waits sees how far it is."""
    await written(tmp_path)
    monkeypatch.setattr(verify, "_CHUNK", 4)
    monkeypatch.setattr(verify, "_STEP", 4)
    told: list[str] = []
    key = (tmp_path / "keys" / PUBLIC_KEY).read_text()
    verify_ledger(tmp_path / "ledger.db", key, progress=told.append)
    assert told == ["4 records\n", "8 records\n", "12 records\n"]


async def test_a_read_only_copy_can_be_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy on a medium that cannot be written, not even by the superuser, is evidence too."""
    await written(tmp_path)
    monkeypatch.setattr("os.access", lambda *_: False)
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    shutil.copy(tmp_path / "ledger.db", shelf / "ledger.db")
    shelf.chmod(0o500)
    try:
        key = (tmp_path / "keys" / PUBLIC_KEY).read_text()
        assert verify_ledger(shelf / "ledger.db", key).findings == []
    finally:
        shelf.chmod(0o700)


def test_a_finding_reads_as_a_place_and_a_reason() -> None:
    """What is printed can be taken apart again."""
    assert Finding("record 1 (sent x)", "why")._asdict() == {
        "place": "record 1 (sent x)",
        "reason": "why",
    }
