"""How many requests one client and one caller may send, told in every answer.

A token bucket per client (the application: `azp`) and per caller (the person or system behind
the token). Headers as in draft-ietf-httpapi-ratelimit-headers-11, with the older three beside
them. Nothing here says who anybody is: the keys are opaque and stay in memory.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from cachetools import LRUCache
from msgspec import Struct

from hub.core.limits import AdmissionLimits
from hub.core.policy import Caller

REMEMBERED = 100_000
"""Buckets in memory; the one that was not used for longest is full again anyway."""

_UNLIMITED = frozenset({"auditor", "operator"})
"""Whoever must see and act while the hub is under pressure."""


class Policy(Struct, frozen=True, kw_only=True):
    """*burst* requests at once, refilled at *per_s*."""

    name: str
    per_s: float
    burst: int

    @property
    def window_s(self) -> int:
        """Seconds in which an empty bucket fills."""
        return max(math.ceil(self.burst / self.per_s), 1)


class _Bucket(Struct):
    tokens: float
    at: float


class Quota(Struct, frozen=True, kw_only=True):
    """What is left of one policy, and after how many seconds there is more."""

    policy: Policy
    remaining: int
    reset_s: int


class Rates:
    """Takes one token of each of a caller's buckets, or of none."""

    def __init__(
        self, limits: AdmissionLimits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._buckets: LRUCache[tuple[str, ...], _Bucket] = LRUCache(REMEMBERED)
        self.refused = 0
        self.retune(limits)

    def retune(self, limits: AdmissionLimits) -> None:
        """From now on, *limits*; what was taken stays taken."""
        self._client = Policy(name="client", per_s=limits.client_per_s, burst=limits.client_burst)
        self._caller = Policy(name="caller", per_s=limits.caller_per_s, burst=limits.caller_burst)

    def take(self, caller: Caller) -> tuple[bool, tuple[Quota, ...]]:
        """Whether *caller* may go on, and what is left; the empty tuple for the unlimited."""
        if caller.audience in _UNLIMITED:
            return True, ()
        pairs = [(self._caller, self._bucket(self._caller, caller.issuer, caller.subject_id))]
        if caller.client is not None:
            pairs.append((self._client, self._bucket(self._client, caller.issuer, caller.client)))
        allowed = all(bucket.tokens >= 1 for _, bucket in pairs)
        self.refused += not allowed
        for _, bucket in pairs:
            bucket.tokens -= allowed
        return allowed, tuple(_quota(policy, bucket) for policy, bucket in pairs)

    def _bucket(self, policy: Policy, *key: str) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.get((policy.name, *key))
        if bucket is None:
            bucket = self._buckets[policy.name, *key] = _Bucket(policy.burst, now)
        gained = (now - bucket.at) * policy.per_s
        bucket.tokens, bucket.at = min(bucket.tokens + gained, policy.burst), now
        return bucket


def _quota(policy: Policy, bucket: _Bucket) -> Quota:
    whole = math.floor(bucket.tokens)
    missing = 1 - bucket.tokens if whole < 1 else policy.burst - bucket.tokens
    return Quota(policy=policy, remaining=whole, reset_s=max(math.ceil(missing / policy.per_s), 0))


def rate_headers(quotas: tuple[Quota, ...]) -> dict[str, str]:
    """The two headers of the draft, and the older three for the tightest policy."""
    if not quotas:
        return {}
    tight = min(quotas, key=lambda quota: quota.remaining)
    return {
        "ratelimit-policy": ", ".join(
            f'"{q.policy.name}";q={q.policy.burst};w={q.policy.window_s}' for q in quotas
        ),
        "ratelimit": ", ".join(f'"{q.policy.name}";r={q.remaining};t={q.reset_s}' for q in quotas),
        "ratelimit-limit": str(tight.policy.burst),
        "ratelimit-remaining": str(tight.remaining),
        "ratelimit-reset": str(tight.reset_s),
    }
