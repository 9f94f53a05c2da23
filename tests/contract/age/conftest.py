from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from hub.core.moment import utc_now
from hub.sandbox.certificates import CertificateFiles, ensure_certificates
from tests.contract.age.bulk_world import prepared_keys


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    """The sandbox's certificates, made once for all tests: RSA keys take their time.

    They are a week old, so that a test can set its clocks back by some days.
    """
    keys = tmp_path_factory.mktemp("keys")
    return ensure_certificates(keys, clock=lambda: utc_now() - dt.timedelta(days=7))


@pytest.fixture(scope="session")
def bulk_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sandbox's keys for a hub's folder, made once: RSA keys take their time."""
    return prepared_keys(tmp_path_factory.mktemp("bulk"))
