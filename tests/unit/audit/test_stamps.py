"""The moment of exported records is proved by what an authority outside stamped."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest
from rfc3161_client import decode_timestamp_response

from hub.audit.bundle import Export
from hub.audit.library import Library
from hub.audit.stamps import stamp_of
from hub.audit.verify_bundle import _extends, _stamped, main, moments, verify_bundle
from hub.core.errors import LedgerError
from hub.core.model import BLOCKS
from hub.ledger.delivery import Authority, Delivery, load_roots
from hub.ledger.lifecycle import Why, block
from hub.ledger.merkle import EMPTY_ROOT, consistency_proof, grow, leaf_hash, root_at
from tests.support.authority import OpensslAuthority, run
from tests.support.builders import NOW
from tests.support.ledgers import a_ledger, an_entry
from tests.unit.audit.test_bundle import DAY, key_of, rewritten

NOTE, TOKEN = "timestamps/000000000005.txt", "timestamps/000000000005.tsr"
PROOF = "consistency/000000000005-000000000012.json"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """One authority for all."""
    return OpensslAuthority(tmp_path_factory.mktemp("outside") / "tsa")


async def delivered(ledger, authority, *, works=True):
    """Have the head stamped, or fail to."""

    async def post(body, media_type):
        if not works:
            raise LedgerError("the authority does not answer")
        return authority.answer(body, media_type)[1]

    place = Authority(post, load_roots(authority.pem))
    await Delivery(ledger, [place], 300).once()


async def grown(ledger, records):
    """So many more records."""
    await ledger.append([an_entry() for _ in range(records)])


async def exported(ledger, first, count):
    """A bundle with the headers of some records."""
    bundle = Export(ledger, Library(ledger, BLOCKS), NOW)
    bundle.add_headers(await ledger.records(first, count))
    return await bundle.finish(NOW + DAY, None)


@pytest.fixture
async def bundle(tmp_path, authority):
    """Records 1 to 3 out of twelve; heads of 5 and of 10 were stamped."""
    async with a_ledger(tmp_path / "hub") as ledger:
        for records in (5, 4):
            await grown(ledger, records)
            await delivered(ledger, authority)
        await grown(ledger, 1)
        (tmp_path / "bundle.zip").write_bytes(await exported(ledger, 1, 3))
    shutil.copy(tmp_path / "hub" / "keys" / "log.pub", tmp_path / "log.pub")
    return tmp_path / "bundle.zip"


def test_a_stranger_proves_when_the_records_were_there(bundle, authority, tmp_path):
    """The bundle's own verifier under `python -I`, then the command of openssl that it prints."""
    out = tmp_path / "out"
    with zipfile.ZipFile(bundle) as file:
        file.extractall(out)
        assert {NOTE, TOKEN, PROOF} <= set(file.namelist())
        readme, summary = file.read("README.txt").decode(), file.read("summary.html").decode()
    command = [sys.executable, "-I", str(out / "verify_bundle.py"), str(bundle)]
    command += ["--key", str(tmp_path / "log.pub")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "the log had 5 records, all but 0 of the 3 in the bundle among them" in done.stdout
    printed = f"openssl ts -verify -data {NOTE} -in {TOKEN} -CAfile AUTHORITY.pem"
    assert printed in done.stdout
    assert printed in summary
    assert printed.replace("000000000005", "SIZE") in readme
    shutil.copy(authority.pem, out / "AUTHORITY.pem")
    run(printed, out)
    (out / NOTE).write_bytes((out / NOTE).read_bytes() + b"\n")
    with pytest.raises(subprocess.CalledProcessError):
        run(printed, out)


async def test_a_bundle_without_time_stamp_is_valid_and_says_so(tmp_path, capsys):
    """By its verifier and by its summary."""
    async with a_ledger(tmp_path) as ledger:
        await grown(ledger, 3)
        (tmp_path / "bundle.zip").write_bytes(await exported(ledger, 0, 3))
    command = [str(tmp_path / "bundle.zip"), "--key", str(tmp_path / "keys" / "log.pub")]
    assert main(command) == 0
    assert "no time-stamp: nobody outside says when" in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "bundle.zip") as file:
        assert not [n for n in file.namelist() if n.startswith(("timestamps/", "consistency/"))]


