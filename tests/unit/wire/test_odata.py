"""OData v2: query text, pages and links."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from hub.core.connector import Echo, Operation, Spec
from hub.core.errors import SourceError, SourceInsecure, SourceMalformed
from hub.wire.client import Answer
from hub.wire.odata import Limits, Page, Reader, expanded, literal, page_of
from tests.support.builders import MemoryRecorder, a_client, a_query

SPEC = Spec(
    name="sap",
    title="",
    owner="",
    operations=(Operation(name="read", echoes=(Echo(path="x"),)),),
    blocks={},
)
Answers = Callable[[httpx.Request], httpx.Response]


def a_reader(answers: Answers, **limits: int) -> tuple[Reader, MemoryRecorder]:
    """A reader in front of a seam that answers with *answers*."""
    recorder = MemoryRecorder()
    transport = httpx.MockTransport(answers)
    client = a_client("sap", "http://sap.test/srv", recorder, transport=transport)
    call = client.call(SPEC, "read", a_query())
    return Reader(call, client="100", language="ES", limits=Limits(**limits)), recorder


def pages(*bodies: object) -> Answers:
    """Answers with the JSON of each body in turn; IndexError beyond the last."""
    rest = list(bodies)

    def answer(_request: httpx.Request) -> httpx.Response:
        body = rest.pop(0)
        return body if isinstance(body, httpx.Response) else httpx.Response(200, json={"d": body})

    return answer


def a_page(body: object) -> Answer:
    """An answer in JSON with *body* under `d`."""
    headers = {"content-type": "application/json"}
    text = json.dumps({"d": body}).encode()
    return Answer(source="sap", status=200, headers=headers, body=text, exchange="x")


def same(row: dict[str, Any]) -> dict[str, Any]:
    """Accepts every row."""
    return row


@pytest.mark.parametrize(
    ("text", "written"),
    [("X", "'X'"), ("O'Donnell", "'O''Donnell'"), ("", "''"), ("''", "''''''")],
    ids=["plain", "quote", "empty", "quotes"],
)
def test_a_quote_in_a_literal_is_doubled(text: str, written: str) -> None:
    """OData v2 section 2.2.2: a quote ends the literal unless it is doubled."""
    assert literal(text) == written


FORMS = [
    pytest.param({"results": [{}]}, Page(rows=[{}]), id="results"),
    pytest.param([{}], Page(rows=[{}]), id="bare"),
    pytest.param({"results": [], "__count": "12"}, Page(rows=[], count=12), id="count-text"),
    pytest.param({"results": [], "__count": 12}, Page(rows=[], count=12), id="count-number"),
    pytest.param({"results": [], "__count": ""}, Page(rows=[]), id="count-blank"),
    pytest.param({"results": [], "__count": None}, Page(rows=[]), id="count-null"),
    pytest.param({"results": [], "__next": "A?b"}, Page(rows=[], following="A?b"), id="next-text"),
    pytest.param(
        {"results": [], "__next": {"uri": "A"}}, Page(rows=[], following="A"), id="next-object"
    ),
    pytest.param({"results": [], "__next": None}, Page(rows=[]), id="next-null"),
    pytest.param({"results": [], "__next": {"uri": ""}}, Page(rows=[]), id="next-blank"),
]


@pytest.mark.parametrize(("body", "page"), FORMS)
def test_every_form_of_a_page_is_read(body: object, page: Page) -> None:
    """Counts are text or numbers, links text or objects, and either may be missing."""
    answer = a_page(body)
    assert page_of(answer) == page


MISFITS = [
    pytest.param({"results": [], "__count": "many"}, id="count-word"),
    pytest.param({"results": [], "__count": -1}, id="count-negative"),
    pytest.param({"results": [], "__count": True}, id="count-boolean"),
    pytest.param({"results": [], "__count": 1.5}, id="count-fraction"),
    pytest.param({"results": [], "__count": "9" * 5000}, id="count-endless"),
    pytest.param({"results": [], "__next": 1}, id="next-number"),
    pytest.param({"results": [], "__next": {}}, id="next-empty-object"),
    pytest.param({"results": [], "__next": ["x"]}, id="next-list"),
    pytest.param({"results": [[]]}, id="rows-of-lists"),
    pytest.param({"results": None}, id="null"),
    pytest.param({"rows": []}, id="other-name"),
    pytest.param("x", id="text"),
]


@pytest.mark.parametrize("body", MISFITS)
def test_another_form_is_refused(body: object) -> None:
    """What is no page is a schema error that names a place."""
    answer = a_page(body)
    with pytest.raises(SourceMalformed) as caught:
        page_of(answer)
    assert caught.value.reason == "schema"


LINKS = [
    pytest.param("http://sap.test/srv/Set?$skiptoken=2", id="same-host"),
    pytest.param("http://internal:8000/other/path/Set?$skiptoken=2", id="internal-host"),
    pytest.param("https://evil.test/Set?$skiptoken=2", id="foreign-host"),
    pytest.param("//evil.test/Set?$skiptoken=2", id="no-scheme"),
    pytest.param("Set?$skiptoken=2", id="relative"),
    pytest.param("../Set?%24skiptoken=2&%24format=atom", id="encoded"),
    pytest.param("Set?$skiptoken=2&sap-client=999&SAP-CLIENT=1&$format=atom#x", id="own-options"),
]


@pytest.mark.parametrize("link", LINKS)
async def test_links_are_followed_at_our_own_address(link: str) -> None:
    """Only the query of a link is used, and format, client and language stay our own."""
    reader, recorder = a_reader(pages({"results": [{"a": 1}], "__next": link}, {"results": []}))
    assert await reader.rows("Set", {}, same) == [{"a": 1}]
    parts = urlsplit(recorder.sent[1].url)
    assert (parts.scheme, parts.netloc, parts.path) == ("http", "sap.test", "/srv/Set")
    options = parse_qsl(parts.query)
    assert sorted(options) == sorted(
        [("$skiptoken", "2"), ("$format", "json"), ("sap-client", "100"), ("sap-language", "ES")]
    )


NOWHERE = [
    pytest.param("http://sap.test/srv/Other?$skiptoken=2", id="other-set"),
    pytest.param("http://sap.test/srv/Set/?$skiptoken=2", id="slash"),
    pytest.param("http://[sap.test/srv/Set?$skiptoken=2", id="not-an-address"),
    pytest.param("?$skiptoken=2", id="no-path"),
    pytest.param("\x00", id="control"),
]


@pytest.mark.parametrize("link", NOWHERE)
async def test_links_to_elsewhere_are_refused(link: str) -> None:
    """A link must lead to the same collection; nothing is sent otherwise."""
    reader, recorder = a_reader(pages({"results": [], "__next": link}))
    with pytest.raises(SourceMalformed):
        await reader.rows("Set", {}, same)
    assert len(recorder.sent) == 1


async def test_a_link_with_odd_characters_stays_one_query() -> None:
    """Blanks, quotes and control characters of a token are escaped, not sent as they are."""
    link = "Set?$skiptoken='a b'\r\nX-Evil: 1\u20ac"
    reader, recorder = a_reader(pages({"results": [{}], "__next": link}, {"results": []}))
    await reader.rows("Set", {}, same)
    assert recorder.sent[1].url.isascii()
    assert not set(recorder.sent[1].url) & set("\r\n ")
    assert not [name for name, _ in recorder.sent[1].message.headers if "evil" in name.lower()]


LOOPS = [
    pytest.param([{"a": 1}], "Set?$skiptoken=2", id="same-link"),
    pytest.param([], "Set?$skiptoken=2", id="same-link-no-rows"),
]


@pytest.mark.parametrize(("rows", "link"), LOOPS)
async def test_a_circle_of_links_is_left(rows: list[Any], link: str) -> None:
    """A link that was followed already is not followed again."""
    body = {"results": rows, "__next": link}
    reader, recorder = a_reader(lambda _: httpx.Response(200, json={"d": body}))
    with pytest.raises(SourceMalformed, match="circle"):
        await reader.rows("Set", {}, same)
    assert len(recorder.sent) == 2


async def test_the_same_page_under_another_link_is_a_circle() -> None:
    """A server that ignores its own token sends the first page for ever."""
    bodies = [{"results": [{"a": 1}], "__next": f"Set?$skiptoken={n}"} for n in range(9)]
    reader, recorder = a_reader(pages(*bodies))
    with pytest.raises(SourceMalformed, match="circle"):
        await reader.rows("Set", {}, same)
    assert len(recorder.sent) == 2


async def test_lost_rows_are_noticed() -> None:
    """Fewer rows than the source counted are no answer; more may have come meanwhile."""
    reader, _ = a_reader(pages({"results": [{"a": 1}], "__count": "2"}))
    with pytest.raises(SourceMalformed, match="2 rows were counted and 1 came"):
        await reader.rows("Set", {}, same)
    reader, _ = a_reader(pages({"results": [{"a": 1}, {"a": 2}], "__count": "1"}))
    assert len(await reader.rows("Set", {}, same)) == 2


@pytest.mark.parametrize("limits", [{"rows": 3}, {"pages": 3}], ids=["rows", "pages"])
async def test_reading_is_bounded(limits: dict[str, int]) -> None:
    """An endless collection ends at the limit of rows or of pages."""
    bodies = [{"results": [{"a": n}], "__next": f"Set?$skiptoken={n}"} for n in range(9)]
    reader, recorder = a_reader(pages(*bodies), **limits)
    with pytest.raises(SourceMalformed) as caught:
        await reader.rows("Set", {}, same)
    assert caught.value.reason == "too_large"
    assert len(recorder.sent) <= 4


async def test_a_refused_row_ends_the_reading() -> None:
    """When a row is not accepted, the following page is not asked for."""

    def refuse(_row: dict[str, Any]) -> dict[str, Any]:
        raise SourceInsecure("sap", "identity_mismatch", "a stranger")

    reader, recorder = a_reader(pages({"results": [{}], "__next": "Set?$skiptoken=2"}))
    with pytest.raises(SourceInsecure):
        await reader.rows("Set", {}, refuse)
    assert len(recorder.sent) == 1


LOGIN = httpx.Response(200, headers={"content-type": "text/html"}, content=b"<html>")


async def test_a_login_form_is_answered_with_a_new_logon() -> None:
    """The message is sent once more without the dead session's cookie."""
    reader, recorder = a_reader(pages(LOGIN, {"results": [{}]}))
    assert await reader.rows("Set", {}, same) == [{}]
    assert "cookie" not in dict(recorder.sent[0].message.headers)
    assert dict(recorder.sent[1].message.headers)["cookie"] == "[credential]"


