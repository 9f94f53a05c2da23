"""What a person reads first in a bundle."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable

from hub.audit.render import page, table
from hub.audit.stamps import Stamp
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

WHEN THE RECORDS WERE THERE (openssl, and the certificates of the time-stamping authority)

    unzip THIS-BUNDLE.zip "timestamps/*"
    openssl ts -verify -data timestamps/SIZE.txt -in timestamps/SIZE.tsr -CAfile AUTHORITY.pem

verify_bundle.py checks that the token (RFC 3161) is about that note, that the log signed the note,
and that the records are in what it signed; it prints this command with its names. The authority's
own signature is left to openssl: until it says "Verification: OK", under certificates that you had
from elsewhere, the moment is nobody's word. An authority whose certificate has ended needs
-attime SECONDS-SINCE-1970. A bundle without time-stamp says so, and proves no moment.

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
    timestamps/       a head of the log as an outside authority stamped it (.txt), and its token (.tsr)
    consistency/      proofs that each of the heads extends the one before it (RFC 9162)
    mappings/         the texts that said what the sources' answers mean; the name is the digest
    schemas/          the canonical model, as JSON Schema
"""


def summary_html(
    records: Iterable[Record], head: Checkpoint, expires_at: dt.datetime, stamp: Stamp | None
) -> str:
    """One page: what the bundle proves, and its records without any personal datum."""
    listed = list(records)
    counts = Counter(record.kind for record in listed)
    facts = [
        ("Log", head.origin),
        ("Records in the log", str(head.size)),
        ("Records in this bundle", str(len(listed))),
        ("First", min(record.at for record in listed).isoformat()),
        ("Last", max(record.at for record in listed).isoformat()),
        ("Time-stamp", "none" if stamp is None else _told(stamp, listed)),
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


def _told(stamp: Stamp, records: Iterable[Record]) -> str:
    """What the time-stamp covers, and how its authority's signature is verified."""
    later = sum(record.index >= stamp.head.size for record in records)
    beyond = f", and not the {later} after it" if later else ""
    return (
        f"of the records up to {stamp.head.size - 1}{beyond}; to be verified with: openssl ts"
        f" -verify -data {stamp.name}.txt -in {stamp.name}.tsr -CAfile AUTHORITY.pem"
    )
