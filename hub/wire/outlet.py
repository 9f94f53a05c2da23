"""Where a message is made and leaves: relative to one address, through the recording transport.

httpx's client does more than the hub wants of it (redirects, authentication, cookies, merged
settings), and that costs as much as sending. So a message goes straight to the transport below
it; only a source that keeps cookies goes through the client, which holds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import httpx

from hub.wire.recording import RecordingTransport

_USUAL = {"accept": "*/*", "connection": "keep-alive"}
_CONSTANT_PATHS = 256


class Outlet:
    """The way out of one source. *http* owns the address, the cookies and the connections."""

    def __init__(
        self, http: httpx.AsyncClient, transport: RecordingTransport, *, keeps_cookies: bool
    ) -> None:
        self._http, self._transport, self._keeps_cookies = http, transport, keeps_cookies

    @property
    def base_url(self) -> str:
        """The configured address, with a final slash."""
        return str(self._http.base_url)

    async def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: bytes | None,
        extensions: dict[str, Any],
    ) -> httpx.Response:
        """The whole answer to one message; header names are lower case. Raises SourceError."""
        if self._keeps_cookies:
            request = self._http.build_request(
                method, path, headers=headers, content=content, extensions=extensions
            )
            return await self._http.send(request)
        url = self._address(path)
        request = httpx.Request(
            method, url, headers={**_USUAL, **headers}, content=content, extensions=extensions
        )
        return await self._transport.handle_async_request(request)

    def _address(self, path: str) -> httpx.URL:
        """*path* below the address, or itself where it is whole (the transport checks it).

        One without any digit cannot hold a number of anybody's, so that it may be remembered.
        """
        constant = path.isascii() and not any(character.isdigit() for character in path)
        return (_remembered if constant else _below)(self._http.base_url, path)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()


def _below(base: httpx.URL, path: str) -> httpx.URL:
    url = httpx.URL(path)
    if not url.is_relative_url:
        return url
    return base.copy_with(raw_path=base.raw_path + url.raw_path.lstrip(b"/"))


_remembered = lru_cache(_CONSTANT_PATHS)(_below)
