"""One question to one source: every way in which it can end is a value."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from hub.core.binding import check_binding
from hub.core.connector import Operation, Query
from hub.core.errors import (
    SECURITY_REASONS,
    LedgerError,
    SourceError,
    SourceMalformed,
    SourceProtected,
    SourceUnavailable,
)
from hub.core.exchange import SourceRecord
from hub.position.failure import Failure, alert
from hub.position.flight import Landing
from hub.position.others import Witness
from hub.position.sources import Source
from hub.tracing import note_begun, note_error

log = structlog.get_logger()


def failed(source: str, operation: str, error: SourceError) -> Failure:
    """*error* as the value that a caller gets."""
    return Failure(
        source=source,
        operation=operation,
        reason=error.reason,
        retry_after=error.retry_after,
        protected=isinstance(error, SourceProtected),
        passing=isinstance(error, SourceUnavailable | SourceMalformed),
    )


async def ask(
    source: Source,
    operation: Operation,
    query: Query,
    witness: Witness,
    given_up: Callable[[], bool],
) -> Landing:
    """Ask *source*, as far as its guard allows; every failure is a value.

    *given_up*: whether a cancellation is the hub's, at the deadline of whoever waited.
    """
    name = source.spec.name

    async def work() -> SourceRecord:
        note_begun()
        record = await source.connector.fetch(operation.name, query)
        await witness.note(query, record)  # also of an answer that is about somebody else
        check_binding(operation, query, record)
        return record

    try:
        return await source.client.guard.run(operation, query.deadline, work, given_up)
    except SourceError as error:
        alert(error, operation.name)
        if error.reason in SECURITY_REASONS:
            await source.client.discard_connections()
        return failed(name, operation.name, error)
    except LedgerError as error:
        note_error(error)
        return error
    except Exception as error:  # noqa: BLE001 - a connector's bug must not spoil the others
        note_error(error)
        # no traceback: its frames hold the person's data
        log.error("connector_failed", source=name, error=type(error).__name__)  # noqa: TRY400
        return Failure(source=name, operation=operation.name, reason="hub_fault")