async def test_the_first_time_stamp_that_covers_all_is_taken(tmp_path, authority):
    """Else the last that covers some; a failed delivery, or one of later records, is none."""
    async with a_ledger(tmp_path) as ledger:
        await grown(ledger, 2)
        await delivered(ledger, authority, works=False)
        assert await stamp_of(ledger, 0, 1) is None
        for _ in range(3):
            await grown(ledger, 1)
            await delivered(ledger, authority)
        await grown(ledger, 2)
        sizes = {}
        for first, last in ((0, 1), (3, 4), (4, 6), (0, 9), (7, 8), (8, 10)):
            stamp = await stamp_of(ledger, first, last)
            sizes[first, last] = None if stamp is None else stamp.head.size
    assert [*sizes.values()] == [4, 6, 8, 8, 8, None]


async def test_a_bundle_says_what_its_time_stamp_does_not_cover(tmp_path, authority):
    """Records that were written since the last delivery."""
    async with a_ledger(tmp_path) as ledger:
        await grown(ledger, 2)
        await delivered(ledger, authority)
        await grown(ledger, 2)
        (tmp_path / "bundle.zip").write_bytes(await exported(ledger, 1, 4))
    key = (tmp_path / "keys" / "log.pub").read_text("utf-8")
    assert verify_bundle(tmp_path / "bundle.zip", key) == []
    [told] = moments(tmp_path / "bundle.zip")
    assert "the log had 2 records, all but 3 of the 4 in the bundle among them" in told


@pytest.mark.parametrize("lost", ["blocked", "note", "junk"])
async def test_a_time_stamp_that_cannot_be_shown_is_passed_over(tmp_path, authority, lost):
    """The next one is taken."""

    def keys(db):
        return [row[0] for row in db.execute("SELECT id FROM data_key")]

    async with a_ledger(tmp_path) as ledger:
        await grown(ledger, 1)
        if lost == "junk":
            header = {"source": "timestamp", "size": 1, "root": ""}
            await ledger.append(
                [an_entry("delivery", header=header, subject=None, retention="technical")]
            )
        else:
            await delivered(ledger, authority)
        if lost == "blocked":
            await block(ledger, await ledger.query(keys), Why(by="archive", ground="end_of_use"))
        if lost == "note":
            await ledger.work(lambda db: db.execute("DELETE FROM checkpoint WHERE size = 1"))
        await grown(ledger, 1)
        await delivered(ledger, authority)
        stamp = await stamp_of(ledger, 0, 0)
    assert stamp is not None
    assert stamp.head.size > 1


def without(name):
    """Take a file out."""
    return lambda files: files.pop(name)


def with_(name, change):
    """Change a file's bytes, or put it there."""

    def changed(files):
        files[name] = change(files.get(name, b""))

    return changed


def moved(old, new):
    """Give a file another name."""

    def changed(files):
        files[new] = files.pop(old)

    return changed


