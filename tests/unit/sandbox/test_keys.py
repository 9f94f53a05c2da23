"""Secret files are made once, for the owner alone, whole, and by one process at a time."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hub.core.errors import SettingsError
from hub.sandbox.keys import ensure_secret, locked, write_private

RACER = """
import sys
from pathlib import Path
from hub.sandbox.keys import ensure_secret
print(ensure_secret(Path(sys.argv[1]), "padron").read_text())
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_made_once_and_reused(tmp_path: Path):
    """The second call finds what the first made; another name is another secret."""
    keys = tmp_path / "var" / "keys"
    first = ensure_secret(keys, "padron")
    text = first.read_text()
    assert ensure_secret(keys, "padron").read_text() == text
    assert ensure_secret(keys, "civis").read_text() != text
    assert len(text) >= 43
    assert first.name == "padron.secret"


def test_only_the_owner_can_read(tmp_path: Path):
    """Folder 0700, files 0600, also where the folder stood open before."""
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o755)
    ensure_secret(keys, "padron")
    assert mode(keys) == 0o700
    assert {mode(path) for path in keys.iterdir()} == {0o600}


def test_no_draft_is_left_behind(tmp_path: Path):
    """A draft left by a crash is no obstacle, and its bytes are never taken for the secret."""
    (tmp_path / ".padron.secret.draft").write_text("half")
    text = ensure_secret(tmp_path, "padron").read_text()
    assert "half" not in text
    assert not list(tmp_path.glob("*.draft"))
    assert not list(tmp_path.glob(".*.draft"))


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o660], ids=oct)
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, bits: int):
    """What others may have read is no secret; the error names the file and not its content."""
    path = ensure_secret(tmp_path, "padron")
    path.chmod(bits)
    with pytest.raises(SettingsError) as caught:
        ensure_secret(tmp_path, "padron")
    assert "padron.secret" in str(caught.value)
    assert path.read_text() not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["", "../up", "a/b", "A", ".lock", "a\x00", "a" * 65, "ñ", "a\n"], ids=ascii
)
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str):
    """A name is letters, digits, _ and -: no separators, no dots, no surprises."""
    with pytest.raises(SettingsError):
        ensure_secret(tmp_path / "keys", name)
    assert not list(tmp_path.rglob("*.secret"))


def test_processes_that_race_find_the_same_secret(tmp_path: Path):
    """Hub and sandbox start together: whoever comes second takes what the first made."""
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, tmp_path], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    said = {racer.communicate(timeout=20)[0] for racer in racers}
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    assert len(said) == 1


def test_one_process_at_a_time_makes_keys(tmp_path: Path):
    """Who holds the folder is waited for."""
    with locked(tmp_path):
        racer = subprocess.Popen([sys.executable, "-c", RACER, tmp_path], stdout=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            racer.wait(timeout=0.7)
        assert not list(tmp_path.glob("*.secret"))
    assert len(racer.communicate(timeout=20)[0]) > 40


def test_writing_replaces_the_whole_file(tmp_path: Path):
    """A shorter content leaves nothing of the longer one behind it."""
    path = tmp_path / "key"
    write_private(path, b"long content")
    write_private(path, b"short")
    assert path.read_bytes() == b"short"
    assert mode(path) == 0o600
