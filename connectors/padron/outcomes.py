"""What the Padrón's result and fault codes mean, and what its answers must agree with."""

from __future__ import annotations

import re
from typing import Any

from hub.core.binding import same_form, values_at
from hub.core.document import Document
from hub.core.errors import SourceInsecure, SourceMalformed, SourceRefused, SourceUnavailable
from hub.wire.fault import FaultTable, Verdict

_SOURCE = "padron"
_KNOWN, _NOT_REGISTERED = "1", "2"

FAULTS = FaultTable(
    _SOURCE,
    {
        "0232": Verdict(SourceRefused),  # more than one record has this identifier
        "0301": Verdict(SourceRefused, "hub_credentials"),
        "0314": Verdict(SourceRefused, "hub_credentials"),
        "0401": Verdict(SourceRefused, "schema"),
        "0402": Verdict(SourceRefused, "schema"),
        "0501": Verdict(SourceUnavailable),
        "0502": Verdict(SourceUnavailable),
        "0901": Verdict(SourceUnavailable, "maintenance"),
        "0904": Verdict(SourceUnavailable),
        "resultado.4": Verdict(SourceRefused),  # the municipality does not take part
    },
    detail_elements=("CodigoEstado",),
)
"""Codes of SOAP faults and of `Estado`; CONTRACT.md says where each comes from."""


def holds(payload: dict[str, Any]) -> bool:
    """Whether the register knows the person; every other outcome is raised as its error."""
    state = payload["Estado"]
    outcome = str(state["CodigoResultado"])
    if outcome not in (_KNOWN, _NOT_REGISTERED):
        raise FAULTS.error(state.get("CodigoEstado") or f"resultado.{outcome}")
    if (outcome == _KNOWN) != ("Resultado" in payload):
        raise SourceMalformed(_SOURCE, "schema", f"Resultado contradicts outcome {outcome}")
    return outcome == _KNOWN


def check_household(payload: dict[str, Any], document: Document) -> None:
    """Refuse a household that was cut short, and one that *document*'s person is not in."""
    people = payload["Resultado"]["Personas"]["Persona"]
    stated = str(payload["Resultado"]["NumeroPersonas"]).strip()
    if not re.fullmatch(r"\+?[0-9]{1,6}", stated) or int(stated) != len(people):
        raise SourceMalformed(_SOURCE, "schema", "NumeroPersonas is not the number of Persona")
    found = {same_form(number) for number in values_at(people, ["Documentacion", "Valor"])}
    if same_form(document.number) not in found:
        raise SourceInsecure(_SOURCE, "identity_mismatch", "a household without the person")
