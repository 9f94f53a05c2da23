"""The connector's part of `hub.toml`, and what proves the hub's identity."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from hub.core.secret import Secret

_TOKEN = re.compile(r"[A-Za-z0-9-]{1,40}")
_PARAMETER = re.compile(r"[A-Za-z0-9_]{1,40}")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the hub asks. Raises ValueError for settings that contradict each other."""

    profile: Literal["madrid", "georeport"] = "madrid"
    jurisdiction: str = "es.madrid"
    """Empty where a GeoReport endpoint serves one jurisdiction alone."""
    client_id: str
    app_key: Secret
    page_size: Annotated[int, Meta(ge=1, le=500)] = 100
    request_id_header: str = "X-Request-ID"
    """Header with which the source gives back the id of the request that it answers."""
    format: Literal["json", "xml"] = "json"
    """GeoReport only: what is asked for. XML is the one that the standard requires."""
    account_parameter: str = "account_id"
    """GeoReport only: the parameter that names the owner, and the field of each row."""
    account_key: Secret | None = None
    """GeoReport only: the secret, shared with the source, under which a document number
    becomes an opaque account id (AES-SIV, RFC 5297): no document number stands in a URL."""
    history_days: Annotated[int, Meta(ge=1, le=3650)] = 90
    """GeoReport only: how far back; asked for in periods of 90 days at most."""
    omit_timezone: bool = False
    """GeoReport only: send dates as local time without zone, which some servers demand."""

    def __post_init__(self) -> None:
        if self.profile == "georeport" and self.account_key is None:
            raise ValueError("the georeport profile needs an account_key")
        if not _TOKEN.fullmatch(self.request_id_header):
            raise ValueError("request_id_header is not the name of a header")
        if not _PARAMETER.fullmatch(self.account_parameter):
            raise ValueError("account_parameter is not the name of a parameter")


class AppKey:
    """The technical user's client id and key, in the headers that the real service uses."""

    def __init__(self, settings: Settings) -> None:
        self._headers = {
            "X-CLIENT-ID": settings.client_id,
            "X-APP-KEY": settings.app_key.reveal(),
        }

    async def headers(self) -> Mapping[str, str]:
        """Headers to add to a message; their values never reach the ledger."""
        return self._headers

    async def renew(self) -> bool:
        """False: a key that is refused stays refused until someone configures another."""
        return False
