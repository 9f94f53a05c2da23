"""Whoever kept a checkpoint gets the proof that the log only grew since."""

from __future__ import annotations

import base64

import pytest

from hub.audit.consistency import NeverThatLong, consistency
from hub.ledger.checkpoint import open_checkpoint
from hub.ledger.merkle import is_consistent
from tests.support.ledgers import a_ledger, an_entry


async def test_the_head_of_now_extends_every_one_before_it(tmp_path):
    """By RFC 9162, under a signature; also from the head to itself."""
    async with a_ledger(tmp_path) as ledger:
        kept = []
        for count in (1, 2, 4):
            await ledger.append([an_entry() for _ in range(count)])
            kept.append(await ledger.checkpoint())
        for old in kept:
            proof = await consistency(ledger, old.size)
            head = open_checkpoint(proof.checkpoint, [ledger.verifier_key])
            path = tuple(base64.b64decode(step) for step in proof.path)
            assert (proof.first, proof.second) == (old.size, head.size) == (old.size, 7)
            assert is_consistent(old.size, head.size, old.root, head.root, path)


@pytest.mark.parametrize("size", [0, 3])
async def test_a_size_that_the_log_never_had_has_no_proof(tmp_path, size):
    """Nothing proves that a tree extends the empty one (RFC 9162), or one that is longer."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry(), an_entry()])
        with pytest.raises(NeverThatLong):
            await consistency(ledger, size)
