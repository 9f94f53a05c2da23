"""What stands in examples/ works as it stands."""

from __future__ import annotations

import subprocess
import sys
import zipfile

from hub.settings import load_settings
from tests.e2e.test_position import number_of
from tests.support.running import ROOT


def test_the_consumer_prints_a_first_screen(hub):
    """One line per block, and every one of 312 bills read page by page."""
    token = hub.token("--citizen", number_of(hub, "MANY_BILLS"))
    script = ROOT / "examples/consumer/my_position.py"
    done = subprocess.run(
        [sys.executable, str(script), hub.base, token], capture_output=True, text=True, check=True
    )
    assert "recibos leídos: 312" in done.stdout
    assert "jobSeeker        no se puede consultar aquí" in done.stdout


def test_the_consumer_says_what_a_problem_says(hub):
    """The title, the type and the id to quote."""
    script = ROOT / "examples/consumer/my_position.py"
    done = subprocess.run(
        [sys.executable, str(script), hub.base, "x"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "/problems/invalid-token" in done.stdout


def test_the_production_example_is_a_configuration():
    """Without a sandbox, and with no secret in it."""
    settings = load_settings(ROOT / "examples/production/hub.toml", {})
    assert settings.sandbox is None
    assert set(settings.sources) == {"padron", "civis"}


def test_an_installed_hub_runs_outside_the_checkout(tmp_path):
    """The wheel carries mappings and contracts, and needs no file of the repository."""
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(tmp_path), str(ROOT)], check=True, cwd=tmp_path)
    [wheel] = tmp_path.glob("*.whl")
    installed = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    (tmp_path / "hub.toml").write_text((ROOT / "hub.toml").read_text("utf-8"), "utf-8")
    script = (
        "import sys; sys.path[:0] = [sys.argv.pop(1)]; import hub, connectors;"
        "assert hub.__file__.startswith(sys.path[0]), hub.__file__;"
        "from hub.cli import main; main()"
    )
    command = [sys.executable, "-I", "-c", script, str(installed)]
    for arguments in (["config", "check"], ["mappings", "check"], ["purposes", "table"], ["token"]):
        done = subprocess.run(
            [*command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
