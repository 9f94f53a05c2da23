"""What a hub exposes, read off one that is made and never served."""

from __future__ import annotations

import asyncio

import pytest

from hub.app import build_hub
from hub.settings import LedgerSettings, Settings
from tests.support.exposed import catalogue_of, families_of


@pytest.fixture(scope="package")
def exposed(tmp_path_factory):
    """Families and catalogue of a hub that names no issuer and no source."""
    folder = tmp_path_factory.mktemp("operations")
    ledger = LedgerSettings(file=folder / "ledger.db", origin="hub.test/ledger")

    async def read():
        hub = build_hub(Settings(root=folder, keys=folder / "keys", ledger=ledger))
        try:
            return families_of(hub.context), catalogue_of(hub.context)
        finally:
            await hub.close()

    return asyncio.run(read())


@pytest.fixture(scope="package")
def families(exposed):
    """By family its kind and labels."""
    return exposed[0]


@pytest.fixture(scope="package")
def catalogue(exposed):
    """As queries name them."""
    return exposed[1]
