"""An answer that does not echo its request is refused."""

from __future__ import annotations

import pytest

from hub.core.binding import check_binding
from hub.core.connector import Echo, Operation
from hub.core.errors import SourceInsecure
from hub.core.exchange import SourceRecord
from tests.support.builders import NOW, a_query

DOCUMENT = Operation(name="read", echoes=(Echo(path="holder/document"),))
ROWS = Operation(name="read", echoes=(Echo(path="rows/partner", of="partner", rows=True),))
DEEP = Operation(name="read", echoes=(Echo(path="rows/of/document", rows=True),))


def a_record(payload, operation="read", **asked):
    """A record of one operation."""
    return SourceRecord(
        source="s",
        operation=operation,
        payload=payload,
        exchanges=("1",),
        obtained_at=NOW,
        asked=asked,
    )


REFUSED = {
    "somebody else": (DOCUMENT, a_record({"holder": {"document": "99000003E"}})),
    "no echo": (DOCUMENT, a_record({"holder": {}})),
    "null echo": (DOCUMENT, a_record({"holder": {"document": None}})),
    "list of two": (DOCUMENT, a_record({"holder": [{"document": "99000002K"}, {"document": "x"}]})),
    "another operation": (DOCUMENT, a_record({"holder": {"document": "99000002K"}}, "other")),
    "no declaration": (Operation(name="read", echoes=()), a_record({})),
    "foreign row": (ROWS, a_record({"rows": [{"partner": "1"}, {"partner": "2"}]}, partner=("1",))),
    "row without echo": (ROWS, a_record({"rows": [{"partner": "1"}, {}]}, partner=("1",))),
    "row that leads nowhere": (DEEP, a_record({"rows": [{"other": "x"}]})),
    "row of null": (DEEP, a_record({"rows": [{"of": None}]})),
    "null for a row": (DEEP, a_record({"rows": [None]})),
    "text for a row": (DEEP, a_record({"rows": [{"of": "99000002K"}]})),
    "row with an empty list": (DEEP, a_record({"rows": [{"of": {"document": []}}]})),
    "one good row of two": (
        DEEP,
        a_record({"rows": [{"of": {"document": "99000002K"}}, {}]}),
    ),
    "nothing asked": (ROWS, a_record({"rows": [{"partner": "1"}]})),
}
ACCEPTED = {
    "document": (DOCUMENT, a_record({"holder": {"document": " 99000002k "}})),
    "rows": (ROWS, a_record({"rows": [{"partner": "1"}, {"partner": "2"}]}, partner=("1", "2"))),
    "rows named deep down": (DEEP, a_record({"rows": [{"of": {"document": "99000002k"}}]})),
    "no list of rows": (DEEP, a_record({})),
    "null for rows": (DEEP, a_record({"rows": None})),
    "no rows": (ROWS, a_record({"rows": []}, partner=("1",))),
}


@pytest.mark.parametrize(("operation", "record"), REFUSED.values(), ids=REFUSED)
async def test_what_does_not_echo_its_request_is_refused(operation, record):
    """It is a security event, and the error names the path and no value."""
    with pytest.raises(SourceInsecure) as caught:
        check_binding(operation, a_query(), record)
    assert caught.value.reason == "identity_mismatch"
    assert "99000" not in str(caught.value)


@pytest.mark.parametrize(("operation", "record"), ACCEPTED.values(), ids=ACCEPTED)
async def test_what_echoes_its_request_passes(operation, record):
    """Blanks and case do not matter, and rows may be none."""
    check_binding(operation, a_query(), record)
