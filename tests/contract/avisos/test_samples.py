"""Samples on file, and real-shape ones beside the checkout, go through without loss."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from connectors.avisos.connector import SPEC
from hub.core.errors import SourceError, SourceInsecure
from hub.core.exchange import SourceRecord
from hub.mapping import as_json, coverage, load_schemas
from tests.contract.avisos.scene import (
    CONTRACT,
    ROOT,
    SAMPLES,
    answering,
    scene,
    the_block,
    the_mapping,
)
from tests.support.builders import a_query

SHARED = Path(os.environ.get("HUB_SHARED_DATA") or ROOT.parent / "shared" / "data")
ON_FILE = sorted(path.name for path in SAMPLES.glob("*.requests.*"))
RENAMED = {"service_id": "service_code", "status_node_type": "status", "account_id": "owner"}


def profile_of(name: str) -> str:
    """The profile that reads a sample: Madrid's own, or GeoReport in the file's form."""
    if name.startswith("madrid"):
        return "madrid"
    return "georeport_xml" if name.endswith(".xml") else "georeport_json"


async def through(profile: str, body: bytes) -> SourceRecord:
    """What the connector makes of *body*; whose rows they are is not judged here."""
    kind = "text/xml" if profile == "georeport_xml" else "application/json"
    async with scene(profile, app=answering(body, kind)) as s:
        return await s.connector.fetch("requests", a_query())


def read(path: Path) -> bytes:
    """The bytes of a sample."""
    return path.read_bytes()


def rows_in(name: str, body: bytes) -> list[dict[str, Any]]:
    """The rows of a sample as another reader finds them."""
    if not name.endswith(".xml"):
        value = json.loads(body)
        return value if isinstance(value, list) else [value]
    root = etree.fromstring(body, etree.XMLParser(remove_comments=True))
    return [{child.tag: child.text for child in request} for request in root.iter("request")]


def paths_in(node: Any, at: str) -> set[str]:
    """Every leaf under *node*, lists as `[]`, nothing for what is empty."""
    if isinstance(node, dict):
        return {path for key, value in node.items() for path in paths_in(value, f"{at}/{key}")}
    if isinstance(node, list):
        return {path for value in node for path in paths_in(value, f"{at}[]")}
    return {at} if node not in (None, "") else set()


def neither_read_nor_ignored(rows: list[dict[str, Any]]) -> set[str]:
    """Fields with a value that the mapping does not read and the contract does not set aside."""
    cover = coverage(the_mapping(), load_schemas(CONTRACT))
    accounted = {*cover.read, *cover.ignored}
    under = "requests/requests[]"
    renamed = [{RENAMED.get(key, key): value for key, value in row.items()} for row in rows]
    found = {path for row in renamed for path in paths_in(row, under)}
    return {
        path
        for path in found
        if not any(path == a or path.startswith((f"{a}/", f"{a}[]")) for a in accounted)
    }


def check_nothing_is_lost(name: str, body: bytes, record: SourceRecord) -> None:
    """Every row with an id or a token is an item, in order; no field of it goes unnoticed."""
    rows = rows_in(name, body)
    keyed = [row for row in rows if row.get("service_request_id") or row.get("token")]
    items = the_block(record).items
    assert [(item.id, item.token) for item in items] == [
        (
            str(row["service_request_id"]) if row.get("service_request_id") else None,
            row.get("token"),
        )
        for row in keyed
    ]
    assert len(record.payload["unnumbered"]) == len(rows) - len(keyed)
    assert neither_read_nor_ignored(rows) == set()
    for row, item in zip(keyed, items, strict=True):
        assert (item.description or "") == (row.get("description") or "").strip()
        assert (item.service_name or "") == (row.get("service_name") or "")


@pytest.mark.parametrize("name", ON_FILE)
async def test_a_sample_becomes_its_golden_block(name: str):
    """Each sample on file goes through connector and mapping to the block beside it."""
    record = await through(profile_of(name), read(SAMPLES / name))
    golden = SAMPLES / f"{name.split('.', maxsplit=1)[0]}.service_requests.json"
    assert as_json(the_block(record)) == json.loads(golden.read_text())


@pytest.mark.parametrize("name", [name for name in ON_FILE if "drift" not in name])
async def test_a_sample_on_file_goes_through_without_loss(name: str):
    """Our own equivalents of the real samples, which always run."""
    body = read(SAMPLES / name)
    check_nothing_is_lost(name, body, await through(profile_of(name), body))


def test_a_field_that_nobody_has_looked_at_is_noticed():
    """The check of loss can fail: drift shows as a field that is neither read nor ignored."""
    rows = json.loads((SAMPLES / "madrid_drift.requests.json").read_bytes())
    assert neither_read_nor_ignored(rows) == {"requests/requests[]/brand_new_field/a[]"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("error_list.json", "hub_credentials"),
        ("error_without_list.json", "backend_fault"),
        ("error_list.xml", "backend_fault"),
        ("error_bare.xml", "backend_fault"),
        ("error_with_status_line.xml", "malformed"),
    ],
)
async def test_a_sample_of_an_error_is_no_data(name: str, reason: str):
    """In every form in which servers send it, with status 200."""
    with pytest.raises(SourceError) as caught:
        await through(profile_of(name), read(SAMPLES / name))
    assert caught.value.reason == reason


ERRORS = ("403", "not_found", "err-")


def shared(*, errors: bool) -> list[Path]:
    """Real-shape GeoReport files beside the checkout: lists of requests, or errors."""
    found = sorted((SHARED / "open311").glob("*/*.*"))
    return [
        path
        for path in found
        if path.parent.name != "schemas"
        and any(word in path.name for word in (*ERRORS, "request"))
        and any(word in path.name for word in ERRORS) is errors
    ]


beside = pytest.mark.skipif(
    not SHARED.is_dir(), reason="no real-shape samples beside the checkout (HUB_SHARED_DATA)"
)


@beside
async def test_madrids_real_shape_goes_through_without_loss():
    """Items as the real public list has them; and that list, everybody's, is never a citizen's."""
    body = read(SHARED / "avisos" / "requests-sanitised.json")
    record = await through("madrid", body)
    assert len(the_block(record).items) == len(json.loads(body)) > 0
    check_nothing_is_lost("requests-sanitised.json", body, record)
    async with scene("madrid", app=answering(body)) as s:
        with pytest.raises(SourceInsecure):
            await s.ask(a_query())


@beside
@pytest.mark.parametrize("path", shared(errors=False), ids=lambda path: path.stem)
async def test_a_real_servers_shape_goes_through_without_loss(path: Path):
    """Toronto, Chicago and the standard's own examples, with all their habits."""
    body = read(path)
    record = await through(profile_of(path.name), body)
    check_nothing_is_lost(path.name, body, record)


@beside
@pytest.mark.parametrize("path", shared(errors=True), ids=lambda path: path.stem)
async def test_a_real_servers_error_is_no_data(path: Path):
    """Whatever its form, it raises; it is never an empty list."""
    with pytest.raises(SourceError):
        await through("georeport_xml", read(path))


@beside
def test_the_shared_folder_has_what_the_tests_look_for():
    """A folder without its files would let the tests above pass by having nothing to do."""
    assert len(shared(errors=False)) >= 8
    assert len(shared(errors=True)) >= 3


def test_every_operation_has_a_sample_and_a_payload_contract():
    """One name: operation, sample, schema."""
    for operation in SPEC.operations:
        assert [name for name in ON_FILE if f".{operation.name}." in name]
        assert operation.name in load_schemas(CONTRACT)
