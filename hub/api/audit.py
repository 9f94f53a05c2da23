"""`/v1/audit`: the evidence, for auditors alone. What opens somebody's data says why first."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Response, Router, get, post
from litestar.params import Parameter
from litestar.status_codes import HTTP_200_OK

from hub.api.audit_acts import (
    auditor,
    consistency_at,
    desk_of,
    head_of,
    lineage_of,
    proof_at,
    replay_of,
    sample_of,
    searched,
)
from hub.api.audit_bodies import (
    HeadView,
    LineageRequest,
    ReplayRequest,
    SampleRequest,
    SearchPage,
    SearchRequest,
)
from hub.api.bodies import json_body, read_body
from hub.api.context import AnyRequest
from hub.api.parameters import ERRORS, LANGUAGE, NOT_FOUND, OF_BODY, success
from hub.audit.consistency import Consistency
from hub.audit.lineage import Explanation, Proof
from hub.audit.replay import Replay
from hub.audit.sample import Sample

RecordId = Annotated[str, Parameter(description="Id of the record", max_length=64)]
KindName = Annotated[str, Parameter(description="Kind of the record", max_length=16)]
TreeSize = Annotated[int, Parameter(description="Size in the checkpoint that was kept", ge=0)]

_ID = "01M81NA0FF58PJA14E1H3Z80MV"
_PROOF: dict[str, Any] = {
    "record": f"answer {_ID}",
    "index": 0,
    "leafHash": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    "path": [],
    "size": 1,
    "checkpoint": "log\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— log AAAA\n",
}
_CONSISTENCY = {"first": 1, "second": 1, "path": [], "checkpoint": _PROOF["checkpoint"]}
_SAMPLE = {
    "checkpoint": _PROOF["checkpoint"],
    "kind": "access",
    "since": "2026-10-01T00:00:00Z",
    "until": "2026-11-01T00:00:00Z",
    "size": 1,
    "population": 1,
    "drawn": [{"index": 0, "kind": "access", "id": _ID, "rank": "00" * 32}],
}
_RECORD = {"index": 0, "kind": "access", "id": _ID, "at": "2026-10-01T00:00:00Z", "header": {}}
_REPLAY = {"answers": 1, "blocks": 8, "exchanges": 9, "identical": 8, "against": "today"}
_LINEAGE = {
    "answer": _ID,
    "access": _ID,
    "purpose": "self_service",
    "at": "2026-11-22T12:00:00+00:00",
    "blocks": [{"block": "residence", "state": "fresh", "replays": True}],
    "proofs": [_PROOF],
}
_BAD = {**ERRORS, **OF_BODY}


@get(
    "/checkpoint",
    operation_id="getCheckpoint",
    summary="The signed head of the ledger; its key is given to auditors apart",
    responses={200: success(HeadView, "Now.", {"note": _PROOF["checkpoint"]})} | ERRORS,
)
async def checkpoint(request: AnyRequest) -> Response[bytes]:
    """The head of everything appended so far."""
    await auditor(request)
    return _json(await head_of(request))


@get(
    "/consistency/{size:int}",
    operation_id="getConsistency",
    summary="That the head of now extends a tree whose checkpoint somebody kept",
    responses={
        200: success(Consistency, "RFC 9162 section 2.1.4.", _CONSISTENCY),
        **ERRORS,
        **NOT_FOUND,
    },
)
async def extends(request: AnyRequest, size: TreeSize) -> Response[bytes]:
    """The consistency proof from the tree of that size to the head of now."""
    await auditor(request)
    return _json(await consistency_at(request, size))


@get(
    "/records/{kind:str}/{record_id:str}/proof",
    operation_id="getProof",
    summary="That a record is in the ledger",
    responses={200: success(Proof, "RFC 9162 section 2.1.3.", _PROOF), **ERRORS, **NOT_FOUND},
)
async def proof(request: AnyRequest, kind: KindName, record_id: RecordId) -> Response[bytes]:
    """The inclusion proof of a record."""
    await auditor(request)
    return _json(await proof_at(request, kind, record_id))


@post(
    "/searches",
    operation_id="searchRecords",
    summary="Find records; the search itself goes on record, with its reason",
    responses={200: success(SearchPage, "Newest first.", {"records": [_RECORD]}), **_BAD},
    status_code=HTTP_200_OK,
)
async def search(request: AnyRequest) -> Response[bytes]:
    """Headers of the records that fit; payloads stay sealed."""
    who = await auditor(request)
    wanted = read_body(await json_body(request), SearchRequest)
    return _json(await searched(desk_of(request), who, wanted))


@get(
    "/answers/{record_id:str}/lineage",
    operation_id="getLineage",
    summary="Where each field of an answer comes from; values masked",
    responses={200: success(Explanation, "The lineage.", _LINEAGE), **ERRORS, **NOT_FOUND},
)
async def lineage(request: AnyRequest, record_id: RecordId) -> Response[bytes]:
    """The lineage of an answer without its values."""
    who = await auditor(request)
    wanted = LineageRequest(reason="lineage with masked values")
    return _json(await lineage_of(desk_of(request), who, record_id, wanted))


@post(
    "/answers/{record_id:str}/lineage",
    operation_id="revealLineage",
    summary="The same with its values, for a reason that goes on record",
    responses={200: success(Explanation, "The lineage.", _LINEAGE), **_BAD, **NOT_FOUND},
    status_code=HTTP_200_OK,
)
async def lineage_revealed(request: AnyRequest, record_id: RecordId) -> Response[bytes]:
    """The lineage of an answer; on record as a reveal before it is opened."""
    who = await auditor(request)
    wanted = read_body(await json_body(request), LineageRequest)
    return _json(await lineage_of(desk_of(request), who, record_id, wanted))


@post(
    "/replays",
    operation_id="replayAnswers",
    summary="Run recorded payloads through the mapping of then and through today's",
    responses={200: success(Replay, "Nothing is asked of any source.", _REPLAY), **_BAD},
    status_code=HTTP_200_OK,
)
async def replays(request: AnyRequest) -> Response[bytes]:
    """The replay of some answers, at most 1000."""
    who = await auditor(request)
    wanted = read_body(await json_body(request), ReplayRequest)
    return _json(await replay_of(desk_of(request), who, wanted))


@post(
    "/samples",
    operation_id="drawSample",
    summary="A sample that anybody can draw again from the checkpoint's root",
    responses={200: success(Sample, "By rank.", _SAMPLE), **_BAD},
    status_code=HTTP_200_OK,
)
async def samples(request: AnyRequest) -> Response[bytes]:
    """Records of a period, drawn by the root of the tree."""
    who = await auditor(request)
    wanted = read_body(await json_body(request), SampleRequest)
    return _json(await sample_of(desk_of(request), who, wanted))


def _json(value: object) -> Response[bytes]:
    headers = {"cache-control": "no-store"}
    return Response(msgspec.json.encode(value), media_type="application/json", headers=headers)


router = Router(
    "/v1/audit",
    route_handlers=[
        checkpoint,
        extends,
        proof,
        search,
        lineage,
        lineage_revealed,
        replays,
        samples,
    ],
    parameters=LANGUAGE,
    tags=["Audit"],
)
