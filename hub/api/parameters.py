"""The documented parameters and responses that routes share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter, QueryParameter
from msgspec import Struct

from hub.api.problems import MEDIA_TYPE, ProblemDocument
from hub.api.texts import TITLES


def _documented(
    kind: type[HeaderParameter | QueryParameter],
    name: str,
    description: str,
    example: str | None = None,
) -> HeaderParameter | QueryParameter:
    """An optional text parameter; routes read it from the request themselves."""
    examples = None if example is None else [Example(value=example)]
    return kind(
        name=name,
        annotation=str | None,
        default=None,
        required=False,
        description=description,
        examples=examples,
    )


LANGUAGE = {
    "accept_language": _documented(
        HeaderParameter,
        "Accept-Language",
        "`es` or `en`: the language of problem documents.",
        "es",
    ),
}
WAITING = {
    **LANGUAGE,
    "prefer": _documented(
        HeaderParameter,
        "Prefer",
        "`wait=N` (RFC 7240): seconds until the answer must be there; 4, at most 10.",
        "wait=4",
    ),
    "if_none_match": _documented(
        HeaderParameter,
        "If-None-Match",
        "Entity tags that the caller has; 304 when one still fits.",
    ),
}
POSITION_PARAMETERS = {
    **WAITING,
    "blocks": _documented(
        QueryParameter,
        "blocks",
        "Names of blocks, separated by commas; without it, the purpose's default ones.",
        "residence,taxBills",
    ),
    "fields": _documented(
        QueryParameter,
        "fields",
        "Canonical paths, separated by commas: they narrow the answer, never widen it.",
        "residence.address,taxBills.items.amount",
    ),
    "view": _documented(
        QueryParameter,
        "view",
        "`summary`: state, count, what needs action and the next date, in at most 8 KB.",
        "summary",
    ),
}
BLOCK_PARAMETERS = {
    **WAITING,
    "cursor": _documented(
        QueryParameter, "cursor", "Where a page begins: the `next` of the page before."
    ),
}


def problem_spec(slug: str, description: str, **members: Any) -> ResponseSpec:
    """A documented problem with an example that is a valid document."""
    status, _, english = TITLES[slug]
    example = ProblemDocument(
        type=f"/problems/{slug}",
        status=status,
        title=english,
        trace_id="01M81NA0FF58PJA14E1H3Z80MV",
        **members,
    )
    return ResponseSpec(
        data_container=ProblemDocument,
        description=description,
        media_type=MEDIA_TYPE,
        examples=[Example(value=msgspec.to_builtins(example))],
        generate_examples=False,
    )


def success(type_: Any, description: str, example: Any) -> ResponseSpec:
    """A documented success with its example."""
    return ResponseSpec(
        data_container=type_,
        description=description,
        examples=[Example(value=example)],
        generate_examples=False,
    )


NOT_MODIFIED = ResponseSpec(data_container=None, description="The caller has it already.")
_COMMON: Mapping[int, ResponseSpec] = {
    400: problem_spec("invalid-request", "Names every fault of the request; nothing was asked."),
    401: problem_spec(
        "invalid-token",
        "The token is missing or refused, or its level is too low for what was named: then "
        "`WWW-Authenticate` says which `acr_values` would do (RFC 9470).",
    ),
    403: problem_spec("forbidden-block", "A block or path that was named and may not be had."),
    429: problem_spec(
        "too-many-requests", "The quota, or an official's bound, is used up.", retry_after=1
    ),
    500: problem_spec("internal-error", "A fault of the hub."),
    503: problem_spec(
        "nothing-available", "No source gave anything, or the ledger cannot write.", retry_after=30
    ),
}
ERRORS: dict[int, ResponseSpec] = dict(_COMMON)
NOT_FOUND = {404: problem_spec("not-found", "No such block, or no such access of this caller.")}
OF_BODY = {
    408: problem_spec("too-slow", "The body did not come in time."),
    413: problem_spec("too-large", "The body is larger than the hub reads."),
    415: problem_spec("unsupported-media-type", "The body is not application/json."),
}

POSITION_EXAMPLE: dict[str, Any] = {
    "subject": {"document": "*****002K"},
    "asOf": "2026-11-22T12:00:00Z",
    "purpose": "self_service",
    "complete": False,
    "blocks": {
        "residence": {
            "state": "fresh",
            "data": {"registeredSince": "2011-03-01", "memberCount": 4},
            "provenance": {
                "source": "padron",
                "exchanges": ["01M81NA0FF58PJA14E1H3Z80MV"],
                "obtainedAt": "2026-11-22T12:00:00Z",
                "mapping": "padron.residence@1",
                "mappingDigest": "0" * 64,
                "fromCache": False,
            },
        },
        "fines": {
            "state": "unavailable",
            "source": "sap_trm",
            "reason": "temporary",
            "retryAfter": 30,
        },
        "jobSeeker": {"state": "denied", "reason": "needs_procedure"},
    },
}
BLOCK_EXAMPLE: dict[str, Any] = POSITION_EXAMPLE["blocks"]["residence"]


class PositionShape(Struct, frozen=True):
    """Placeholder of the position's schema, replaced in the OpenAPI post-pass."""


class BlockShape(Struct, frozen=True):
    """Placeholder of a block's schema, replaced in the OpenAPI post-pass."""


POSITION_RESPONSES: dict[int, ResponseSpec] = {
    200: success(PositionShape, "The position, or its summary.", POSITION_EXAMPLE),
    304: NOT_MODIFIED,
    **ERRORS,
}


def block_responses() -> dict[int, ResponseSpec]:
    """Responses of a route that serves one block."""
    return {
        200: success(BlockShape, "The block, one page of its collection.", BLOCK_EXAMPLE),
        304: NOT_MODIFIED,
        **ERRORS,
        **NOT_FOUND,
    }
