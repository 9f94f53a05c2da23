"""Who may ask what, and why: pure functions over the table of purposes.

Default deny: a block without a row in the purpose cannot be asked for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from hub.core.automated import AutomatedBy, UnitCode
from hub.core.document import Document
from hub.core.fields import narrowed

Audience = Literal["citizen", "official", "system", "processor", "auditor", "operator"]
PublicReason = Literal[
    "temporary",
    "maintenance",
    "source_problem",
    "needs_procedure",
    "needs_authorisation",
    "step_up",
    "in_person",
    "purpose",
    "scope",
    "opposed",
    "reveal",
]
"""Why a block is not shown, in words for everybody; `in_person` never says more than that."""

Assurance = Literal["low", "substantial", "high"]
"""eIDAS level of assurance (Regulation (EU) 910/2014 art. 8)."""

Consent = Literal["given", "law", "no_opposition"]
"""On what a provider is asked: the person's consent, a law, or that nobody opposed it."""

Statement = Literal["case_file", "official", "processing_unit", "unit_code", "consent", "names"]
"""What an access must state; newer services of the State ask for the unit's code too."""

_LEVELS: tuple[Assurance, ...] = ("low", "substantial", "high")


class Caller(Struct, frozen=True, kw_only=True):
    """Whoever presents a valid token; `subject_id` is opaque and only fit for comparison."""

    issuer: str
    subject_id: str
    audience: Audience
    assurance: Assurance = "low"
    document: Document | None = None
    given_name: str | None = None
    first_surname: str | None = None
    second_surname: str | None = None
    processing_unit: str | None = None
    client: str | None = None
    birth_date: str | None = None
    """`YYYY`, `YYYY-MM` or `YYYY-MM-DD`, where the issuer vouches for it."""
    scopes: frozenset[str] = frozenset()
    """What the client was authorised for (RFC 9068 section 2.2.3)."""

    def __repr__(self) -> str:
        return f"Caller({self.audience!r}, {self.issuer!r})"


class BlockRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a purpose allows of one block: canonical field paths, `["*"]` for all of them."""

    fields: tuple[str, ...]
    basis: Literal["authorisation", "no_opposition", "law"] = "law"
    evidence: bool = False
    """Whether the access must say where the person's authorisation can be found."""
    assurance: Assurance = "low"
    scope: str | None = None
    """What the caller's token must have been issued for: special categories have their own."""
    reveal: bool = False
    """Whether an official must state a reason for this block of this person first."""

    @property
    def opposable(self) -> bool:
        """Whether a person's objection closes it: what rests on a law stays open."""
        return self.basis != "law"


class PlainText(Struct, frozen=True, forbid_unknown_fields=True):
    """A text for people, in Spanish and English."""

    es: str
    en: str


class Retention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days from the exchange until its payload is blocked, and until its key is destroyed."""

    use_days: int
    blocked_days: int


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one official may ask under a purpose in any hour before it is a security event."""

    inquiries_per_hour: int
    """Positions and blocks that are read."""
    subjects_per_hour: int
    """Distinct people about whom accesses are declared."""
    stops: bool = False
    """Whether nothing more is answered until the hour has less in it again."""


