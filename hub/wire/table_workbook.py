"""The program that reads a workbook, in a process of its own: `python -m hub.wire.table_workbook`.

The bytes come by standard input; the rows of the first sheet leave as lines of JSON. How much
memory a workbook wants is not bounded by its size: two cells in opposite corners are a table of
half a terabyte, and whoever asks for that is ended by the operating system. It is this process
that is ended, not the hub (ADR 77).
"""

from __future__ import annotations

import io
import resource
import sys
import zipfile
from collections.abc import Iterable, Iterator

import msgspec
from python_calamine import CalamineWorkbook

from hub.wire.table_cell import cell

LIMITS = {resource.RLIMIT_AS: 1 << 30, resource.RLIMIT_CPU: 60, resource.RLIMIT_CORE: 0}
"""Bytes of memory, seconds of work, bytes of a core file: that would hold people's rows."""
TOO_LARGE = 3
"""The exit code. Any other but 0 is that of no workbook; a signal is that of a limit."""


def main(largest: int) -> int:
    """Read standard input, of which no more than *largest* bytes are unpacked or written."""
    for limit, wanted in LIMITS.items():
        _, hard = resource.getrlimit(limit)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(limit, (most, most))
    content = sys.stdin.buffer.read()
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        if sum(part.file_size for part in packed.infolist()) > largest:
            return TOO_LARGE
    written = 0
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
    for line in sheet_lines(sheet.iter_rows()):
        said = msgspec.json.encode(line) + b"\n"
        written += len(said)
        if written > largest:
            return TOO_LARGE
        sys.stdout.buffer.write(said)
    return 0


def sheet_lines(rows: Iterable[Iterable[object]]) -> Iterator[list[str | None]]:
    """The rows that hold anything, as long as the first, or as their last cell that is not empty.

    A sheet is a rectangle as wide as its widest row: empty cells at the end say nothing.
    """
    width = 0
    for row in rows:
        line = [cell(value) for value in row]
        while line and not (line[-1] or "").strip():
            line.pop()
        if line:
            width = width or len(line)
            yield line + [None] * (width - len(line))


if __name__ == "__main__":
    try:
        sys.exit(main(int(sys.argv[1])))
    except MemoryError:
        sys.exit(TOO_LARGE)
