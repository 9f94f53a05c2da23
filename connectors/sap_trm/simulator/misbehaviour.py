"""What goes wrong with Gateways in the field, one mode each; see the connector's README."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from msgspec.structs import replace

from connectors.sap_trm.simulator import render
from connectors.sap_trm.simulator.queries import Refusal
from connectors.sap_trm.simulator.render import Reply, Shown
from hub.sandbox.stage import Fault

INSTEAD = frozenset(
    {
        "login-html",
        "firewall-html",
        "csrf-text",
        "not-registered",
        "guid-error",
        "xml-error",
        "string-error",
        "error-with-200",
        "business-error",
        "slow-html",
        "atom",
    }
)
"""Modes that answer something else altogether."""

ROWS = frozenset(
    {
        "zero-date",
        "null-initials",
        "long-decimals",
        "number-amounts",
        "unpadded",
        "duplicate-rows",
        "conflicting-rows",
        "missing-property",
        "card-fields",
    }
)
"""Modes that change the rows of a collection."""

PAGES = frozenset(
    {
        "no-paging",
        "next-internal-host",
        "next-loop",
        "next-same-rows",
        "next-object",
        "next-elsewhere",
        "count-missing",
        "count-number",
        "count-too-high",
        "bare-array",
    }
)
"""Modes that change how a collection is cut and linked."""

PEOPLE = frozenset({"filter-ignored", "other-partner", "other-taxpayer", "other-partner-listed"})
"""Modes that answer about somebody else."""

FAULTS = INSTEAD | ROWS | PAGES | PEOPLE | {"session-expiry", "message-error", "message-warning"}

_AMOUNTS = ("Amount", "AmountRemaining", "SurchargeAmount", "ReducedAmount")


async def instead(fault: Fault) -> Reply | None:
    """The answer of a mode of INSTEAD; None for every other mode."""
    match fault.mode:
        case "login-html":
            return login_page()
        case "firewall-html":
            return render.page(200, "Request Rejected", "The requested URL was rejected.")
        case "csrf-text":
            headers = (("x-csrf-token", "Required"),)
            body = b"CSRF token validation failed"
            return Reply(status=403, content_type="text/plain", body=body, headers=headers)
        case "slow-html":
            await asyncio.sleep(float(fault.values.get("seconds", 61)))
            return render.page(int(fault.values.get("status", 500)), "Error", "Time-out")
        case "atom":
            return render.feed([])
        case _:
            return _error(fault.mode)


def _error(mode: str) -> Reply | None:
    match mode:
        case "not-registered":
            refused = Refusal(403, "/IWFND/MED/170", "No service found")
        case "guid-error":
            code = "005056A509B11EE1B9A8FEA8DE87F78E"
            refused = Refusal(400, code, "Property X not found", bare=True)
        case "business-error":
            refused = Refusal(400, ">0/123", "La cuenta está bloqueada")
        case "xml-error":
            refused = Refusal(404, "/IWBEP/CM_MGW_RT/020", "Recurso no encontrado")
            return render.refusal(refused, json_wanted=False)
        case "string-error":
            text = {"error": {"code": "Resource not found", "message": "not here"}}
            return Reply(status=404, body=json.dumps(text).encode())
        case "error-with-200":
            refused = Refusal(200, "FKK/123", "Error interno")
        case _:
            return None
    return render.refusal(refused, json_wanted=True)


def login_page() -> Reply:
    """The form that portals send with 200 when a session is gone."""
    form = '<form action="/sap/hana/login" method="post"><input name="sap-user"/></form>'
    return render.page(200, "Logon", form)


def spoil_rows(mode: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """*rows* of a collection as *mode* leaves them."""
    match mode:
        case "duplicate-rows":
            return [row for row in rows for _ in range(2)]
        case "conflicting-rows":
            return [*rows, *({**row, "ClearingStatus": "5"} for row in rows[:1])]
        case "missing-property":
            return [{k: v for k, v in row.items() if k != "DueDate"} for row in rows]
        case _:
            return [
                {name: _spoil(mode, name, row[name]) for name in row} | _extra(mode) for row in rows
            ]


def _extra(mode: str) -> dict[str, str]:
    """Card fields, which some services send along; the hub must not read them."""
    card = {"CardNumber": "0000000000000000", "CVC": "000", "Cardholder": "X"}
    return card if mode == "card-fields" else {}


def _spoil(mode: str, name: str, value: Any) -> Any:
    amount = name in _AMOUNTS and value is not None
    spoilt = value
    match mode:
        case "zero-date" if value is None and name.endswith("Date"):
            spoilt = "0000-00-00T00:00:00"
        case "null-initials" if value == "":
            spoilt = None
        case "null-initials" if value is None and name not in _AMOUNTS:
            spoilt = ""
        case "long-decimals" if amount:
            spoilt = f"{value}000000000000"
        case "number-amounts" if amount:
            spoilt = float(value)
        case "unpadded" if name in ("AccountID", "ContractAccountID", "DocumentNumber"):
            spoilt = value.lstrip("0")
    return spoilt


def spoil_page(mode: str, shown: Shown) -> Shown:
    """A page as *mode* cuts, counts and links it."""
    link = shown.following
    match mode:
        case "next-internal-host" if isinstance(link, str):
            path = link[link.index("/sap/") :]
            shown.following = f"http://sapgw01.intern.example:8000{path}".replace(
                "&$format=json", ""
            )
        case "next-object" if link is not None:
            shown.following = {"uri": link}
        case "next-elsewhere" if isinstance(link, str):
            shown.following = link.replace("/DocumentItems?", "/PaymentCards?")
        case "count-missing":
            shown.count = None
        case "count-number" if isinstance(shown.count, str):
            shown.count = int(shown.count)
        case "count-too-high" if isinstance(shown.count, str):
            shown.count = str(int(shown.count) + 1)
    return shown


def spoil_reply(mode: str, reply: Reply) -> Reply:
    """A good answer with what *mode* puts on top."""
    if mode not in ("message-error", "message-warning"):
        return reply
    severity = mode.removeprefix("message-")
    note = {
        "code": "FKK/123",
        "message": "Aviso",
        "severity": severity,
        "target": "",
        "details": [],
    }
    return replace(reply, headers=(*reply.headers, ("sap-message", json.dumps(note))))
