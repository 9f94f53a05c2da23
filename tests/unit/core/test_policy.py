"""Who may ask what, and why."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from hub.core.automated import AutomatedBy
from hub.core.consistency import OWN_CLASSES, table_faults
from hub.core.fields import covers, field_paths, narrowed
from hub.core.model import BLOCKS
from hub.core.policy import (
    BlockRule,
    Caller,
    Denial,
    Grant,
    PlainText,
    Purpose,
    PurposeTable,
    Retention,
    Supplied,
    decide,
)
from hub.position.purposes import load_purposes
from hub.settings import shipped
from tests.support.builders import an_access

TABLE = load_purposes(shipped("contracts") / "hub" / "purposes.toml", BLOCKS)
TEXT = PlainText("texto", "text")


def a_caller(audience="citizen", assurance="substantial"):
    """A caller of a kind and level."""
    return Caller(issuer="i", subject_id="s", audience=audience, assurance=assurance)


def a_purpose(**changes):
    """A purpose that allows an address, or as *changes* say."""
    values = {
        "code": "p",
        "title": TEXT,
        "explanation": TEXT,
        "audience": ("citizen",),
        "legal_basis": "art.",
        "retention": "short",
        "opposition_text": TEXT,
        "default_blocks": ("residence",),
        "blocks": {"residence": BlockRule(fields=("address",))},
    }
    return Purpose(**{**values, **changes})


def a_table(*purposes, needs=()):
    """A table with a retention class, and those of the hub itself."""
    classes = ("short", *OWN_CLASSES)
    retention = dict.fromkeys(classes, Retention(use_days=1, blocked_days=1))
    return PurposeTable(needs_procedure=needs, retention=retention, purposes=purposes)


SPECIAL = frozenset({"socialServices", "socialBenefits"})
KNOWN = {name: field_paths(block.type) for name, block in BLOCKS.items()}


@pytest.mark.parametrize(
    "audience", ["citizen", "official", "system", "processor", "auditor", "operator"]
)
@pytest.mark.parametrize("assurance", ["low", "substantial", "high"])
@pytest.mark.parametrize("purpose", TABLE.purposes, ids=lambda p: p.code)
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("scopes", [frozenset(), frozenset({"special_categories"})], ids=len)
def test_only_a_rule_opens_a_block(audience, assurance, purpose, block, scopes):
    """A grant needs the audience, a rule for the block, its level and its scope."""
    caller = msgspec.structs.replace(a_caller(audience, assurance), scopes=scopes)
    decision = decide(TABLE, caller, purpose, block)
    rule = purpose.blocks.get(block)
    levels = ["low", "substantial", "high"]
    opens = (
        audience in purpose.audience
        and rule is not None
        and levels.index(assurance) >= levels.index(rule.assurance)
        and (rule.scope is None or rule.scope in scopes)
    )
    assert isinstance(decision, Grant) is opens


def test_a_citizens_own_look_never_reaches_the_state():
    """Without a procedure the state's evidence is denied, and the reason says what is needed."""
    purpose = TABLE.get("self_service")
    assert purpose is not None
    decision = decide(TABLE, a_caller(), purpose, "jobSeeker")
    assert decision == Denial(block="jobSeeker", reason="needs_procedure")
    counter = TABLE.get("tax_attention")
    assert counter is not None
    official = decide(TABLE, a_caller("official"), counter, "jobSeeker")
    assert isinstance(official, Denial)
    assert official.needs == "nursery_admission"


def test_self_service_does_not_give_the_members_of_the_household():
    """Other people's names are fields of their own, which a purpose must allow."""
    purpose = TABLE.get("self_service")
    assert purpose is not None
    decision = decide(TABLE, a_caller(), purpose, "residence")
    assert isinstance(decision, Grant)
    assert not covers(decision.fields, "members.fullName")
    assert covers(decision.fields, "memberCount")


paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(".".join)


@given(st.frozensets(paths, min_size=1), st.frozensets(paths, min_size=1), paths)
def test_fields_narrow_and_never_widen(allowed, wanted, path):
    """What is shown after narrowing was allowed, and was wanted."""
    shown = narrowed(allowed, wanted)
    if shown and covers(shown, path):
        assert covers(allowed, path)
        assert covers(wanted, path)


