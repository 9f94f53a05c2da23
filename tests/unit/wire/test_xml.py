"""The one XML gate: what it lets through and what it refuses, byte by byte."""

from __future__ import annotations

import codecs

import pytest

from hub.core.errors import SourceError, SourceInsecure, SourceMalformed
from hub.wire.xml import MAX_BYTES, parse_trusted_file, parse_xml

BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha"}">' for n in range(10))
XXE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'
PADDED = '<?xml version="1.0"' + " " * 400 + 'encoding="{}"?>'

FORBIDDEN = [
    pytest.param(b"<!DOCTYPE a><a/>", id="doctype"),
    pytest.param(b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a/>', id="external_dtd"),
    pytest.param(XXE.encode(), id="file_entity"),
    pytest.param(XXE.encode("utf-16"), id="file_entity_utf16_bom"),
    pytest.param(XXE.encode("utf-16-le"), id="file_entity_utf16le"),
    pytest.param(XXE.encode("utf-16-be"), id="file_entity_utf16be"),
    pytest.param(codecs.BOM_UTF8 + XXE.encode(), id="file_entity_utf8_bom"),
    pytest.param(
        b'<?xml version="1.0" encoding="ISO-8859-1"?>' + XXE.encode(), id="file_entity_latin1"
    ),
    pytest.param(f"<!DOCTYPE a [{BOMB}]><a>&e9;</a>".encode(), id="billion_laughs"),
    pytest.param(
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/hostname">%p;]><a/>', id="parameter_entity"
    ),
    pytest.param(b"<a>&undefined;</a>", id="undeclared_entity"),
    pytest.param(b"<a>" * 100_000 + b"</a>" * 100_000, id="depth_100000"),
]
NONSENSE = [
    pytest.param(b"", "malformed", id="empty"),
    pytest.param(b"   ", "malformed", id="blank"),
    pytest.param(b"{}", "malformed", id="json"),
    pytest.param(b"<a><b></a>", "malformed", id="bad_nesting"),
    pytest.param(b"<a>", "malformed", id="cut_off"),
    pytest.param(b"<a/><a/>", "malformed", id="two_roots"),
    pytest.param(b"<x:a/>", "malformed", id="undefined_prefix"),
    pytest.param(b"<a>\x00</a>", "malformed", id="nul"),
    pytest.param(b"<a b='1' b='2'/>", "malformed", id="attribute_twice"),
    pytest.param("<a>Muñoz</a>".encode("latin-1"), "charset", id="latin1_undeclared"),
    pytest.param(
        b'<?xml version="1.0" encoding="utf-8"?>' + "<a>Muñoz</a>".encode("latin-1"),
        "charset",
        id="latin1_declared_utf8",
    ),
    pytest.param(b'<?xml version="1.0" encoding="UTF-7"?><a/>', "charset", id="utf7"),
    pytest.param(b"<?xml version='1.0' encoding='cp037'?><a/>", "charset", id="ebcdic"),
    pytest.param(b'<?xml version="1.0" encoding="utf-16"?><a/>', "charset", id="not_utf16"),
    pytest.param("<a>x</a>".encode("utf-16-le") + b"\xd8", "charset", id="half_a_code_unit"),
    pytest.param("<a>x</a>".encode("utf-32"), "malformed", id="utf32"),
]
READABLE = [
    pytest.param("<a>Muñoz</a>".encode(), id="utf8"),
    pytest.param(codecs.BOM_UTF8 + "<a>Muñoz</a>".encode(), id="utf8_bom"),
    pytest.param("<a>Muñoz</a>".encode("utf-16"), id="utf16_bom"),
    pytest.param("<a>Muñoz</a>".encode("utf-16-be"), id="utf16be"),
    pytest.param(
        '<?xml version="1.0" encoding="UTF-16"?><a>Muñoz</a>'.encode("utf-16"), id="utf16_declared"
    ),
    pytest.param(
        "<?xml version='1.0' encoding='iso-8859-1'?><a>Muñoz</a>".encode("latin-1"), id="latin1"
    ),
    pytest.param(
        "<?xml version='1.0' encoding='ISO-8859-15' standalone='yes'?><a>Muñoz</a>".encode(
            "iso-8859-15"
        ),
        id="latin9",
    ),
]


@pytest.mark.parametrize("data", FORBIDDEN)
def test_document_types_entities_and_attacks_are_a_security_event(data: bytes):
    """Any document type is refused in every encoding, and so is what only a limit stops."""
    with pytest.raises(SourceInsecure) as caught:
        parse_xml("x", data)
    assert caught.value.reason == "forbidden_xml"


@pytest.mark.parametrize(("data", "reason"), NONSENSE)
def test_what_is_not_xml_is_malformed(data: bytes, reason: str):
    """Nonsense and unlisted encodings are the source's mistake, and final."""
    with pytest.raises(SourceMalformed) as caught:
        parse_xml("x", data)
    assert caught.value.reason == reason


@pytest.mark.parametrize("data", READABLE)
def test_a_name_survives_every_encoding_on_the_list(data: bytes):
    """Muñoz is Muñoz, whatever the source's age."""
    assert parse_xml("x", data).text == "Muñoz"


@pytest.mark.parametrize("encoding", ["UTF-7", "utf-16", "cp037"])
def test_a_declaration_beyond_the_gates_sight_decides_nothing(encoding: str):
    """What was checked is what is parsed: a hidden declaration cannot change the text."""
    root = parse_xml("x", (PADDED.format(encoding) + "<a>+APE-</a>").encode())
    assert root.text == "+APE-"


@pytest.mark.parametrize(
    "data",
    [b"<a>12345<!-- -->678Z</a>", b"<a>12345<?pi?>678Z</a>", b"<a>12345<![CDATA[678]]>Z</a>"],
    ids=["comment", "instruction", "cdata"],
)
def test_nothing_splits_an_identifier(data: bytes):
    """An identifier reads whole, so that what is read is what was signed."""
    assert parse_xml("x", data).text == "12345678Z"


def test_bytes_beyond_the_cap_are_not_parsed():
    """Size is judged before anything else, to the byte."""
    data = b"<a>" + b"x" * 93 + b"</a>"
    assert parse_xml("x", data, max_bytes=100).tag == "a"
    with pytest.raises(SourceMalformed) as caught:
        parse_xml("x", data + b" ", max_bytes=100)
    assert caught.value.reason == "too_large"
    assert MAX_BYTES == 4 * 1024 * 1024


def test_includes_and_schema_locations_are_left_alone():
    """Nothing in a document makes the gate fetch anything."""
    data = (
        b'<a xmlns:xi="http://www.w3.org/2001/XInclude">'
        b'<xi:include href="file:///etc/hostname" parse="text"/></a>'
    )
    root = parse_xml("x", data)
    assert root.xpath("string()") == ""


@pytest.mark.parametrize(
    "data",
    [b"<a><canary-99000002K></a>", b"<a>&canary-99000002K;</a>", b"<a canary='99000002K></a>"],
    ids=["tag", "entity", "attribute"],
)
def test_no_error_quotes_what_came(data: bytes):
    """Messages end in logs; libxml2's own would quote the document."""
    with pytest.raises(SourceError) as caught:
        parse_xml("x", data)
    assert "99000002K" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_of_the_contracts_goes_through_the_same_gate(tmp_path):
    """The hub's own files get no easier way in."""
    good, bad = tmp_path / "good.xsd", tmp_path / "bad.xsd"
    good.write_bytes(b"<schema/>")
    bad.write_bytes(b"<!DOCTYPE schema><schema/>")
    assert parse_trusted_file(str(good)).tag == "schema"
    with pytest.raises(SourceInsecure):
        parse_trusted_file(str(bad))
