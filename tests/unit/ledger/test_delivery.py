"""Checkpoints outside: what arrives, what does not, and what is known of either."""

from __future__ import annotations

import datetime as dt
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from rfc3161_client import decode_timestamp_response

from hub.core.errors import SettingsError
from hub.ledger.checkpoint import open_checkpoint
from hub.ledger.delivery import Authority, Delivery, Folder, Mailbox, Place, load_roots
from hub.ledger.recorder import LedgerRecorder
from hub.ledger.sqlite import SqliteLedger
from hub.ledger.store import Search
from hub.wire.post import PostEndpoint, open_post_endpoint
from tests.support.authority import OpensslAuthority, run
from tests.support.builders import NOW
from tests.support.ledgers import a_ledger, an_entry, verified

Answer = Callable[[bytes, str], tuple[int, bytes]]


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    """A real HTTP server that answers posts; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, content = answer(body, self.headers["content-type"])
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/in"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def endpoint(ledger: SqliteLedger, url: str) -> PostEndpoint:
    """The wire's way to *url*, on record in the ledger itself."""
    return open_post_endpoint("outside", url, LedgerRecorder(ledger))


async def test_without_a_place_there_is_no_outside_copy(tmp_path: Path) -> None:
    """Nothing configured: nothing is claimed."""
    async with a_ledger(tmp_path) as ledger:
        delivery = Delivery(ledger, [], 300)
        await delivery.start()
        assert (delivery.is_outside(), delivery.copies()) == (False, ())
        await delivery.aclose()
        assert await ledger.size() == 0


async def test_a_folder_gets_a_file_per_checkpoint(tmp_path: Path) -> None:
    """What lies there verifies by itself, is never overwritten, and shows a roll-back."""
    (share := tmp_path / "share").mkdir()
    async with a_ledger(tmp_path) as ledger:
        delivery = Delivery(ledger, [Folder(share)], 300)
        await ledger.append([an_entry()])
        (copy,) = await delivery.once()
        assert (copy.place, copy.size, copy.at, copy.error) == ("directory", 1, NOW, None)
        assert delivery.is_outside()
        assert await delivery.once() == (copy,), "what has not grown is not delivered again"
        await ledger.append([an_entry()])
        await delivery.once()
        files = sorted(share.iterdir())
        assert [file.name for file in files] == [
            "checkpoint-000000000001.txt",
            "checkpoint-000000000003.txt",
        ]
        notes = [file.read_text("utf-8") for file in files]
        assert open_checkpoint(notes[0], [ledger.verifier_key]).size == 1
        files[1].write_text("forged", "utf-8")
    assert verified(tmp_path, *notes).findings == []


async def test_another_checkpoint_of_the_size_is_an_error(tmp_path: Path) -> None:
    """A folder in which a fork of this log lies does not take the other side silently."""
    (share := tmp_path / "share").mkdir()
    (share / "checkpoint-000000000001.txt").write_text("of a fork", "utf-8")
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry()])
        (copy,) = await Delivery(ledger, [Folder(share)], 300).once()
        assert copy.error == "another checkpoint of this size lies in the folder"


async def test_a_mailbox_gets_the_note_and_its_answer_is_kept(tmp_path: Path) -> None:
    """POST of the signed note, byte for byte; the acknowledgement is sealed with the record."""
    got: list[tuple[bytes, str]] = []

    def answer(body: bytes, media_type: str) -> tuple[int, bytes]:
        got.append((body, media_type))
        return 200, b"received 7"

    async with a_ledger(tmp_path) as ledger:
        with served(answer) as url:
            way = endpoint(ledger, url)
            await ledger.append([an_entry()])
            (copy,) = await Delivery(ledger, [Mailbox(way.post)], 300).once()
            await way.aclose()
        assert (copy.size, copy.error) == (1, None)
        assert got[0][1] == "text/plain; charset=utf-8"
        assert open_checkpoint(got[0][0].decode(), [ledger.verifier_key]).size == 1
        record = (await ledger.search(Search(kind="delivery"))).items[0]
        assert await ledger.payload("delivery", record.id) == b"received 7"
        kinds = [record.kind for record in await ledger.records(0)]
        assert kinds == ["access", "sent", "outcome", "delivery"]
    assert verified(tmp_path).findings == []


async def test_a_time_stamp_verifies_with_openssl(tmp_path: Path) -> None:
    """The token that is kept proves to somebody else's program when the checkpoint was there."""
    authority = OpensslAuthority(tmp_path / "tsa")
    async with a_ledger(tmp_path) as ledger:
        with served(authority.answer) as url:
            way = endpoint(ledger, url)
            await ledger.append([an_entry()])
            place = Authority(way.post, load_roots(authority.pem))
            (copy,) = await Delivery(ledger, [place], 300).once()
            await way.aclose()
        assert (copy.error, copy.size) == (None, 1)
        record = (await ledger.search(Search(kind="delivery"))).items[0]
        token = await ledger.payload("delivery", record.id)
        note = (await ledger.prove(0)).checkpoint.note  # type: ignore[union-attr]
    assert token is not None
    assert decode_timestamp_response(token).tst_info.policy.dotted_string == "1.2.3.4"
    (authority.folder / "note").write_bytes(note.encode())
    (authority.folder / "kept.tsr").write_bytes(token)
    run("openssl ts -verify -data note -in kept.tsr -CAfile tsa.pem", authority.folder)
    (authority.folder / "note").write_bytes(note.encode() + b"x")
    with pytest.raises(subprocess.CalledProcessError):
        run("openssl ts -verify -data note -in kept.tsr -CAfile tsa.pem", authority.folder)


