"""Every way of being wrong becomes one SourceError, and never quotes what came."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from hub.core.errors import SourceError, SourceMalformed, SourceRefused, SourceUnavailable
from hub.wire.client import Answer
from hub.wire.decode import (
    MAX_DEPTH,
    _brackets,
    check_status,
    json_object,
    json_value,
    list_at,
    retry_after,
)


def an_answer(body: bytes = b"{}", status: int = 200, **headers: str) -> Answer:
    named: Mapping[str, str] = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(source="x", status=status, headers=named, body=body, exchange="e")


class Thing(Struct):
    """A shape to decode into."""

    name: str
    rows: list[int]


HOSTILE = [
    pytest.param(b"", "malformed", id="empty"),
    pytest.param(b"not json", "malformed", id="text"),
    pytest.param(b"<a/>", "malformed", id="xml"),
    pytest.param(b'{"a":1}x', "malformed", id="something_after"),
    pytest.param(b'{"a":', "malformed", id="cut_off"),
    pytest.param(b'{"a":NaN}', "malformed", id="nan"),
    pytest.param(b'{"a":Infinity}', "malformed", id="infinity"),
    pytest.param(b'{"a":1e400}', "malformed", id="no_number_of_this_world"),
    pytest.param(b'{"a":' + b"9" * 5000 + b"}", "malformed", id="five_thousand_digits"),
    pytest.param(b'{"a":1,"a":2}', "malformed", id="member_twice"),
    pytest.param(b'{"l":[{"a":1,"\\u0061":2}]}', "malformed", id="member_twice_escaped"),
    pytest.param(b'{"a":"\\ud800"}', "malformed", id="lone_surrogate"),
    pytest.param(b'{"a":"\x01"}', "malformed", id="control_character"),
    pytest.param('{"a":"Muñoz"}'.encode("latin-1"), "charset", id="latin1"),
    pytest.param('{"a":1}'.encode("utf-16"), "charset", id="utf16"),
    pytest.param(b'{"a":' * 300 + b"1" + b"}" * 300, "malformed", id="deep_objects"),
    pytest.param(b"[" * 100_000 + b"]" * 100_000, "malformed", id="depth_100000"),
    pytest.param(b"[" * 100_000, "malformed", id="depth_never_closed"),
    pytest.param(b"[]", "schema", id="array"),
    pytest.param(b'"text"', "schema", id="string"),
    pytest.param(b"null", "schema", id="null"),
]


@pytest.mark.parametrize(("body", "reason"), HOSTILE)
def test_what_is_no_json_object_is_malformed(body: bytes, reason: str):
    """One reason for each way of being wrong, whatever the decoder raises."""
    with pytest.raises(SourceMalformed) as caught:
        json_object(an_answer(body))
    assert caught.value.reason == reason


READABLE: list[Any] = [
    pytest.param('{"a":"Muñoz"}'.encode(), {"a": "Muñoz"}, id="utf8"),
    pytest.param(b'\xef\xbb\xbf{"a":1}', {"a": 1}, id="byte_order_mark"),
    pytest.param(b'{"a":{"b":1},"b":1}', {"a": {"b": 1}, "b": 1}, id="one_name_on_two_levels"),
    pytest.param(b'{"a":[{"b":1},{"b":2}]}', {"a": [{"b": 1}, {"b": 2}]}, id="rows"),
    pytest.param(b'{"a":"[[[[{{{{ \\" ]"}', {"a": '[[[[{{{{ " ]'}, id="brackets_in_text"),
    pytest.param(b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}, id="surrogate_pair"),
]


@pytest.mark.parametrize(("body", "value"), READABLE)
def test_json_reads_as_what_it_says(body: bytes, value: object):
    """Nothing that is right is refused."""
    assert json_object(an_answer(body)) == value


@pytest.mark.parametrize(("depth", "passes"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False)])
def test_depth_is_counted_to_the_level(depth: int, passes: bool):
    """The limit is the last depth that passes, and brackets inside texts do not count."""
    text = b'"' + b"[" * 500 + b'"'
    answer = an_answer(b"[" * depth + text + b"]" * depth)
    if passes:
        assert json_value(answer, list)
    else:
        with pytest.raises(SourceMalformed):
            json_value(answer, list)


def test_many_rows_are_not_depth():
    """A long flat list is as deep as its rows."""
    assert len(json_value(an_answer(b"[" + b"{}," * 5000 + b"{}]"), list)) == 5001


@pytest.mark.parametrize(
    "body",
    [b'"' + b'\\"' * 300_000 + b"[" * 300, b'"' * 600_001 + b"[" * 300, b"[" * 600_000],
    ids=["escaped_quotes", "quotes", "brackets"],
)
def test_the_depth_of_any_text_is_counted_in_linear_time(body: bytes):
    """No text of the allowed size keeps the loop busy: a quadratic scan would take minutes."""
    began = time.perf_counter()
    with pytest.raises(SourceMalformed):
        json_object(an_answer(body))
    assert time.perf_counter() - began < 5


def test_a_shape_that_misfits_names_the_path_and_not_the_value():
    """The detail says where; what stood there stays on the ledger."""
    with pytest.raises(SourceMalformed) as caught:
        json_value(an_answer(b'{"name":"canary","rows":[1,"canary"]}'), Thing)
    assert caught.value.reason == "schema"
    assert "$.rows[...]" in caught.value.detail or "$.rows[1]" in caught.value.detail
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(("body", "reason"), HOSTILE[:18])
def test_no_error_quotes_what_came(body: bytes, reason: str):
    """A value beside the fault does not reach the message."""
    with pytest.raises(SourceError) as caught:
        json_object(an_answer(b'{"n":"99000002K","x":' + body + b"}"))
    assert "99000002K" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "answer",
    [
        an_answer(b"<!DOCTYPE html><html></html>"),
        an_answer(b"  <HTML><body>"),
        an_answer(b"\xef\xbb\xbf<html>"),
        an_answer(b"{}", content_type="text/html; charset=utf-8"),
    ],
    ids=["doctype", "upper_case", "byte_order_mark", "content_type"],
)
def test_a_page_for_people_is_not_an_answer(answer: Answer):
    """A maintenance or login page with status 200 may pass later."""
    with pytest.raises(SourceUnavailable) as caught:
        json_object(answer)
    assert caught.value.reason == "maintenance"


STATUSES: list[tuple[int, type[SourceError] | None, str]] = [
    (200, None, ""),
    (204, None, ""),
    (400, SourceRefused, "backend_fault"),
    (401, SourceRefused, "hub_credentials"),
    (403, SourceRefused, "hub_credentials"),
    (404, SourceRefused, "backend_fault"),
    (429, SourceUnavailable, "throttled"),
    (500, SourceUnavailable, "backend_fault"),
    (502, SourceUnavailable, "backend_fault"),
    (503, SourceUnavailable, "maintenance"),
    (599, SourceUnavailable, "backend_fault"),
]


@pytest.mark.parametrize(("status", "kind", "reason"), STATUSES)
def test_a_status_has_one_meaning(status: int, kind: type[SourceError] | None, reason: str):
    """5xx and 429 may pass, 401 and 403 are the hub's own fault, the rest is a refusal."""
    if kind is None:
        check_status(an_answer(status=status))
        return
    with pytest.raises(kind) as caught:
        check_status(an_answer(status=status))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2", 2),
        ("0", 0),
        ("99999", 3600),
        ("-1", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("1" * 400, None),
        ("", None),
    ],
)
def test_retry_after_is_a_sensible_number_or_nothing(text: str, seconds: int | None):
    """Capped at an hour; a date, a negative or an absurd number is no promise."""
    answer = an_answer(status=503, retry_after=text)
    assert retry_after(answer) == seconds
    with pytest.raises(SourceUnavailable) as caught:
        check_status(answer)
    assert caught.value.retry_after == seconds


