"""The integral position: one value per block, and a dead source is a normal value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from hub.core.policy import PublicReason

State = Literal["fresh", "stale", "empty", "pending", "unavailable", "denied"]


class Provenance(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a block comes from: the source, the exchanges on record, and the mapping."""

    source: str
    exchanges: tuple[str, ...]
    obtained_at: dt.datetime
    mapping: str | None = None
    mapping_digest: str | None = None
    from_cache: bool = False


class Fresh(Struct, frozen=True, kw_only=True, rename="camel", tag_field="state", tag="fresh"):
    """The source answered in this request; `data` is what was granted and wanted of it."""

    data: Mapping[str, Any]
    provenance: Provenance


class Stale(Struct, frozen=True, kw_only=True, rename="camel", tag_field="state", tag="stale"):
    """An earlier answer, because the source did not give one now."""

    data: Mapping[str, Any]
    provenance: Provenance
    reason: PublicReason = "temporary"


class Empty(Struct, frozen=True, kw_only=True, rename="camel", tag_field="state", tag="empty"):
    """The source said, by its contract, that it holds nothing about this person."""

    provenance: Provenance


class Pending(Struct, frozen=True, kw_only=True, rename="camel", tag_field="state", tag="pending"):
    """The answer is on its way; ask again after `retry_after` seconds."""

    source: str
    retry_after: int


class Unavailable(
    Struct, frozen=True, kw_only=True, rename="camel", tag_field="state", tag="unavailable"
):
    """The source gave nothing usable. Says nothing about what it holds."""

    source: str
    reason: PublicReason
    retry_after: int | None = None


class Denied(Struct, frozen=True, kw_only=True, rename="camel", tag_field="state", tag="denied"):
    """This caller may not ask for this block now; no call was made for it."""

    reason: PublicReason


Block = Fresh | Stale | Empty | Pending | Unavailable | Denied


class SubjectView(Struct, frozen=True, kw_only=True, rename="camel"):
    """The subject as an answer shows it: the document number is masked."""

    document: str


class Position(Struct, frozen=True, kw_only=True, rename="camel"):
    """One person's blocks. A block that was not requested is absent.

    `complete` is true when no granted, requested block is pending, stale or unavailable.
    """

    subject: SubjectView
    as_of: dt.datetime
    purpose: str
    complete: bool
    blocks: Mapping[str, Block]


def is_complete(blocks: Mapping[str, Block]) -> bool:
    """Whether every block that could be asked for is as its source has it now."""
    return not any(isinstance(block, Pending | Stale | Unavailable) for block in blocks.values())
