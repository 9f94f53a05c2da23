"""Certificates among a source's settings: found, told apart, and refused when they can only fail."""

from __future__ import annotations

import datetime as dt

import pytest
from msgspec import Struct

from hub.core.errors import SettingsError
from hub.core.secret import Secret
from hub.wire.validity import certificates_in, refuse_outdated
from tests.support.builders import NOW
from tests.support.certificates import a_certificate, a_key, pem_of_key

DAY = dt.timedelta(days=1)


class Options(Struct, frozen=True):
    """As a connector would have them."""

    certificate: Secret
    key: Secret
    signer: Secret
    signers: dict[str, Secret] = {}
    user: str = "u"


def some(
    *, own: tuple[float, float] = (-1, 40), signers: tuple[tuple[float, float], ...]
) -> Options:
    """Options whose certificates begin and end so many days from now."""
    mine = a_key("hub")
    certificate = a_certificate(mine, begins=NOW + own[0] * DAY, ends=NOW + own[1] * DAY)
    pinned = "".join(a_certificate(begins=NOW + b * DAY, ends=NOW + e * DAY) for b, e in signers)
    key = Secret(pem_of_key(mine))
    return Options(certificate=Secret(certificate), key=key, signer=Secret(pinned))


def test_each_certificate_is_found_with_its_place_and_whose_it_is():
    """A bundle counts each of its certificates."""
    held = certificates_in(some(signers=((-5, 5), (-1, 300))))
    assert [(h.setting, h.number, h.is_own, round(h.days_left(NOW))) for h in held] == [
        ("certificate", 0, True, 40),
        ("signer", 0, False, 5),
        ("signer", 1, False, 300),
    ]


def test_a_nested_setting_is_named_by_its_path():
    """As it is written in hub.toml."""
    options = some(signers=((-1, 5),))
    nested = Options(
        certificate=options.certificate,
        key=options.key,
        signer=options.signer,
        signers={"ABC": options.signer},
    )
    assert [h.setting for h in certificates_in(nested)][-1] == "signers.ABC"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            some(own=(-9, -1), signers=((-1, 5),)),
            "certificate: the hub's own certificate expired on",
        ),
        (some(own=(1, 9), signers=((-1, 5),)), "certificate: the hub's own certificate not valid"),
        (some(signers=((-9, -2), (-9, -1))), "signer: every certificate in it is expired on"),
    ],
    ids=["own_expired", "own_not_yet", "all_pinned_expired"],
)
def test_what_could_only_fail_is_refused_with_its_date(options, told):
    """At start-up and at a reload, by the setting's own name."""
    with pytest.raises(SettingsError) as caught:
        refuse_outdated("sources.x.settings", certificates_in(options), NOW)
    [fault] = caught.value.faults
    assert fault.startswith(f"sources.x.settings.{told}")
    assert "2026" in fault


def test_one_of_several_that_are_pinned_may_be_over():
    """So a source changes its certificate without a gap."""
    refuse_outdated("x", certificates_in(some(signers=((-9, -1), (-1, 9)))), NOW)


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nx", "s3cret"])
def test_what_is_no_certificate_is_nobodys_business_here(text):
    """The connector that needs one says what is wrong."""
    options = Options(certificate=Secret(text), key=Secret(text), signer=Secret(text))
    assert certificates_in(options) == ()