def test_asking_only_for_what_is_not_allowed_is_denied():
    """An empty intersection is a denial, not an empty answer."""
    table = a_table(a_purpose())
    decision = decide(table, a_caller(), a_purpose(), "residence", frozenset({"members"}))
    assert decision == Denial(block="residence", reason="purpose", paths=("members",))
    assert isinstance(decide(table, a_caller(), a_purpose(), "residence", UNSET), Grant)


def test_a_path_that_is_not_allowed_is_named():
    """Whoever names three paths and may have one learns which two are refused."""
    wanted = frozenset({"address", "members.fullName", "sheet"})
    decision = decide(a_table(a_purpose()), a_caller(), a_purpose(), "residence", wanted)
    assert isinstance(decision, Denial)
    assert decision.paths == ("members.fullName", "sheet")


def test_a_path_above_the_allowed_ones_narrows_to_them():
    """Whoever names a record gets what the purpose allows of it."""
    rule = BlockRule(fields=("address.postCode",))
    purpose = a_purpose(blocks={"residence": rule})
    decision = decide(a_table(purpose), a_caller(), purpose, "residence", frozenset({"address"}))
    assert isinstance(decision, Grant)
    assert decision.fields == {"address.postCode"}


def test_a_refusal_says_what_would_be_needed():
    """The level and the scope that a rule asks for stand in its denial."""
    rule = BlockRule(fields=("*",), assurance="high", scope="s")
    purpose = a_purpose(blocks={"residence": rule})
    level = decide(a_table(purpose), a_caller(), purpose, "residence")
    scope = decide(a_table(purpose), a_caller(assurance="high"), purpose, "residence")
    assert isinstance(level, Denial)
    assert isinstance(scope, Denial)
    assert (level.reason, level.needs) == ("step_up", "high")
    assert (scope.reason, scope.needs) == ("scope", "s")


FAULTS = {
    "unknown block": (a_purpose(blocks={"nope": BlockRule(fields=("*",))}), "no such block"),
    "unknown field": (a_purpose(blocks={"residence": BlockRule(fields=("x",))}), "no field x"),
    "no field": (a_purpose(blocks={"residence": BlockRule(fields=())}), "allows no field"),
    "unknown default": (a_purpose(default_blocks=("nope",)), "no block nope"),
    "retention": (a_purpose(retention="for ever"), "no retention class"),
    "audience": (a_purpose(audience=()), "no audience"),
    "procedure": (a_purpose(blocks={"jobSeeker": BlockRule(fields=("*",))}), "needs a procedure"),
    "authorisation": (
        a_purpose(blocks={"residence": BlockRule(fields=("*",), basis="authorisation")}),
        "does not ask for it",
    ),
    "life": (a_purpose(minutes=0), "minutes"),
    "all and some": (
        a_purpose(blocks={"residence": BlockRule(fields=("*", "address"))}),
        "allows everything",
    ),
    "official unnamed": (a_purpose(audience=("official",)), "must state official"),
    "procedure without case": (a_purpose(procedure="X"), "a procedure has a case file"),
    "consent twice": (
        a_purpose(states=("consent",), supplies=Supplied(consent="law")),
        "the access states it",
    ),
    "no code of the unit": (
        a_purpose(
            states=("unit_code",),
            automated_by=AutomatedBy(full_name="F", nif="99000100G", processing_unit="U"),
        ),
        "automated_by.unit_code",
    ),
    "consent made up": (a_purpose(supplies=Supplied(consent="given")), "only the person"),
    "reference": (a_purpose(authorisation_reference="R"), "is for a procedure"),
    "protected": (a_purpose(sees_protected=True), "only officials"),
    "no words on objecting": (a_purpose(opposition_text=None), "opposition_text"),
    "nothing to oppose": (a_purpose(opposition="available"), "no block rests on"),
    "opposable and excluded": (
        a_purpose(blocks={"residence": BlockRule(fields=("*",), basis="no_opposition")}),
        "opposition is excluded",
    ),
    "special without scope": (
        a_purpose(blocks={"socialServices": BlockRule(fields=("*",), assurance="high")}),
        "a scope of its own",
    ),
    "special at low": (
        a_purpose(blocks={"socialServices": BlockRule(fields=("*",), scope="s")}),
        "at least substantial",
    ),
    "special unmasked": (
        a_purpose(
            audience=("official",),
            states=("official", "processing_unit"),
            blocks={"socialServices": BlockRule(fields=("*",), scope="s", assurance="substantial")},
        ),
        "after a reason",
    ),
    "masked for nobody": (
        a_purpose(blocks={"residence": BlockRule(fields=("*",), reveal=True)}),
        "reveal is for officials",
    ),
}


