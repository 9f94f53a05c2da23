"""Plain GeoReport v2: GET requests and services, in JSON or XML, with accounts as an extension."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from xml.sax.saxutils import escape

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from connectors.avisos.simulator.asking import Ask, Parameters, Refused, whole
from connectors.avisos.simulator.reports import Report
from hub.sandbox.population import Person
from hub.sandbox.stage import Stage

_STAMPS = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S")
_LONGEST = dt.timedelta(days=90)


class GeoReportSide:
    """How this profile is asked, and how it writes a row."""

    def __init__(self, stage: Stage) -> None:
        settings = stage.settings
        self._stage = stage
        self._jurisdiction = str(settings.get("jurisdiction", "es.madrid"))
        self._suffix = str(settings.get("format", "json"))
        self._account = str(settings.get("account_parameter", "account_id"))
        info = b"avisos account id"
        kdf = HKDF(algorithm=SHA512(), length=64, salt=None, info=info)
        self._cipher = AESSIV(kdf.derive(stage.secret("account_key").encode()))
        kind = "text/xml" if self._suffix == "xml" else "application/json"
        self.content_type = f"{kind}; charset=utf-8"

    def route(self, method: str, path: str) -> str | None:
        """The operation behind a method and a path; the suffix says the form."""
        known = {f"requests.{self._suffix}": "requests", f"services.{self._suffix}": "services"}
        return known.get(path) if method == "GET" else None

    def ask(self, parameters: Parameters, body: bytes) -> Ask:
        """The question in the URL; a period of more than 90 days is refused."""
        del body
        self.check_services(parameters)
        since, until = (_moment(parameters.get(name)) for name in ("start_date", "end_date"))
        if since and until and until - since > _LONGEST:
            raise Refused(400, "a query may not span more than 90 days")
        account = parameters.get(self._account)
        return Ask(
            owner=self._owner(account) if account else None,
            page=whole(parameters.get("page", "1"), "page", 10_000),
            size=whole(parameters.get("page_size", "50"), "page_size", 500),
            since=since,
            until=until,
        )

    def check_services(self, parameters: Parameters) -> None:
        """An endpoint of several jurisdictions wants to know which."""
        if parameters.get("jurisdiction_id", "") != self._jurisdiction:
            raise Refused(404, "jurisdiction_id not found")

    def service(self, key: str, name: str) -> dict[str, Any]:
        """One service as the list has it."""
        return {
            "service_code": key,
            "service_name": name,
            "description": None,
            "metadata": False,
            "type": "realtime",
        }

    def row(self, report: Report, owner: Person) -> dict[str, Any]:
        """A row of the standard, and whose it is."""
        updated = report.ended_at or report.made_at
        return {
            "service_request_id": report.number,
            "status": report.step.status,
            "status_notes": report.step.label,
            "service_name": report.service[1],
            "service_code": report.service[0],
            "description": report.words,
            "agency_responsible": report.agency,
            "service_notice": None,
            "requested_datetime": report.made_at.isoformat(),
            "updated_datetime": updated.isoformat(),
            "expected_datetime": (report.made_at + dt.timedelta(days=15)).isoformat(),
            "address": report.street,
            "address_id": None,
            "zipcode": report.postal_code,
            "lat": report.latitude,
            "long": report.longitude,
            "media_url": f"https://avisos.example/{report.picture}.jpg" if report.picture else None,
            self._account: self._account_of(owner),
        }

    def encode(self, name: str, rows: Any) -> bytes:
        """*rows* as a JSON array, or as XML under the standard's names."""
        if self._suffix == "json":
            return json.dumps(rows, ensure_ascii=False).encode()
        inner = {"service_requests": "request", "services": "service", "errors": "error"}[name]
        items = rows if isinstance(rows, list) else [rows]
        body = "".join(_element(inner, item) for item in items)
        return f'<?xml version="1.0" encoding="utf-8"?>\n<{name}>{body}</{name}>\n'.encode()

    def error(self, code: int, text: str) -> bytes:
        """A list of one error."""
        return self.encode("errors", [{"code": code, "description": text}])

    def bare_error(self) -> bytes:
        """An error without its code, and in XML without its list."""
        if self._suffix == "json":
            return b'{"error":"Invalid request"}'
        return b"<error>Invalid request</error>"

    def _owner(self, account: str) -> Person | None:
        try:
            number = self._cipher.decrypt(bytes.fromhex(account), None).decode()
        except (ValueError, InvalidTag):
            raise Refused(404, "unknown account") from None
        owner = self._stage.population.find(number)
        if owner is None:
            raise Refused(404, "unknown account")
        return owner

    def _account_of(self, owner: Person) -> str:
        number = owner.document.number if owner.document else "nobody"
        return self._cipher.encrypt(number.encode(), None).hex()


def _moment(text: str | None) -> dt.datetime | None:
    if not text:
        return None
    for stamp in _STAMPS:
        try:
            return dt.datetime.strptime(text, stamp).replace(tzinfo=dt.UTC)
        except ValueError:
            continue
    raise Refused(400, "a date that is none")


def _element(name: str, value: Any) -> str:
    if value is None:
        return f"<{name}/>"
    if isinstance(value, dict):
        inner = "".join(_element(key, item) for key, item in value.items())
        return f"<{name}>{inner}</{name}>"
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{escape(text)}</{name}>"
