"""A test system is asked once, and what it answered is saved about nobody."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

import msgspec
import pytest

from hub.core.errors import SettingsError
from hub.testing.bench import open_bench
from hub.testing.record import Whom, recorded
from hub.testing.samples import payload_of
from tests.support.checkouts import ROOT

NUMBER = "99000012P"
"""The person of the test system; the simulator stands for it."""


@asynccontextmanager
async def system(name: str, **fault: str):
    """The bench of *name*, and settings whose url is its simulator's."""
    async with open_bench(ROOT / "hub.toml", name) as bench:
        assert bench.sandbox is not None
        if fault:
            await bench.sandbox.put_fault(name, fault["mode"], {})
        table = msgspec.structs.replace(bench.table, url=f"{bench.sandbox.url(name)}/")
        yield bench, msgspec.structs.replace(bench.settings, sources={name: table})


@pytest.mark.parametrize(
    ("name", "operation", "kept"),
    [("citas", "appointments", '"total"'), ("registro", "entries", "<Tipo_Registro>")],
)
async def test_an_answer_becomes_a_sample_that_the_connector_reads(tmp_path, name, operation, kept):
    """The person is gone, the reference is a placeholder, and the shape is the source's."""
    async with system(name) as (bench, settings):
        [(file, body)] = (await recorded(settings, name, operation, Whom(number=NUMBER))).items()
        (tmp_path / file).write_bytes(body)
        payload = await payload_of(bench, operation, tmp_path / file)
    text = body.decode()
    assert NUMBER not in text
    assert "99000002K" in text
    assert "REFERENCIA-DE-LA-PREGUNTA" in text
    assert kept in text
    assert "99000002K" in json.dumps(payload)


async def test_what_cannot_be_scrubbed_is_not_written():
    """A page of HTML is no answer, and could say anything."""
    async with system("citas", mode="html") as (_, settings):
        with pytest.raises(SettingsError, match="nothing is written"):
            await recorded(settings, "citas", "appointments", Whom(number=NUMBER))


async def test_a_source_that_does_not_answer_gives_no_sample():
    """Nothing came back: nothing is saved, and it is said."""
    async with system("citas", mode="empty") as (_, settings):
        with pytest.raises(SettingsError, match="nothing came back"):
            await recorded(settings, "citas", "appointments", Whom(number=NUMBER))
