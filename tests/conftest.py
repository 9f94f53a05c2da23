"""For every test: the network ends at loopback, no generated case is timed.

And the build's run skips nothing for want of a tool.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")  # nothing in a test depends on how busy the machine is


def _only_loopback(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse to connect anywhere else; a real service is never called from a test."""
    if event != "socket.connect" or not isinstance(arguments[1], tuple):
        return
    host = str(arguments[1][0])
    try:
        is_loopback = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        is_loopback = host in ("", "localhost")
    if not is_loopback:
        raise PermissionError("a test tried to leave this machine")


sys.addaudithook(_only_loopback)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """With HUB_FORBID_SKIPS=1, a test for Node or Chromium that skips has failed."""
    outcome = yield
    report = outcome.get_result()
    needs_tool = any(item.get_closest_marker(name) for name in ("node", "browser"))
    if report.skipped and needs_tool and os.environ.get("HUB_FORBID_SKIPS") == "1":
        report.outcome = "failed"
        report.longrepr = f"skipped where skipping is forbidden: {report.longrepr}"
