"""The fault modes that every simulated source has, as an ASGI application in front of it.

`status`, `html`, `empty` and `hang` answer in the simulator's place. The others spoil its
genuine answer, so that what is broken is the only difference: headers, status and the rest
of the body stay as the simulator made them. A mode that the simulator declares itself is
the simulator's business, also where it bears a common name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from hub.core.errors import SettingsError
from hub.sandbox.stage import Fault

_Milliseconds = Annotated[int, Meta(ge=0, le=600_000)]


class CommonFault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`share` of the calls are struck, evenly spread: of 0.25 every fourth."""

    share: Annotated[float, Meta(gt=0, le=1)] = 1.0


class Latency(CommonFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The genuine answer, `ms` later."""

    ms: _Milliseconds


class Hang(CommonFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accepts the request and never answers."""


class Status(CommonFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another status, with `retry_after` as Retry-After in any form, nonsense included."""

    code: Annotated[int, Meta(ge=200, le=599)]
    retry_after: int | Annotated[str, Meta(max_length=60, pattern="^[ -~]*$")] | None = None


class Html(CommonFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Status 200 and a web page: what portals and gateways answer when they are closed."""

    page: Literal["login", "maintenance"] = "maintenance"


class Empty(CommonFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Status 200 and no body."""


class Truncate(CommonFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Closes the connection after `after` bytes of the body (half of it, if none is given)."""

    after: Annotated[int, Meta(ge=0)] | None = None


class Garbage(CommonFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The genuine headers, and `bytes` bytes of noise."""

    bytes: Annotated[int, Meta(ge=1, le=1_048_576)] = 2048


class Huge(CommonFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The genuine body and blanks up to `bytes` bytes, without a declared length."""

    bytes: Annotated[int, Meta(ge=1, le=1_073_741_824)] = 67_108_864


class WrongCharset(CommonFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Latin-1 bytes under the genuine declaration of UTF-8."""


class SlowDrip(CommonFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The genuine body, `bytes` bytes every `every_ms` milliseconds."""

    bytes: Annotated[int, Meta(ge=1, le=65_536)] = 1
    every_ms: Annotated[int, Meta(ge=1, le=60_000)] = 100


COMMON_FAULTS: Mapping[str, type[CommonFault]] = {
    "latency": Latency,
    "hang": Hang,
    "status": Status,
    "html": Html,
    "empty": Empty,
    "truncate": Truncate,
    "garbage": Garbage,
    "huge": Huge,
    "wrong-charset": WrongCharset,
    "slow-drip": SlowDrip,
}
"""Mode -> its parameters, as the control port takes them."""


def parameters(mode: str) -> tuple[str, ...]:
    """The names of the parameters of a common mode."""
    return COMMON_FAULTS[mode].__struct_fields__


def checked_fault(mode: str, values: Mapping[str, Any], own: frozenset[str]) -> Fault:
    """The fault, if the mode is one of *own* or common and its parameters fit.

    Raises SettingsError, which lists what is possible. The parameters of a simulator's own
    mode are the simulator's to read.
    """
    if mode in own:
        return Fault(mode=mode, values=dict(values))
    if mode not in COMMON_FAULTS:
        raise SettingsError(
            [f"unknown mode; there are {', '.join(sorted(own | {*COMMON_FAULTS}))}"]
        )
    try:
        msgspec.convert(dict(values), COMMON_FAULTS[mode])
    except msgspec.ValidationError as error:
        names = ", ".join(parameters(mode))
        raise SettingsError([f"{error}; {mode} takes {names}"]) from None
    return Fault(mode=mode, values=dict(values))


def common_fault(fault: Fault | None, own: frozenset[str]) -> CommonFault | None:
    """The parameters of *fault*, unless there is none or it is the simulator's own."""
    if fault is None or fault.mode in own:
        return None
    return msgspec.convert(dict(fault.values), COMMON_FAULTS[fault.mode])
