"""Requests about the street that a citizen made (Open311 GeoReport v2)."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from hub.core.model.canonical import Canonical, Code


class ServiceRequest(Canonical, frozen=True):
    """One report or petition about something in the street.

    A request that the city has taken and not yet numbered has a token and no id.
    """

    id: str | None = None
    """The number that the citizen was given and can quote ("código de aviso")."""
    token: str | None = None
    """The source's own key of the request."""
    kind: Code | None = None
    """A fault to be mended (aviso) or something new that is asked for (petición)."""
    service_code: str | None = None
    service_name: str | None = None
    """What it is about, in the source's words: `Farola apagada`."""
    status: Literal["open", "closed"] | None = None
    """Whether the city still works on it; None while it has no status yet."""
    stage: Code | None = None
    """The source's own status, of which `status` is the short form: cancelled, for example."""
    status_label: str | None = None
    """The stage as the source shows it: `En estudio`."""
    status_notes: str | None = None
    """Why it has this status, where the source says so."""
    requested_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None
    """The last change; of a closed request, when it was closed."""
    expected_at: dt.datetime | None = None
    """When the source says that it will be done; estimates that promise nothing are left out."""
    description: str | None = None
    """The citizen's own words, as they wrote them."""
    service_notice: str | None = None
    """What the city says that it will do."""
    agency: str | None = None
    """Who in the city sees to it."""
    address: str | None = None
    postal_code: str | None = None
    latitude: float | None = None
    """Degrees north (WGS 84)."""
    longitude: float | None = None
    """Degrees east (WGS 84)."""
    media_url: str | None = None
    """A picture of it, http or https."""


class ServiceRequests(Canonical, frozen=True):
    """A citizen's own requests, as the source orders them (the newest first)."""

    items: tuple[ServiceRequest, ...]

    @property
    def open_count(self) -> int:
        """How many of them the city still works on."""
        return sum(item.status == "open" for item in self.items)
