"""A record's proof file: whole, canonical, and believed only under the log's key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hub.core.errors import LedgerError
from hub.ledger.checkpoint import VerifierKey
from hub.ledger.proof import open_proof, proof_text
from tests.support.ledgers import a_ledger, an_entry


async def a_proof(folder: Path, size: int = 13, index: int = 5) -> tuple[str, VerifierKey]:
    """The proof file of a record, and the log's key."""
    async with a_ledger(folder) as ledger:
        await ledger.append([an_entry() for _ in range(size)])
        proof = await ledger.prove(index)
        assert proof is not None
        return proof_text(proof), ledger.verifier_key


@pytest.mark.parametrize(("size", "index"), [(1, 0), (2, 1), (13, 12), (64, 31)])
async def test_a_proof_survives_its_file(tmp_path: Path, size: int, index: int) -> None:
    """What is written is read back, in the form of the standard."""
    text, key = await a_proof(tmp_path, size, index)
    lines = text.split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1].startswith("extra ")
    assert lines[2] == f"index {index}"
    proof = open_proof(text, [key])
    assert (proof.index, proof.checkpoint.size) == (index, size)
    assert proof_text(proof) == text


async def test_a_stranger_key_proves_nothing(tmp_path: Path) -> None:
    """Signed by a key that nobody vouches for, a proof is none."""
    text, key = await a_proof(tmp_path)
    with pytest.raises(LedgerError, match="no known key signed it"):
        open_proof(text, [VerifierKey(key.name, bytes(32))])


CHANGES: dict[str, Callable[[str], str]] = {
    "nothing": lambda _: "",
    "another version": lambda text: text.replace("@v1", "@v2"),
    "no record": lambda text: text.replace(text.split("\n")[1] + "\n", ""),
    "another record": lambda text: text.replace("extra ey", "extra ez"),
    "another index": lambda text: text.replace("index 5", "index 4"),
    "an index beyond": lambda text: text.replace("index 5", "index 13"),
    "a leading zero": lambda text: text.replace("index 5", "index 05"),
    "a step less": lambda text: text.replace(text.split("\n")[3] + "\n", ""),
    "a step twice": lambda text: text.replace(
        text.split("\n")[3] + "\n", 2 * (text.split("\n")[3] + "\n")
    ),
    "no checkpoint": lambda text: "\n".join(text.split("\n")[:7]) + "\n\n",
    "another size": lambda text: text.replace("\n13\n", "\n12\n"),
    "carriage returns": lambda text: text.replace("\n", "\r\n"),
    "another base64": lambda text: text.replace("=\n\n", "\n\n", 1),
    "very long": lambda text: text + "x" * 2**20,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_changed_proof_proves_nothing(tmp_path: Path, change: Callable[[str], str]) -> None:
    """Whatever is altered, the file is refused with a LedgerError and nothing else."""
    text, key = await a_proof(tmp_path)
    changed = change(text)
    assert changed != text
    with pytest.raises(LedgerError):
        open_proof(changed, [key])
