"""How the simulated CIVIS goes wrong: each mode spoils a right answer in one way."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

Answer = dict[str, Any]
Spoiler = Callable[[Answer, str, Answer], Answer]
"""Takes the right answer, the name of its list, and the right answer about somebody else."""

SENTINEL = "1900-01-01T00:00:00"
OPTIONAL_DATES = (
    "fechaSolicitud",
    "fechaAlta",
    "fechaBaja",
    "fechaRevision",
    "fechaConcesion",
    "fechaInicio",
    "fechaFin",
    "fechaLimiteJustificacion",
)


def _no_echo(answer: Answer, _rows: str, _other: Answer) -> Answer:
    return {key: value for key, value in answer.items() if key != "consulta"}


def _other_citizen(_answer: Answer, _rows: str, other: Answer) -> Answer:
    return other


def _rows_of_other_citizen(answer: Answer, rows: str, other: Answer) -> Answer:
    return answer | {"resultado": "CONSTA", "total": other["total"], rows: other[rows]}


def _other_request(answer: Answer, _rows: str, _other: Answer) -> Answer:
    return answer | {"consulta": answer["consulta"] | {"referencia": "otra-consulta"}}


def _sentinel_dates(answer: Answer, rows: str, _other: Answer) -> Answer:
    for row in answer[rows]:
        row.update({name: SENTINEL for name in OPTIONAL_DATES if name in row})
        if row.get("abono"):
            row["abono"] |= {"fechaUltimoAbono": SENTINEL, "fechaProximoAbono": SENTINEL}
    return answer


def _unknown_code(answer: Answer, rows: str, other: Answer) -> Answer:
    row = _a_row(answer, rows, other) | {"codigo": "NV1", "familia": "NOVEDADES"}
    return _with(answer, rows, row)


def _known_code_of_another_family(answer: Answer, rows: str, other: Answer) -> Answer:
    return _with(answer, rows, _a_row(answer, rows, other) | {"familia": "OTRA"})


def _null_list(answer: Answer, rows: str, _other: Answer) -> Answer:
    return answer | {"resultado": "CONSTA", rows: None}


def _wrong_types(answer: Answer, rows: str, other: Answer) -> Answer:
    row = _a_row(answer, rows, other) | {"estado": 4, "fechaSolicitud": 20260101}
    return _with(answer, rows, row)


def _wrong_total(answer: Answer, _rows: str, _other: Answer) -> Answer:
    return answer | {"resultado": "CONSTA", "total": answer["total"] + 3}


def _rows_of_nobody(answer: Answer, rows: str, other: Answer) -> Answer:
    return _with(answer, rows, _a_row(answer, rows, other)) | {"resultado": "NO_CONSTA"}


def _not_available(answer: Answer, rows: str, _other: Answer) -> Answer:
    return answer | {"resultado": "NO_DISPONIBLE", "total": 0, rows: []}


def _a_row(answer: Answer, rows: str, other: Answer) -> Answer:
    """A row about the person asked for, also where there is none."""
    row: Answer = copy.deepcopy((answer[rows] or other[rows])[0])
    row["documentoTitular"] = answer["consulta"]["documento"]["numero"]
    return row


def _with(answer: Answer, rows: str, row: Answer) -> Answer:
    found = [*answer[rows], row]
    return answer | {"resultado": "CONSTA", "total": len(found), rows: found}


SPOILERS: dict[str, Spoiler] = {
    "answers_other_citizen": _other_citizen,
    "rows_of_other_citizen": _rows_of_other_citizen,
    "answers_other_request": _other_request,
    "no_echo": _no_echo,
    "sentinel_dates": _sentinel_dates,
    "unknown_code": _unknown_code,
    "code_of_another_family": _known_code_of_another_family,
    "null_list": _null_list,
    "wrong_types": _wrong_types,
    "wrong_total": _wrong_total,
    "rows_of_nobody": _rows_of_nobody,
    "not_available": _not_available,
}
"""Mode -> what it does to an answer."""
