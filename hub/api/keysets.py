"""The keys of an issuer: from a file that stands beside the configuration, or from its URL.

A key set by URL is fetched when a token names a key that the hub does not hold, and now and
then to notice keys that were withdrawn; never more often than every `EVERY_S`, however many
tokens invent key ids. While the issuer cannot be reached, the keys in hand live on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import jwt
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from hub.core.errors import HubError, LedgerError, SettingsError, SourceError

log = structlog.get_logger()

EVERY_S = 30.0
"""A key set is fetched at most once in this time, whether that succeeds or not."""

FRESH_S = 600.0
"""After this time a set is fetched again beside the next request, so that a withdrawn key goes."""

LIVES_S = 86_400.0
"""No key is believed that its issuer has not confirmed for so long."""

MAX_KEYS = 100
MIN_RSA_BITS = 2048

Keys = Mapping[tuple[str, str], jwt.PyJWK]
"""The usable keys by `kid` and algorithm."""

Fetch = Callable[[], Awaitable[bytes]]
"""Gives the bytes of a JWK set (RFC 7517), or raises SourceError or LedgerError."""

_FAMILIES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""What an issuer may sign with: asymmetric, so that whoever verifies cannot sign."""


class KeysUnavailable(HubError):
    """The issuer's keys were never had, or are too old, and cannot be had now."""


class UnusableKeys(HubError):
    """The document is no key set with a key for signatures; never quotes it."""


class KeySet(Protocol):
    """The keys of one issuer."""

    async def find(self, kid: str, algorithm: str) -> jwt.PyJWK | None:
        """The key with that id for that algorithm, None if the issuer has none; raises
        KeysUnavailable where that cannot be known.
        """
        ...


class FileKeys:
    """Keys that stand in a file, read once; SettingsError if the file is not usable."""

    def __init__(self, file: Path, algorithms: Sequence[str]) -> None:
        try:
            self._keys = read_keys(file.read_bytes(), algorithms)
        except (OSError, UnusableKeys) as error:
            why = str(error) if isinstance(error, UnusableKeys) else "cannot be read"
            raise SettingsError([f"issuers: {file.name}: {why}"]) from None

    async def find(self, kid: str, algorithm: str) -> jwt.PyJWK | None:
        return self._keys.get((kid, algorithm))


class UrlKeys:
    """Keys that *fetch* brings; *now* gives seconds that never run backwards."""

    def __init__(
        self, fetch: Fetch, algorithms: Sequence[str], *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch, self._algorithms, self._now = fetch, tuple(algorithms), now
        self._keys: Keys = {}
        self._confirmed: float | None = None
        self._tried: float | None = None
        self._flight: asyncio.Task[None] | None = None
        self.failures = 0
        """Fetches that brought nothing usable."""

    @property
    def age_s(self) -> float:
        """Seconds since the issuer last confirmed its keys; infinite before it ever did."""
        return self._age()

    async def find(self, kid: str, algorithm: str) -> jwt.PyJWK | None:
        if (kid, algorithm) not in self._held():
            await self._refreshed()
        elif self._age() > FRESH_S:
            self._begin()
        held = self._held()
        if not held:
            raise KeysUnavailable("the issuer's keys cannot be had now")
        return held.get((kid, algorithm))

    async def aclose(self) -> None:
        """End a fetch that is under way."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)

    def _held(self) -> Keys:
        return self._keys if self._age() <= LIVES_S else {}

    def _age(self) -> float:
        return float("inf") if self._confirmed is None else self._now() - self._confirmed

    async def _refreshed(self) -> None:
        """Wait for the one fetch that is under way or may begin; whoever goes does not end it."""
        self._begin()
        if self._flight is not None:
            await asyncio.shield(self._flight)

    def _begin(self) -> None:
        if self._flight is not None:
            return
        if self._tried is not None and self._now() - self._tried < EVERY_S:
            return
        self._tried = self._now()
        self._flight = asyncio.ensure_future(self._load())
        self._flight.add_done_callback(self._landed)

    def _landed(self, _: asyncio.Task[None]) -> None:
        self._flight = None

    async def _load(self) -> None:
        began = self._now()
        try:
            self._keys = read_keys(await self._fetch(), self._algorithms)
        except (SourceError, LedgerError, UnusableKeys) as error:
            self.failures += 1
            log.warning("issuer_keys_not_fetched", error=type(error).__name__)
        else:
            self._confirmed = began


def read_keys(document: bytes, algorithms: Sequence[str]) -> Keys:
    """The keys in *document* that may verify one of *algorithms*; raises UnusableKeys.

    A row of an unknown kind is passed over, as RFC 7517 section 5 wants. A set that gives
    away a private or a shared key is refused whole: whoever wrote it has lost its secret.
    """
    try:
        rows = msgspec.json.decode(document, type=dict[str, Any])["keys"]
        rows = msgspec.convert(rows, list[dict[str, Any]])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
        raise UnusableKeys("not a usable key set") from None
    if len(rows) > MAX_KEYS:
        raise UnusableKeys(f"more than {MAX_KEYS} keys")
    if any({"d", "k"} & row.keys() for row in rows):
        raise UnusableKeys("gives away a secret key")
    keys: dict[tuple[str, str], jwt.PyJWK] = {}
    for row in rows:
        keys |= {(row["kid"], key.algorithm_name): key for key in _usable(row, algorithms)}
    if not keys:
        raise UnusableKeys("holds no key for signatures")
    return keys


def _usable(row: Mapping[str, Any], algorithms: Sequence[str]) -> list[jwt.PyJWK]:
    """The row as a key for each algorithm that it fits and does not forbid."""
    operations = row.get("key_ops", ["verify"])
    may_verify = isinstance(operations, list) and "verify" in operations
    if not may_verify or row.get("use", "sig") != "sig" or not isinstance(row.get("kid"), str):
        return []
    wanted = [name for name in algorithms if row.get("alg", name) == name]
    found = [_key(row, name) for name in wanted if row.get("kty") == _FAMILIES.get(name[:2])]
    return [key for key in found if key is not None]


def _key(row: Mapping[str, Any], algorithm: str) -> jwt.PyJWK | None:
    try:
        key = jwt.PyJWK(dict(row), algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < MIN_RSA_BITS:
        return None
    return key
