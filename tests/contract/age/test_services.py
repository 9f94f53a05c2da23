"""Services and codes are data; what is wrong with them shows at start-up."""

from __future__ import annotations

import csv
import shutil
import tomllib
from pathlib import Path

import msgspec
import pytest
import zeep

from connectors.age import Settings, simulator
from connectors.age.outcomes import OutcomeTable, Verdict, failure, of_fault
from connectors.age.service import CONTRACT, load_outcomes, load_services, spec_of
from hub.core.errors import SettingsError
from hub.core.model import BLOCKS
from hub.sandbox.sources import SimulatedSource, load_simulators
from tests.contract.age.world import contract, real_data

SERVICES = CONTRACT / "services"


def test_the_declaration_says_what_is_offered():
    """Six operations, none sent twice, for six blocks that exist; without effects in law."""
    spec = spec_of(load_services(SERVICES))
    assert spec.blocks == {
        "jobSeeker": ("job_seeker",),
        "unemploymentBenefit": ("unemployment_benefit",),
        "workHistory": ("work_history",),
        "incomeLevel": ("income_level",),
        "largeFamily": ("large_family",),
        "disability": ("disability",),
    }
    assert set(spec.blocks) <= set(BLOCKS)
    for operation in spec.operations:
        assert not operation.repeatable
        assert not operation.legal_effect
        assert {echo.of for echo in operation.echoes} == {"document", "request_id", "service"}


def test_every_code_of_the_catalogue_has_one_outcome():
    """None of the official codes is left to the default."""
    path = real_data("catalog", "codigos_error.csv")
    with path.open(encoding="utf-8") as file:
        official = {row["codigo"] for row in csv.DictReader(file)}
    assert set(load_outcomes(CONTRACT).codes) == official | {"0002"}


@pytest.mark.parametrize(
    ("code", "outcome", "reason"),
    [
        ("0101", "unavailable", "connect_failed"),
        ("0229", "our_fault", "backend_fault"),
        ("0230", "our_fault", "clock_skew"),
        ("0233", "empty", None),
        ("0253", "our_fault", "hub_credentials"),
        ("0305", "our_fault", "hub_credentials"),
        ("0401", "our_fault", "schema"),
        ("0901", "unavailable", "maintenance"),
        ("0002", "pending", None),
        ("9999", "unavailable", "backend_fault"),
    ],
)
def test_codes_mean_what_the_table_says(code: str, outcome: str, reason: str | None):
    """A code that nobody knows is a fault of the source, never an empty answer."""
    assert load_outcomes(CONTRACT).verdict(code) == Verdict(outcome=outcome, reason=reason)  # type: ignore[arg-type]  # the table's words


def test_no_fault_says_anything_about_a_person():
    """Whatever the code, an unsigned fault leads to `unavailable` or to the hub's own fault."""
    for service in load_services(SERVICES):
        for table in (load_outcomes(CONTRACT), service.outcome.table):
            outcomes = {of_fault(verdict).outcome for verdict in table.codes.values()}
            assert outcomes <= {"unavailable", "our_fault"}


