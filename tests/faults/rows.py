"""The fault matrix as a table: which fault, at which sources, what the block says, who else proves it.

Numbers are those of the fault matrix (1 to 58). Values stand here and nowhere else, so that the
same table can be run with others. What another test proves stands in `tests.faults.elsewhere`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

Breaker = Literal["counts", "slow", "opens", "unmoved", "any"]

ALL = ("padron", "sap_trm", "civis", "avisos", "age")
XML = ("padron", "age")
JSON = ("sap_trm", "civis", "avisos")
CITIZEN, OTHER = "99000002K", "99000003E"
MIB = 1024 * 1024
CANARY_URL = "http://127.0.0.1:{canary}/"
"""A listener that nobody may connect to; the port is filled in when the row runs."""


class Row(Struct, frozen=True, kw_only=True):
    """One fault at one source."""

    number: int
    source: str
    variant: str
    mode: str
    """A mode of the sandbox, or `stop`, `swallow` and `unknown-name`, which are done to it."""
    values: dict[str, Any] = {}
    reason: str | None
    """The technical reason; None where the fault does no harm and the block is as without it."""
    breaker: Breaker = "counts"
    repeats: bool = False
    """Whether the message may be sent again."""
    or_well: bool = False
    """Whether the block may also be as without the fault: what is wrong strikes later."""
    pending: bool = False
    """Whether an act on record that was sent is waited for (`pending`)."""
    blocks: tuple[str, ...] = ()
    """The blocks that it strikes, where not all of the source's."""
    retry_after: bool = False
    """Whether the block says when to ask again."""

    @property
    def name(self) -> str:
        """For the test's id."""
        return f"{self.number:02}-{self.source}-{self.variant}"


def rows(
    number: int,
    mode: str,
    reason: str | Mapping[str, str | None] | None,
    sources: tuple[str, ...] = ALL,
    *,
    variant: str = "",
    values: Mapping[str, Any] | None = None,
    **more: Any,
) -> list[Row]:
    """One row per source; *reason* may differ between them."""
    reasons = reason if isinstance(reason, Mapping) else dict.fromkeys(sources, reason)
    return [
        Row(
            number=number,
            source=source,
            variant=variant or mode,
            mode=mode,
            values=dict(values or {}),
            reason=reasons[source],
            **more,
        )
        for source in sources
    ]


def late(number: int, mode: str, **values: Any) -> list[Row]:
    """A fault that only the deadline ends; the State's platform has been asked for good."""
    asked = rows(number, mode, "timeout", ALL[:-1], values=values, breaker="slow")
    return [*asked, *rows(number, mode, None, ("age",), values=values, pending=True)]


CONNECTION = [
    *rows(1, "stop", "connect_failed", repeats=True),
    *rows(2, "swallow", "connect_failed", repeats=True),
    *rows(3, "unknown-name", "dns", repeats=True),
    *rows(4, "reset", "connection_lost", repeats=True),
    *rows(5, "reset-mid-body", "connection_lost", values={"after": 20}, repeats=True),
    *rows(6, "close-mid-body", "connection_lost", values={"after": 20}, repeats=True),
    *rows(7, "close-without-length", "malformed", values={"after": 20}),
    *late(8, "hang"),
    *late(9, "slow-headers", every_ms=60),
    *late(10, "slow-drip", every_ms=60, bytes=1),
]

PAGE = "<!DOCTYPE html><html><body><h1>En mantenimiento</h1></body></html>"
STRAY = {"pattern": CITIZEN, "text": OTHER}

