"""The fault modes that every simulated source has.

The common ones are an ASGI application in front of it; the raw ones (hub.sandbox.rawfaults)
are a socket server in the place of its own.

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
from hub.sandbox.rawfaults import RAW_FAULTS, RawFault
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


_ALL: Mapping[str, type[CommonFault | RawFault]] = {**RAW_FAULTS, **COMMON_FAULTS}


def parameters(mode: str) -> tuple[str, ...]:
    """The names of the parameters of a mode that every source has."""
    return _ALL[mode].__struct_fields__


def every_mode() -> tuple[str, ...]:
    """The modes that every source has, common and raw."""
    return tuple(sorted(_ALL))


def checked_fault(mode: str, values: Mapping[str, Any], own: frozenset[str]) -> Fault:
    """The fault, if the mode is one of *own* or everybody's and its parameters fit.

    Raises SettingsError, which lists what is possible. The parameters of a simulator's own
    mode are the simulator's to read.
    """
    if mode in own:
        return Fault(mode=mode, values=dict(values))
    if mode not in _ALL:
        raise SettingsError([f"unknown mode; there are {', '.join(sorted(own | {*_ALL}))}"])
    try:
        msgspec.convert(dict(values), _ALL[mode])
    except msgspec.ValidationError as error:
        names = ", ".join(parameters(mode))
        raise SettingsError([f"{error}; {mode} takes {names}"]) from None
    return Fault(mode=mode, values=dict(values))


def common_fault(fault: Fault | None, own: frozenset[str]) -> CommonFault | None:
    """The parameters of *fault*, unless there is none, or it is the simulator's own, or raw."""
    if fault is None or fault.mode in own or is_raw(fault.mode, own):
        return None
    return msgspec.convert(dict(fault.values), COMMON_FAULTS[fault.mode])


def is_raw(mode: str, own: frozenset[str]) -> bool:
    """Whether *mode* is played by a socket server in the simulator's place."""
    return mode in RAW_FAULTS and mode not in own and mode not in COMMON_FAULTS


def told_fault(text: str) -> tuple[str, Fault]:
    """`padron=slow-drip` or `padron=latency:ms=200,share=0.5`: the source, and an unchecked fault.

    A value is JSON where it reads as such, else the text itself. SettingsError for another form.
    """
    source, _, rest = text.partition("=")
    mode, _, told = rest.partition(":")
    pairs = [pair.partition("=") for pair in told.split(",") if told]
    if not source or not mode or not all(name and equals for name, equals, _ in pairs):
        raise SettingsError([f"{text!r}: a fault is SOURCE=MODE or SOURCE=MODE:NAME=VALUE,…"])
    return source, Fault(mode=mode, values={name: _told(value) for name, _, value in pairs})


def _told(value: str) -> Any:
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value
