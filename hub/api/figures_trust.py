"""How long certificates hold, and what the other ends' clocks say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Protocol

from cryptography import x509
from prometheus_client.core import Metric

from hub.api.figures import gauge
from hub.position.sources import Sources
from hub.wire.transport import FarEnd
from hub.wire.validity import Held, held_as

DAY_S = 86_400
ROOTS = "ledger.delivery.timestamp_roots"


class Peer(Protocol):
    """Somebody at the other end of a connection."""

    @property
    def far_end(self) -> FarEnd:
        """What it last showed of itself."""
        ...


def of_trust(
    sources: Sources,
    peers: Mapping[str, Peer],
    roots: Mapping[str, tuple[x509.Certificate, ...]],
    now: dt.datetime,
) -> Iterator[Metric]:
    """The hub's own certificates, those that it believes, and those that others show it."""
    everybody = {**{name: one.client for name, one in sources.by_name.items()}, **peers}
    yield gauge(
        "hub_certificate_left_days",
        "Days until a certificate ends: of a setting, or the one that a server shows (tls).",
        ["source", "setting", "number", "whose"],
        [*_settings(sources, roots, now), *_shown(everybody, now)],
    )
    yield gauge(
        "hub_clock_ahead_seconds",
        "By how much another clock is ahead of the hub's.",
        ["source"],
        (
            ((name,), peer.far_end.ahead_s)
            for name, peer in everybody.items()
            if peer.far_end.ahead_s is not None
        ),
    )


_Row = tuple[tuple[str, ...], float]


def _settings(
    sources: Sources, roots: Mapping[str, tuple[x509.Certificate, ...]], now: dt.datetime
) -> Iterator[_Row]:
    for name, source in sources.by_name.items():
        yield from (_row(name, held, now) for held in source.certificates)
    for place, certificates in roots.items():
        for number, certificate in enumerate(certificates):
            yield _row(place, held_as(ROOTS, number, certificate), now)


def _row(source: str, held: Held, now: dt.datetime) -> _Row:
    whose = "hub" if held.is_own else "source"
    return (source, held.setting, str(held.number), whose), held.days_left(now)


def _shown(peers: Mapping[str, Peer], now: dt.datetime) -> Iterator[_Row]:
    for name, peer in peers.items():
        if peer.far_end.ends is not None:
            yield (name, "tls", "0", "source"), (peer.far_end.ends - now.timestamp()) / DAY_S