@pytest.mark.parametrize("case", ["another authority", "a replayed token", "rubbish", "refused"])
async def test_a_time_stamp_that_is_none_is_no_copy(tmp_path: Path, case: str) -> None:
    """A token of somebody else, for something else or none at all is told as a failure."""
    authority = OpensslAuthority(tmp_path / "tsa")
    believed = OpensslAuthority(tmp_path / "other") if case == "another authority" else authority
    old: list[tuple[int, bytes]] = []

    def answer(body: bytes, media_type: str) -> tuple[int, bytes]:
        fresh = authority.answer(body, media_type)
        old.append(fresh)
        return {"a replayed token": old[0], "rubbish": (200, b"x"), "refused": (503, b"")}.get(
            case, fresh
        )

    async with a_ledger(tmp_path) as ledger:
        with served(answer) as url:
            way = endpoint(ledger, url)
            place = Authority(way.post, load_roots(believed.pem))
            delivery = Delivery(ledger, [place], 300)
            await ledger.append([an_entry()])
            await delivery.once()
            await ledger.append([an_entry()])
            (copy,) = await delivery.once()
            await way.aclose()
        assert copy.error is not None
        assert (copy.size is not None) == (case == "a replayed token")
        record = (await ledger.search(Search(kind="delivery"))).items[0]
        assert "error" in record.header
    assert verified(tmp_path).findings == []


async def test_a_place_that_fails_does_not_stop_the_others_and_is_tried_again(
    tmp_path: Path,
) -> None:
    """The share is away: the mailbox still gets its copy; once it is back it gets one too."""
    async with a_ledger(tmp_path) as ledger:
        with served(lambda *_: (200, b"")) as url:
            way = endpoint(ledger, url)
            places: list[Place] = [Folder(tmp_path / "away"), Mailbox(way.post)]
            delivery = Delivery(ledger, places, 300)
            await ledger.append([an_entry()])
            away, there = await delivery.once()
            assert away.error == "the folder cannot be written: No such file or directory"
            assert (there.error, delivery.is_outside()) == (None, True)
            (tmp_path / "away").mkdir()
            await ledger.append([an_entry()])
            back, _ = await delivery.once()
            assert (back.error, back.size) == (None, there.size + 5 if there.size else 0)
            await way.aclose()


async def test_a_copy_grows_old(tmp_path: Path) -> None:
    """What arrived two rounds ago is no longer claimed; after a restart the log remembers it."""
    (share := tmp_path / "share").mkdir()
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry()])
        await Delivery(ledger, [Folder(share)], 300).once()
        again = Delivery(ledger, [Folder(share)], 300)
        assert not again.is_outside()
        await again.start()
        assert again.is_outside()
        ledger._clock = lambda: NOW + dt.timedelta(seconds=601)
        await again.aclose()
        ledger._clock = lambda: NOW + dt.timedelta(seconds=1300)
        assert not again.is_outside()


async def test_a_quiet_night_is_no_alarm(tmp_path: Path) -> None:
    """Nothing new: nothing is delivered, and the copy is as good as on the day it was taken;
    what comes afterwards is not covered by it.
    """
    (share := tmp_path / "share").mkdir()
    async with a_ledger(tmp_path) as ledger:
        with served(lambda *_: (200, b"")) as url:
            way = endpoint(ledger, url)
            places: list[Place] = [Folder(share), Mailbox(way.post)]
            delivery = Delivery(ledger, places, 300, {"outside"})
            await ledger.append([an_entry()])
            copies, size = await delivery.once(), await ledger.size()
            for passed in range(20):
                later = NOW + dt.timedelta(seconds=300 * passed)
                ledger._clock = partial(lambda moment: moment, later)
                assert await delivery.once() == copies
                assert delivery.is_outside()
            assert await ledger.size() == size
            await ledger.append([an_entry()])
            new, _ = await delivery.once()
            assert (new.size, new.at) == (size + 1, NOW + dt.timedelta(seconds=5700))
            await way.aclose()


async def test_a_place_that_failed_is_tried_again_though_nothing_is_new(tmp_path: Path) -> None:
    """It alone, until it takes the head; its failures on record are no news for the others."""
    (share := tmp_path / "share").mkdir()
    status = 503
    async with a_ledger(tmp_path) as ledger:
        with served(lambda *_: (status, b"")) as url:
            way = endpoint(ledger, url)
            places: list[Place] = [Folder(share), Mailbox(way.post)]
            delivery = Delivery(ledger, places, 300, {"outside"})
            await ledger.append([an_entry()])
            for _ in range(30):  # more records about failures than a look back takes at once
                folder, post = await delivery.once()
                assert (folder.size, post.size, post.error is None) == (1, None, False)
            status = 200
            again = Delivery(ledger, places, 300, {"outside"})
            await again.start()
            await again.aclose()
            folder, post = again.copies()
            assert (folder.size, post.error) == (1, None)
            size = await ledger.size()
            assert await again.once() == (folder, post)
            assert await ledger.size() == size
            await way.aclose()


def test_an_authority_without_certificates_cannot_be_configured(tmp_path: Path) -> None:
    """Nobody's time-stamps are believed by default."""
    (tmp_path / "none.pem").write_text("nothing")
    with pytest.raises(SettingsError, match=r"none\.pem"):
        load_roots(tmp_path / "none.pem")
    with pytest.raises(SettingsError, match="no certificate"):
        Authority(None, [])  # type: ignore[arg-type]
