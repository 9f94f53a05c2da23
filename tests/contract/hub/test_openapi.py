"""Our own contract: golden, valid, whole, with examples that are what they document."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from litestar import Litestar
from openapi_spec_validator import validate

from hub.api.build import ROUTES, openapi_document
from hub.api.texts import TITLES
from hub.position.outside import model_of
from hub.settings import load_settings

ROOT = Path(__file__).parents[3]
BLOCKS = model_of(load_settings(ROOT / "hub.toml", {})).blocks
"""Those that the connectors of hub.toml bring are among them."""

DOCUMENT = json.loads(openapi_document(BLOCKS))
OPERATIONS = [
    (path, method, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]


def named(value):
    """`get /v1/blocks`, as the id of a case."""
    return value if isinstance(value, str) else ""


def test_the_document_is_the_one_on_file():
    """A change of the API is a visible change of contracts/hub/openapi.json."""
    kept = (ROOT / "contracts/hub/openapi.json").read_bytes()
    assert kept == openapi_document(BLOCKS), "run `make contracts` and review the difference"


def test_the_document_is_valid_openapi():
    """Version 3.1, by an independent validator."""
    assert DOCUMENT["openapi"].startswith("3.1")
    validate(DOCUMENT)


def test_every_route_is_documented_and_every_documented_route_exists():
    """Except those that serve documents about the hub itself, or figures as text."""
    app = Litestar(route_handlers=ROUTES, openapi_config=None, logging_config=None)
    routes = {route.path_format for route in app.routes} - {
        "/openapi.json",
        "/problems/{slug}",
        "/metrics",
    }
    assert {path.rstrip("/") for path in routes} == set(DOCUMENT["paths"])


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=named)
def test_every_operation_is_whole(path, method, operation):
    """An id, a summary, its errors, and an example of its success that fits its schema."""
    assert operation["operationId"]
    assert operation["summary"]
    success = next(code for code in operation["responses"] if code.startswith("2"))
    content = operation["responses"][success]["content"]["application/json"]
    [example] = content["examples"].values()
    schema = {**content["schema"], "components": DOCUMENT["components"]}
    jsonschema.validate(example["value"], schema)


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=named)
def test_every_documented_error_is_a_problem(path, method, operation):
    """As application/problem+json, with an example of a type that exists."""
    for code, response in operation["responses"].items():
        if not code.startswith(("4", "5")):
            continue
        [(media_type, content)] = response["content"].items()
        assert media_type == "application/problem+json"
        for example in content["examples"].values():
            slug = example["value"]["type"].removeprefix("/problems/")
            assert TITLES[slug][0] == int(code) == example["value"]["status"]


@pytest.mark.parametrize("slug", TITLES)
def test_every_problem_type_has_its_page(slug):
    """What happened, and what to do."""
    page = (ROOT / "contracts/hub/problems" / f"{slug}.md").read_text("utf-8")
    assert "## What happened" in page
    assert "## What to do" in page


def test_a_block_is_told_apart_by_its_state():
    """The discriminator names every state, and no property of `data` is required."""
    for name, block in BLOCKS.items():
        schema = DOCUMENT["components"]["schemas"][f"{name[0].upper()}{name[1:]}Block"]
        assert schema["discriminator"]["propertyName"] == "state"
        assert len(schema["discriminator"]["mapping"]) == 6
        data = DOCUMENT["components"]["schemas"][block.type.__name__]
        assert "required" not in data
