"""The pages of getEnvios2, which has no page number: the next one ends where this one began.

`hayMasResultados` says that there are more. They are asked for by `fecha_hasta`, the creation of
the oldest row so far, that moment included: rows that stand on two pages are taken once.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from hub.core.errors import SourceMalformed
from hub.wire.fault import FaultTable, Verdict

MAX_PAGES = 20
"""More pages of one citizen's notifications are not believed."""

FINE = "000"
CODES = FaultTable("notifica", dict[str, Verdict]())
"""What `codigo_respuesta` may say beside FINE; no list is public, so that all are unavailable."""


class Pages:
    """The rows of all answers so far, in the order in which they came, each once."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._rows: dict[str, dict[str, Any]] = {}
        self._answers: list[dict[str, Any]] = []
        self._oldest: dt.datetime | None = None

    def add(self, answer: dict[str, Any], echo: str | None) -> dt.datetime | None:
        """Take one answer; until when the next is to be asked for, None where this was the last.

        Raises SourceMalformed for rows without id, and for an answer that promises more and
        brings nothing new: the list could not be had whole.
        """
        found = answer["return"]
        if found["codigo_respuesta"].strip() != FINE:
            raise CODES.error(found["codigo_respuesta"].strip())
        more = self._flag(found["hayMasResultados"])
        rows = found["resultadoGetEnvios2"]["item"]
        before = len(self._rows)
        for row in rows:
            self._take(row)
        self._answers.append({"peticion": echo, "filas": len(rows), "hayMasResultados": more})
        if not more:
            return None
        if len(self._rows) == before or self._oldest is None:
            raise self._malformed("it promises more rows and brings none that are new")
        return self._oldest

    def payload(self) -> dict[str, Any]:
        """What the mapping reads (contracts/notifica/payloads/deliveries.schema.json)."""
        return {"paginas": self._answers, "envios": list(self._rows.values())}

    def _take(self, row: dict[str, Any]) -> None:
        name, created = row.get("envio_destinatario"), row.get("fecha_creacion")
        if not isinstance(name, str) or not name.strip():
            raise self._malformed("a row without envio_destinatario")
        self._rows.setdefault(name, row)
        if created is None:
            return
        moment = self._moment(created)
        self._oldest = moment if self._oldest is None else min(moment, self._oldest)

    def _moment(self, text: str) -> dt.datetime:
        """As the source writes it: its own zone, or none throughout."""
        try:
            moment = dt.datetime.fromisoformat(text.strip())
        except ValueError:
            raise self._malformed("fecha_creacion is no moment") from None
        if self._oldest is not None and (moment.tzinfo is None) != (self._oldest.tzinfo is None):
            raise self._malformed("moments with a zone beside moments without")
        return moment

    def _flag(self, text: str) -> bool:
        word = text.strip()
        if word not in ("true", "false", "1", "0"):
            raise self._malformed("hayMasResultados is no xs:boolean")
        return word in ("true", "1")

    def _malformed(self, detail: str) -> SourceMalformed:
        return SourceMalformed(self._source, "schema", detail)
