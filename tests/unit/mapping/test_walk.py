from typing import Any

import pytest

from hub.core.errors import MappingError
from hub.mapping import Lineage
from tests.unit.mapping.samples import change, dossier, payloads


def entries(given: Any) -> dict[str, Lineage]:
    return {entry.target: entry for entry in dossier().trace(given)}


def test_lineage_has_the_indices_of_both_sides():
    """The first fine of the answer is the second row of the source, and lineage says so."""
    assert entries(payloads())["fines[0].amount"] == Lineage(
        target="fines[0].amount",
        pointer="/fines/0/amount",
        sources=("items/results[1]/BETRW", "items/results[1]/WAERS"),
        via="signed_money",
        row="Bill.amount",
    )


EXPECTED = [
    ("holder", "/holder", ("person/Doc/Valor", "person/Doc/Tipo"), "typed_document"),
    ("street", "/street", ("person/Domicilio",), "shape:Street"),
    ("street.type", "/street/type", ("person/Domicilio/TipoVia",), "code:street_type"),
    ("street.postal_code", "/street/postalCode", ("person/Domicilio/CodPostal",), "text"),
    ("bills", "/bills", ("items/results",), "each:Bill only:kind:bills"),
    ("bills[0].status", "/bills/0/status", ("items/results[2]/AUGST",), "word:status"),
    (
        "bills[0].instalments[0].due",
        "/bills/0/instalments/0/due",
        ("items/results[2]/Plazos[0]/Vence",),
        "date_ddmmyyyy",
    ),
    ("tags[1]", "/tags/1", ("person/Etiquetas[1]",), "text"),
    ("bills[1].instalments", "/bills/1/instalments", (), "each:Instalment"),
]


@pytest.mark.parametrize(("target", "pointer", "sources", "via"), EXPECTED)
def test_every_kind_of_row_has_its_lineage(target, pointer, sources, via):
    """Record, list, code, word, item: each leads to the paths that the payload has of it."""
    entry = entries(payloads())[target]
    assert (entry.pointer, entry.sources, entry.via) == (pointer, sources, via)


def test_a_field_that_is_none_has_no_lineage():
    """What is missing comes from nowhere."""
    assert "contact" not in entries(change(payloads(), "person/Contacto", None))
    assert "fines[0].due" not in entries(payloads())


def test_lineage_comes_in_the_order_of_the_types():
    """A record comes before its fields, so that the list reads as the answer does."""
    targets = [entry.target for entry in dossier().trace(payloads())]
    assert targets[:6] == ["holder", "born", "since", "active", "street", "street.name"]
    assert len(targets) == len(set(targets))


def test_lineage_of_what_does_not_fit_is_refused_like_the_value():
    """No lineage is given for a payload that has no value."""
    with pytest.raises(MappingError, match=r"since <- person/Alta"):
        dossier().trace(change(payloads(), "person/Alta", "yesterday"))
