"""Everything inconsistent in a table of purposes: against the blocks, and against itself.

What a lawyer must not have to find by reading: a special category without its own scope, a
right to object that covers nothing, a purpose that asks minors directly and does not say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hub.core.policy import BlockRule, Purpose, PurposeTable, reaches

OWN_CLASSES = ("audit", "register", "technical")
"""Retention classes of what the hub writes under no purpose; without its days it stays for ever."""

KEPT_CLASSES = ("mapping",)
"""Retention classes of what belongs to nobody and stays as long as the ledger: no row has them."""


def table_faults(
    table: PurposeTable,
    blocks: Mapping[str, frozenset[str]],
    special: frozenset[str] = frozenset(),
) -> list[str]:
    """Everything inconsistent in *table*; *blocks* gives the field paths of each block.

    *special* names the blocks with special categories of data (GDPR art. 9).
    """
    faults = [
        f"needs_procedure: no block {name}" for name in table.needs_procedure if name not in blocks
    ]
    faults += [f"retention.{name}: missing" for name in OWN_CLASSES if name not in table.retention]
    faults += [
        f"retention.{name}: kept for good" for name in KEPT_CLASSES if name in table.retention
    ]
    for name, kept in table.retention.items():
        if kept.use_days <= 0 or kept.blocked_days < 0:
            faults.append(f"retention.{name}: the days are not a span of time")
    codes = [row.code for row in table.purposes]
    faults += [f"{code}: the code stands twice" for code in set(codes) if codes.count(code) > 1]
    for row in table.purposes:
        found = [*_row_faults(table, row, blocks), *_statement_faults(row), *_objection_faults(row)]
        found += _special_faults(row, special)
        faults += [f"{row.code}: {fault}" for fault in found]
    return faults


def _row_faults(
    table: PurposeTable, row: Purpose, blocks: Mapping[str, frozenset[str]]
) -> Iterator[str]:
    if row.retention not in table.retention:
        yield f"no retention class {row.retention}"
    if not row.audience:
        yield "no audience"
    if row.minutes <= 0:
        yield "minutes: an access lives for some"
    for name in row.default_blocks:
        if name not in blocks:
            yield f"default_blocks: no block {name}"
    for name, rule in row.blocks.items():
        yield from _rule_faults(table, row, name, rule, blocks.get(name, frozenset()))


def _rule_faults(
    table: PurposeTable, row: Purpose, name: str, rule: BlockRule, known: frozenset[str]
) -> Iterator[str]:
    if not known:
        yield f"blocks.{name}: no such block"
    wrong = sorted(set(rule.fields) - known - {"*"})
    yield from (f"blocks.{name}: no field {path}" for path in wrong if known)
    if not rule.fields:
        yield f"blocks.{name}: allows no field"
    if "*" in rule.fields and len(rule.fields) > 1:
        yield f"blocks.{name}: allows everything, and then names fields"
    if name in table.needs_procedure and row.procedure is None:
        yield f"blocks.{name}: needs a procedure, and the row names none"
    if rule.evidence and rule.basis != "authorisation":
        yield f"blocks.{name}: evidence goes with an authorisation"
    if rule.basis == "authorisation" and "consent" not in row.states:
        yield f"blocks.{name}: needs an authorisation, and the row does not ask for it"


def _statement_faults(row: Purpose) -> Iterator[str]:
    """What an access states, or the row states for it."""
    if "official" in row.audience:
        missing = [name for name in ("official", "processing_unit") if name not in row.states]
        yield from (f"states: an official's access must state {name}" for name in missing)
    if row.procedure is not None and "case_file" not in row.states:
        yield "states: a procedure has a case file"
    if "unit_code" in row.states and row.automated_by and row.automated_by.unit_code is None:
        yield "automated_by.unit_code: an access must state it, and the row names none"
    yield from _consent_faults(row)
    if row.authorisation_reference is not None and row.procedure is None:
        yield "authorisation_reference: an authorisation is for a procedure"
    if row.sees_protected and row.audience != ("official",):
        yield "sees_protected: only officials ask about protected people"


def _consent_faults(row: Purpose) -> Iterator[str]:
    """The access states it or the row, never both, and the row never an authorisation."""
    consent = row.supplies.consent if row.supplies else None
    if consent is not None and "consent" in row.states:
        yield "supplies.consent: the access states it"
    if consent == "given":
        yield "supplies.consent: only the person gives an authorisation"


def _objection_faults(row: Purpose) -> Iterator[str]:
    """Who may object to what (GDPR art. 21, Ley 39/2015 art. 28.2)."""
    if row.opposition_text is None:
        yield "opposition_text: it says how to ask or object, or why the law excludes it"
    if row.opposition == "available" and not any(r.opposable for r in row.blocks.values()):
        yield "opposition: available, and no block rests on anything but a law"
    if row.opposition == "excluded":
        why = "rests on nobody having opposed, and opposition is excluded"
        silent = [name for name, rule in row.blocks.items() if rule.basis == "no_opposition"]
        yield from (f"blocks.{name}: {why}" for name in silent)


def _special_faults(row: Purpose, special: frozenset[str]) -> Iterator[str]:
    for name, rule in row.blocks.items():
        if name in special:
            if rule.scope is None:
                yield f"blocks.{name}: a special category has a scope of its own"
            if not reaches(rule.assurance, "substantial"):
                yield f"blocks.{name}: a special category needs at least substantial assurance"
            if "official" in row.audience and not rule.reveal:
                yield f"blocks.{name}: officials see a special category after a reason (reveal)"
        if rule.reveal and "official" not in row.audience:
            yield f"blocks.{name}: reveal is for officials"
