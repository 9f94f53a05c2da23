"""Loading sources: hub.toml names them, and every fault of them is listed at once."""

from __future__ import annotations

import sys
from types import ModuleType

import msgspec
import pytest

from hub.core.connector import Echo, Operation, Spec
from hub.core.errors import SettingsError
from hub.core.limits import SourceLimits
from hub.core.model import BLOCKS
from hub.position.outside import model_of
from hub.position.sources import load_sources
from hub.sandbox.prepare import prepare_sandbox
from hub.settings import SourceSettings, load_settings
from tests.support.builders import MemoryRecorder
from tests.support.running import ROOT


@pytest.fixture
def settings(tmp_path):
    """The sandbox's configuration with keys of its own."""
    (tmp_path / "hub.toml").write_text((ROOT / "hub.toml").read_text("utf-8"), "utf-8")
    loaded = load_settings(tmp_path / "hub.toml", {})
    prepare_sandbox(loaded)
    return loaded


def with_sources(settings, **changes):
    """The configuration with other sources."""
    return msgspec.structs.replace(settings, sources={**settings.sources, **changes})


async def test_the_sandboxs_sources_feed_every_block(settings):
    """Each block has exactly one source."""
    model = model_of(settings)
    sources = load_sources(settings, MemoryRecorder(), model.blocks, converters=model.converters)
    assert set(sources.of_block) == set(model.blocks)
    await sources.aclose()


async def test_a_disabled_source_is_not_loaded(settings):
    """Its blocks have no source."""
    table = msgspec.structs.replace(settings.sources["padron"], enabled=False)
    model, changed = model_of(settings), with_sources(settings, padron=table)
    sources = load_sources(changed, MemoryRecorder(), model.blocks, converters=model.converters)
    assert "residence" not in sources.of_block
    await sources.aclose()


def a_module(monkeypatch, **spec):
    """A connector package with a declaration and nothing else."""
    values = {
        "name": "odd",
        "title": "",
        "owner": "",
        "operations": (Operation(name="read", echoes=(Echo(path="x"),)),),
        "blocks": {"identity": ("read",)},
    }
    module = ModuleType("odd_connector")
    module.SPEC = Spec(**{**values, **spec})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "odd_connector", module)
    return SourceSettings(module="odd_connector", url="http://127.0.0.1:1/")


NO_ECHO = (Operation(name="read", echoes=()),)
LEGAL = (Operation(name="read", echoes=(Echo(path="x"),), legal_effect=True),)
SPECS = {
    "name": ({"name": "other"}, "its SPEC is called other"),
    "legal effect": ({"operations": LEGAL}, "legal effect and cannot be configured"),
    "no echo": ({"operations": NO_ECHO}, "declares no echo"),
    "unknown block": ({"blocks": {"nope": ("read",)}}, "no block nope"),
    "unknown operation": ({"blocks": {"identity": ("write",)}}, "no operation write"),
}


@pytest.mark.parametrize(("spec", "fault"), SPECS.values(), ids=SPECS)
def test_a_declaration_that_cannot_be_right_stops_the_start(settings, monkeypatch, spec, fault):
    """Named with the source that it stands in."""
    table = a_module(monkeypatch, **spec)
    with pytest.raises(SettingsError, match=r"sources\.odd") as caught:
        load_sources(with_sources(settings, odd=table), MemoryRecorder(), BLOCKS)
    assert fault in str(caught.value)


def test_every_fault_is_listed_at_once(settings):
    """A missing module, an unknown key and a block with two sources."""
    wrong = msgspec.structs.replace(
        settings.sources["padron"],
        settings={**settings.sources["padron"].settings, "usernane": "x"},
    )
    again = msgspec.structs.replace(settings.sources["civis"])
    with pytest.raises(SettingsError) as caught:
        load_sources(
            with_sources(
                settings,
                padron=wrong,
                missing=SourceSettings(module="connectors.nowhere", url="http://127.0.0.1:1/"),
                again=again,
            ),
            MemoryRecorder(),
            BLOCKS,
        )
    text = str(caught.value)
    assert "sources.missing.module" in text
    assert "usernane: unknown key, did you mean username?" in text
    assert "sources.again: its SPEC is called civis" in text


@pytest.mark.parametrize("in_flight", [50, 40], ids=["the same way out", "another way out"])
async def test_what_an_operator_switched_stays_when_the_table_changes(settings, in_flight):
    """Only what the file itself moved is turned; and what is under way sees the same switch."""
    model = model_of(settings)

    def loaded(before=None, **limits):
        table = settings.sources["civis"]
        table = msgspec.structs.replace(table, limits=SourceLimits(**limits))
        return load_sources(
            msgspec.structs.replace(settings, sources={"civis": table}),
            MemoryRecorder(),
            model.blocks,
            converters=model.converters,
            before=before,
        )

    before = loaded(off=("benefits", "services"))
    old = before.by_name["civis"].client
    old.guard.switch.turn("*", off=True)
    old.guard.switch.turn("services", off=False)
    after = loaded(before, off=("services",), max_in_flight=in_flight)
    after.succeed(before)
    new = after.by_name["civis"].client
    assert (new is old) == (in_flight == 50)
    assert new.guard.switch.off == ("*",)
    new.guard.switch.turn("*", off=False)
    assert old.guard.switch.off == ()
    await before.aclose()
    await after.aclose()
