from __future__ import annotations

import pytest

from hub.sandbox.certificates import CertificateFiles, ensure_certificates


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    """The sandbox's certificates, made once for all tests: RSA keys take their time."""
    return ensure_certificates(tmp_path_factory.mktemp("keys"))
