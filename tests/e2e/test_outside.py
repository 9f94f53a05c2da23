"""A connector from outside: installed, named in hub.toml, and nothing of the repository changes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.support.running import ROOT, RunningHub, free_port

EXAMPLE = ROOT / "examples" / "outside_connector"
SOURCE = """
[sources.sports]
module = "madrid_sports"
url = "http://127.0.0.1:{port}/deporte/"

[sources.sports.settings]
api_key = {{ file = "var/keys/sports.secret" }}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder in which pip has put the example, built as anybody's package is."""
    folder = tmp_path_factory.mktemp("outside")
    built, site = folder / "source", folder / "site"
    shutil.copytree(EXAMPLE, built, ignore=shutil.ignore_patterns("var", "__pycache__"))
    asked = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(site)]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    ran = subprocess.run(
        [*pip, *asked, str(built)], capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return site


@pytest.fixture(scope="module")
def outside(tmp_path_factory, installed):
    """A hub whose hub.toml names the installed package alone, with its purpose row copied in."""
    folder = tmp_path_factory.mktemp("hub-outside")
    hub = RunningHub(folder)
    shutil.copytree(ROOT / "contracts" / "hub", folder / "contracts" / "hub")
    table = folder / "contracts" / "hub" / "purposes.toml"
    proposed = (installed / "madrid_sports" / "purposes.toml").read_text("utf-8")
    table.write_text(table.read_text("utf-8") + "\n" + proposed, "utf-8")
    text = re.sub(r"(?ms)^\[sources\..*?(?=^# ---)", "", hub.config.read_text("utf-8"))
    text += SOURCE.format(port=free_port())
    hub.config.write_text('contracts = "contracts"\n' + text, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        known = os.environ.get("PYTHONPATH", "")
        patch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{installed}{os.pathsep}{known}")
        hub.start()
        yield hub
        assert hub.stop() == 0


def test_its_block_stands_in_a_position(outside):
    """Block type, converter and code list of the package, behind the purpose it proposed."""
    official = outside.token("--official", "99000026E")
    access = {
        "subject": {"document": "99000002K"},
        "purpose": "sports_registration",
        "caseFile": "DEP/2026/1",
    }
    declared = outside.post("/v1/accesses", official, access)
    assert declared.status_code == 201, declared.text
    position = outside.get(declared.json()["position"], official).json()
    block = position["blocks"]["sportsCentres"]
    assert block["state"] == "fresh"
    assert block["provenance"]["source"] == "sports"
    assert block["data"]["cards"][0]["kind"]["label"] == "Abono Deporte Madrid"
    assert block["data"]["bookings"][0]["price"] is None
    assert block["data"]["bookings"][1]["price"] == {"amount": "5.70", "currency": "EUR"}
    assert block["data"]["bookingCount"] == len(block["data"]["bookings"])


def test_its_block_stands_in_the_openapi_and_the_catalogue(outside):
    """A portal team finds it where it finds every other block."""
    schemas = outside.get("/openapi.json").json()["components"]["schemas"]
    assert {"SportsCentres", "SportsBooking", "SportsCard"} <= schemas.keys()
    blocks = {block["name"]: block for block in outside.get("/v1/blocks").json()["blocks"]}
    assert blocks["sportsCentres"]["source"] == "sports"
    assert blocks["sportsCentres"]["purposes"] == ["sports_registration"]


def test_without_a_row_nobody_may_ask(outside):
    """What a package proposes is inert: the citizen's own purpose has no row for the block."""
    answer = outside.get("/v1/me/position?blocks=sportsCentres", outside.token())
    assert answer.status_code == 403


def test_its_rules_run_as_tests_of_its_own(installed, tmp_path):
    """`pytest --hub-connector` in the package's folder, with the installed package alone."""
    shutil.copy(EXAMPLE / "hub.toml", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = ignore\n")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "hub.testing.plugin", "-v",
         "--hub-connector", "madrid_sports"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{installed}",
             "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "echo_enforced PASSED" in ran.stdout
    assert "confirmed_by_the_system_owner SKIPPED" in ran.stdout


def test_the_repository_does_not_know_it():
    """No file of the hub, its connectors or its mappings names the package or its block."""
    named = [
        path
        for folder in ("hub", "connectors", "mappings", "contracts")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in {".py", ".toml", ".json", ".md"}
        if "madrid_sports" in (text := path.read_text("utf-8")) or "sportsCentres" in text
    ]
    assert not named
