"""What auditors type is taken as it is meant, or refused; nothing is dropped in silence."""

from __future__ import annotations

import datetime as dt

import pytest
from click.testing import CliRunner

from hub.audit_commands import replay
from hub.auditing import last_moment_of
from tests.support.builders import CITIZEN

KNOWN = ("--as-known-at", "2026-10-01", "--reason", "complaint 2026/17")


@pytest.mark.parametrize(
    "option",
    [
        ("--answer", "X"),
        ("--purpose", "self_service"),
        ("--period", "2026-10"),
        ("--last", "3"),
        ("--wire",),
    ],
    ids=lambda option: option[0],
)
def test_as_known_at_refuses_what_it_would_not_heed(option):
    """It is about one answer, whichever was the last."""
    done = CliRunner().invoke(replay, [*KNOWN, "--subject", CITIZEN, *option])
    assert done.exit_code == 2
    assert f"does not go with {option[0]}" in done.output


def test_as_known_at_needs_a_person():
    """Without one there is no last answer."""
    done = CliRunner().invoke(replay, KNOWN)
    assert done.exit_code == 2
    assert "needs --subject" in done.output


def test_a_bare_day_is_meant_to_its_end():
    """What was known on a day includes what was learnt on it; a moment is a moment."""
    last = dt.datetime(2026, 10, 1, 23, 59, 59, 999_000, tzinfo=dt.UTC)
    assert last_moment_of("2026-10-01") == last
    assert last_moment_of("2026-10-01T08:00:00+02:00") == last.replace(
        hour=6, minute=0, second=0, microsecond=0
    )
