"""The folder names are the architecture: what belongs where, and what may stand only once."""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path

import pytest

from hub.position.outside import model_of
from hub.settings import load_settings

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path for folder in ("hub", "connectors") for path in (ROOT / folder).rglob("*.py"))
FOLDERS = {path.parent.name for path in (ROOT / "connectors").glob("*/__init__.py")}
SYSTEMS = sorted(FOLDERS - {"common"})
ONE_PLACE = {
    r"httpx\.AsyncClient\(": "hub/wire/client.py",
    r"\bfrom zeep|\bimport zeep": "hub/wire/",
    r"dt\.datetime\.now\(|datetime\.now\(": "hub/core/moment.py",
    r"etree\.(fromstring|parse|XML|iterparse)\(": "hub/wire/xml.py",
    r"verify\s*=\s*False|huge_tree\s*=\s*True|resolve_entities\s*=\s*True": "nowhere",
    r"timeout\s*=\s*None": "nowhere",
}


def named(path: Path) -> str:
    """The path from the checkout's root."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("system", SYSTEMS)
def test_one_name_in_four_places(system):
    """connectors/x, mappings/x, contracts/x and tests/contract/x go together."""
    for folder in ("mappings", "contracts", "tests/contract"):
        assert (ROOT / folder / system).is_dir(), f"{folder}/{system} is missing"


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_connector_has_the_same_files(system):
    """Whoever knows one connector knows all."""
    folder = ROOT / "connectors" / system
    for name in ("connector.py", "README.md", "quality.toml"):
        assert (folder / name).is_file(), f"{system}: {name} is missing"
    assert (folder / "simulator.py").exists() or (folder / "simulator").is_dir()
    assert (ROOT / "contracts" / system / "CONTRACT.md").is_file()


def test_every_connector_is_configured():
    """The sandbox's configuration plays every system of the repository."""
    assert sorted(load_settings(ROOT / "hub.toml").sources) == SYSTEMS


@pytest.mark.parametrize("pattern", ONE_PLACE, ids=list(ONE_PLACE.values()))
def test_what_may_stand_only_in_one_place(pattern):
    """One clock, one client, one XML gate, and no way to switch verification off."""
    place = ONE_PLACE[pattern]
    found = [
        named(path)
        for path in SHIPPED
        if re.search(pattern, path.read_text("utf-8"))
        and not named(path).startswith(place)
        and "simulator" not in named(path)
    ]
    assert not found


def test_the_hub_names_no_system():
    """A system's name stands in hub.toml, never in the code of hub/."""
    names = re.compile(r"[\"'](" + "|".join(SYSTEMS) + r")[\"']")
    examples = ("parameters", "catalogue", "health", "planning")
    allowed = {f"hub/api/{name}.py" for name in examples}
    found = [
        named(path)
        for path in SHIPPED
        if named(path).startswith("hub/")
        and named(path) not in allowed
        and not named(path).startswith("hub/sandbox/")
        and names.search(path.read_text("utf-8"))
    ]
    assert not found


def test_every_block_has_its_mapping_and_examples():
    """Each block is fed by exactly one mapping file, with examples beside it."""
    blocks = model_of(load_settings(ROOT / "hub.toml")).blocks
    stems = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in blocks}
    files = [path for path in (ROOT / "mappings").rglob("*.toml") if path.stem != "codes"]
    assert sorted(path.stem for path in files) == sorted(stems)
    for path in files:
        assert path.with_name(f"{path.stem}.examples.json").is_file(), named(path)


def test_nothing_committed_names_a_machine():
    """No path of a machine and no package index stands in what is committed."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    pattern = re.compile(r"/(work|root|farm)/|extra-index|--find-links|--index-url")
    found = [
        name
        for name in listed
        if name != "tests/architecture/test_rooms.py"
        and (ROOT / name).is_file()
        and pattern.search((ROOT / name).read_text("utf-8", errors="replace"))
    ]
    assert not found


def test_no_real_document_number_is_committed():
    """Valid NIFs in the repository are synthetic, or documented test numbers."""
    from hub.core.document import check_letter

    documented = {"00000000T", "12345678Z", "23456789D", "34567890V"}
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    found = set()
    for name in listed:
        path = ROOT / name
        if not path.is_file() or path.suffix == ".lock":
            continue
        for digits, letter in re.findall(
            r"(?<![0-9A-Za-z])([0-9]{8})([A-Z])(?![0-9A-Za-z])",
            path.read_text("utf-8", errors="replace"),
        ):
            real = check_letter(int(digits)) == letter and not digits.startswith("99")
            if real and digits + letter not in documented:
                found.add(f"{name}: {digits[:2]}…")
    assert not found


@pytest.mark.parametrize("address", [("192.0.2.1", 9), ("2001:db8::1", 9)], ids=["IPv4", "IPv6"])
def test_no_test_can_leave_this_machine(address):
    """A socket of a test reaches loopback and nothing else."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as way, pytest.raises(PermissionError, match="leave this machine"):
        way.connect(address)


@pytest.mark.parametrize(
    ("system", "block"),
    [
        ("notifica", "notifications"),
        ("registro", "registryEntries"),
        ("expedientes", "cases"),
        ("citas", "appointments"),
        ("censo", "electoralRoll"),
        ("tabla", "seniorCentres"),
    ],
)
def test_a_connector_of_the_folder_is_known_to_the_model_alone(system, block):
    """Under hub/ only core/model names what was built with the kit; its frames name nobody."""
    names = re.compile(rf"[\"']({system}|{block})[\"']")
    found = [
        named(path)
        for path in SHIPPED
        if named(path).startswith("hub/") and names.search(path.read_text("utf-8"))
    ]
    assert found == ["hub/core/model/__init__.py"]


def test_what_connectors_share_names_none_of_them():
    """A form of question of the city's own stands beside the connectors, and knows no system."""
    names = re.compile(rf"\b({'|'.join(SYSTEMS)})\b")
    shared = [path for path in SHIPPED if named(path).startswith("connectors/common/")]
    assert shared
    assert not [named(path) for path in shared if names.search(path.read_text("utf-8"))]
