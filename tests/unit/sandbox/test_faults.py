"""A fault is checked when it is ordered, so that a test with a typing error does not pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.core.errors import SettingsError
from hub.sandbox.faults import (
    COMMON_FAULTS,
    checked_fault,
    every_mode,
    parameters,
    told_fault,
)
from hub.sandbox.stage import Fault

OWN = frozenset({"own-mode"})


@pytest.mark.parametrize(
    ("mode", "values", "names"),
    [
        pytest.param("latencia", {}, ["latency", "own-mode"], id="unknown mode"),
        pytest.param("", {}, ["latency", "own-mode"], id="no mode"),
        pytest.param("latency", {}, ["ms", "share"], id="a parameter is missing"),
        pytest.param("latency", {"ms": -1}, ["ms"], id="negative"),
        pytest.param("latency", {"ms": "200"}, ["ms"], id="text for a number"),
        pytest.param("latency", {"ms": 1, "mss": 1}, ["mss", "share"], id="unknown parameter"),
        pytest.param("latency", {"ms": 10**9}, ["ms"], id="for ever"),
        pytest.param("latency", {"ms": 1, "share": 0}, ["share"], id="no share"),
        pytest.param("latency", {"ms": 1, "share": 1.1}, ["share"], id="more than all"),
        pytest.param("status", {"code": 99}, ["code"], id="no status"),
        pytest.param("status", {"code": 103}, ["code"], id="interim status"),
        pytest.param(
            "status", {"code": 503, "retry_after": "a\r\nb: c"}, ["retry_after"], id="crlf"
        ),
        pytest.param("html", {"page": "other"}, ["page"], id="unknown page"),
        pytest.param("huge", {"bytes": 2**40}, ["bytes"], id="larger than allowed"),
        pytest.param("slow-drip", {"every_ms": 0}, ["every_ms"], id="no pause"),
        pytest.param("reset", {"share": 0.5}, ["share"], id="a raw fault strikes every call"),
        pytest.param("said", {"status": "200 OK\r\na: b"}, ["status"], id="crlf in a status"),
        pytest.param("bomb", {"encoding": "zstd"}, ["encoding"], id="unknown encoding"),
        pytest.param("edited", {}, ["pattern"], id="nothing to edit"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(mode: str, values: dict[str, Any], names: list[str]):
    """The refusal lists what is possible: the modes, or the parameters of the mode."""
    with pytest.raises(SettingsError) as caught:
        checked_fault(mode, values, OWN)
    for name in names:
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "values"),
    [
        ("latency", {"ms": 0}),
        ("latency", {"ms": 600_000, "share": 0.05}),
        ("status", {"code": 599, "retry_after": -1}),
        ("truncate", {"after": 0}),
        ("hang", {}),
        ("own-mode", {"anything": "goes"}),
    ],
)
def test_a_fault_that_can_be_is_kept_as_ordered(mode: str, values: dict[str, Any]):
    """Mode and values come back unchanged; an own mode's values are the simulator's affair."""
    fault = checked_fault(mode, values, OWN)
    assert (fault.mode, fault.values) == (mode, values)


@pytest.mark.parametrize("mode", sorted(COMMON_FAULTS))
def test_every_mode_takes_a_share(mode: str):
    """Any common fault can strike a share of the calls."""
    assert "share" in parameters(mode)


@pytest.mark.parametrize("mode", every_mode())
def test_the_documentation_lists_every_mode_with_its_parameters(mode: str):
    """docs/sandbox.md has a row for the mode that names all it takes."""
    text = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    [row] = [line for line in text.splitlines() if line.startswith(f"| `{mode}` |")]
    for name in parameters(mode):
        assert name == "share" or f"`{name}`" in row


@pytest.mark.parametrize(
    ("text", "source", "fault"),
    [
        ("padron=slow-drip", "padron", Fault(mode="slow-drip")),
        (
            "a=latency:ms=200,share=0.5",
            "a",
            Fault(mode="latency", values={"ms": 200, "share": 0.5}),
        ),
        ("a=said:body=x=y", "a", Fault(mode="said", values={"body": "x=y"})),
        (
            "a=status:code=503,retry_after=soon",
            "a",
            Fault(mode="status", values={"code": 503, "retry_after": "soon"}),
        ),
    ],
)
def test_a_fault_can_be_told_in_a_line(text: str, source: str, fault: Fault):
    """As `hub sandbox --fault` takes it; numbers are numbers and the rest is text."""
    assert told_fault(text) == (source, fault)


@pytest.mark.parametrize("text", ["", "padron", "=hang", "padron=", "padron=latency:ms", "a=b:=1"])
def test_a_fault_that_cannot_be_read_is_refused(text: str):
    """With the form that is expected."""
    with pytest.raises(SettingsError, match="SOURCE=MODE"):
        told_fault(text)
