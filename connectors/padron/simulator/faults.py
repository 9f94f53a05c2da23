"""The simulated Padrón's own fault modes: what registers of this kind are known to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from connectors.padron.simulator.answers import envelope, fault
from connectors.padron.simulator.guard import Refusal

_BROKEN = Refusal("soap:Server", "Error de sistema", "0502")
_HUGE = 5 * 1024 * 1024

FAULT_ANSWERS: Mapping[str, Callable[[], tuple[int, str]]] = {
    "soap_fault_200": lambda: (200, fault(_BROKEN)),
    "technical_fault": lambda: (500, fault(Refusal("soap:Server", "Error general", "0904"))),
    "unknown_fault": lambda: (500, fault(Refusal("soap:Server", "Sin catalogar", "7777"))),
    "more_than_one_fault": lambda: (500, fault(Refusal("soap:Server", "Más de uno", "0232"))),
    "empty_fault": lambda: (500, envelope("<soap:Fault/>")),
    "huge_fault_detail": lambda: (500, fault(_BROKEN, filler="A" * _HUGE)),
}
"""Modes that answer a fault in place of the register: status and envelope."""

SPOILED_TEXTS: Mapping[str, Callable[[str], str]] = {
    "missing_required": lambda text: re.sub(r"<p:Apellido1>[^<]*</p:Apellido1>", "", text),
    "repeated_identifier": lambda text: re.sub(
        r"(<p:Valor>[^<]*</p:Valor>)(</p:Documentacion>)", r"\1\1\2", text
    ),
    "extra_elements": lambda text: re.sub(
        r"(</p:(?:Estado|Via|Nombre|Documentacion)>)",
        r'\1<p:Novedad>1</p:Novedad><x:Otra xmlns:x="urn:otra"><x:Valor>0</x:Valor></x:Otra>',
        text,
    ),
    "element_for_text": lambda text: text.replace("<p:NIA>", "<p:NIA><p:Otra/>"),
    "two_bodies": lambda text: re.sub(r"(<soap:Body>.*</soap:Body>)", r"\1\1", text),
    "doctype": lambda text: "<!DOCTYPE soap:Envelope>" + text,
    "xxe": lambda text: (
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
        + re.sub(r"<p:Apellido1>[^<]*<", "<p:Apellido1>&e;<", text)
    ),
    "comment_in_identifier": lambda text: re.sub(
        r"<p:Valor>(\w{4})(\w+)<", r"<p:Valor>\1<!-- -->\2<", text
    ),
    "wrong_namespace": lambda text: text.replace("padron:1", "padron:2"),
}
"""Modes that spoil the text of a genuine answer."""

ENCODINGS: Mapping[str, tuple[str, str]] = {
    "latin1_declared": ("ISO-8859-1", "iso-8859-1"),
    "wrong_charset": ("UTF-8", "iso-8859-1"),
}
"""Modes that encode a genuine answer otherwise: what is declared, and what is done."""

FAULTS = frozenset(
    {
        "answers_other_citizen",
        "other_citizen_inside",
        "no_echo",
        "stale_answer",
        "bad_digest_refusal",
        "more_than_one",
        "not_adhered",
        "error_without_code",
        "short_household",
        "result_contradicts",
        *FAULT_ANSWERS,
        *SPOILED_TEXTS,
        *ENCODINGS,
    }
)


def encoded(text: str, mode: str) -> bytes:
    """*text* with its XML declaration, as *mode* encodes it; UTF-8 otherwise."""
    declared, done = ENCODINGS.get(mode, ("UTF-8", "utf-8"))
    declaration = f'<?xml version="1.0" encoding="{declared}"?>\n'
    return (declaration + text).encode(done, "xmlcharrefreplace")
