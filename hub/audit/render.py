"""Replays and explanations for people (text, HTML) and for programs (JSON)."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from hub.audit.lineage import BlockLineage, Explanation, SourceField
from hub.audit.replay import Replay, counted

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}th,td{border:1px solid #767676;padding:.3rem .5rem;"
    "text-align:left;overflow-wrap:anywhere}caption{text-align:left;font-weight:600;margin:1rem 0 .3rem}"
)


def as_json(value: Any) -> str:
    """Any report as indented JSON."""
    raw = msgspec.json.encode(value)
    return msgspec.json.format(raw, indent=2).decode()


def replay_text(report: Replay) -> str:
    """A replay in lines: the figures first, then what was found."""
    lines = [f"{name.replace('_', ' ')}: {count}" for name, count in counted(report).items()]
    for title, header, rows in _replay_tables(report):
        lines += ["", title, *("  " + "  ".join(row) for row in rows)]
        del header
    return "\n".join(lines)


def replay_html(report: Replay) -> str:
    """The same as one page without scripts, images or anything from elsewhere."""
    figures = [(name.replace("_", " "), str(count)) for name, count in counted(report).items()]
    parts = [table("Figures", ("figure", "count"), figures)]
    parts += [table(title, header, rows) for title, header, rows in _replay_tables(report)]
    return page("Replay", parts)


def explanation_text(explanation: Explanation) -> str:
    """The lineage of an answer in lines."""
    lines = [
        f"answer {explanation.answer} under access {explanation.access}",
        f"purpose {explanation.purpose}, {explanation.at}",
    ]
    for block in explanation.blocks:
        lines += ["", *_block_lines(block)]
    lines += ["", "proofs:"]
    lines += [f"  {p.record}: leaf {p.index} of {p.size}" for p in explanation.proofs]
    return "\n".join(lines)


def _block_lines(block: BlockLineage) -> Iterator[str]:
    cached = ", from cache" if block.from_cache else ""
    yield f"{block.block}: {block.state}{cached}"
    if block.mapping is None:
        return
    yield f"  {block.mapping} {block.mapping_digest}"
    replays = "gives the value on record" if block.replays else f"DOES NOT: {block.why}"
    yield f"  replay: {replays}"
    for field in block.fields:
        sources = "; ".join(map(_source_text, field.sources))
        hidden = "" if field.shown else " (not shown)"
        value = "" if field.value is None else f" = {field.value}"
        yield f"  {field.pointer}{value}{hidden} <- {sources} [{field.row}, {field.via}]"


def _source_text(source: SourceField) -> str:
    if source.raw is not None:
        return f"{source.path} in {source.raw.exchange} at {source.raw.xpath or source.raw.pointer}"
    return f"{source.path} in {', '.join(source.exchanges)}"


_Rows = list[tuple[str, ...]]


def _replay_tables(report: Replay) -> Iterator[tuple[str, tuple[str, ...], _Rows]]:
    """Every table of a report that has rows: title, header, rows."""
    tables: list[tuple[str, tuple[str, ...], _Rows]] = [
        (
            "Not as on record",
            ("answer", "block", "verdict", "why"),
            [(f.answer, f.block, f.verdict, f.why) for f in report.findings],
        ),
        ("Changes of state", ("count", "change"), _counts(report.states)),
        ("Differences by field", ("count", "field"), _counts(report.fields)),
        (
            "Differences" + ("" if report.revealed else " (masked)"),
            ("answer", "place", "then", "now"),
            [
                (d.answer, d.block + d.pointer, _shown(d.then), _shown(d.now))
                for d in report.differences
            ],
        ),
        ("Refused by the other mapping", ("count", "why"), _counts(report.misfits)),
    ]
    if report.drift is not None:
        drift = report.drift
        tables += [
            ("Sent by a source, not in its contract", ("count", "path"), _counts(drift.undeclared)),
            ("Filled, and read by no mapping", ("count", "path"), _counts(drift.never_read)),
            ("Codes that no list has", ("count", "field"), _counts(drift.unknown_codes)),
        ]
    return (table for table in tables if table[2])


def _counts(counts: Mapping[str, int]) -> _Rows:
    return [(str(count), name) for name, count in counts.items()]


def _shown(value: Any) -> str:
    return "-" if value is None else value if isinstance(value, str) else str(value)


def table(title: str, header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table with its caption; every cell is text."""
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    caption = f"<caption>{html.escape(title)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def page(title: str, parts: Iterable[str], language: str = "en") -> str:
    """A whole page, without scripts, images or anything from elsewhere."""
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>{html.escape(title)}</h1>"
        f"{''.join(parts)}</main></body></html>\n"
    )
