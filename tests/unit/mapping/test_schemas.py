from typing import Any

import pytest

from hub.mapping import Coverage, check_paths, compile_mapping, coverage, parse_codes
from tests.unit.mapping.samples import CODES, MAPPING, Dossier, change, dossier

TEXT = {"type": "string"}
MAYBE = {"type": ["string", "null"]}


def record(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def rows(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def schemas() -> dict[str, Any]:
    """The contract of the sample: two operations."""
    person = record(
        Doc=record(Tipo=TEXT, Valor=TEXT),
        FechaNac=MAYBE,
        Alta=TEXT,
        Vigente=TEXT,
        Domicilio={"$ref": "#/$defs/address"},
        Contacto=record(Correo=TEXT, Enlaces=rows(TEXT)),
        Etiquetas=rows(TEXT),
        Interno=TEXT | {"x-ignored": "a number of the source's own"},
        Sexo=TEXT,
    )
    via = record(Nombre=TEXT, Numero=TEXT)
    person["$defs"] = {"address": record(TipoVia=TEXT, Via=via, CodPostal=TEXT)}
    item = record(
        HVORG=TEXT,
        TVORG=TEXT,
        OPBEL={"type": ["string", "integer"]},
        BETRW=TEXT,
        WAERS=TEXT,
        RECARGO=TEXT,
        RECARGO_WAERS=TEXT,
        AUGST=MAYBE,
        FAEDN=MAYBE,
        Plazos=rows(record(Importe=TEXT, Vence=TEXT)),
        MANSP=TEXT,
    )
    return {"person": person, "items": record(results=rows(item))}


def test_a_mapping_that_agrees_with_the_contract_has_no_mistakes():
    """Every path of every row exists, through records, lists and references."""
    assert check_paths(dossier(), schemas()) == ()


ROW = "items/properties/results/items/properties"
WRONG = [
    ("person/properties/Alta", ..., "since <- person/Alta: the contract has no 'Alta' there"),
    ("person/$defs/address/properties/Via", ..., "no 'Via'"),
    ("person/$defs/address", ..., "refers to '#/$defs/address', which it lacks"),
    ("person/$defs/address", {"$ref": "#/$defs/address"}, "refers to itself"),
    ("person/properties/Domicilio", TEXT, "says string, the row takes dict"),
    ("person/properties/Vigente", {"type": "boolean"}, "says boolean, the row takes str"),
    ("person/properties/Etiquetas", TEXT, "not as a list"),
    ("person/properties/Etiquetas", rows({"type": "integer"}), "says integer, the row takes str"),
    ("items", ..., "no operation 'items'"),
    ("items/properties/results", record(), "not as a list"),
    (f"{ROW}/TVORG", ..., "no 'TVORG'"),
    (f"{ROW}/BETRW", {"type": "object"}, "says object"),
    (f"{ROW}/OPBEL", {"type": ["string", "boolean"]}, "says boolean"),
]


@pytest.mark.parametrize(("path", "value", "why"), WRONG, ids=[f"{p}: {w}" for p, _, w in WRONG])
def test_a_path_that_the_contract_lacks_is_named(path, value, why):
    """A change of the contract that breaks a row is found before any citizen does."""
    mistakes = check_paths(dossier(), change(schemas(), path, value))
    assert any(why in line for line in mistakes)
    assert all(line.startswith("sample.dossier: ") for line in mistakes)


def test_a_number_may_be_taken_as_any_kind_of_number():
    """JSON has one kind of number; a row that takes one of ours is content."""
    text = MAPPING.replace('from = "FAEDN", via = "date_odata"', 'from = "FAEDN", via = "date_iso"')
    mapping = compile_mapping(text, types={"Dossier": Dossier}, codes=parse_codes(CODES))
    number = change(schemas(), f"{ROW}/BETRW", {"type": "number"})
    assert check_paths(mapping, number) == ()


def test_coverage_says_what_is_read_ignored_and_never_read():
    """A leaf of the contract is read, ignored with a reason, or nobody looked at it."""
    found = coverage(dossier(), schemas())
    assert found.ignored == ("person/Interno",)
    assert found.never_read == ("items/results[]/MANSP", "person/Sexo")
    assert "items/results[]/HVORG" in found.read
    assert "person/Etiquetas[]" in found.read
    assert "person/Domicilio/Via/Numero" in found.read


def test_coverage_of_several_mappings_is_taken_together():
    """A field counts as read when any mapping of the system reads it."""
    assert coverage([dossier(), dossier()], schemas()) == coverage(dossier(), schemas())
    nothing = coverage([], {"op": record(a=TEXT)})
    assert nothing == Coverage(read=(), never_read=("op/a",))


def test_a_contract_inside_itself_is_entered_once():
    """A recursive schema ends: its second turn is a leaf."""
    tree = {
        "$ref": "#/$defs/n",
        "$defs": {"n": record(name=TEXT, a={"$ref": "#/$defs/n"}, b={"$ref": "#/$defs/n"})},
    }
    assert coverage([], {"op": tree}).never_read == ("op/name", "op/a", "op/b")
