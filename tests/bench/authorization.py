"""What it costs to decide: the token, the purpose and the plan of a whole position."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from hub.api.auth import Authenticator
from hub.core.model import BLOCKS
from hub.core.policy import Caller, decide
from hub.generation import contracts_of
from hub.position.plan import make_plan
from hub.position.purposes import load_purposes
from hub.position.sources import Sources, load_sources
from hub.sandbox.prepare import prepare_sandbox
from hub.settings import Settings, load_settings
from tests.bench.timing import cpu_us, private_operation_us
from tests.support.builders import MemoryRecorder
from tests.support.hubs import AnIssuer
from tests.support.running import ROOT

TOKENS = 3000
"""Distinct tokens: none is remembered when its turn comes."""


def measure(folder: Path) -> list[tuple[str, str, str]]:
    """Median CPU of a whole authorization, and of its parts."""
    settings, sources = _sources(folder)
    purposes = load_purposes(contracts_of(settings) / "hub" / "purposes.toml", BLOCKS)
    purpose = purposes.get("self_service")
    assert purpose is not None
    rows = []
    # the aim was set where a private operation takes 245 µs: elsewhere only the ratio travels

    def planned(caller: Caller) -> None:
        decisions = [decide(purposes, caller, purpose, name) for name in purpose.default_blocks]
        assert make_plan(decisions, sources).steps

    private = private_operation_us()
    for algorithm, bound in (("RS256", "aim ≤ 150 µs, 0.61 x"), ("ES256", "")):
        issuer = AnIssuer(algorithm=algorithm)
        made = Authenticator([issuer.configured(folder)], folder)
        tokens = itertools.cycle([issuer.token(jti=str(number)) for number in range(TOKENS)])

        def whole(made: Authenticator = made, tokens: Any = tokens) -> None:
            made._known.clear()
            planned(_now(made.caller(next(tokens))))

        new = cpu_us(whole)
        figure = f"{new:.0f} µs, {new / private:.2f} x"
        rows.append((f"a position authorized, new {algorithm} token", figure, bound))
        known, text = next(tokens), next(tokens)

        def again(made: Authenticator = made, text: str = text) -> None:
            planned(_now(made.caller(text)))

        assert known != text
        rows.append((f"the same, {algorithm} token seen before", _cost(again), ""))
    rows.append(("  one RSA-2048 private operation", f"{private:.0f} µs", ""))
    caller = _now(made.caller(text))
    rows.append(("of it the purpose and the plan", _cost(lambda: planned(caller)), ""))
    return rows


def _cost(work: Callable[[], object]) -> str:
    return f"{cpu_us(work):.0f} µs"


def _now(call: Coroutine[Any, Any, Caller]) -> Caller:
    """The result of a coroutine that waits for nothing."""
    try:
        call.send(None)
    except StopIteration as done:
        caller: Caller = done.value
        return caller
    raise AssertionError("it waits for something")


def _sources(folder: Path) -> tuple[Settings, Sources]:
    """The sandbox's sources, without anybody listening."""
    config = folder / "hub.toml"
    config.write_bytes((ROOT / "hub.toml").read_bytes())
    settings = load_settings_of(config)
    return settings, asyncio.run(_loaded(settings))


def load_settings_of(config: Path) -> Settings:
    """The settings, with the sandbox's keys and secrets in place."""
    settings = load_settings(config)
    prepare_sandbox(settings)
    return settings


async def _loaded(settings: Settings) -> Sources:
    return load_sources(settings, MemoryRecorder(), BLOCKS)