class Supplied(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a purpose states in its caller's place."""

    processing_unit: str | None = None
    unit_code: UnitCode | None = None
    consent: Consent | None = None


class Purpose(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of the record of processing activities (GDPR art. 30)."""

    code: str
    title: PlainText
    explanation: PlainText
    audience: tuple[Audience, ...]
    legal_basis: str
    """The article that the processing rests on; to be confirmed by the council's lawyers."""
    procedure: str | None = None
    """Code of the procedure that a provider authorised, where a source demands one."""
    procedure_name: str | None = None
    procedure_class: int | None = None
    """`ClaseTramite` of the procedure in SIA, which newer services of the State ask for."""
    automated_by: AutomatedBy | None = None
    """In whose name a system may ask; without it, only a person can."""
    authorisation_reference: str | None = None
    """The provider's own reference of its authorisation, where it gave one."""
    states: tuple[Statement, ...] = ()
    """What an access under this purpose must state."""
    supplies: Supplied | None = None
    """What this row states for the caller, who then cannot state otherwise."""
    opposition: Literal["available", "excluded"] = "excluded"
    """Whether a citizen may oppose the blocks whose basis is not the law."""
    opposition_text: PlainText | None = None
    """How to ask about this processing or object to it, or why the law excludes it."""
    minors: Literal["representative", "direct"] = "representative"
    """How people under 14 are asked about: through a representative alone, or like anybody."""
    sees_protected: bool = False
    """Whether it may ask about people of the protection register."""
    unknown: Literal["empty", "in_person"] = "empty"
    """What an answer says in which no source holds anything about the person."""
    cache: Literal["none", "short"] = "none"
    retention: str
    minutes: int = 60
    """How long an access under this purpose lives."""
    discreet: bool = False
    """Whether its very name could endanger: in the citizen's log it appears generically."""
    sealed_days: int = 0
    """For how long the law keeps an access from its subject: it is not in their log till then."""
    limits: Limits | None = None
    """How much one official may ask; None for no bound."""
    default_blocks: tuple[str, ...]
    """Asked for when the caller names none; one without a rule is shown as denied."""
    blocks: Mapping[str, BlockRule]


class PurposeTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`contracts/hub/purposes.toml`, the machine-readable record of processing activities."""

    needs_procedure: tuple[str, ...]
    """Blocks that only a purpose with an authorised procedure can open."""
    retention: Mapping[str, Retention]
    purposes: tuple[Purpose, ...]

    def get(self, code: str) -> Purpose | None:
        """The purpose with that code."""
        return next((row for row in self.purposes if row.code == code), None)

    def opening(self, block: str, audience: Audience) -> tuple[str, ...]:
        """Codes of the purposes under which *audience* may ask for *block*."""
        return tuple(
            row.code for row in self.purposes if audience in row.audience and block in row.blocks
        )


class Official(Struct, frozen=True, kw_only=True):
    """The public employee who asks, as a provider wants it named."""

    full_name: str
    document: Document
    processing_unit: str
    unit_code: str | None = None
    """The unit's code in the directory of public bodies (DIR3), where a provider wants it."""


class Access(Struct, frozen=True, kw_only=True):
    """Who asks, about whom, for which purpose, on which basis, until when."""

    id: str
    caller: Caller
    subject: Document
    subject_names: Mapping[str, str]
    """`given_name`, `first_surname`, `second_surname`, `birth_date` where they were stated."""
    purpose: str
    legal_basis: str
    retention: str
    procedure: str | None = None
    procedure_name: str | None = None
    case_file: str | None = None
    official: Official | None = None
    consent: Consent | None = None
    sealed_until: dt.datetime | None = None
    """Until then the law keeps it from its subject."""
    authorisations: Mapping[str, str] = {}
    """Per block where the person's written authorisation can be found (its evidence)."""
    automated: bool = False
    """Whether a machine asks, in the name of the functionary that the purpose names."""
    procedure_class: int | None = None
    representation: str | None = None
    """Entry in the register of representations under which the caller acts."""
    began_at: dt.datetime
    expires_at: dt.datetime

    def __repr__(self) -> str:
        return f"Access({self.id!r}, purpose={self.purpose!r})"


class Grant(Struct, frozen=True, kw_only=True):
    """A block that may be asked for, and the canonical field paths it may show."""

    block: str
    fields: frozenset[str]
    basis: str


class Denial(Struct, frozen=True, kw_only=True):
    """A block that may not be asked for, and the public reason."""

    block: str
    reason: PublicReason
    paths: tuple[str, ...] = ()
    """The field paths that were named and refused; none where it is the whole block."""
    needs: str | None = None
    """What would be needed: a level of assurance, a scope, or codes of purposes."""


def decide(
    table: PurposeTable,
    caller: Caller,
    purpose: Purpose,
    block: str,
    fields: frozenset[str] | UnsetType = UNSET,
    access: Access | None = None,
) -> Grant | Denial:
    """Whether *caller* may see *block* for *purpose*; *fields* narrows and never widens.

    With *access*, what it states is held against what the row demands.
    """
    rule = purpose.blocks.get(block)
    if caller.audience not in purpose.audience:
        return Denial(block=block, reason="purpose")
    if rule is None:
        needs = block in table.needs_procedure and purpose.procedure is None
        elsewhere = ", ".join(table.opening(block, caller.audience)) or None
        reason: PublicReason = "needs_procedure" if needs else "purpose"
        return Denial(block=block, reason=reason, needs=elsewhere)
    if not reaches(caller.assurance, rule.assurance):
        return Denial(block=block, reason="step_up", needs=rule.assurance)
    if rule.scope is not None and rule.scope not in caller.scopes:
        return Denial(block=block, reason="scope", needs=rule.scope)
    if access is not None and not authorised(rule, block, access):
        return Denial(block=block, reason="needs_authorisation")
    return _shown(block, rule, fields)


def _shown(block: str, rule: BlockRule, fields: frozenset[str] | UnsetType) -> Grant | Denial:
    """The named paths, if the purpose allows something of each; those that it does not."""
    allowed = frozenset(rule.fields)
    if fields is UNSET:
        return Grant(block=block, fields=allowed, basis=rule.basis)
    refused = tuple(sorted(path for path in fields if not narrowed(allowed, frozenset({path}))))
    if refused or not fields:
        return Denial(block=block, reason="purpose", paths=refused)
    return Grant(block=block, fields=narrowed(allowed, fields), basis=rule.basis)


def authorised(rule: BlockRule, block: str, access: Access) -> bool:
    """Whether *access* states the authorisation that *rule* needs, with evidence where it must."""
    if rule.basis != "authorisation" or block in access.authorisations:
        return True
    return access.consent == "given" and not rule.evidence


def reaches(level: Assurance, wanted: Assurance) -> bool:
    """Whether one level of assurance is at least the other."""
    return _LEVELS.index(level) >= _LEVELS.index(wanted)
