"""The service ZTRM_CARPETA_SRV: which entities an address stands for, and in which pages."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from connectors.sap_trm.simulator import misbehaviour, render
from connectors.sap_trm.simulator.edmx import EntityType, read_types
from connectors.sap_trm.simulator.items import items_of
from connectors.sap_trm.simulator.queries import SYNTAX, Query, Refusal, read_filter
from connectors.sap_trm.simulator.render import Reply, Shown, plain_entity
from connectors.sap_trm.simulator.taxpayers import Entity, Partner, Taxpayers
from hub.core.document import parse_document
from hub.core.errors import InvalidDocument
from hub.sandbox.population import SIZE
from hub.sandbox.stage import Stage

PAGE = 100
"""Rows that the Gateway sends before it links to the next page."""

_ADDRESS = re.compile(r"(?P<set>\w{1,60})(?:\((?P<key>.*)\))?(?:/(?P<more>[\w$]{1,60}))?")
_KEY = re.compile(r"(?:(?P<name>\w+)=)?'(?P<value>(?:[^']|'')*)'(?:,|$)")
_NOT_FOUND = "/IWBEP/CM_MGW_RT/020"
_STRANGERS = 40


class Asked(Struct, frozen=True, kw_only=True):
    """How a request wants its answer, and the fault mode in force ("" for none)."""

    address: str
    """That of the service, as the client sees it."""
    query: Query
    mode: str
    json: bool


class Service:
    """Reads entities and collections; writes nothing."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._taxpayers = Taxpayers(stage.population)
        self.types = read_types()

    def read(self, rest: str, asked: Asked) -> Reply:
        """What stands at *rest*, as the query wants it and as the mode spoils it."""
        found = _ADDRESS.fullmatch(rest)
        if found is None:
            code = "/IWFND/CM_BEC/CX_OD_URI_SYNTAX_ERROR" if rest.endswith("/") else _NOT_FOUND
            raise Refusal(400 if rest.endswith("/") else 404, code, "Resource not found")
        entity_type = self.types.get(found["set"])
        if entity_type is None:
            raise Refusal(404, "/IWFND/CM_MGW/004", "Resource not found for segment")
        if found["key"] is None:
            rows = self._collection(entity_type, asked)
            if found["more"] == "$count":
                return Reply(content_type="text/plain", body=str(len(rows)).encode())
            return self._pages(entity_type, rows, asked)
        entity = self._entity(entity_type, _key(entity_type, found["key"]), asked.mode)
        if found["more"]:
            target = self.types[_navigation(entity_type, found["more"])]
            return self._pages(target, self._accounts(entity, asked.mode), asked)
        row = self._shown(entity_type, entity, asked)
        return render.single(row) if asked.json else render.feed([row])

    def _entity(self, entity_type: EntityType, key: dict[str, str], mode: str) -> Entity:
        if entity_type.entity_set == "Taxpayers":
            return self._taxpayer(key["TaxNumber"], mode)
        partner = self._taxpayers.partner(key.get("AccountID", ""))
        if entity_type.entity_set == "DocumentItems":
            partner = self._taxpayers.partner(str(int(key["DocumentNumber"][:-4] or "0")))
        for entity in self._of(entity_type, partner) if partner else ():
            if all(str(entity[name]) == value for name, value in key.items()):
                return entity
        raise Refusal(404, _NOT_FOUND, "Resource not found")

    def _taxpayer(self, number: str, mode: str) -> Entity:
        """Whoever is asked for exists here, with or without partners: the key comes back."""
        try:
            document = parse_document(number)
        except InvalidDocument:
            raise Refusal(404, _NOT_FOUND, "Resource not found") from None
        if mode == "other-taxpayer":
            return {"TaxNumber": self._neighbour(document.number)}
        return {"TaxNumber": document.number}

    def _neighbour(self, number: str) -> str:
        """The document number of the next person who has a business partner."""
        index = int(number[:8]) % SIZE if number[:8].isdigit() else 0
        numbers = (self._stage.population.number((index + n) % SIZE) for n in range(1, SIZE))
        return next(one for one in numbers if self._taxpayers.partners(one))

    def _accounts(self, taxpayer: Entity, mode: str) -> list[Entity]:
        number = str(taxpayer["TaxNumber"])
        numbers = [number, self._neighbour(number)] if mode == "other-partner-listed" else [number]
        return [
            {"AccountID": partner.number, "TaxNumber": one, "AccountTypeID": "1"}
            for one in numbers
            for partner in self._taxpayers.partners(one)
        ]

    def _of(self, entity_type: EntityType, partner: Partner) -> list[Entity]:
        """The entities of *entity_type* that belong to *partner*."""
        match entity_type.entity_set:
            case "DocumentItems":
                return items_of(self._taxpayers, partner, self._stage.clock().date())
            case "ContractAccounts":
                return self._taxpayers.accounts(partner)
            case _:
                return self._accounts({"TaxNumber": self._taxpayers.tax_number(partner)}, "")

    def _collection(self, entity_type: EntityType, asked: Asked) -> list[Entity]:
        """The rows that fit `$filter`, which must name the partners it wants."""
        text = asked.query.options.get("$filter", "")
        chosen = read_filter(text, entity_type) if text else None
        if chosen is None or "AccountID" not in chosen.equal:
            raise Refusal(400, "ZTRM/001", "A filter on the business partner is mandatory")
        partners = [self._taxpayers.partner(number) for number in chosen.equal["AccountID"]]
        rows = [row for one in partners if one for row in self._of(entity_type, one)]
        rows = [row for row in rows if chosen.fits(row)]
        if asked.mode == "filter-ignored":
            return self._strangers(entity_type, rows)
        if asked.mode == "other-partner":
            return [{**row, "AccountID": "0004999999"} for row in rows]
        return rows

    def _strangers(self, entity_type: EntityType, rows: list[Entity]) -> list[Entity]:
        """What a data provider sends that looks at no filter: everybody, the asked among them."""
        population = self._stage.population
        everybody = [
            row
            for index in range(30, 30 + _STRANGERS)
            for partner in self._taxpayers.partners(population.number(index))
            for row in self._of(entity_type, partner)
        ]
        return [*rows, *everybody]

    def _pages(self, entity_type: EntityType, rows: list[Entity], asked: Asked) -> Reply:
        """One page of *rows*: `$skip` and `$top` first, then the Gateway's own pages."""
        query, mode = asked.query, asked.mode
        begin, top = query.number("$skip") or 0, query.number("$top")
        rows = rows[begin:] if top is None else rows[begin : begin + top]
        token = query.number("$skiptoken") or 0
        size = len(rows) if mode in ("no-paging", "filter-ignored") else PAGE
        first = 0 if mode == "next-same-rows" else token
        part = rows[first : first + size]
        shown = Shown(rows=[self._shown(entity_type, row, asked) for row in part])
        if query.options.get("$inlinecount") == "allpages" and mode != "filter-ignored":
            shown.count = str(len(rows))
        if token + size < len(rows) or mode in ("next-loop", "next-same-rows"):
            following = token if mode == "next-loop" else token + size
            shown.following = _link(entity_type, asked, following)
        shown.rows = misbehaviour.spoil_rows(mode, shown.rows)
        shown = misbehaviour.spoil_page(mode, shown)
        if not asked.json:
            return render.feed(shown.rows)
        return render.bare(shown) if mode == "bare-array" else render.collection(shown)

    def _shown(self, entity_type: EntityType, entity: Entity, asked: Asked) -> dict[str, Any]:
        """*entity* with the properties of `$select` and the navigations of `$expand`."""
        wanted = {name.partition("/")[0] for name in asked.query.names("$select")}
        if strange := wanted - entity_type.properties.keys() - entity_type.navigations.keys():
            text = f"Property {min(strange)} not found in type {entity_type.name}"
            raise Refusal(400, SYNTAX, text, bare=True)
        row = plain_entity(asked.address, entity_type, entity)
        for name, target in entity_type.navigations.items():
            row[name] = {"__deferred": {"uri": f"{row['__metadata']['uri']}/{name}"}}
            if name in asked.query.names("$expand"):
                row[name] = {"results": self._expanded(self.types[target], entity, asked)}
        kept = {*wanted, "__metadata"} if wanted else row.keys()
        return {name: value for name, value in row.items() if name in kept}

    def _expanded(self, target: EntityType, entity: Entity, asked: Asked) -> list[dict[str, Any]]:
        rows = [
            plain_entity(asked.address, target, account)
            for account in self._accounts(entity, asked.mode)
        ]
        return misbehaviour.spoil_rows(asked.mode, rows)


def _navigation(entity_type: EntityType, name: str) -> str:
    if name not in entity_type.navigations:
        raise Refusal(404, "/IWFND/CM_MGW/004", "Resource not found for segment")
    return entity_type.navigations[name]


def _key(entity_type: EntityType, text: str) -> dict[str, str]:
    """The key in an address: `'X'`, or every part by its name."""
    parts = [(m["name"], m["value"].replace("''", "'")) for m in _KEY.finditer(text)]
    if "".join(m.group() for m in _KEY.finditer(text)) != text or not parts:
        raise Refusal(400, SYNTAX, "Invalid key predicate", bare=True)
    if len(parts) == 1 and parts[0][0] is None:
        parts = [(entity_type.keys[0], parts[0][1])]
    key = {str(name): value for name, value in parts}
    if key.keys() != set(entity_type.keys):
        raise Refusal(400, SYNTAX, "Invalid key predicate", bare=True)
    return key


def _link(entity_type: EntityType, asked: Asked, token: int) -> str:
    kept = {**asked.query.options, "$skiptoken": str(token)}
    text = "&".join(f"{name}={value}" for name, value in kept.items())
    return f"{asked.address}/{entity_type.entity_set}?{text}".replace(" ", "%20")
