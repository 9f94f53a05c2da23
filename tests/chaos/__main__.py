"""`make chaos SEED=… SECONDS=60`: one storm, what it gave, and exit code 1 if a promise broke."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import tempfile
from pathlib import Path

from tests.chaos.storm import CALLERS, Result, run

MEMORY_MIB = 15.0
"""What a minute of storm may leave in memory: caches within their bounds, and what the judge holds
against the ledger (some 4 MiB a minute)."""


def main() -> None:
    """Print the seed first: the same seed gives the same schedule."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seed", default="")
    arguments.add_argument("--seconds", type=float, default=60.0)
    arguments.add_argument("--callers", type=int, default=CALLERS)
    given = arguments.parse_args()
    seed = given.seed or secrets.token_hex(4)
    sys.stdout.write(f"SEED={seed} SECONDS={given.seconds:g}\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(run(Path(folder), seed, given.seconds, given.callers))
    grown = result.after.memory_mib - result.before.memory_mib
    if grown > MEMORY_MIB:
        result.wrong.append(f"{grown:.0f} MiB more than before")
    sys.stdout.write(told(result))
    raise SystemExit(1 if result.wrong else 0)


def told(result: Result) -> str:
    """The result for people."""
    before, after = result.before, result.after
    rows = [
        ("faults put in force", str(sum(act.mode is not None for act in result.acts))),
        ("callers' questions", str(dict(result.history.ends))),
        ("blocks shown", str(dict(result.history.states))),
        ("messages to sources", str(result.messages)),
        ("records in the ledger, verified", str(result.records)),
        ("blocks made again from the ledger, identical", str(result.replayed)),
        ("tasks before / after", f"{before.tasks.total()} / {after.tasks.total()}"),
        ("connections left busy", str(after.busy)),
        ("sockets before / after", f"{before.sockets} / {after.sockets}"),
        ("memory before / after", f"{before.memory_mib:.0f} / {after.memory_mib:.0f} MiB"),
    ]
    lines = [f"  {label:<46} {figure}" for label, figure in rows]
    judged = [f"  WRONG: {text}" for text in result.wrong[:50]] or ["  no promise broken"]
    return "\n".join([*lines, *judged, ""])


if __name__ == "__main__":
    main()