SHAPE = [
    *rows(12, "endless", "too_large", values={"bytes": 200 * MIB}, breaker="unmoved"),
    # What nobody asked for is not expanded, so nobody learns how large it would have been.
    *[
        row
        for encoding in ("gzip", "deflate", "br")
        for row in rows(
            13,
            "bomb",
            "malformed",
            variant=encoding,
            values={"bytes": 16 * MIB, "encoding": encoding},
        )
    ],
    *rows(14, "huge-header", "malformed", values={"bytes": 200_000, "lines": 1}),
    *rows(
        14, "huge-header", "malformed", variant="many", values={"bytes": 400_000, "lines": 5_000}
    ),
    *rows(15, "no-http", "malformed", values={"text": "\x16\x03\x01 hello"}),
    *rows(16, "second-answer", None, values=STRAY, or_well=True),
    *rows(17, "edited", "identity_mismatch", ALL[:-1], values=STRAY, breaker="opens"),
    *rows(17, "answers_other_citizen", "identity_mismatch", ("padron",), breaker="opens"),
    *rows(17, "other_citizen_inside", "identity_mismatch", ("padron",), breaker="opens"),
    *rows(17, "other-taxpayer", "identity_mismatch", ("sap_trm",), breaker="opens"),
    *rows(17, "answers_other_citizen", "identity_mismatch", ("civis",), breaker="opens"),
    *rows(17, "rows_of_other_citizen", "identity_mismatch", ("civis",), breaker="opens"),
    *rows(17, "another_citizen", "identity_mismatch", ("avisos",), breaker="opens"),
    *rows(17, "everyones_requests", "identity_mismatch", ("avisos",), breaker="opens"),
    *rows(17, "other_citizen", "identity_mismatch", ("age",), breaker="opens"),
    *rows(18, "redirect", "redirect", values={"location": CANARY_URL}),
    *rows(
        18,
        "redirect",
        "redirect",
        variant="metadata",
        values={"location": "http://169.254.169.254/latest/meta-data/"},
    ),
    *rows(19, "html", "maintenance", values={"page": "maintenance"}),
    *rows(19, "html", "maintenance", variant="login", values={"page": "login"}),
    *rows(20, "empty", "malformed"),
]


def status(number: int, code: int, reason: str, **more: Any) -> list[Row]:
    """A bare status, as a gateway gives it."""
    wait = more.pop("wait", None)
    values = {"code": code} if wait is None else {"code": code, "retry_after": wait}
    variant = f"{code}" if wait is None else f"{code}-{wait}"
    return rows(number, "status", reason, variant=variant, values=values, **more)


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
LOAD = [
    *status(21, 404, "backend_fault", breaker="unmoved"),
    *status(22, 401, "hub_credentials", breaker="unmoved", repeats=True),
    *status(22, 403, "hub_credentials", breaker="unmoved"),
    *status(23, 429, "throttled", breaker="unmoved"),
    *status(23, 429, "throttled", wait=2, breaker="unmoved", retry_after=True),
    *status(23, 429, "throttled", wait=99_999, breaker="unmoved", retry_after=True),
    *status(23, 429, "throttled", wait=-5, breaker="unmoved"),
    *status(23, 429, "throttled", wait=DATE, breaker="unmoved"),
    *status(23, 503, "maintenance", wait=2, breaker="unmoved", retry_after=True),
    *status(23, 503, "maintenance", wait=99_999, breaker="unmoved", retry_after=True),
    *status(23, 503, "maintenance", wait="soon"),
    *status(24, 500, "backend_fault"),
    *status(24, 502, "backend_fault"),
    *status(24, 504, "backend_fault"),
    *rows(28, "technical_fault", "backend_fault", ("padron",)),
    *rows(28, "unknown_fault", "backend_fault", ("padron",)),
    *rows(28, "more_than_one_fault", "backend_fault", ("padron",), breaker="unmoved"),
    *rows(28, "fault_official", "backend_fault", ("age",), values={"code": "0904"}),
    *rows(28, "fault_emiserv", "backend_fault", ("age",), values={"code": "0904"}),
    *rows(28, "fault_bare", "backend_fault", ("age",)),
    *rows(29, "soap_fault_200", "backend_fault", ("padron",)),
    *rows(29, "empty_fault", "backend_fault", ("padron",)),
    *rows(29, "huge_fault_detail", "too_large", ("padron",), breaker="unmoved"),
]


