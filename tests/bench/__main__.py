"""`make bench`: one run, every figure beside its bound.

Machines are noisy and shared: ratios travel, absolute figures do not. Figures with their
date and machine stand in tests/bench/README.md.
"""

from __future__ import annotations

import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import (
    authorization,
    decoding,
    exchange,
    ledger,
    mapping,
    overload,
    position,
    replay,
    search,
    withheld,
)

Row = tuple[str, str, str]


def main() -> None:
    """Run every measure whose name an argument gives, or all."""
    wanted = set(sys.argv[1:])
    measures: dict[str, Callable[[Path], list[Row]]] = {
        "mapping": mapping.measure,
        "decoding": decoding.measure,
        "authorization": authorization.measure,
        "ledger": ledger.measure,
        "search": search.measure,
        "position": position.measure,
        "exchange": exchange.measure,
        "replay": replay.measure,
        "withheld": withheld.measure,
    }
    alone = {"overload": overload.measure}  # only when named: it takes the whole machine
    measures |= {name: measure for name, measure in alone.items() if name in wanted}
    out = sys.stdout
    out.write(f"Python {platform.python_version()}, {platform.machine()}\n")
    for name, measure in measures.items():
        if wanted and name not in wanted:
            continue
        out.write(f"\n{name}: measuring …\n")
        out.flush()
        with tempfile.TemporaryDirectory() as folder:
            for label, figure, bound in measure(Path(folder)):
                out.write(f"  {label:<58} {figure:>14}   {bound}\n")
                out.flush()


if __name__ == "__main__":
    main()
