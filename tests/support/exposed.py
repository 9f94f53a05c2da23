"""What `/metrics` of a hub exposes: every metric, with its labels and their possible values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from prometheus_client import CollectorRegistry, ProcessCollector

from hub.api.context import Context
from hub.api.metrics import all_of
from hub.api.token_form import RefusalReason
from hub.core.errors import SECURITY_REASONS, TechnicalReason
from hub.position.abuse import Measure
from tests.support.promql import Catalogue

_REASONS = frozenset(get_args(TechnicalReason))
_STOPPED = {f"stopped_{measure}" for measure in get_args(Measure)}
_VALUES: dict[tuple[str, str], frozenset[str]] = {
    ("hub_operations", "reason"): _REASONS | {"ok", "cancelled"},
    ("hub_operations_refused", "reason"): _REASONS,
    ("hub_security_events", "reason"): frozenset(SECURITY_REASONS),
    ("hub_tokens_refused", "reason"): frozenset(get_args(RefusalReason)) | _STOPPED,
    ("hub_retries", "outcome"): frozenset({"made", "refused"}),
    ("hub_spans", "outcome"): frozenset({"sent", "failed", "dropped"}),
    ("hub_config_reloads", "outcome"): frozenset({"taken", "refused"}),
    ("hub_mapping_drift", "kind"): frozenset({"misfit", "unknown_code"}),
    ("hub_certificate_left_days", "whose"): frozenset({"hub", "source"}),
    ("hub_cache_uses", "use"): frozenset({"hit", "miss", "stale"}),
    ("hub_requests_refused", "why"): frozenset({"overload_interactive", "overload_batch", "rate"}),
}
"""The closed lists. The other labels are what is configured, or a number."""

_ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}


def families_of(context: Context) -> dict[str, tuple[str, tuple[str, ...]]]:
    """By family its kind and its labels, read off what the hub collects."""
    process = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=process)
    families: Iterable[Any] = [*all_of(context, 0.0), *process.collect()]
    return {
        family.name: (family.type, tuple(getattr(family, "_labelnames", ()))) for family in families
    }


def catalogue_of(context: Context) -> Catalogue:
    """The same as queries name it."""
    found = {}
    for name, (kind, labels) in families_of(context).items():
        for ending in _ENDINGS.get(kind, ("",)):
            values = {label: _VALUES.get((name, label)) for label in labels}
            found[name + ending] = {**values, **({"le": None} if ending == "_bucket" else {})}
    return found
