"""Sources are checked before anything listens."""

from __future__ import annotations

from typing import Any

import pytest

from hub.core.errors import SettingsError
from hub.sandbox.sources import SimulatedSource, load_simulators

MODULE = "tests.unit.sandbox.tiny"


def a_source(**changes: Any) -> SimulatedSource:
    return SimulatedSource(**({"name": "tiny", "module": MODULE} | changes))


@pytest.mark.parametrize(
    ("sources", "faults"),
    [
        pytest.param([a_source(module="no.such.package")], ["no module no.such"], id="no module"),
        pytest.param(
            [a_source(module="hub.sandbox")], ["no module hub.sandbox."], id="no simulator"
        ),
        pytest.param(
            [a_source(module="tests.unit.sandbox.broken")],
            ["no function simulate", "no frozenset FAULTS"],
            id="offers nothing",
        ),
        pytest.param([a_source(host="0.0.0.0")], ["loopback"], id="every interface"),  # noqa: S104
        pytest.param([a_source(host="example.org")], ["loopback"], id="a name"),
        pytest.param([a_source(), a_source()], ["named twice"], id="twice"),
        pytest.param(
            [a_source(port=1025), a_source(name="b", port=1025)], ["given twice"], id="same port"
        ),
        pytest.param(
            [a_source(host="::"), a_source(name="b", module="no.such")],
            ["loopback", "no module"],
            id="all faults at once",
        ),
    ],
)
def test_what_cannot_be_played_is_refused(sources: list[SimulatedSource], faults: list[str]):
    """A source that cannot be played stops the start; the error lists every fault of all."""
    with pytest.raises(SettingsError) as caught:
        load_simulators(sources)
    for fault in faults:
        assert fault in str(caught.value)


def test_what_can_be_played_is_loaded():
    """Per source the simulator of its package; two sources may share one package."""
    modules = load_simulators([a_source(), a_source(name="second", host="127.0.0.2")])
    assert modules["tiny"] is modules["second"]
    assert modules["tiny"].__name__ == f"{MODULE}.simulator"


def test_a_failure_inside_a_simulator_is_not_hidden(monkeypatch: pytest.MonkeyPatch):
    """A module that is there and fails to import raises its own error, not "no module"."""

    def failing(_: str) -> Any:
        raise ImportError("a library of the simulator is missing")

    monkeypatch.setattr("importlib.import_module", failing)
    with pytest.raises(ImportError, match="library"):
        load_simulators([a_source()])
