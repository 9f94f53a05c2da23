"""Every technical reason has its say about the source, or none."""

from __future__ import annotations

import asyncio
from typing import get_args

import pytest

from hub.core.errors import (
    LedgerError,
    SourceError,
    SourceInsecure,
    SourceMalformed,
    SourceProtected,
    SourceRefused,
    SourceSwitchedOff,
    SourceUnavailable,
    TechnicalReason,
)
from hub.wire.verdict import verdict_of

CASES = [
    (None, "answered"),
    (SourceUnavailable("x", "backend_fault", "HTTP 500"), "failed"),
    (SourceUnavailable("x", "maintenance", "a page"), "failed"),
    (SourceUnavailable("x", "maintenance", "HTTP 503", 2), "throttled"),
    (SourceUnavailable("x", "throttled", "HTTP 429"), "throttled"),
    (SourceUnavailable("x", "timeout", "late"), "failed"),
    (SourceMalformed("x", "malformed", "noise"), "failed"),
    (SourceMalformed("x", "charset", "noise"), "failed"),
    (SourceMalformed("x", "redirect", "302"), "failed"),
    (SourceMalformed("x", "too_large", "5 MiB"), "answered"),
    (SourceMalformed("x", "schema", "drift"), "answered"),
    (SourceRefused("x", "backend_fault", "no such service"), "answered"),
    (SourceProtected("x", "0233"), "answered"),
    (SourceRefused("x", "hub_credentials", "HTTP 401"), "ignored"),
    (SourceInsecure("x", "signature", "altered"), "ignored"),
    (SourceInsecure("x", "forbidden_xml", "DOCTYPE"), "ignored"),
    (SourceInsecure("x", "identity_mismatch", "another"), "distrusted"),
    (SourceSwitchedOff("x"), "ignored"),
    (asyncio.CancelledError(), "ignored"),
    (LedgerError("full"), "ignored"),
    (ValueError("a bug of ours"), "ignored"),
]


@pytest.mark.parametrize(("error", "verdict"), CASES)
def test_an_end_says_what_the_table_says(error, verdict):
    """Failures of the source count, its refusals do not, and the hub's own doing never."""
    assert verdict_of(error) == verdict


@pytest.mark.parametrize("reason", get_args(TechnicalReason))
def test_no_reason_is_without_a_verdict(reason: TechnicalReason):
    """A new reason cannot slip in as an accident: transport reasons fail, others are named."""
    known = {"answered", "failed", "throttled", "distrusted", "ignored"}
    assert verdict_of(SourceError("x", reason, "any")) in known
    if reason in ("connect_failed", "connection_lost", "dns", "timeout", "tls"):
        assert verdict_of(SourceUnavailable("x", reason, "any")) == "failed"
