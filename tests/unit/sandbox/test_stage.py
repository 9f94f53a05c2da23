"""What a simulator is given: the faults of its own source, and its secrets as secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.core.secret import Secret
from hub.sandbox.population import Population
from hub.sandbox.stage import Fault, FaultBoard, Stage


def test_a_fault_strikes_its_own_source_alone():
    """At most one fault per source; lifting one leaves the others."""
    board = FaultBoard()
    board.put("padron", Fault(mode="hang"))
    board.put("civis", Fault(mode="empty"))
    board.put("civis", Fault(mode="status", values={"code": 500}))
    assert board.is_on("civis", "status")
    assert not board.is_on("civis", "empty")
    assert not board.is_on("age", "hang")
    board.clear("civis")
    assert board.get("civis") is None
    assert board.is_on("padron", "hang")
    board.clear("age")
    board.clear()
    assert board.get("padron") is None


def test_a_secret_must_be_a_secret(tmp_path: Path):
    """A password in clear in the settings is an error that does not quote it."""
    stage = Stage(
        source="padron",
        population=Population(),
        faults=FaultBoard(),
        settings={"password": Secret("hidden"), "clear": "visible"},
        keys=tmp_path,
    )
    assert stage.secret("password") == "hidden"
    with pytest.raises(TypeError) as caught:
        stage.secret("clear")
    assert "visible" not in str(caught.value)
    with pytest.raises(KeyError):
        stage.secret("missing")