@pytest.mark.parametrize(("purpose", "fault"), FAULTS.values(), ids=FAULTS)
def test_an_inconsistent_table_is_refused(purpose, fault):
    """Each contradiction is found and named with its row."""
    [found, *_] = table_faults(a_table(purpose, needs=("jobSeeker",)), KNOWN, SPECIAL)
    assert found.startswith("p: ")
    assert fault in found


def test_the_shipped_table_is_consistent():
    """And one in which a code stands twice, or a class of the hub's own lacks, is not."""
    assert table_faults(TABLE, KNOWN, SPECIAL) == []
    for name in OWN_CLASSES:
        kept = {known: days for known, days in TABLE.retention.items() if known != name}
        lacking = msgspec.structs.replace(TABLE, retention=kept)
        assert f"retention.{name}: missing" in table_faults(lacking, KNOWN)
    kept = {**TABLE.retention, "mapping": TABLE.retention["technical"]}
    erasing = msgspec.structs.replace(TABLE, retention=kept)
    assert "retention.mapping: kept for good" in table_faults(erasing, KNOWN, SPECIAL)
    twice = msgspec.structs.replace(TABLE, purposes=TABLE.purposes * 2)
    assert any("stands twice" in fault for fault in table_faults(twice, KNOWN))


@pytest.mark.parametrize(
    ("rule", "stated", "opens"),
    [
        ({"basis": "law"}, {}, True),
        ({"basis": "no_opposition"}, {"consent": "no_opposition"}, True),
        ({"basis": "authorisation"}, {"consent": "given"}, True),
        ({"basis": "authorisation"}, {"consent": "law"}, False),
        ({"basis": "authorisation"}, {}, False),
        ({"basis": "authorisation", "evidence": True}, {"consent": "given"}, False),
        (
            {"basis": "authorisation", "evidence": True},
            {"consent": "given", "authorisations": {"residence": "EI/1"}},
            True,
        ),
        (
            {"basis": "authorisation", "evidence": True},
            {"consent": "given", "authorisations": {"incomeLevel": "EI/1"}},
            False,
        ),
    ],
)
def test_a_row_that_needs_an_authorisation_opens_with_it_alone(rule, stated, opens):
    """The row says on what it is asked; evidence for one block is none for another."""
    purpose = a_purpose(blocks={"residence": BlockRule(fields=("*",), **rule)})
    access = an_access(**stated)
    decision = decide(
        a_table(purpose), a_caller(), purpose, "residence", frozenset({"address"}), access
    )
    assert isinstance(decision, Grant) is opens
    if not opens:
        assert decision == Denial(block="residence", reason="needs_authorisation")


def test_evidence_without_an_authorisation_is_a_mistake_in_the_table():
    """Nobody could tell what the evidence would be of."""
    rule = BlockRule(fields=("*",), evidence=True)
    faults = table_faults(a_table(a_purpose(blocks={"residence": rule})), KNOWN)
    assert any("evidence goes with an authorisation" in fault for fault in faults)


@pytest.mark.parametrize("nif", ["99000100A", "P2807900B", ""])
def test_an_automated_act_is_answered_for_by_a_person(nif):
    """The body's own functionary, with a NIF whose letter is right."""
    with pytest.raises(ValueError, match=r"."):
        AutomatedBy(full_name="F", nif=nif, processing_unit="U")
