"""Every attack token over a real socket: refused with a problem, and counted."""

from __future__ import annotations

import asyncio
import json
import re

from hub.ledger.open import open_ledger
from hub.settings import Issuer
from tests.support.attacks import ATTACKS, FOREIGN, key_set, signed
from tests.support.hubs import a_hub
from tests.support.raw import raw_server, says

PATH = "/v1/me/position"


def an_issuer(folder):
    """The issuer that the attack tokens speak of."""
    file = folder / "jwks.json"
    file.write_text(key_set(), "utf-8")
    return Issuer(
        issuer="https://i.example",
        audience="hub",
        algorithms=("ES256",),
        jwks_file=file,
        roles=("citizen", "official"),
    )


async def said(base, *lines):
    """Status and body of the answer to a request with these raw header lines; (0, b"") where
    the connection just ends.
    """
    host, port = base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = [b"GET " + PATH.encode() + b" HTTP/1.1", b"Host: x", b"Connection: close", *lines]
    try:
        writer.write(b"\r\n".join(head) + b"\r\n\r\n")
        await writer.drain()
        answer = await reader.read()
    except ConnectionError:
        return 0, b""
    finally:
        writer.close()
    found = re.match(rb"HTTP/1\.1 (\d{3})", answer)
    return int(found.group(1)) if found else 0, answer.partition(b"\r\n\r\n")[2]


def fault_of(text, status, body):
    """What is wrong with the answer to the attack token *text*; None if nothing is."""
    if len(text) > 60_000:  # the HTTP server refuses first
        return None if status == 0 or 400 <= status < 500 else "served"
    problem = json.loads(body)
    if not status == problem["status"] == 401:
        return f"{status}"
    if problem["type"] not in ("/problems/invalid-token", "/problems/missing-token"):
        return str(problem["type"])
    quotes = "99000002" in body.decode() or (len(text) > 20 and text in body.decode())
    return "quotes the token" if quotes else None


async def test_every_attack_token_is_refused_over_the_socket(tmp_path):
    """401 with a problem; where the HTTP server refuses first, a 4xx without one."""
    faults = {}
    async with a_hub(tmp_path, an_issuer(tmp_path)) as served:
        for name, make in ATTACKS.items():
            text = make()
            answer = await said(served.base, b"Authorization: Bearer " + text.encode())
            faults[name] = fault_of(text, *answer)
    assert {name: fault for name, fault in faults.items() if fault} == {}
    assert len(faults) >= 40


GOOD = signed().encode()
LINES = {
    "no header": [],
    "two headers": [b"Authorization: Bearer " + GOOD, b"Authorization: Bearer " + GOOD],
    "two spellings": [b"Authorization: Bearer " + GOOD, b"authorization: Basic eDp5"],
    "another scheme": [b"Authorization: Basic eDp5"],
    "no scheme": [b"Authorization: " + GOOD],
    "two blanks": [b"Authorization: Bearer  " + GOOD],
    "a tab": [b"Authorization: Bearer\t" + GOOD],
    "a list": [b"Authorization: Bearer " + GOOD + b", Bearer " + GOOD],
    "as a parameter": [b"Authorization: Bearer token=" + GOOD],
    "a byte above ASCII": [b"Authorization: Bearer " + GOOD + b"\xf1"],
    "in a cookie": [b"Cookie: access_token=" + GOOD],
    "in another header": [b"X-Forwarded-Authorization: Bearer " + GOOD],
}


async def test_a_good_token_in_the_wrong_place_is_refused(tmp_path):
    """One Authorization header with the scheme Bearer (RFC 6750), and nothing else."""
    statuses = {}
    async with a_hub(tmp_path, an_issuer(tmp_path)) as served:
        for name, lines in LINES.items():
            status, body = await said(served.base, *lines)
            statuses[name] = (status, json.loads(body)["status"])
    assert statuses == dict.fromkeys(LINES, (401, 401))


async def test_a_token_with_a_line_end_or_a_nul_never_becomes_a_caller(tmp_path):
    """The HTTP server refuses it, or the hub does."""
    statuses = set()
    async with a_hub(tmp_path, an_issuer(tmp_path)) as served:
        for middle in (b"\r\n x", b"\x00", b"\n", b"\r", b"\r\nX-Y: "):
            line = b"Authorization: Bearer " + GOOD[:40] + middle + GOOD[40:]
            statuses.add((await said(served.base, line))[0])
    assert statuses <= {0, 400, 401}


async def test_the_same_token_in_the_right_place_is_believed(tmp_path):
    """Else the tests above would show nothing."""
    async with a_hub(tmp_path, an_issuer(tmp_path)) as served:
        status, body = await said(served.base, b"Authorization: Bearer " + GOOD)
    assert (status, json.loads(body)["type"]) == (503, "/problems/nothing-available")


async def test_all_refusals_are_on_record_in_aggregate(tmp_path):
    """Per issuer, reason and minute: hundreds of bad tokens are a handful of records, and
    nothing that a token invents gets into them.
    """
    tokens = [make() for make in ATTACKS.values()]
    tokens = [text for text in tokens if 0 < len(text) < 60_000 and text.isascii()]
    async with a_hub(tmp_path, an_issuer(tmp_path)) as served:
        for _ in range(5):
            for text in tokens:
                await said(served.base, b"Authorization: Bearer " + text.encode())
    ledger = open_ledger(tmp_path / "ledger.db", tmp_path / "keys", origin="hub.test/ledger")
    records = await ledger.records(0, 1000)
    await ledger.close()
    headers = [json.loads(record.leaf) for record in records if record.kind == "refusal"]
    assert len(records) == len(headers) <= 60
    assert sum(header["count"] for header in headers) == 5 * len(tokens)
    assert {header["issuer"] for header in headers} == {"https://i.example", "unknown"}
    assert {"expired", "audience", "signature", "algorithm", "key", "form", "issuer"} <= {
        header["reason"] for header in headers
    }
    assert "other.example" not in json.dumps(headers)


async def test_no_address_that_a_token_names_is_ever_called(tmp_path):
    """Neither `jku`, `x5u`, a key id nor an issuer leads the hub anywhere (S9)."""
    async with raw_server(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")) as canary:
        url = canary.url
        tokens = [
            *(signed(FOREIGN, headers={name: url}) for name in ("jku", "x5u", "kid")),
            signed(FOREIGN, iss=url),
            signed(FOREIGN, headers={"jku": url}, iss=url),
        ]
        async with a_hub(tmp_path, an_issuer(tmp_path)) as served:
            statuses = [
                (await said(served.base, b"Authorization: Bearer " + text.encode()))[0]
                for text in tokens
            ]
    assert statuses == [401] * len(tokens)
    assert canary.connections == 0
