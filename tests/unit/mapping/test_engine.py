import datetime as dt
import hashlib
import traceback
from decimal import Decimal

import pytest

from hub.core.errors import MappingError
from hub.core.model.canonical import Canonical, Code, Money, PartialDate
from hub.mapping import compile_mapping, parse_codes, unknown_codes
from tests.unit.mapping.samples import CODES, MAPPING, Bill, Dossier, change, dossier, payloads

NOTHING = parse_codes("")


def test_a_payload_that_fits_becomes_the_canonical_value():
    """Every kind of row does its part: record, list, pick, code, word, document, moment."""
    value = dossier().apply(payloads())
    assert value.holder.number == "99000001C"
    assert value.born == PartialDate(year=1980, month=2)
    assert value.since == dt.datetime(2011, 3, 1, 9, tzinfo=dt.UTC)
    assert (value.active, value.tags) == (True, ("uno", "dos"))
    assert value.street.name == "CL Mayor 7"
    assert value.street.type == Code(code="CL", label="Calle")
    assert value.contact.links == ("https://example.org/a",)


def test_rows_are_picked_by_class_and_keep_their_order():
    """`only` sorts the rows of one list into bills and fines; unknown codes go where it says."""
    value = dossier().apply(payloads())
    assert [bill.status for bill in value.bills] == ["open", "paid"]
    assert value.bills[0].amount == Money(amount=Decimal("152.00"), currency="EUR")
    assert value.bills[0].due == dt.date(2026, 2, 15)
    assert value.bills[0].instalments[0].due == dt.date(2026, 1, 31)
    assert [fine.id for fine in value.fines] == ["18"]
    assert value.fines[0].amount.amount == Decimal("-3.50")


MISSING = [
    pytest.param("person/FechaNac", "born", None, id="partial date"),
    pytest.param("person/Contacto", "contact", None, id="record"),
    pytest.param("person/Etiquetas", "tags", (), id="list with a default"),
]


@pytest.mark.parametrize("found", [None, "", " \n ", ...], ids=["null", "empty", "blank", "absent"])
@pytest.mark.parametrize(("path", "field", "expected"), MISSING)
def test_null_blank_and_absent_are_all_missing(path, field, expected, found):
    """One rule for missing: an optional field is None, whatever way the source lacks it."""
    value = dossier().apply(change(payloads(), path, found))
    assert getattr(value, field) == expected


@pytest.mark.parametrize("found", [None, "", ...], ids=["null", "empty", "absent"])
@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("person/Vigente", "active"),
        ("person/Doc/Valor", "holder"),
        ("person/Doc/Tipo", "holder"),
        ("person/Domicilio", "street"),
        ("person/Domicilio/TipoVia", "street.type"),
        ("person/Contacto/Enlaces", "contact.links"),
        ("items/results", "bills"),
        ("items", "bills"),
        ("items/results/2/WAERS", "bills[0].amount"),
        ("items/results/2/TVORG", "bills[0]"),
        ("items/results/2/Plazos/0/Vence", "bills[0].instalments[0].due"),
    ],
)
def test_what_must_be_there_and_is_not_is_refused_by_name(path, target, found):
    """A missing value of a field that is not optional names the field with its indices."""
    with pytest.raises(MappingError, match="missing") as refusal:
        dossier().apply(change(payloads(), path, found))
    assert refusal.value.target == target
    assert refusal.value.mapping == "sample.dossier"


def test_half_a_value_is_refused_even_where_none_would_do():
    """The first path decides: a surcharge without currency is no surcharge left out."""
    assert dossier().apply(payloads()).bills[0].surcharge is None
    half = change(payloads(), "items/results/3/RECARGO", "7.00")
    assert dossier().apply(half).bills[1].surcharge.amount == 7
    with pytest.raises(MappingError, match="a part of the value is missing") as refusal:
        dossier().apply(change(half, "items/results/3/RECARGO_WAERS", ""))
    assert refusal.value.target == "bills[1].surcharge"


def test_a_blank_that_is_a_code_is_not_an_absent_key():
    """A list with the code "" reads a blank as that code; a key that is gone is missing."""
    assert (
        dossier().apply(change(payloads(), "items/results/2/AUGST", None)).bills[0].status == "open"
    )
    with pytest.raises(MappingError, match="missing"):
        dossier().apply(change(payloads(), "items/results/2/AUGST", ...))