async def test_a_second_login_form_is_the_end() -> None:
    """One new logon in an operation: a portal in maintenance is not hammered."""
    reader, recorder = a_reader(
        pages({"results": [{}], "__next": "Set?$skiptoken=1"}, LOGIN, LOGIN)
    )
    with pytest.raises(SourceError) as caught:
        await reader.rows("Set", {}, same)
    assert caught.value.reason == "maintenance"
    assert len(recorder.sent) == 3


async def test_a_first_401_is_not_repeated_but_a_later_one_is() -> None:
    """Before anything was let in a 401 is a wrong password; afterwards it is a lost session."""
    refused = httpx.Response(401)
    reader, recorder = a_reader(pages(refused))
    with pytest.raises(SourceError, match="hub_credentials"):
        await reader.rows("Set", {}, same)
    assert len(recorder.sent) == 1
    first = {"results": [{"a": 1}], "__next": "Set?$skiptoken=1"}
    reader, recorder = a_reader(pages(first, refused, {"results": [{"a": 2}]}))
    assert await reader.rows("Set", {}, same) == [{"a": 1}, {"a": 2}]


async def test_an_entity_is_no_collection() -> None:
    """A collection where one entity was asked for is refused."""
    reader, _ = a_reader(pages({"results": []}))
    with pytest.raises(SourceMalformed):
        await reader.entity("Set('x')", {})


def test_an_expanded_navigation_is_whole_or_nothing() -> None:
    """Rows inside an entity are taken only where none of them lies elsewhere."""
    assert expanded("sap", {"N": {"results": [{}]}}, "N") == [{}]
    assert expanded("sap", {"N": [{}]}, "N") == [{}]
    wrongs: tuple[Any, ...] = (
        None,
        {"__deferred": {}},
        {"results": [], "__next": "N"},
        {"results": [], "__count": 1},
    )
    for wrong in wrongs:
        with pytest.raises(SourceMalformed):
            expanded("sap", {"N": wrong}, "N")
