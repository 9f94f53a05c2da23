"""Export for somebody who has never seen the hub: one file, verifiable without it.

Records stand in clear as their leaves do, with a proof each; the payloads of the chosen
answers are encrypted to the named auditor's certificate (CMS, RFC 5652, AES-256).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options
from msgspec import Struct

from hub.audit.case import Case
from hub.audit.choose import found
from hub.audit.consistency import extension
from hub.audit.library import Library
from hub.audit.lineage import proof_of
from hub.audit.stamps import Stamp, stamp_of
from hub.audit.summary import README, summary_html
from hub.core.errors import HubError, LedgerError, PayloadBlocked, PayloadDestroyed
from hub.ledger.checkpoint import Checkpoint
from hub.ledger.recorder import recorded_message
from hub.ledger.store import Kind, Ledger, Record, Search

FORMAT = 1
MOST_DAYS = 366
_SMALLEST_KEY = 2048
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_EXCHANGE: tuple[Kind, ...] = ("sent", "outcome")


class BundleError(HubError):
    """A bundle cannot be made as it was asked for."""


class Period(Struct, frozen=True, kw_only=True, rename="camel"):
    """A period that is in the bundle whole: every record from index *first* to *last*.

    The record before and the one after stand beside them, and are not of the period.
    """

    since: dt.datetime
    until: dt.datetime
    first: int
    last: int


class Manifest(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is in a bundle: SHA-256 of every other file, and until when it may be kept."""

    format: int = FORMAT
    made_at: dt.datetime
    expires_at: dt.datetime
    auditor: str | None
    """SHA-256 of the certificate that the payloads are encrypted to; None without payloads."""
    period: Period | None = None
    """None for a selection, which says nothing of what was left out."""
    files: Mapping[str, str]


