"""What a person reads first in a bundle."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable

from hub.audit.render import page, table
from hub.ledger.checkpoint import Checkpoint
from hub.ledger.store import Record

README = """\
WHAT THIS IS

Records of an integration hub of Madrid City Council, exported for an auditor. Each record is
a leaf of a Merkle tree (RFC 6962) whose head is signed (checkpoints/, C2SP signed notes).

VERIFY IT (Python 3.11 and the package "cryptography"; no network, none of the hub's code)

    python -I verify_bundle.py THIS-BUNDLE.zip --key log.pub

Take verify_bundle.py and log.pub from elsewhere if you do not trust who gave you this file.
"no findings" means: every file is the one exported, every record is in the signed tree. The line
before it says whether a period is there whole; of a selection, nothing is said of what was left
out. Compare that period with the one you asked for.

OPEN THE CHOSEN CASES (with the private key of auditor.pem)

    openssl cms -decrypt -binary -inform DER -in cases.p7m -inkey YOUR-KEY.pem -out cases.zip
    python -I verify_bundle.py THIS-BUNDLE.zip --key log.pub --opened cases.zip

cases.zip has a folder per record. answer/payload is the answer as it was given, and
answer/decoded what it was made from (MessagePack); both are bound to the leaf. body and
message.txt of sent and outcome are the messages as they were on the wire, out of the payload
whose sealed form the leaf commits to.

WHAT IS WHAT

    summary.html      read this first
    manifest.json     SHA-256 of every file; expiresAt: destroy the bundle by then
    records/ proofs/  the records as they stand in the tree, and their inclusion proofs
    mappings/         the texts that said what the sources' answers mean; the name is the digest
    schemas/          the canonical model, as JSON Schema
    timestamps/       RFC 3161 time-stamps of checkpoints, where there are any
"""


def summary_html(records: Iterable[Record], head: Checkpoint, expires_at: dt.datetime) -> str:
    """One page: what the bundle proves, and its records without any personal datum."""
    listed = list(records)
    counts = Counter(record.kind for record in listed)
    facts = [
        ("Log", head.origin),
        ("Records in the log", str(head.size)),
        ("Records in this bundle", str(len(listed))),
        ("First", min(record.at for record in listed).isoformat()),
        ("Last", max(record.at for record in listed).isoformat()),
        ("To be destroyed by", expires_at.isoformat()),
    ]
    rows = [
        (
            str(record.index),
            record.kind,
            record.at.isoformat(),
            str(record.header.get("purpose") or record.header.get("source") or ""),
            str(record.header.get("operation") or record.header.get("legal_basis") or ""),
            str(record.header.get("error") or record.header.get("status") or ""),
        )
        for record in listed
    ]
    header = ("record", "kind", "at", "purpose or source", "operation or basis", "result")
    return page(
        "Evidence bundle",
        [
            table("What this is", ("", ""), facts),
            table("Kinds", ("kind", "records"), ((k, str(n)) for k, n in counts.most_common())),
            table("Records", header, rows),
        ],
    )
