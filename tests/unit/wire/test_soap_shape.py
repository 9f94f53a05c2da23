"""What a WSDL says of its messages agrees with how the hub reads them."""

from __future__ import annotations

import jsonschema
import pytest
from lxml import etree

from hub.core.errors import SettingsError
from hub.wire.soap import SoapService
from hub.wire.soap_shape import message_shapes
from tests.support.checkouts import ROOT

WSDL = ROOT / "tests" / "scaffold" / "biblioteca.wsdl"
LOAN = {
    "Ejemplar": "1",
    "Titulo": "La colmena",
    "FechaPrestamo": "2026-11-02",
    "FechaDevolucion": "2026-12-02",
    "Renovable": "true",
    "Estado": "P",
    "Biblioteca": {"Codigo": "B07", "Nombre": "Central"},
}


@pytest.mark.parametrize("loans", [[], [LOAN], [LOAN, LOAN]])
def test_what_is_written_is_read_as_the_shape_says(loans):
    """An answer made of plain data comes back through the hub's own reader, by its schema."""
    shape = message_shapes(WSDL, "library")["ConsultaPrestamos"]
    plain = {"IdPeticion": "1", "Documento": "99000002K", "Prestamos": {"Prestamo": loans}}
    body = etree.fromstring(shape.written(plain))[0]
    read = SoapService(WSDL, "library").read("ConsultaPrestamos", body[0])
    jsonschema.validate(read, shape.answer)
    assert read == plain


def test_lists_formats_and_what_is_required_are_in_the_shape():
    """The draft's payload schema is made of it."""
    shape = message_shapes(WSDL, "library")["ConsultaPrestamos"]
    assert shape.request["required"] == ["IdPeticion", "Documento"]
    loan = shape.answer["properties"]["Prestamos"]["properties"]["Prestamo"]
    assert loan["type"] == "array"
    assert loan["items"]["properties"]["FechaPrestamo"] == {"type": "string", "format": "date"}
    assert loan["items"]["properties"]["Renovable"]["x-xsd"] == "boolean"
    assert "Autor" not in loan["items"]["required"]


@pytest.mark.parametrize("text", ["", "plain", "<a/>", "<!DOCTYPE a><a/>", "<a>" * 9])
def test_what_is_no_wsdl_is_refused(tmp_path, text):
    """One line for the author, whatever the file is."""
    path = tmp_path / "x.wsdl"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"x\.wsdl: cannot be read"):
        message_shapes(path, "x")


@pytest.mark.parametrize("contract", ["padron/padron.wsdl", "registro/registro.wsdl"])
def test_every_contract_of_ours_has_shapes(contract):
    """The same types, from another side."""
    path = ROOT / "contracts" / contract
    assert message_shapes(path, "x").keys() == SoapService(path, "x").operations
