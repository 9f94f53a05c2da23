"""One running hub for the stories that share it."""

from __future__ import annotations

import pytest

from tests.support.running import RunningHub


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    """A hub and its sandbox in processes of their own."""
    hub = RunningHub(tmp_path_factory.mktemp("hub"))
    hub.start()
    yield hub
    assert hub.stop() == 0


@pytest.fixture
def hub(running):
    """The shared hub, with every fault lifted and every source listening, before and after."""
    running.sandbox("POST", "/reset")
    yield running
    running.sandbox("POST", "/reset")
