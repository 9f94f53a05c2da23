"""When a refusal becomes a challenge to identify oneself better."""

from __future__ import annotations

import pytest

from hub.api.denying import acr_values, challenge
from hub.core.policy import Caller, Denial
from hub.settings import Issuer

LEVELS = {"urn:low": "low", "urn:card": "high", "urn:password": "substantial"}


def an_issuer(name, assurance):
    """An issuer with those values of `acr`."""
    return Issuer(
        issuer=name, audience="hub", algorithms=("ES256",), roles=("official",), assurance=assurance
    )


CALLER = Caller(issuer="mine", subject_id="1", audience="official", assurance="low")


def told(*denials, issuers=()):
    """The problem that a caller is told."""
    return challenge(issuers, CALLER, denials, "en")


def a_step_up(block, needs):
    """A block that only the level refuses."""
    return Denial(block=block, reason="step_up", needs=needs)


@pytest.mark.parametrize(
    ("wanted", "values"),
    [
        ("low", {"urn:low", "urn:password", "urn:card"}),
        ("substantial", {"urn:password", "urn:card"}),
        ("high", {"urn:card"}),
    ],
)
def test_the_values_of_the_callers_own_issuer_that_reach_it(wanted, values):
    """A value of another issuer would mean nothing to whoever has to log in again."""
    issuers = (an_issuer("mine", LEVELS), an_issuer("other", {"urn:other": "high"}))
    assert set(acr_values(issuers, "mine", wanted)) == values
    assert acr_values(issuers, "unknown", wanted) == ()


def test_the_highest_level_of_all_blocks_is_asked_for():
    """One new login has to be enough for everything that was named."""
    issuers = (an_issuer("mine", LEVELS),)
    problem = told(a_step_up("a", "substantial"), a_step_up("b", "high"), issuers=issuers)
    assert problem.slug == "insufficient-user-authentication"
    assert problem.headers["www-authenticate"].endswith('acr_values="urn:card"')


def test_an_issuer_without_such_a_level_is_not_named_values():
    """The challenge stands alone: the hub knows none that would do."""
    problem = told(a_step_up("a", "high"))
    assert problem.headers["www-authenticate"].endswith('error="insufficient_user_authentication"')


def test_where_something_else_is_refused_a_login_would_not_help():
    """No challenge, so that nobody is sent to the issuer in vain."""
    problem = told(a_step_up("a", "high"), Denial(block="b", reason="purpose"))
    assert (problem.slug, problem.headers) == ("forbidden-block", {})
