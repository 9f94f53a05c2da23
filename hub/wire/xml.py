"""The one XML gate: no other module of the hub parses XML that came from outside.

Rules: a byte cap, an allow-list of encodings, no DOCTYPE in
any of them, no entities, no network, libxml2's own depth and size limits left on.
"""

from __future__ import annotations

import re

from lxml import etree

from hub.core.errors import SourceInsecure, SourceMalformed

MAX_BYTES = 4 * 1024 * 1024
"""More is refused unparsed: only a byte cap bounds what attributes cost."""

_ENCODINGS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "iso-8859-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "iso-8859-15": "iso-8859-15",
}
_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._\-]{1,40})[\"']")
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def parse_xml(source: str, data: bytes, *, max_bytes: int = MAX_BYTES) -> etree._Element:
    """The root element of *data*.

    Raises SourceMalformed (`too_large`, `charset`, `malformed`) and SourceInsecure
    (`forbidden_xml`). Comments and processing instructions are dropped, so that
    `12345<!-- -->678Z` reads the same wherever it is read.
    """
    if len(data) > max_bytes:
        raise SourceMalformed(source, "too_large", f"more than {max_bytes} bytes of XML")
    text = _decoded(source, data)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise SourceInsecure(source, "forbidden_xml", "a document type declaration")
    parser = etree.XMLParser(
        encoding="utf-8",  # whatever a declaration says that escaped _reencoded
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(_reencoded(text), parser)
    except etree.XMLSyntaxError as error:
        raise _syntax(source, error) from None


def parse_trusted_file(path: str) -> etree._Element:
    """The root element of a file of `contracts/`, which the hub itself ships."""
    with open(path, "rb") as file:  # noqa: PTH123 - a path as zeep hands it over
        return parse_xml("contracts", file.read())


def _decoded(source: str, data: bytes) -> str:
    encoding = _encoding(source, data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        detail = f"byte {error.start} is not {encoding}"
        raise SourceMalformed(source, "charset", detail) from None


def _encoding(source: str, data: bytes) -> str:
    for bom, name in _BOMS:
        if data.startswith(bom):
            return "utf-8-sig" if name == "utf-8" else "utf-16"
    if data[:4].startswith(b"<\x00"):
        return "utf-16-le"
    if data[:4].startswith(b"\x00<"):
        return "utf-16-be"
    declared = _DECLARATION.match(data[:300].decode("latin-1"))
    name = declared.group(1).lower() if declared else "utf-8"
    if name not in _ENCODINGS or name.startswith("utf-16"):
        raise SourceMalformed(source, "charset", "an encoding that is not on the list")
    return _ENCODINGS[name]


def _reencoded(text: str) -> bytes:
    """UTF-8 without the declaration, which may name the encoding that it came in."""
    return re.sub(r"^\s*<\?xml[^>]{0,300}\?>", "", text.lstrip("\ufeff"), count=1).encode()


def _syntax(source: str, error: etree.XMLSyntaxError) -> SourceMalformed | SourceInsecure:
    """libxml2's own limits are attacks; the rest is nonsense. Its text may quote values."""
    text = str(error).lower()
    if "excessive depth" in text or "huge" in text or "entity" in text:
        return SourceInsecure(source, "forbidden_xml", "a limit of libxml2 was reached")
    return SourceMalformed(source, "malformed", f"not well-formed XML in line {error.lineno}")