def _depth_by_walking(text: bytes) -> int:
    """How deep *text* is, read byte by byte until it is no JSON."""
    depth = deepest = 0
    quoted = escaped = False
    for byte in text:
        if quoted:
            quoted = escaped or byte != ord('"')
            escaped = not escaped and byte == ord("\\")
        elif byte == ord("\\"):
            break
        elif byte == ord('"'):
            quoted = True
        else:
            depth += (byte in b"[{") - (byte in b"]}")
            deepest = max(deepest, depth)
    return deepest


@given(st.lists(st.sampled_from([b"[", b"{", b"}", b"]", b'"', b"\\", b"a", b","])).map(b"".join))
def test_depth_is_what_walking_finds(text):
    """Whatever stands in strings and behind backslashes, up to where it is no JSON."""
    steps = (1 if byte in b"[{" else -1 for byte in _brackets(text))
    assert max(accumulate(steps, initial=0)) >= _depth_by_walking(text)


@pytest.mark.parametrize(
    "payload", [{}, {"a": None}, {"a": []}, {"a": {"b": None}}, {"a": {"b": {}}}, {"a": {"b": "x"}}]
)
def test_a_list_that_is_not_there_is_malformed(payload):
    """Neither null nor another shape is "no rows"."""
    with pytest.raises(SourceMalformed, match="no list at a/b"):
        list_at("x", payload, "a/b")


def test_a_list_is_found_at_its_path():
    """Through records, an empty one too."""
    assert list_at("x", {"a": {"b": [1]}}, "a/b") == [1]
    assert list_at("x", {"a": []}, "a") == []
