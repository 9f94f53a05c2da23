"""What `hub connectors new` writes passes every check untouched, for each kind of source."""

from __future__ import annotations

import ast
import json
import tomllib

import pytest
from click.testing import CliRunner

from hub.cli import main
from hub.core.errors import SettingsError
from hub.testing.catalogue import RULES
from hub.testing.scaffold.draft import Wish, draft_of
from hub.testing.scaffold.interface import Interface
from hub.testing.scaffold.reading import read_interface
from hub.testing.scaffold.write import new_connector
from tests.support.checkouts import ROOT, Checkout

GIVEN = ROOT / "tests" / "scaffold"
KINDS = {
    "biblioteca": ("soap", "--wsdl", "biblioteca.wsdl"),
    "aparcamiento": ("rest", "--openapi", "aparcamiento.openapi.json"),
    "huertos": ("odata", "--metadata", "huertos.metadata.xml"),
    "voluntarios": ("table", "--csv", "voluntarios.csv"),
    "calle": ("open311",),
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout with a new connector of every kind."""
    made = Checkout(tmp_path_factory.mktemp("scaffold"))
    asked = []
    for name, (kind, *given) in KINDS.items():
        files = [part if part.startswith("--") else str(GIVEN / part) for part in given]
        asked.append(["connectors", "new", name, "--kind", kind, *files])
    made.hub(*asked)
    return made


def test_lint_and_types_pass_untouched(checkout):
    """The formatter, the linter and the type checker have nothing to say."""
    places = [f"{place}/{name}" for name in KINDS for place in ("connectors", "tests/contract")]
    checkout.run("ruff", "format", "--check", "--quiet", *places)
    checkout.run("ruff", "check", "--quiet", *places)
    checkout.run("mypy", *places)


def test_a_draft_passes_its_tests_and_every_rule_up_to_gold(checkout):
    """The written tests, and the rules that the draft claims: all of bronze, silver and gold."""
    rules = [f"--hub-connector={name}" for name in KINDS]
    tests = [f"tests/contract/{name}" for name in KINDS]
    checkout.pytest(*rules, *tests)
    wanted = {rule.name for rule in RULES.values() if rule.tier != "platinum"}
    for name in KINDS:
        claims = tomllib.loads(checkout.text(f"connectors/{name}/quality.toml"))["rules"]
        assert claims.keys() == wanted


def test_mappings_and_generated_contracts_are_in_order(checkout):
    """Every mapping fits contract and type, and what is generated is up to date."""
    checkout.hub(["mappings", "check"], ["contracts", "--check"])


@pytest.mark.parametrize("name", KINDS)
def test_an_example_stands_beside_every_mapping_and_reads_every_field(checkout, name):
    """One row for each canonical field, and an example that fills them."""
    mapping = tomllib.loads(checkout.text(f"mappings/{name}/{name}.toml"))
    [example] = json.loads(checkout.text(f"mappings/{name}/{name}.examples.json"))
    rows = [shape for shape in mapping["shapes"].values() if "items" not in shape]
    assert len(example["expected"]["items"][0]) == len(rows[0])
    assert all(value is not None for value in example["expected"]["items"][0].values())


def test_a_draft_can_be_written_again(checkout):
    """Copier finds in the answers on file all that it asks, and writes the same."""
    written = checkout.text("connectors/calle/quality.toml")
    answers = "connectors/calle/.copier-answers.yml"
    (checkout.folder / "connectors/calle/quality.toml").write_text("changed")
    checkout.run("copier", "recopy", "--quiet", "--defaults", "--overwrite", "-a", answers)
    checkout.run("ruff", "format", "--quiet", "connectors/calle", "tests/contract/calle")
    assert checkout.text("connectors/calle/quality.toml") == written
    assert "_src_path: hub/testing/template" in checkout.text(answers)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["padron", "--kind", "open311"], "there is a connector padron already"),
        (["Padrón", "--kind", "open311"], "small letters"),
        (["class", "--kind", "open311"], "small letters"),
        (["nuevo", "--kind", "rest"], "begins with the source's own file"),
        (["nuevo", "--kind", "soap", "--wsdl", "voluntarios.csv"], "cannot be"),
        (["nuevo", "--kind", "rest", "--openapi", "biblioteca.wsdl"], "cannot be read"),
        (["nuevo", "--kind", "odata", "--metadata", "voluntarios.csv"], "metadata"),
        (
            ["nuevo", "--kind", "rest", "--openapi", "aparcamiento.openapi.json",
             "--operation", "otra"],
            "no operation otra",
        ),
        (["nuevo", "--kind", "open311", "--block", "library-loans"], "camelCase"),
        (["nuevo", "--kind", "open311", "--block", "class"], "camelCase"),
        (["nuevo", "--kind", "open311", "--block", "taxBills"], "such a block already"),
        (["fines", "--kind", "open311"], "such a block already"),
        (["nuevo", "--kind", "open311", "--owner", "two\nlines"], "one line"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_told_and_nothing_is(arguments, told):
    """A name that is taken or none, a file that is another, an operation that is not there."""
    files = [str(GIVEN / part) if "." in part else part for part in arguments]
    config = ROOT / "hub.toml"
    before = config.read_bytes()
    ran = CliRunner().invoke(main, ["connectors", "new", *files, "--config", str(config)])
    assert ran.exit_code != 0
    assert told in ran.output
    assert config.read_bytes() == before
    assert not (ROOT / "connectors" / "nuevo").exists()


@pytest.mark.parametrize("owner", ['Dirección "General" de X', "it's \\", "{{ name }}", "1.50"])
def test_an_owner_stands_in_the_draft_as_it_was_said(tmp_path, owner):
    """Whatever it is made of: it is a text of Python there, and no piece of it."""
    config = a_folder(tmp_path)
    new_connector(config, Wish(name="calle", kind="open311", owner=owner))
    tree = ast.parse((tmp_path / "connectors/calle/connector.py").read_text("utf-8"))
    [said] = [k.value for k in ast.walk(tree) if isinstance(k, ast.keyword) and k.arg == "owner"]
    assert ast.literal_eval(said) == owner
    assert "[sources.calle]" in config.read_text("utf-8")


def a_folder(folder):
    """What of a checkout a draft is written into."""
    (folder / "connectors").mkdir()
    (folder / "connectors" / "__init__.py").write_text("")
    (folder / "hub.toml").write_text("")
    return folder / "hub.toml"


def test_what_fails_halfway_leaves_nothing_behind(tmp_path):
    """Neither folder nor table: the author mends what was wrong and asks again."""
    config = a_folder(tmp_path)
    file = tmp_path / "samples"  # the contract has a folder of that name
    file.write_bytes((GIVEN / "aparcamiento.openapi.json").read_bytes())
    with pytest.raises(OSError, match="samples"):
        new_connector(config, Wish(name="calle", kind="rest", file=file))
    assert not (tmp_path / "connectors" / "calle").exists()
    assert config.read_text("utf-8") == ""


def test_outside_a_checkout_nothing_is_drafted(tmp_path):
    """A package of its own begins with the example."""
    (tmp_path / "hub.toml").write_text("")
    with pytest.raises(SettingsError, match="examples/outside_connector"):
        new_connector(tmp_path / "hub.toml", Wish(name="calle", kind="open311"))


def test_an_rpc_service_is_told_from_one_that_asks_about_nobody(tmp_path):
    """What the hub's SOAP does not speak is said as that."""
    rpc = tmp_path / "rpc.wsdl"
    text = (GIVEN / "biblioteca.wsdl").read_text("utf-8")
    rpc.write_text(text.replace('style="document"', 'style="rpc"'), "utf-8")
    with pytest.raises(SettingsError, match="no document/literal operation"):
        read_interface("soap", rpc, None)


def test_an_answer_without_echo_is_no_source():
    """A connector that could be given somebody else's rows is not even drafted."""
    row = {"type": "object", "properties": {"a": {"type": "string"}}}
    interface = Interface(
        message="lista",
        address="lista",
        request={"type": "object", "properties": {"nif": {"type": "string"}}},
        answer={"type": "object", "properties": {"rows": {"type": "array", "items": row}}},
        written=lambda plain: repr(plain).encode(),
        suffix="json",
        content_type="application/json",
    )
    with pytest.raises(SettingsError, match="repeats neither the person nor a reference"):
        draft_of(Wish(name="lista", kind="rest"), interface, 8199)


def test_the_first_operation_about_a_person_is_taken():
    """A description may have many; what names nobody in its question is none for the hub."""
    interface = read_interface("rest", GIVEN / "aparcamiento.openapi.json", None)
    assert interface.message == "consultaAutorizaciones"
    assert interface.address == "v1/autorizaciones/consulta"
