"""The simulator inside the sandbox's runner, with the faults that every source can have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.sap_trm import open_connector
from hub.core.errors import SourceError
from hub.core.secret import Secret
from hub.sandbox.runner import open_sandbox
from hub.sandbox.sources import SimulatedSource
from tests.contract.sap_trm.playing import PASSWORD, SERVICE, USER, the_settings
from tests.support.builders import a_client, a_query

COMMON = [
    ("hang", {}, "timeout"),
    ("status", {"code": 503, "retry_after": 9}, "maintenance"),
    ("status", {"code": 418}, "backend_fault"),
    ("html", {"page": "login"}, "maintenance"),
    ("empty", {}, "malformed"),
    ("truncate", {}, "connection_lost"),
    ("garbage", {}, "malformed"),
    ("huge", {}, "too_large"),
    ("wrong-charset", {}, "charset"),
    ("slow-drip", {"every_ms": 50}, "timeout"),
]


@pytest.mark.parametrize(
    ("mode", "values", "reason"), COMMON, ids=[f"{mode}-{reason}" for mode, _, reason in COMMON]
)
async def test_common_faults_end_in_the_tree(
    tmp_path: Path, mode: str, values: dict[str, Any], reason: str
) -> None:
    """Each fault of the sandbox's runner becomes one error with its reason, in time."""
    source = SimulatedSource(
        name="sap_trm",
        module="connectors.sap_trm",
        host="127.0.0.1",
        port=0,
        settings={"user": USER, "password": Secret(PASSWORD), "sap_client": "100"},
    )
    async with open_sandbox([source], keys=tmp_path) as running:
        url = running.readiness.sources["sap_trm"]
        client = a_client("sap_trm", f"{url}/{SERVICE}", keeps_cookies=True)
        connector = open_connector(client, the_settings())
        assert (await connector.fetch("accounts", a_query())).holds
        await running.sandbox.put_fault("sap_trm", mode, values)
        with pytest.raises(SourceError) as caught:
            await connector.fetch("accounts", a_query(seconds=0.7 if reason == "timeout" else 20))
        await client.aclose()
    assert caught.value.reason == reason