def said(
    number: int,
    variant: str,
    body: str,
    reason: str | Mapping[str, str | None] | None,
    sources: tuple[str, ...] = XML,
    *,
    breaker: Breaker = "counts",
    times: int = 1,
    encoding: str = "utf-8",
) -> list[Row]:
    """A body of the table's own, under the genuine headers."""
    values = {"body": body, "times": times, "encoding": encoding}
    return rows(number, "said", reason, sources, variant=variant, values=values, breaker=breaker)


HEAD = '<?xml version="1.0"?>'
LOL = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
DOCTYPES = {
    "lol": f'{HEAD}<!DOCTYPE a [<!ENTITY l0 "lol">{LOL}]><a>&l9;</a>',
    "quadratic": f'{HEAD}<!DOCTYPE a [<!ENTITY x "{"x" * 50_000}">]><a>{"&x;" * 1_000}</a>',
}
ENTITIES = {
    "file": f'{HEAD}<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "http": f'{HEAD}<!DOCTYPE a [<!ENTITY x SYSTEM "{CANARY_URL}">]><a>&x;</a>',
    "parameter": f'{HEAD}<!DOCTYPE a [<!ENTITY % x SYSTEM "{CANARY_URL}"> %x;]><a/>',
}
EXTERNAL = f'{HEAD}<!DOCTYPE a SYSTEM "{CANARY_URL}a.dtd"><a/>'
STYLE = f'<?xml-stylesheet href="{CANARY_URL}s.xsl"?>'
PLACE = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:a '
MANY = " ".join(f"a{n}=''" for n in range(200_000))
INCLUDE = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{CANARY_URL}"/>'


def edited(
    number: int,
    variant: str,
    pattern: str,
    text: str,
    reason: str | Mapping[str, str | None] | None,
    sources: tuple[str, ...],
    *,
    encoding: str = "utf-8",
    **more: Any,
) -> list[Row]:
    """The genuine answer, changed in one place."""
    values = {"pattern": pattern, "text": text, "encoding": encoding}
    return rows(number, "edited", reason, sources, variant=variant, values=values, **more)


MARKUP = [
    *said(30, "nesting", "<a><b></a>", "malformed"),
    *said(30, "prefix", "<x:a/>", "malformed"),
    *said(30, "two-roots", "<a/><b/>", "malformed"),
    *said(30, "other-document", "<a/>", {"padron": "schema", "age": "malformed"}, breaker="any"),
    *[
        row
        for variant, body in DOCTYPES.items()
        for row in said(31, variant, body, "forbidden_xml", breaker="unmoved")
    ],
    *[
        row
        for variant, body in ENTITIES.items()
        for row in said(32, variant, body, "forbidden_xml", breaker="unmoved")
    ],
    *said(32, "utf-16", ENTITIES["file"], "forbidden_xml", breaker="unmoved", encoding="utf-16"),
    *rows(32, "xxe", "forbidden_xml", ("padron",), breaker="unmoved"),
    *rows(32, "doctype", "forbidden_xml", XML, breaker="unmoved"),
    *said(33, "external-dtd", EXTERNAL, "forbidden_xml", breaker="unmoved"),
    *edited(34, "stylesheet", r"^(<\?xml.*?\?>)?", rf"\g<0>{STYLE}", None, XML, or_well=True),
    *edited(
        34, "location", r"Envelope ", rf'Envelope {PLACE}{CANARY_URL}" ', None, XML, or_well=True
    ),
    *edited(34, "xinclude", r"(<[\w-]+:Body\b[^>]*>)", rf"\1{INCLUDE}", None, XML, or_well=True),
    *said(35, "depth", "<a>", "forbidden_xml", breaker="unmoved", times=10_000),
    *said(35, "deeper", "<a>", "too_large", breaker="unmoved", times=100_000),
    *said(35, "text", "a" * 1024, "too_large", breaker="unmoved", times=20 * 1024),
    *said(36, "attributes", f"<a {MANY}/>", "too_large", breaker="unmoved"),
    *rows(37, "comment_in_identifier", None, ("padron",)),
    *edited(37, "comment", r"(9900)(0002K)", r"\1<!-- -->\2", None, XML, or_well=True),
]

