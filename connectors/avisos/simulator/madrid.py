"""Madrid's own profile: POST requests-list, GET services; JSON without any suffix."""

from __future__ import annotations

import json
from typing import Any

from connectors.avisos.simulator.asking import Ask, Parameters, Refused, whole
from connectors.avisos.simulator.reports import Report
from hub.sandbox.population import Person
from hub.sandbox.stage import Stage

_KINDS = {
    False: ("591b08f24e4ea840018b456a", "Aviso", "Tengo un problema con un elemento en la calle"),
    True: ("591b08fd4e4ea839018b456e", "Petición", "Quiero solicitar un elemento nuevo"),
}
_LAYERS = [
    {"id": f"{number:024x}", "name": name, "type": "BASE", "preset": True, "tags": []}
    for number, name in enumerate(("Base", "Rotulación", "Aseos", "Fuentes"), start=1)
]

_CITY = {
    "id": "5e5a3f17179796a7cbb93934",
    "type": "city",
    "visible_name": "Madrid",
    "extent": [-3.83, 40.39, -3.61, 40.51],
    "map_layers": _LAYERS,
}
_COUNTS: dict[str, Any] = {
    "comments_count": 1,
    "complaints_count": 0,
    "reiterations_count": 0,
    "worknotes_count": 0,
    "evaluation": 0,
    "tags": [],
}


class MadridSide:
    """How this profile is asked, and how it writes a row."""

    content_type = "application/json"

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._jurisdiction = str(stage.settings.get("jurisdiction", "es.madrid"))

    def route(self, method: str, path: str) -> str | None:
        """The operation behind a method and a path."""
        known = {("POST", "requests-list"): "requests", ("GET", "services"): "services"}
        return known.get((method, path))

    def ask(self, parameters: Parameters, body: bytes) -> Ask:
        """The question in *body*; a parameter in the URL is refused, a person there above all."""
        if parameters:
            raise Refused(400, "this operation takes no parameters in the URL")
        try:
            wish = json.loads(body)
        except ValueError:
            raise Refused(400, "the body is not JSON") from None
        if not isinstance(wish, dict):
            raise Refused(400, "the body is not an object")
        if wish.get("jurisdiction_ids") != self._jurisdiction:
            raise Refused(404, "unknown jurisdiction")
        page, size = (
            whole(wish.get("page", 1), "page", 10_000),
            whole(wish.get("limit"), "limit", 500),
        )
        if wish.get("own") is not True:  # the real trap: the list of everybody
            return Ask(owner=None, page=page, size=size)
        owner = self._stage.population.find(str(wish.get("id_document", "")))
        if owner is None:
            raise Refused(404, "unknown user")
        return Ask(owner=owner, page=page, size=size)

    def check_services(self, parameters: Parameters) -> None:
        """The list of services wants its jurisdiction."""
        if parameters.get("jurisdiction_ids") != self._jurisdiction:
            raise Refused(404, "unknown jurisdiction")

    def service(self, key: str, name: str) -> dict[str, Any]:
        """One service as the list has it."""
        return {"id": key, "service_name": name, "visible_name": name, "public": True}

    def row(self, report: Report, owner: Person) -> dict[str, Any]:
        """A row as heavy as the real one."""
        kind, label, meaning = _KINDS[report.is_petition]
        soon = report.made_at.isoformat()
        row: dict[str, Any] = {
            "service_request_id": report.number,
            "token": report.key,
            "service_id": report.service[0],
            "service_name": report.service[1],
            "service_icon": "https://avisos.example/uploads/icon.png",
            "jurisdiction_id": self._jurisdiction,
            "status_node_type": report.step.node,
            "status_node": _node(report),
            "typology": {
                "id": kind,
                "visible_name": label,
                "typology_description": meaning,
                "location_type": "geolocation",
                "public": True,
            },
            "requested_datetime": soon,
            "estimated_start_datetime": soon,
            "estimated_final_datetime": soon,
            "current_node_estimated_start_datetime": soon,
            "current_node_estimated_final_datetime": soon,
            "description": report.words,
            "address": report.street,
            "lat": report.latitude,
            "long": report.longitude,
            "user": {"id": f"{owner.index:024x}", "id_document": _document(owner)},
            **_COUNTS,
            "jurisdiction_element": {**_CITY, "name": self._jurisdiction},
        }
        if report.picture:
            row["media_url"] = f"https://avisos.example/uploads/local/open010/{report.picture}.jpeg"
        return row

    def encode(self, name: str, rows: Any) -> bytes:
        """A JSON array; *name* is what the standard's XML would call it."""
        del name
        return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()

    def error(self, code: int, text: str) -> bytes:
        """An array of one error."""
        return self.encode("errors", [{"code": code, "description": text}])

    def bare_error(self) -> bytes:
        """An error that says nothing but that it is one."""
        return b'{"error":"Invalid request"}'


def _node(report: Report) -> dict[str, Any]:
    node: dict[str, Any] = {
        "id": report.service[0],
        "typology_node_id": f"{report.step.order:024x}",
        "order": report.step.order,
        "planned": False,
    }
    if report.step.label:
        node["visible_name"] = report.step.label
    return node


def _document(owner: Person) -> str | None:
    return owner.document.number if owner.document else None
