import msgspec
import pytest

from hub.core.errors import MappingError
from hub.mapping import (
    as_json,
    examples_path,
    file_stem,
    load_codes,
    load_mapping,
    load_schemas,
    run_examples,
)
from tests.unit.mapping.samples import CODES, MAPPING, Dossier, dossier, payloads


@pytest.fixture
def folder(tmp_path):
    """`mappings/<system>` with one mapping, its codes and its example."""
    system = tmp_path / "sample"
    system.mkdir()
    (system / "dossier.toml").write_text(MAPPING, encoding="utf-8")
    (system / "codes.toml").write_text(CODES, encoding="utf-8")
    expected = as_json(dossier().apply(payloads()))
    example = {"name": "all", "payloads": payloads(), "expected": expected}
    (system / "dossier.examples.json").write_bytes(msgspec.json.encode([example]))
    return system


@pytest.mark.parametrize(
    ("block", "stem"),
    [
        ("taxBills", "tax_bills"),
        ("residence", "residence"),
        ("serviceRequests", "service_requests"),
    ],
)
def test_the_files_of_a_block_have_its_name_in_snake_case(block, stem):
    """`taxBills` is public, `tax_bills.toml` is on disk."""
    assert file_stem(block) == stem


def test_a_mapping_is_loaded_with_its_codes(folder):
    """What is loaded is what compiling the texts gives, with the same digest."""
    loaded = load_mapping(folder, "dossier", Dossier)
    assert loaded.digest == dossier().digest
    assert loaded.apply(payloads()) == dossier().apply(payloads())


def test_examples_are_run_from_their_file(folder):
    """The examples file beside the mapping is its test."""
    mapping = load_mapping(folder, "dossier", Dossier)
    assert run_examples(mapping, examples_path(folder, "dossier")) == ()


def test_line_ends_belong_to_the_digest(folder):
    """The digest is over the bytes of the files: an editor that changes them is seen."""
    path = folder / "dossier.toml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_mapping(folder, "dossier", Dossier).digest != dossier().digest


def test_a_file_under_another_name_is_refused(folder):
    """`name` says system and block, as the place does."""
    (folder / "dossier.toml").rename(folder / "position.toml")
    with pytest.raises(MappingError, match=r"to be named sample\.position"):
        load_mapping(folder, "position", Dossier)


def test_a_missing_or_unreadable_file_is_refused_without_its_place(folder):
    """The message names the file in its folder, and never where the folder is."""
    with pytest.raises(MappingError, match="cannot be read") as missing:
        load_mapping(folder, "absent", Dossier)
    (folder / "dossier.toml").write_bytes(b"name = '\xf1'")
    with pytest.raises(MappingError, match="byte 8 is not UTF-8") as latin:
        load_mapping(folder, "dossier", Dossier)
    assert str(folder) not in f"{missing.value}{latin.value}"


@pytest.mark.parametrize("text", ["{}", "[1]", '[{"name": "x"}]', "[", "[" * 10_000], ids=range(5))
def test_an_examples_file_of_another_shape_is_refused(folder, text):
    """Examples are a list of name, payloads and expected."""
    path = examples_path(folder, "dossier")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MappingError, match="not as expected"):
        run_examples(load_mapping(folder, "dossier", Dossier), path)


def test_a_system_without_codes_has_no_lists(tmp_path):
    """`codes.toml` is there only where a mapping needs one."""
    assert load_codes(tmp_path).lists == {}


def test_contracts_are_loaded_by_operation(tmp_path):
    """One schema per operation, named after it."""
    payload_folder = tmp_path / "payloads"
    payload_folder.mkdir()
    (payload_folder / "inhabitant.schema.json").write_text('{"type": "object"}', encoding="utf-8")
    (payload_folder / "README.md").write_text("", encoding="utf-8")
    assert load_schemas(tmp_path) == {"inhabitant": {"type": "object"}}
    (payload_folder / "household.schema.json").write_text("[]", encoding="utf-8")
    with pytest.raises(MappingError, match="household"):
        load_schemas(tmp_path)
