"""Every caller, purpose, block and field against the running hub: value, or denied and no call."""

from __future__ import annotations

from collections import Counter

import pytest

from hub.core.fields import field_paths, narrowed
from hub.core.model import BLOCKS
from hub.position.purposes import load_purposes
from hub.settings import shipped
from tests.e2e.test_position import number_of

TABLE = load_purposes(shipped("contracts") / "hub" / "purposes.toml", BLOCKS)
KINDS = ("citizen", "official", "system", "auditor", "operator")
SUBJECT = {"document": "99000002K", "givenName": "Ana", "firstSurname": "Prueba"}
PURPOSES = {row.code: row for row in TABLE.purposes}
FIELDS = {name: sorted(field_paths(block.type)) for name, block in BLOCKS.items()}


@pytest.fixture
def hub(running):
    """The shared hub; whoever puts a fault in force lifts it again."""
    return running


def token_of(hub, kind):
    """A token of that kind of caller."""
    if kind == "official":
        return hub.token("--official", number_of(hub, "OFFICIAL"))
    return hub.token() if kind == "citizen" else hub.token(f"--{kind}")


def declared(hub, kind, code):
    """The answer to declaring an access under a purpose."""
    body = {"subject": SUBJECT, "purpose": code, "caseFile": "EXP/2026/1", "consent": "given"}
    if "incomeLevel" in PURPOSES[code].blocks:
        body["authorisations"] = [{"blocks": ["incomeLevel"], "evidence": "EXP/2026/1/AUT"}]
    return hub.post("/v1/accesses", token_of(hub, kind), body)


def opened(hub, kind, code):
    """Where the position under *code* is read; special categories revealed with a reason."""
    if kind == "citizen":
        return "/v1/me/position"
    access = declared(hub, kind, code)
    assert access.status_code == 201, access.text
    masked = [name for name, rule in PURPOSES[code].blocks.items() if rule.reveal]
    reachable = [name for name in masked if PURPOSES[code].blocks[name].assurance != "high"]
    if reachable:
        body = {"blocks": reachable, "reason": "scoring of the case"}
        path = f"/v1/accesses/{access.json()['id']}/reveal"
        assert hub.post(path, token_of(hub, kind), body).status_code == 200
    return access.json()["position"]


def allowed(code, block):
    """What a caller at substantial level may see of a block."""
    rule = PURPOSES[code].blocks.get(block)
    return frozenset() if rule is None or rule.assurance == "high" else frozenset(rule.fields)


def spread(calls, before):
    """The sources that were called since."""
    return {name for name, count in calls.items() if count != before.get(name, 0)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", PURPOSES)
def test_a_purpose_is_for_its_callers(hub, kind, code):
    """Who is not among its audience declares no access under it, and nothing is asked."""
    before = hub.calls()
    answer = declared(hub, kind, code)
    if kind in ("official", "system") and kind in PURPOSES[code].audience:
        assert answer.status_code == 201, answer.text
    else:
        assert answer.status_code == (400 if kind in ("official", "system") else 403)
    assert hub.calls() == before


CASES = [
    (kind, code)
    for code, row in PURPOSES.items()
    for kind in ("citizen", "official", "system")
    if kind in row.audience
]


@pytest.mark.parametrize(("kind", "code"), CASES, ids=lambda v: v)
def test_a_denied_field_is_403_and_reaches_no_source(hub, kind, code):
    """Each path that the purpose lacks is refused, one by one where its block is shown in part."""
    token, path, before = token_of(hub, kind), opened(hub, kind, code), hub.calls()
    refused = 0
    for block, fields in FIELDS.items():
        lacking = [f for f in fields if not narrowed(allowed(code, block), frozenset({f}))]
        named = {f"{block}.{field}" for field in lacking}
        whole = not allowed(code, block)
        if whole:
            refusals(hub.get(f"{path}?blocks={block}", token), block)
        if named:
            answer = hub.get(f"{path}?fields={','.join(sorted(named))}", token)
            paths = {fault.get("path") for fault in refusals(answer, block)}
            assert paths == ({None} if whole else named), (code, block)
        refused += len(named)
    assert refused > 0
    assert hub.calls() == before


def refusals(answer, block):
    """The faults of a position that was refused for *block* alone."""
    faults = answer.json()["errors"]
    assert {fault["block"] for fault in faults} == {block}
    reasons = {fault["reason"] for fault in faults}
    assert reasons <= {"purpose", "needs_procedure", "step_up"}
    assert answer.status_code == (401 if reasons == {"step_up"} else 403), answer.text
    assert "blocks" not in answer.json()
    return faults


@pytest.mark.parametrize(("kind", "code"), CASES, ids=lambda v: v)
def test_an_allowed_field_has_its_value_and_calls_its_source_alone(hub, kind, code):
    """Each record of each block that the purpose allows, one by one, and nothing beside it."""
    token, path = token_of(hub, kind), opened(hub, kind, code)
    sources = {b["name"]: b["source"] for b in hub.get("/v1/blocks").json()["blocks"]}
    seen: Counter[str] = Counter()
    for block in PURPOSES[code].blocks:
        for field in sorted({f.split(".")[0] for f in FIELDS[block]}):
            shown = narrowed(allowed(code, block), frozenset({field}))
            if not shown or sources[block] is None:
                continue
            before = hub.calls()
            answer = hub.get(f"{path}?fields={block}.{field}", token)
            assert answer.status_code == 200, (code, block, field, answer.text)
            [(name, got)] = answer.json()["blocks"].items()
            assert name == block
            assert got["state"] == "fresh", (block, field, got)
            assert set(got["data"]) - {"count", "next"} == {field}
            assert spread(hub.calls(), before) == {sources[block]}
            seen[block] += 1
    open_ = {b for b in PURPOSES[code].blocks if allowed(code, b) and sources[b]}
    assert set(seen) == open_
