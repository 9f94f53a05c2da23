"""A copy of the checkout's own files, in which a test may write as an author does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACES = ("hub", "connectors", "mappings", "contracts", "docs", "tests/scaffold", "tests/support")

_SEVERAL = """
import sys
from hub.cli import main
for command in {commands!r}:
    try:
        main(command)
    except SystemExit as ended:
        if ended.code:
            sys.exit(f"hub {{command}}: {{ended.code}}")
"""


class Checkout:
    """A folder with what is shipped, and ways to run commands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for place in PLACES:
            ignored = shutil.ignore_patterns("__pycache__", "var")
            shutil.copytree(ROOT / place, folder / place, ignore=ignored)
        for name in ("hub.toml", "pyproject.toml"):
            shutil.copy(ROOT / name, folder)
        (folder / "tests" / "__init__.py").touch()

    def run(self, *arguments: str) -> str:
        """What `python -m …` prints there; AssertionError when it fails."""
        return self._python("-m", *arguments)

    def pytest(self, *arguments: str) -> str:
        """What pytest prints there, with the plugins alone that the tests need."""
        plugins = ("-p", "pytest_asyncio.plugin", "-p", "hub.testing.plugin")
        return self._python(
            "-m", "pytest", *plugins, *arguments, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"
        )

    def hub(self, *commands: list[str]) -> str:
        """What several commands of the command line print, in one process."""
        return self._python("-c", _SEVERAL.format(commands=list(commands)))

    def _python(self, *arguments: str, **environment: str) -> str:
        ran = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def text(self, name: str) -> str:
        """The text of a file."""
        return (self.folder / name).read_text("utf-8")
