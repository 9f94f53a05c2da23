"""A record's proof as one text file: C2SP tlog-proof@v1, with the record in its extra line.

The extra data is not authenticated by the format, and need not be: whoever checks hashes it
as the leaf and follows the path up to the checkpoint.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

from hub.core.errors import LedgerError
from hub.ledger.checkpoint import VerifierKey, open_checkpoint
from hub.ledger.merkle import is_included, leaf_hash
from hub.ledger.store import Inclusion

SUFFIX = ".tlog-proof"

MAX_CHARS = 1024 * 1024

_PROOF = re.compile(
    r"c2sp\.org/tlog-proof@v1\n"
    r"extra (?P<extra>[0-9A-Za-z+/]+={0,2})\n"
    r"index (?P<index>0|[1-9][0-9]{0,18})\n"
    r"(?P<path>(?:[0-9A-Za-z+/]{43}=\n){0,64})"
    r"\n(?P<note>.+)",
    re.DOTALL,
)


def proof_text(proof: Inclusion) -> str:
    """The proof file of a record."""
    path = "".join(f"{_b64(hash_)}\n" for hash_ in proof.path)
    return (
        f"c2sp.org/tlog-proof@v1\nextra {_b64(proof.leaf)}\nindex {proof.index}\n{path}"
        f"\n{proof.checkpoint.note}"
    )


def open_proof(text: str, keys: Sequence[VerifierKey]) -> Inclusion:
    """The proof in *text*, if it proves its record under a checkpoint that one of *keys* signed.

    LedgerError for anything malformed, not canonical, unsigned, or that proves nothing.
    """
    match = _PROOF.fullmatch(text) if len(text) <= MAX_CHARS else None
    if match is None:
        raise LedgerError("proof: not a tlog-proof@v1 with its record")
    leaf, path = _raw(match["extra"]), tuple(map(_raw, match["path"].splitlines()))
    head, index = open_checkpoint(match["note"], keys), int(match["index"])
    if not is_included(leaf_hash(leaf), index, head.size, path, head.root):
        raise LedgerError("proof: the path does not lead from the record to the checkpoint")
    return Inclusion(index=index, leaf=leaf, path=path, checkpoint=head)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _raw(text: str) -> bytes:
    """Base64 in its one canonical spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise LedgerError("proof: not base64") from None
    if _b64(raw) != text:
        raise LedgerError("proof: base64 in another spelling than the canonical one")
    return raw
