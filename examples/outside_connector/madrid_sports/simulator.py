"""Plays the sports centres for the sandbox."""

from __future__ import annotations

import json
from typing import Any

from hub.sandbox.answering import Asked, Reply, application
from hub.sandbox.stage import Stage

FAULTS = frozenset({"another_member", "no_echo", "endless_pages", "wrong_total"})
PAGE = 5
MEMBERS = 0.6
"""So many of the people have a card; the sandbox's default citizen has one."""
_ACTIVITIES = ("Pádel", "Natación libre", "Tenis", "Sala de musculación")


def simulate(stage: Stage) -> Any:
    """The ASGI application."""

    def answer(asked: Asked) -> Reply:
        if asked.path.endswith("/v1/estado"):
            return Reply(label="state", body=b'{"estado":"OK"}')
        if not asked.path.endswith("/v1/consulta") or asked.method != "POST":
            return Reply(label="unknown", status=404)
        if asked.headers.get("x-api-key") != stage.secret("api_key"):
            return Reply(label="member", status=401)
        question = json.loads(asked.body)
        page = _page(stage, str(question["documento"]), int(question["pagina"]))
        return Reply(label="member", body=json.dumps(page, ensure_ascii=False).encode())

    return application(answer)


def _page(stage: Stage, number: str, page: int) -> dict[str, Any]:
    person = stage.population.find(number)
    dice = stage.population.dice("sports", number)
    is_member = number == "99000002K" or (person is not None and dice.random() < MEMBERS)
    rows = [_booking(number, n) for n in range(dice.randint(1, 12) if is_member else 0)]
    shown, total = rows[(page - 1) * PAGE : page * PAGE], len(rows)
    member = {
        "documento": number,
        "alta": is_member,
        "tarjetas": [{"numero": "…4711", "tipo": "ABONO", "hasta": "2027-03-31"}]
        if is_member
        else [],
    }
    match stage.faults.get(stage.source):
        case None:
            pass
        case fault if fault.mode == "another_member":
            other = stage.population.number(77)
            member["documento"], shown = other, [{**row, "titular": other} for row in shown]
        case fault if fault.mode == "no_echo":
            del member["documento"]
        case fault if fault.mode == "endless_pages":
            shown, total = [_booking(number, page)], 10**6
        case fault if fault.mode == "wrong_total":
            total += 1
    return {"abonado": member, "reservas": shown, "total": total}


def _booking(number: str, index: int) -> dict[str, Any]:
    return {
        "titular": number,
        "centro": "CDM La Chopera",
        "actividad": _ACTIVITIES[index % len(_ACTIVITIES)],
        "inicio": f"2026-12-{1 + index % 28:02}T18:30:00",
        "precio": f"{4 + index},70 €" if index % 3 else "GRATUITO",
    }