TEXT = [
    *rows(
        38,
        "wrong-charset",
        "charset",
    ),
    *rows(38, "latin1_declared", None, ("padron",)),
    *edited(38, "bom", r"\A", "", None, ALL, encoding="utf-8-sig", or_well=True),
    *said(
        38, "utf-7", '<?xml version="1.0" encoding="UTF-7"?><a>ñ</a>', "charset", encoding="utf-7"
    ),
    *edited(38, "utf-16-json", r"\A", "", "charset", JSON, encoding="utf-16"),
    *rows(39, "missing_required", "schema", ("padron",), breaker="unmoved"),
    *rows(39, "extra_elements", None, ("padron",)),
    *rows(39, "element_for_text", "schema", ("padron",), breaker="unmoved"),
    *rows(
        39,
        "missing-property",
        "schema",
        ("sap_trm",),
        breaker="unmoved",
        blocks=("taxBills", "fines"),
    ),
    *edited(
        39,
        "type",
        r'"Amount": ?"[^"]*"',
        '"Amount":[1]',
        "schema",
        ("sap_trm",),
        breaker="any",
        blocks=("taxBills", "fines"),
    ),
    *rows(39, "null_list", "schema", ("civis",), breaker="unmoved"),
    *rows(39, "wrong_types", "schema", ("civis",), breaker="unmoved"),
    *edited(39, "extra", r"\[\{", r'[{"novedad": {"a": [1]}, ', None, ("civis", "avisos")),
    *rows(39, "extra_elements", None, ("age",)),
    *said(40, "twice", '{"d": {"a": 1, "a": 2}}', "malformed", JSON),
    *said(40, "nan", '{"d": {"a": NaN}}', "malformed", JSON),
    *said(40, "infinite", '{"d": {"a": 1e400}}', "malformed", JSON),
    *said(40, "deep", "[", "malformed", JSON, times=10_000),
    *said(40, "surrogate", '{"d": {"a": "\\ud800"}}', "malformed", JSON),
]

TRUST = [
    *[
        row
        for mode in (
            "unsigned",
            "tampered_body",
            "sha1",
            "hmac_swap",
            "foreign_signer",
            "expired_signer",
        )
        for row in rows(43, mode, "signature", ("age",), breaker="unmoved")
    ],
    *[
        row
        for mode in ("moved_body", "second_body", "duplicate_id")
        for row in rows(44, mode, "signature", ("age",), breaker="unmoved")
    ],
    *rows(45, "replayed_answer", "replay", ("age",), breaker="unmoved"),
    *rows(45, "other_request_id", "replay", ("age",), breaker="unmoved"),
    *rows(45, "stale_answer", "identity_mismatch", ("padron",), breaker="opens"),
    *rows(45, "answers_other_request", "identity_mismatch", ("civis",), breaker="opens"),
    *rows(45, "stray_answer", "identity_mismatch", ("avisos",), breaker="opens"),
    *rows(
        46,
        "fault_official",
        "clock_skew",
        ("age",),
        variant="clock",
        values={"code": "0230"},
        breaker="unmoved",
    ),
]

PECULIAR = [
    *rows(48, "next-loop", "malformed", ("sap_trm",)),
    *rows(48, "next-same-rows", "malformed", ("sap_trm",)),
    *rows(48, "error-with-200", "backend_fault", ("sap_trm",), breaker="unmoved"),
    *rows(48, "message-error", "backend_fault", ("sap_trm",), breaker="unmoved"),
    *rows(48, "csrf-text", "hub_credentials", ("sap_trm",), breaker="unmoved"),
    *rows(
        49, "error_in_200", "backend_fault", ("avisos",), values={"code": 404}, breaker="unmoved"
    ),
    *rows(49, "bare_error", "backend_fault", ("avisos",), breaker="unmoved"),
    *rows(49, "wrapped", None, ("avisos",)),
]

ROWS: list[Row] = [*CONNECTION, *SHAPE, *LOAD, *MARKUP, *TEXT, *TRUST, *PECULIAR]