MISFITS = [
    pytest.param("person", [], "holder", "person/Doc/Valor", "found list", id="list for a record"),
    pytest.param(
        "person/Doc", "x", "holder", "person/Doc/Valor", "found str", id="text for a record"
    ),
    pytest.param(
        "person/Vigente", {}, "active", "person/Vigente", "found dict", id="record for text"
    ),
    pytest.param(
        "person/Vigente", True, "active", "person/Vigente", "found bool", id="boolean for text"
    ),
    pytest.param("person/Alta", 10**5000, "since", "person/Alta", "found int", id="huge number"),
    pytest.param(
        "items/results", {}, "bills", "items/results", "found dict", id="record for a list"
    ),
    pytest.param(
        "items/results/3", 7, "bills[1]", "items/results[3]", "found int", id="number for a row"
    ),
    pytest.param(
        "items/results/3/BETRW",
        1.5,
        "bills[1].amount",
        "items/results[3]/BETRW",
        "found float",
        id="float for money",
    ),
    pytest.param(
        "items/results/3/OPBEL",
        True,
        "bills[1].id",
        "items/results[3]/OPBEL",
        "found bool",
        id="boolean for number",
    ),
    pytest.param(
        "items/results/3/OPBEL",
        10**5000,
        "bills[1].id",
        "items/results[3]/OPBEL",
        "found int",
        id="too many digits",
    ),
    pytest.param(
        "items/results/3/AUGST",
        "7",
        "bills[1].status",
        "items/results[3]/AUGST",
        "word:status",
        id="unknown code",
    ),
    pytest.param(
        "person/Etiquetas/1",
        {},
        "tags[1]",
        "person/Etiquetas[1]",
        "found dict",
        id="item of a list",
    ),
    pytest.param(
        "person/Etiquetas/0", "", "tags[0]", "person/Etiquetas[0]", "missing", id="blank item"
    ),
    pytest.param(
        "person/Domicilio/CodPostal",
        "2801",
        "street.postal_code",
        "person/Domicilio/CodPostal",
        "limits",
        id="limits",
    ),
    pytest.param(
        "person/Alta",
        "2011-03-01",
        "since",
        "person/Alta",
        "found str of another form",
        id="another form",
    ),
]


@pytest.mark.parametrize(("path", "found", "target", "source", "why"), MISFITS)
def test_a_misfit_names_field_path_and_types(path, found, target, source, why):
    """The error says where on both sides, with the index of the row, and which types."""
    with pytest.raises(MappingError) as refusal:
        dossier().apply(change(payloads(), path, found))
    assert refusal.value.target == target
    assert source in refusal.value.source.split(", ")
    assert why in refusal.value.why


@pytest.mark.parametrize("found", [None, 7, "x", [], [("person", {})]], ids=repr)
def test_payloads_that_are_no_mapping_are_refused(found):
    """Hostile input at the very top is a MappingError like any other."""
    with pytest.raises(MappingError):
        dossier().apply(found)


def test_a_refusal_carries_no_value_in_its_whole_traceback():
    """Neither text, cause nor context of a refusal quotes what the source sent."""
    bad = change(payloads(), "items/results/2/FAEDN", "CANARY-31")
    with pytest.raises(MappingError) as refusal:
        dossier().apply(bad)
    assert refusal.value.__context__ is None
    assert "CANARY" not in "".join(traceback.format_exception(refusal.value))


def test_a_type_that_refuses_its_values_is_a_misfit():
    """A canonical type's own check (values that contradict each other) is a MappingError too."""
    text = 'name = "s.d"\nversion = 1\ntarget = "Span"\n[shapes.Span]\n'
    text += 'began = { from = "op/a", via = "integer" }\nended = { from = "op/b", via = "integer" }'
    mapping = compile_mapping(text, types={"Span": Span}, codes=NOTHING)
    assert mapping.apply({"op": {"a": 1, "b": 2}}) == Span(began=1, ended=2)
    with pytest.raises(MappingError, match="do not make a Span"):
        mapping.apply({"op": {"a": 2, "b": 1}})


class Span(Canonical, frozen=True):
    began: int
    ended: int

    def __post_init__(self):
        if self.ended < self.began:
            raise ValueError(f"{self.ended} before {self.began}")


def test_the_digest_can_be_made_by_hand():
    """sha256 over mapping text, a zero byte and codes text: an expert needs no code of ours."""
    by_hand = hashlib.sha256(MAPPING.encode() + b"\0" + CODES.encode()).hexdigest()
    assert dossier().digest == by_hand


def test_the_digest_ignores_codes_that_are_not_used():
    """A mapping without code lists keeps its digest when the lists change."""
    text = 'name = "s.d"\nversion = 1\ntarget = "Span"\n[shapes.Span]\n'
    text += 'began = { from = "op/a", via = "integer" }\nended = { from = "op/b", via = "integer" }'
    with_codes = compile_mapping(text, types={"Span": Span}, codes=parse_codes(CODES))
    assert with_codes.digest == compile_mapping(text, types={"Span": Span}, codes=NOTHING).digest
    assert with_codes.codes_text == ""


def test_the_operations_are_those_that_the_rows_start_with():
    """Which payloads a mapping needs is read off its rows."""
    assert dossier().operations == ("items", "person")


def test_unknown_codes_are_found_with_their_place():
    """Drift is counted by field: a kept code says that its list lacks it."""
    value = dossier().apply(change(payloads(), "person/Domicilio/TipoVia", "ZZ"))
    assert value.street.type == Code(code="ZZ", known=False)
    assert unknown_codes(value) == ("street.type",)
    assert unknown_codes((value.street,)) == ("[0].type",)


def test_applying_does_not_change_the_payload():
    """A mapping is pure: the payload is evidence and stays as it was."""
    given = payloads()
    dossier().apply(given)
    assert given == payloads()


def test_a_target_that_is_not_offered_is_refused():
    """The file names its target, and the caller says which types there are."""
    with pytest.raises(MappingError, match="no type 'Dossier'"):
        compile_mapping(MAPPING, types={"Bill": Bill}, codes=parse_codes(CODES))


def test_a_mapping_says_in_its_repr_what_it_is():
    """Name, version and the start of the digest: enough for a log."""
    mapping = dossier()
    assert repr(mapping) == f"Mapping('sample.dossier', version=1, digest='{mapping.digest[:12]}')"
    assert mapping.target is Dossier
