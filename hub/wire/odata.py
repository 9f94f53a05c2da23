"""OData v2 as SAP Gateway speaks it: query text out, rows in; every trap is a SourceError.

Sources: the OData v2 URI and JSON conventions, and what SAP documents of its Gateway. HTTP
200 is not success here: a login form, a firewall's page, Atom and an error in the
`sap-message` header all come with it. Links of the answer are never followed as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct

from hub.core.errors import SourceError, SourceMalformed
from hub.wire.client import Answer, Call
from hub.wire.decode import json_object, refuse_html
from hub.wire.odata_errors import refuse_failure
from hub.wire.offload import beside_the_loop

OK = 200
UNAUTHORIZED = 401

Row = dict[str, Any]

_HEADERS = {
    "accept": "application/json",
    # An empty collection echoes nothing, so it could be a stranger's left-over answer on a
    # pooled connection: each message has a connection of its own.
    "connection": "close",
}
_OWN_OPTIONS = frozenset({"$format", "sap-client", "sap-language"})
_UNESCAPED = "$'()*,;:@!-._~/"


class Limits(Struct, frozen=True, kw_only=True):
    """How much one operation reads before it refuses (`too_large`)."""

    rows: int = 5000
    pages: int = 60


class Page(Struct, frozen=True, kw_only=True):
    """One page of a collection: its rows, `__count` and the link to the following page."""

    rows: list[Row]
    count: int | None = None
    following: str | None = None


def literal(text: str) -> str:
    """*text* as an Edm.String literal: a quote inside is doubled."""
    return "'" + text.replace("'", "''") + "'"


def keyed(entity_set: str, key: str) -> str:
    """The address of one entity, `Set('key')`, relative to the service."""
    return f"{entity_set}({quote(literal(key), safe=_UNESCAPED.replace('/', ''))})"


def query_text(options: Mapping[str, str]) -> str:
    """*options* as a query: literal `$`, blanks as `%20`, since servers read no `%24` or `+`."""
    return "&".join(f"{name}={quote(value, safe=_UNESCAPED)}" for name, value in options.items())


class Reader:
    """Reads entities and collections of one service with the messages of one Call."""

    def __init__(self, call: Call, *, client: str, language: str, limits: Limits) -> None:
        self._call, self._limits = call, limits
        self._client = client
        self._own = {"$format": "json", "sap-client": client, "sap-language": language}
        self._signed_on = self._signed_on_again = False

    async def entity(self, resource: str, options: Mapping[str, str]) -> Row:
        """The single entity at *resource*."""
        answer = await self._get(f"{resource}?{query_text({**options, **self._own})}")
        return await beside_the_loop(len(answer.body), lambda: entity_of(answer))

    async def rows(
        self,
        resource: str,
        options: Mapping[str, str],
        accept: Callable[[Row], Row],
    ) -> list[Row]:
        """Every row of the collection at *resource*, each passed through *accept* on arrival.

        *accept* may raise, so that no further page is asked of a source that sends
        somebody else's rows. Raises SourceMalformed for loops, too much, and too little.
        """
        query = query_text({**options, "$inlinecount": "allpages", **self._own})
        rows: list[Row] = []
        seen = {query}
        promised = 0
        for _ in range(self._limits.pages):
            answer = await self._get(f"{resource}?{query}")
            page = await beside_the_loop(len(answer.body), partial(page_of, answer))
            promised = max(promised, page.count or 0)
            self._refuse_flood(answer, len(rows) + len(page.rows))
            rows.extend(accept(row) for row in page.rows)
            if page.following is None:
                _refuse_lost(answer.source, len(rows), promised)
                return rows
            query = self._rebased(answer, page.following, resource)
            _refuse_loop(answer.source, seen, query, *([repr(page.rows)] if page.rows else []))
        raise SourceMalformed(answer.source, "too_large", f"more than {self._limits.pages} pages")

    async def _get(self, path: str) -> Answer:
        """One message; an expired session is signed on again, once in the operation."""
        answer = await self._call.get(path, _HEADERS)
        if self._lost_session(answer):
            self._signed_on_again = True
            # A cookie line of our own keeps the jar's dead session out of the message.
            fresh = {**_HEADERS, "cookie": f"sap-usercontext=sap-client={self._client}"}
            answer = await self._call.get(path, fresh)
        self._signed_on = True
        return answer

    def _lost_session(self, answer: Answer) -> bool:
        """A page of HTML with 200 is a login form; a 401 only where we were let in before.

        A first 401 is a wrong password, which locks the technical user when repeated.
        """
        if self._signed_on_again:
            return False
        if answer.status == UNAUTHORIZED:
            return self._signed_on
        return answer.status == OK and _is_html(answer)

    def _refuse_flood(self, answer: Answer, rows: int) -> None:
        if rows > self._limits.rows:
            detail = f"more than {self._limits.rows} rows"
            raise SourceMalformed(answer.source, "too_large", detail)

    def _rebased(self, answer: Answer, link: str, resource: str) -> str:
        """The query of *link*, for our own address: its host may be internal, or foreign.

        The link's path must still name *resource*; what it says of format, client and
        language is replaced, since links lose these.
        """
        try:
            parts = urlsplit(link)
        except ValueError:
            raise misfit(answer.source, "$.d.__next") from None
        if unquote(parts.path).rsplit("/", 1)[-1] != resource.rsplit("/", 1)[-1]:
            raise SourceMalformed(answer.source, "malformed", "__next leads to another resource")
        kept = [
            quote(option, safe=_UNESCAPED + "%=+")
            for option in parts.query.split("&")
            if option and unquote(option.partition("=")[0]).lower() not in _OWN_OPTIONS
        ]
        return "&".join([*kept, query_text(self._own)])


def entity_of(answer: Answer) -> Row:
    """The entity in *answer*; SourceMalformed (`schema`) for a collection."""
    body = _data(answer)
    if not isinstance(body, dict) or "results" in body:
        raise misfit(answer.source, "$.d")
    return body


def page_of(answer: Answer) -> Page:
    """The page of rows in *answer*, in the form of version 2 (`d.results`) or 1 (`d`)."""
    return _page(answer.source, _data(answer), "$.d")


def expanded(source: str, entity: Row, name: str) -> list[Row]:
    """The rows of the navigation *name* that was expanded inside *entity*.

    Raises SourceMalformed for one that was not expanded, or that goes on elsewhere.
    """
    page = _page(source, entity.get(name), f"$.d.{name}")
    if page.following is not None:
        raise misfit(source, f"$.d.{name}.__next")
    _refuse_lost(source, len(page.rows), page.count or 0)
    return page.rows


def _data(answer: Answer) -> Any:
    """What stands under `d`, once nothing speaks against reading it."""
    refuse_failure(answer)
    refuse_html(answer)
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise SourceMalformed(answer.source, "malformed", "a content type other than JSON")
    body = json_object(answer)
    if "d" not in body:
        raise misfit(answer.source, "$")
    return body["d"]


def _page(source: str, body: Any, path: str) -> Page:
    if isinstance(body, dict):
        rows = body.get("results")
        count = _count(source, body.get("__count"))
        following = _link(source, body.get("__next"))
        path = f"{path}.results"
    else:
        rows, count, following = body, None, None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise misfit(source, path)
    return Page(rows=rows, count=count, following=following)


def _count(source: str, value: object) -> int | None:
    """`__count`: text in SAP, a number elsewhere, often missing."""
    if value is None or value == "":
        return None
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - nobody has a thousand million rows
        raise misfit(source, "$.d.__count")
    return int(text)


def _link(source: str, value: object) -> str | None:
    """`__next`: text in SAP, `{"uri": …}` elsewhere."""
    if isinstance(value, dict):
        value = value.get("uri", 0)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise misfit(source, "$.d.__next")
    return value


def _refuse_loop(source: str, seen: set[str], *marks: str) -> None:
    """A query that was asked already, or a page that came already, leads nowhere."""
    if not seen.isdisjoint(marks):
        raise SourceMalformed(source, "malformed", "__next leads in a circle")
    seen.update(marks)


def _refuse_lost(source: str, rows: int, promised: int) -> None:
    if rows < promised:
        detail = f"{promised} rows were counted and {rows} came"
        raise SourceMalformed(source, "schema", detail)


def misfit(source: str, path: str) -> SourceMalformed:
    """What is raised for JSON of another shape than the contract's, at *path*."""
    return SourceMalformed(source, "schema", f"another shape at {path}")


def _is_html(answer: Answer) -> bool:
    try:
        refuse_html(answer)
    except SourceError:
        return True
    return False