@pytest.mark.parametrize(
    "text",
    [
        '[codes]\n"1" = { outcome = "unavailable" }',
        '[codes]\n"1" = { outcome = "found", reason = "schema" }',
        '[codes]\n"1" = { outcome = "maybe" }',
        '[codes]\n"1" = { outcome = "unavailable", reason = "mood" }',
        '[codes]\n"1" = "found"',
    ],
)
def test_a_table_that_says_too_little_or_too_much_is_refused(text: str):
    """A reason goes with the outcomes that give nothing, and only with these."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.toml.decode(text, type=OutcomeTable)


def test_a_detail_names_a_code_and_never_a_text():
    """What looks like no code is not repeated."""
    verdict = Verdict(outcome="unavailable", reason="backend_fault")
    assert "(not a code)" in failure(verdict, "Juana García", "business").detail


def a_copy(folder: Path, code: str, *changes: tuple[str, str]) -> None:
    """Another service under *folder*, made from the one that exists."""
    shutil.copytree(SERVICES / "SVDSEPEDEMWS01", folder / code)
    path = folder / code / "service.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def test_another_service_is_another_folder(tmp_path: Path):
    """A second service needs data alone: its operation appears in the declaration."""
    a_copy(tmp_path, "SVDSEPEDEMWS01")
    a_copy(
        tmp_path,
        "INVENTED01",
        ('code = "SVDSEPEDEMWS01"', 'code = "INVENTED01"'),
        ('operation = "job_seeker"', 'operation = "invented"'),
        ('block = "jobSeeker"', 'block = "invented"'),
        ('names = "required"', 'names = "never"'),
    )
    spec = spec_of(load_services(tmp_path))
    assert spec.blocks == {"jobSeeker": ("job_seeker",), "invented": ("invented",)}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        pytest.param((('template = "classic"', 'template = "odd"'),), "template", id="template"),
        pytest.param((('mode = "ws-security"', 'mode = "none"'),), "mode", id="no-signature"),
        pytest.param((('answer = "rsa-sha256"', 'answer = "md5"'),), "answer", id="algorithm"),
        pytest.param((("title =", "titel ="),), "titel", id="unknown-key"),
        pytest.param((("[provider]", "[provider"),), "service.toml", id="not-toml"),
        pytest.param(
            (("[outcome]\n", '[outcome]\nempty_without_content = ["0003"]\n'),),
            "with `content`",
            id="empty-without-content-and-no-content",
        ),
        pytest.param((("SVDSEPEDEMWS01", "OTHER"),), "its code is OTHER", id="another-code"),
    ],
)
def test_a_service_that_is_wrong_stops_the_start(
    tmp_path: Path, changes: tuple[tuple[str, str], ...], fault: str
):
    """The fault names the file and the key."""
    a_copy(tmp_path, "SVDSEPEDEMWS01", *changes)
    with pytest.raises(SettingsError, match=fault):
        load_services(tmp_path)


def test_two_services_for_one_operation_are_an_error(tmp_path: Path):
    """Which of the two would be asked?"""
    a_copy(tmp_path, "SVDSEPEDEMWS01")
    a_copy(tmp_path, "INVENTED01", ('code = "SVDSEPEDEMWS01"', 'code = "INVENTED01"'))
    with pytest.raises(SettingsError, match="two services"):
        load_services(tmp_path)


def test_the_description_can_be_read_by_a_soap_library():
    """The WSDL and its schemas hang together: zeep builds the operation from them."""
    path = contract("services", "SVDSEPEDEMWS01", "service.wsdl")
    client = zeep.Client(str(path))
    operation = client.service._binding._operations["peticionSincrona"]
    assert str(operation.input.body.qname).endswith("V3/peticion}Peticion")


def test_the_settings_in_the_guide_are_complete():
    """What an operator copies from the README names every setting, and no other."""
    guide = (CONTRACT.parents[1] / "connectors" / "age" / "README.md").read_text(encoding="utf-8")
    table = guide.partition("```toml")[2].partition("```")[0]
    given = tomllib.loads(table)["sources"]["age"]["settings"]
    offered = tomllib.loads(table.replace("\n# ", "\n"))["sources"]["age"]["settings"]
    required = {field.name for field in msgspec.structs.fields(Settings) if field.required}
    assert set(given) == required
    assert set(offered) == set(Settings.__struct_fields__)


def test_the_guide_names_every_fault_mode():
    """A mode that nobody can find is not used."""
    guide = (CONTRACT.parents[1] / "connectors" / "age" / "README.md").read_text(encoding="utf-8")
    assert {mode for mode in simulator.FAULTS if f"`{mode}`" not in guide} == set()


def test_the_sandbox_can_load_the_simulator():
    """The runner finds the module by name, with its modes and its function."""
    source = SimulatedSource(name="age", module="connectors.age")
    assert load_simulators([source])["age"].FAULTS == simulator.FAULTS