CHANGES = {
    "a junk token": (with_(TOKEN, lambda _: b"junk"), TOKEN, "is not a time-stamp"),
    "no token in it": (with_(TOKEN, lambda _: b""), TOKEN, "is not a time-stamp"),
    "half a token": (with_(TOKEN, lambda raw: raw[:900]), TOKEN, "is not a time-stamp"),
    "more after it": (with_(TOKEN, lambda raw: raw + b"\x05\x00"), TOKEN, "is not a time-stamp"),
    "refused": (
        with_(TOKEN, lambda raw: raw.replace(b"\x02\x01\x00", b"\x02\x01\x02", 1)),
        *(TOKEN, "is not a time-stamp"),
    ),
    "no token": (without(TOKEN), NOTE, "the time-stamp of this note is missing"),
    "no note": (without(NOTE), TOKEN, "the note that it stamps is missing"),
    "neither": (with_("timestamps/x.pem", lambda _: b"x"), "timestamps/x.pem", "is neither"),
    "no proof": (without(PROOF), PROOF, "the proof between two heads is missing"),
    "a proof too much": (
        with_("consistency/1-2.json", lambda _: b"{}"),
        *("consistency/1-2.json", "does not stand between"),
    ),
    "a junk proof": (with_(PROOF, lambda _: b"{"), PROOF, "cannot be read"),
    "an empty proof": (
        with_(PROOF, lambda _: b'{"first":5,"second":12,"path":[]}'),
        *(PROOF, "does not prove"),
    ),
    "a proof of others": (
        with_(PROOF, lambda raw: raw.replace(b'"first":5', b'"first":4')),
        *(PROOF, "stands under other numbers"),
    ),
    "a note that was altered": (
        with_(NOTE, lambda raw: raw.replace(b"\n5\n", b"\n6\n")),
        *(NOTE, "signature does not verify"),
    ),
    "a note of other bytes": (with_(NOTE, lambda raw: raw + b"\n"), NOTE, "is not a checkpoint"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_does_not_hold_is_a_finding_about_its_file(bundle, case):
    """With a manifest made to fit."""
    change, name, why = CHANGES[case]
    assert verify_bundle(bundle, key_of(bundle)) == []
    findings = verify_bundle(rewritten(bundle, change), key_of(bundle))
    assert any(one.startswith(f"{name}: ") and why in one for one in findings), findings


def test_the_token_of_another_note_is_found(bundle):
    """Another head of this log under the token, with names made to fit."""

    def change(files):
        files["timestamps/000000000012.txt"] = files["checkpoints/000000000012.txt"]
        files["timestamps/000000000012.tsr"] = files.pop(TOKEN)
        del files[NOTE], files[PROOF]

    [finding] = verify_bundle(rewritten(bundle, change), key_of(bundle))
    assert finding.endswith("is a time-stamp of something else than its note")


def test_a_note_under_another_number_is_found(bundle):
    """What the verifier prints about a size is that of the note."""

    def change(files):
        for ending in ("txt", "tsr"):
            moved(f"timestamps/000000000005.{ending}", f"timestamps/7.{ending}")(files)

    [finding] = verify_bundle(rewritten(bundle, change), key_of(bundle))
    assert finding == "timestamps/7.txt: stands under another number than its own"


def test_a_token_reads_as_another_decoder_reads_it_or_not_at_all(bundle):
    """Bits flipped at random in it: never another digest than a full decoder sees."""
    with zipfile.ZipFile(bundle) as file:
        pristine = file.read(TOKEN)
    assert (
        _stamped(pristine)[0]
        == decode_timestamp_response(pristine).tst_info.message_imprint.message
    )
    chance, refused = random.Random(9), 0
    for _ in range(2000):
        raw = bytearray(pristine)
        raw[chance.randrange(200)] ^= 1 << chance.randrange(8)
        try:
            seen = _stamped(bytes(raw))[0]
            due = decode_timestamp_response(bytes(raw)).tst_info.message_imprint.message
        except ValueError:
            refused += 1
            continue
        assert seen == due
    assert refused > 500


def test_lengths_that_are_not_in_der_are_refused(bundle):
    """The same token with its outermost length spelled longer, or left open; the hub's own
    decoder believes neither.
    """
    with zipfile.ZipFile(bundle) as file:
        raw = file.read(TOKEN)
    assert raw[:2] == b"\x30\x82"
    for head in (b"\x30\x83\x00" + raw[2:4], b"\x30\x80"):
        with pytest.raises(ValueError, match="DER"):
            _stamped(head + raw[4:])
        with pytest.raises(ValueError, match="parse error"):
            decode_timestamp_response(head + raw[4:])


def test_only_a_tree_that_extends_another_is_proved_to():
    """All sizes up to 20, and each proof with a step altered, left out or added."""
    nodes, roots = {}, [EMPTY_ROOT]
    stack: list[bytes] = []
    for size in range(20):
        for level, index, hash_ in grow(size, stack, [leaf_hash(bytes([size]))]):
            nodes[level, index] = hash_
        roots.append(root_at(size + 1, lambda level, index: nodes[level, index]))
    for first, second in ((a, b) for b in range(2, 21) for a in range(1, b)):
        path = list(consistency_proof(first, second, lambda level, index: nodes[level, index]))
        old, new = roots[first], roots[second]
        assert _extends(first, second, path, old, new)
        wrong = [path[:-1], [*path, old], [*path[:-1], old[::-1]]]
        assert not any(_extends(first, second, steps, old, new) for steps in wrong)
        assert not _extends(first, second, path, old[::-1], new)
        assert not _extends(first, second, path, old, new[::-1])
    assert not _extends(0, 5, [roots[5]], EMPTY_ROOT, roots[5])


def test_the_heads_of_a_bundle_are_one_log(bundle):
    """Each has its place between two others, so that a proof runs through all of them."""
    with zipfile.ZipFile(bundle) as file:
        names = file.namelist()
    sizes = {int(Path(n).stem) for n in names if n.startswith(("checkpoints/", "timestamps/"))}
    due = {f"consistency/{a:012}-{b:012}.json" for a, b in pairwise(sorted(sizes))}
    assert due == {n for n in names if n.startswith("consistency/")}
