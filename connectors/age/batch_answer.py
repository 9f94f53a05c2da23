"""Read what the platform says of an asynchronous request, after its signature was verified.

One message holds many people. Each person's part is cut out and read as the answer to a
synchronous request about that person alone, with all its checks: so somebody else's part
under a person's number spoils that person's answer and nobody else's.
"""

from __future__ import annotations

import copy
from collections import Counter

from lxml import etree
from msgspec import Struct

from connectors.age.answer import Asked, read_body
from connectors.age.batch_request import fragment_of
from connectors.age.outcomes import SOURCE, OutcomeTable, failure
from connectors.age.service import Service
from hub.core.binding import same_form
from hub.core.errors import SourceError, SourceInsecure, SourceMalformed
from hub.core.exchange import SourceRecord
from hub.core.moment import Clock
from hub.wire.bulk import Accepted, Bulk, BulkItem, Delivered, Gone, Part

IN_PROCESS = ("0001", "0002")
"""States of a request that the platform has and has not dealt with."""

PROCESSED = "0003"
ALREADY_THERE = "0229"
"""The platform has a request of this id: a repetition is refused, and the first one lives."""

UNHEARD_OF = "0244"
"""The platform has no request of this id."""

LOST = frozenset({"0208", "0225", "0241"})
"""The answer expired, or was served as often as it may be: asking again gives nothing."""

_HOUR_S = 3600.0
_MOST_HOURS = 9999


class Reader(Struct, frozen=True, kw_only=True):
    """Reads the messages about one service's requests."""

    service: Service
    table: OutcomeTable
    clock: Clock

    def confirmation(self, body: etree._Element, bulk: Bulk) -> Accepted:
        """What a verified `ConfirmacionPeticion` says: in how many hours to ask."""
        message = self._the(body, "confirmacionPeticion", "ConfirmacionPeticion")
        state = self._state(message, bulk)
        if state not in (*IN_PROCESS, PROCESSED):
            raise failure(self.table.verdict(state), state, "platform")
        return Accepted(wait_s=_hours(message))

    def answer(
        self, body: etree._Element, bulk: Bulk, exchange: str
    ) -> Accepted | Gone | Delivered:
        """What a verified `Respuesta` says: not ready, gone, or one part for each person."""
        message = self._the(body, "respuesta", "Respuesta")
        state = self._state(message, bulk)
        parts = message.findall("./{*}Transmisiones/{*}TransmisionDatos")
        if state in IN_PROCESS:
            if parts:
                raise _misfit("transmissions of an unprocessed request")
            return Accepted(wait_s=_hours(message))
        if state in LOST or state == UNHEARD_OF:
            return Gone(signed=True)
        if state != PROCESSED:
            raise failure(self.table.verdict(state), state, "platform")
        return self._parts(message, parts, bulk, exchange)

    def _parts(
        self, message: etree._Element, parts: list[etree._Element], bulk: Bulk, exchange: str
    ) -> Delivered:
        counted = Counter(_item_id(part) for part in parts)
        by_id = {_item_id(part): part for part in parts}
        known = {item.id for item in bulk.items}
        surplus = sum(n for id_, n in counted.items() if id_ not in known | bulk.dropped)
        items = {
            item.id: self._part(message, by_id.get(item.id), counted[item.id], item, bulk, exchange)
            for item in bulk.items
        }
        return Delivered(items=items, surplus=surplus)

    def _part(
        self,
        message: etree._Element,
        part: etree._Element | None,
        times: int,
        item: BulkItem,
        bulk: Bulk,
        exchange: str,
    ) -> Part:
        if part is None:
            return Part(fragment=None, outcome=_misfit("no transmission about this person"))
        if times > 1:
            error = SourceInsecure(SOURCE, "replay", "two transmissions under one IdSolicitud")
            return Part(fragment=None, outcome=error)
        document = item.query.subject.document.number
        asked = Asked(
            service=self.service,
            request_id=bulk.request_id,
            document=document,
            item_id=item.id,
        )
        fragment: bytes | None = None
        try:
            fragment = fragment_of(part)
            reading = read_body(_alone(message, part), asked, self.table)
        except SourceError as error:
            stranger = isinstance(error, SourceInsecure)
            return Part(fragment=None if stranger else fragment, outcome=error)
        record = SourceRecord(
            source=SOURCE,
            operation=bulk.operation,
            payload=reading.payload,
            exchanges=(exchange,),
            obtained_at=self.clock(),
            holds=reading.holds,
            asked={"request_id": (bulk.request_id, item.id), "service": (self.service.code,)},
        )
        return Part(fragment=fragment, outcome=record)

    def _the(self, body: etree._Element, message: str, name: str) -> etree._Element:
        expected = f"{{{self.service.namespace(message)}}}{name}"
        if [child.tag for child in body] != [expected]:
            raise _misfit(f"the Body does not hold one {name}")
        return body[0]

    def _state(self, message: etree._Element, bulk: Bulk) -> str:
        """The state of the request, once the message proves that it is about it."""
        asked = {"IdPeticion": bulk.request_id, "CodigoCertificado": self.service.code}
        for name, text in asked.items():
            found = message.findtext(f"./{{*}}Atributos/{{*}}{name}", "")
            if same_form(found) != same_form(text):
                raise SourceInsecure(SOURCE, "replay", f"Atributos/{name} is not what was asked")
        state = message.findtext("./{*}Atributos/{*}Estado/{*}CodigoEstado", "").strip()
        if not state:
            raise _misfit("Atributos/Estado/CodigoEstado is missing")
        return state


def _hours(message: etree._Element) -> float:
    """TiempoEstimadoRespuesta in seconds; 0 where none is named or it is no number of hours."""
    text = message.findtext("./{*}Atributos/{*}Estado/{*}TiempoEstimadoRespuesta", "").strip()
    usable = text.isascii() and text.isdigit() and len(text) <= len(str(_MOST_HOURS))
    return int(text) * _HOUR_S if usable else 0.0


def _item_id(part: etree._Element) -> str:
    return part.findtext("./{*}DatosGenericos/{*}Transmision/{*}IdSolicitud", "").strip()


def _alone(message: etree._Element, part: etree._Element) -> etree._Element:
    """A Body with the message as if *part* were all of it. Nothing is taken from elsewhere."""
    body = etree.Element("Body")
    single = etree.SubElement(body, message.tag)
    for attributes in message.findall("./{*}Atributos"):
        single.append(copy.deepcopy(attributes))
    namespace = etree.QName(message).namespace
    etree.SubElement(single, f"{{{namespace}}}Transmisiones").append(copy.deepcopy(part))
    return body


def _misfit(detail: str) -> SourceMalformed:
    return SourceMalformed(SOURCE, "schema", detail)