def recipient_of(pem: bytes, now: dt.datetime) -> x509.Certificate:
    """The auditor's certificate; BundleError unless payloads can be encrypted to it now."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        may_encrypt = usage.key_encipherment
    except x509.ExtensionNotFound:
        may_encrypt = True
    except ValueError:
        raise BundleError("the auditor's file is not an X.509 certificate in PEM") from None
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < _SMALLEST_KEY:
        raise BundleError(f"the auditor's key is not RSA of {_SMALLEST_KEY} bits or more")
    if not may_encrypt:
        raise BundleError("the auditor's certificate does not allow keyEncipherment")
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        raise BundleError("the auditor's certificate is not valid now")
    return certificate


class Export:
    """Gathers the files of one bundle."""

    def __init__(self, ledger: Ledger, library: Library, now: dt.datetime) -> None:
        self._ledger, self._library, self._now = ledger, library, now
        self._files: dict[str, bytes] = {}
        self._cases: dict[str, bytes] = {}
        self._records: dict[int, Record] = {}
        self._heads: dict[int, Checkpoint] = {}
        self._period: Period | None = None

    def add_headers(self, records: Iterable[Record]) -> None:
        """Records without their payloads."""
        for record in records:
            self._records.setdefault(record.index, record)

    async def add_period(self, since: dt.datetime, until: dt.datetime) -> None:
        """Every record of a period without its payload; BundleError when nothing is of it.

        It ends now at the latest: what comes later cannot be in it.
        """
        until = min(until, self._now)
        search = Search(since=since, until=until)
        of_it = [record.index async for record in found(self._ledger, search)]
        if not of_it:
            raise BundleError("no record is of this period")
        first, last = min(of_it), max(of_it)
        at = max(first - 1, 0)
        while at <= last + 1 and (page := await self._ledger.records(at, last + 2 - at)):
            self.add_headers(page)
            at = page[-1].index + 1
        self._period = Period(since=since, until=until, first=first, last=last)

    async def add_case(self, case: Case) -> None:
        """An answer with everything behind it, payloads included where they open."""
        await self._add("access", case.access)
        for block in case.blocks:
            if block.digest is not None:
                await self._add_mapping(block.digest)
        for reading in case.evidence.readings:
            for exchange in reading.exchanges:
                for kind in _EXCHANGE:
                    await self._add(kind, exchange)
        await self._add("answer", case.record.id)

    def add_file(self, name: str, content: bytes) -> None:
        """A file that explains the records: a schema."""
        self._files[name] = content

    async def finish(self, expires_at: dt.datetime, recipient: x509.Certificate | None) -> bytes:
        """The bundle. BundleError for payloads without a recipient, or an expiry too far off."""
        if not self._now < expires_at <= self._now + dt.timedelta(days=MOST_DAYS):
            raise BundleError(f"a bundle expires within {MOST_DAYS} days")
        if self._cases and recipient is None:
            raise BundleError("payloads leave only for a named auditor: give a certificate")
        if not self._records:
            raise BundleError("nothing was chosen")
        head = await self._ledger.checkpoint()
        listed = self._sorted()
        for record in listed:
            await self._prove(record)
        stamp = await self._add_stamp(listed[0].index, listed[-1].index)
        await self._prove_growth()
        self._files["summary.html"] = summary_html(listed, head, expires_at, stamp).encode()
        self._files["README.txt"] = README.encode()
        verifier = Path(__file__).with_name("verify_bundle.py")
        self._files["verify_bundle.py"] = verifier.read_bytes()
        if self._cases and recipient is not None:
            self._files["cases.p7m"] = _encrypted(_zipped(self._cases), recipient)
            self._files["auditor.pem"] = recipient.public_bytes(Encoding.PEM)
        return _zipped({"manifest.json": self._manifest(expires_at, recipient), **self._files})

    def _sorted(self) -> list[Record]:
        return [self._records[index] for index in sorted(self._records)]

    def _manifest(self, expires_at: dt.datetime, recipient: x509.Certificate | None) -> bytes:
        named = recipient.fingerprint(SHA256()).hex() if recipient and self._cases else None
        manifest = Manifest(
            made_at=self._now,
            expires_at=expires_at,
            auditor=named,
            period=self._period,
            files={name: hashlib.sha256(raw).hexdigest() for name, raw in self._files.items()},
        )
        return msgspec.json.format(msgspec.json.encode(manifest), indent=2)

    async def _prove(self, record: Record) -> None:
        inclusion = await self._ledger.prove(record.index)
        if inclusion is None:
            raise LedgerError("a record that was chosen is not in the tree")
        # the hub may go on writing meanwhile: a proof names the checkpoint that it leads to
        head = inclusion.checkpoint
        self._heads[head.size] = head
        self._files[f"checkpoints/{head.size:012}.txt"] = head.note.encode()
        name = f"{record.index:012}-{record.kind}"
        proof = proof_of(name, inclusion)
        self._files[f"records/{name}.json"] = record.leaf
        self._files[f"proofs/{name}.json"] = msgspec.json.encode(proof)

    async def _add_stamp(self, first: int, last: int) -> Stamp | None:
        """The time-stamp that tells when the records were there, with the note it is about."""
        stamp = await stamp_of(self._ledger, first, last)
        if stamp is not None:
            self._heads.setdefault(stamp.head.size, stamp.head)
            self._files[f"{stamp.name}.txt"] = stamp.head.note.encode()
            self._files[f"{stamp.name}.tsr"] = stamp.token
        return stamp

    async def _prove_growth(self) -> None:
        """Each head that is in the bundle extends the one before it."""
        for first, second in pairwise(sorted(self._heads)):
            proof = await extension(self._ledger, first, self._heads[second])
            name = f"consistency/{first:012}-{second:012}.json"
            self._files[name] = msgspec.json.encode(proof)

    async def _add(self, kind: Kind, id_: str) -> None:
        try:
            record = await self._ledger.read(id_, kind)
        except (PayloadBlocked, PayloadDestroyed):
            record = await self._ledger.find(id_, kind)
        if record is None:
            raise LedgerError(f"a record of kind {kind} behind the answer is missing")
        self._records[record.index] = record
        folder = f"{record.index:012}-{record.kind}"
        for name in ("payload", "decoded", "salt"):
            content = getattr(record, name)
            if content is not None:
                self._cases[f"{folder}/{name}"] = content
        if kind in _EXCHANGE and record.payload is not None:
            message = recorded_message(record.payload)
            lines = "".join(f"{name}: {value}\n" for name, value in message.headers)
            first = f"{message.method} {message.url}\n" if message.method else ""
            self._cases[f"{folder}/message.txt"] = (first + lines).encode()
            self._cases[f"{folder}/body"] = message.body or b""

    async def _add_mapping(self, digest: str) -> None:
        text = await self._library.text(digest)
        record = await self._ledger.read(digest, "mapping")
        if text is None or record is None:
            raise LedgerError("the text of a mapping behind the answer is missing")
        self._records[record.index] = record
        self._files[f"mappings/{digest}.toml"] = text.text.encode()
        if text.codes:
            self._files[f"mappings/{digest}.codes"] = text.codes.encode()


def _encrypted(content: bytes, recipient: x509.Certificate) -> bytes:
    builder = PKCS7EnvelopeBuilder().set_data(content).add_recipient(recipient)
    builder = builder.set_content_encryption_algorithm(AES256)
    return builder.encrypt(Encoding.DER, [PKCS7Options.Binary])


def _zipped(files: Mapping[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, _ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, content)
    return raw.getvalue()
