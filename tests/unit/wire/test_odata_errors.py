"""How a Gateway says no."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from hub.core.errors import SourceError, SourceMalformed, SourceRefused, SourceUnavailable
from hub.wire.client import Answer
from hub.wire.odata_errors import error_code, refuse_failure

GUID = "005056A509B11EE1B9A8FEA8DE87F78E"


def an_answer(
    status: int = 200, body: bytes = b'{"d":{}}', headers: Mapping[str, str] = MappingProxyType({})
) -> Answer:
    """An answer of a source called `sap`."""
    return Answer(source="sap", status=status, headers=headers, body=body, exchange="x")


CODES = [
    pytest.param(
        b'{"error":{"code":"/IWBEP/CM_MGW_RT/020"}}', "code /IWBEP/CM_MGW_RT/020", id="t100"
    ),
    pytest.param(b'{"error":{"code":"FKK/123","message":"x"}}', "code FKK/123", id="plain-message"),
    pytest.param(b'{"error":{"code":"%s"}}' % GUID.encode(), f"code {GUID}", id="guid"),
    pytest.param(
        b'{"error":{"code":"/IWBEP/CX_MGW_BUSI_EXCEPTION"}}',
        "code /IWBEP/CX_MGW_BUSI_EXCEPTION",
        id="exception-class",
    ),
    pytest.param(
        b'<?xml version="1.0"?><error xmlns="m"><code>FKK/123</code></error>',
        "code FKK/123",
        id="xml",
    ),
    pytest.param(b'\xef\xbb\xbf{"error":{"code":"FKK/123"}}', "code FKK/123", id="bom"),
    pytest.param(b'{"error":{"code":"99000002K"}}', "an error code of another form", id="nif"),
    pytest.param(
        b'{"error":{"code":"X99000002K/123"}}', "an error code of another form", id="nif-inside"
    ),
    pytest.param(b'{"error":{"code":"No existe Ana"}}', "an error code of another form", id="text"),
    pytest.param(b'{"error":{"code":{}}}', "an error code of another form", id="code-object"),
    pytest.param(b'{"error":{}}', "an error code of another form", id="no-code"),
    pytest.param(b'{"error":"down"}', "an error code of another form", id="error-text"),
    pytest.param(b'{"error":{"code":"FKK/123"', "no error code", id="cut-off"),
    pytest.param(b'{"error":' * 300, "no error code", id="deep"),
    pytest.param(b'{"error":"\xf1"}', "no error code", id="latin-1"),
    pytest.param(b'{"a":"error"}', "no error code", id="no-envelope"),
    pytest.param(b"<error><code>FKK/123</code>", "no error code", id="xml-cut-off"),
    pytest.param(
        b'<!DOCTYPE a [<!ENTITY e "x">]><error><code>&e;</code></error>',
        "no error code",
        id="doctype",
    ),
    pytest.param(b"<a><error/></a>", "no error code", id="xml-other-root"),
    pytest.param(b"CSRF token validation failed", "no error code", id="plain-text"),
    pytest.param(b"<html>error</html>", "no error code", id="html"),
    pytest.param(b"", "no error code", id="nothing"),
]


@pytest.mark.parametrize(("body", "words"), CODES)
def test_only_codes_are_repeated(body: bytes, words: str) -> None:
    """Of an error of any shape, only what has the form of an SAP code enters a detail."""
    assert error_code(body) == words


STATUSES = [
    pytest.param(an_answer(400), SourceRefused, "backend_fault", id="400"),
    pytest.param(an_answer(401), SourceRefused, "hub_credentials", id="401"),
    pytest.param(an_answer(403, b"no"), SourceRefused, "hub_credentials", id="403"),
    pytest.param(
        an_answer(403, b"no", {"x-csrf-token": "Required"}),
        SourceRefused,
        "hub_credentials",
        id="csrf",
    ),
    pytest.param(
        an_answer(403, b'{"error":{"code":"/IWFND/MED/170"}}'),
        SourceRefused,
        "backend_fault",
        id="unknown-service",
    ),
    pytest.param(an_answer(404), SourceRefused, "backend_fault", id="404"),
    pytest.param(
        an_answer(429, headers={"retry-after": "7"}), SourceUnavailable, "throttled", id="throttled"
    ),
    pytest.param(an_answer(500), SourceUnavailable, "backend_fault", id="500"),
    pytest.param(an_answer(503), SourceUnavailable, "maintenance", id="503"),
    pytest.param(an_answer(202), SourceMalformed, "malformed", id="202"),
    pytest.param(
        an_answer(200, b'{"error":{"code":"FKK/123"}}'), SourceRefused, "backend_fault", id="200"
    ),
    pytest.param(
        an_answer(200, b"<error><code>FKK/123</code></error>"),
        SourceRefused,
        "backend_fault",
        id="200-xml",
    ),
]


@pytest.mark.parametrize(("answer", "kind", "reason"), STATUSES)
def test_each_failure_is_classified(answer: Answer, kind: type[SourceError], reason: str) -> None:
    """What may pass later, what is final and what is the hub's own fault are kept apart."""
    with pytest.raises(SourceError) as caught:
        refuse_failure(answer)
    assert type(caught.value) is kind
    assert caught.value.reason == reason


def test_retry_after_survives_the_code() -> None:
    """Adding the error's code to a detail keeps when to come back."""
    with pytest.raises(SourceUnavailable) as caught:
        refuse_failure(an_answer(503, headers={"retry-after": "30"}))
    assert caught.value.retry_after == 30


def message(**fields: object) -> str:
    """A `sap-message` header in JSON."""
    return json.dumps({"code": "FKK/123", "message": "Ana", "severity": "info", **fields})


BAD = [
    pytest.param(message(severity="error"), "code FKK/123", id="json"),
    pytest.param(message(severity="ERROR", code="99000002K"), "another form", id="capitals"),
    pytest.param(
        message(details=[{"code": "ZTRM/001", "severity": "error"}]), "code ZTRM/001", id="detail"
    ),
    pytest.param(
        "<notification><code>FKK/123</code><severity>error</severity></notification>",
        "code FKK/123",
        id="xml",
    ),
    pytest.param(
        "<notification><severity>info</severity><details><detail><code>FKK/123</code>"
        "<severity>error</severity></detail></details></notification>",
        "code FKK/123",
        id="xml-detail",
    ),
]


@pytest.mark.parametrize(("header", "words"), BAD)
def test_an_error_in_the_sap_message_header_is_one(header: str, words: str) -> None:
    """A 200 with a message of severity error is a failure; its text is not repeated."""
    with pytest.raises(SourceRefused, match=words) as caught:
        refuse_failure(an_answer(headers={"sap-message": header}))
    assert "Ana" not in str(caught.value)
    assert "99000002K" not in str(caught.value)


@pytest.mark.parametrize(
    "header",
    ["{", "[]", "text", "<", "<a/>", '{"a":"\ud800', "\xf1", "{" * 300, "\u20ac"],
    ids=["cut", "list", "text", "xml-cut", "xml-other", "surrogate", "latin", "deep", "beyond"],
)
def test_an_unreadable_message_is_not_taken_for_a_good_one(header: str) -> None:
    """What cannot be read may be an error: the answer is refused."""
    with pytest.raises(SourceMalformed):
        refuse_failure(an_answer(headers={"sap-message": header}))


@pytest.mark.parametrize("severity", ["info", "warning", "success"])
def test_a_friendly_message_changes_nothing(severity: str) -> None:
    """Messages of other severities travel with good answers."""
    refuse_failure(an_answer(headers={"sap-message": message(severity=severity)}))
