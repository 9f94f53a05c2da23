"""A bundle is verified and opened by somebody who has never seen the hub."""

from __future__ import annotations

import datetime as dt
import io
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from hub.audit.bundle import BundleError, Export, recipient_of
from hub.audit.case import open_case
from hub.audit.library import Library
from hub.audit.verify_bundle import expired, scope, verify_bundle
from hub.core.limits import CacheLimits
from hub.core.model import BLOCKS
from tests.support.answering import ROOT, a_world
from tests.support.builders import CITIZEN, NOW
from tests.support.ledgers import an_entry

DAY = dt.timedelta(days=1)
EXPIRES = NOW + dt.timedelta(days=90)
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(key=RSA_KEY, begins=NOW, *, encipher=True):
    """A certificate of an auditor, valid for a year."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Auditora de prueba")])
    usage = x509.KeyUsage(
        digital_signature=True,
        key_encipherment=encipher,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begins)
        .not_valid_after(begins + dt.timedelta(days=365))
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


async def exported(world, expires=EXPIRES, *, headers=False, recipient=True):
    """The bytes of a bundle with the last answer, or with headers alone."""
    library = Library(world.ledger, BLOCKS)
    bundle = Export(world.ledger, library, NOW)
    if headers:
        bundle.add_headers(await world.ledger.records(0, 1000))
    else:
        await bundle.add_case(await open_case(world.ledger, await world.last_answer()))
    return await bundle.finish(expires, recipient_of(certificate(), NOW) if recipient else None)


async def test_a_case_leaves_without_what_is_blocked(tmp_path):
    """Its exchanges of last month are proved, their payloads stay."""
    keeping = CacheLimits(fresh_s=600, stale_s=1200)
    async with a_world(tmp_path / "hub", cache=keeping) as world:
        await world.answer_of_last_month()
        (tmp_path / "bundle.zip").write_bytes(await exported(world))
    key = (tmp_path / "hub" / "keys" / "log.pub").read_text("utf-8")
    assert verify_bundle(tmp_path / "bundle.zip", key) == []
    with zipfile.ZipFile(tmp_path / "bundle.zip") as file:
        assert [name for name in file.namelist() if name.endswith("-outcome.json")]


@pytest.fixture
async def bundle(tmp_path):
    """A bundle with one case, on disk, with the key that verifies it."""
    async with a_world(tmp_path / "hub") as world:
        await world.answer()
        (tmp_path / "bundle.zip").write_bytes(await exported(world))
    shutil.copy(tmp_path / "hub" / "keys" / "log.pub", tmp_path / "log.pub")
    return tmp_path / "bundle.zip"


def key_of(bundle):
    """The log's public key, had apart from the bundle."""
    return bundle.with_name("log.pub").read_text("utf-8")


def rewritten(bundle, change, **stated):
    """The bundle with its files changed and its manifest made to fit."""
    import hashlib

    with zipfile.ZipFile(bundle) as file:
        files = {name: file.read(name) for name in file.namelist()}
    manifest = msgspec.json.decode(files.pop("manifest.json"))
    change(files)
    manifest |= stated
    manifest["files"] = {name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()}
    with zipfile.ZipFile(bundle, "w") as file:
        file.writestr("manifest.json", msgspec.json.encode(manifest))
        for name, raw in files.items():
            file.writestr(name, raw)
    return bundle


def test_a_stranger_verifies_and_opens_it_with_what_is_inside(bundle, tmp_path):
    """The verifier out of the bundle under `python -I`, and openssl with the auditor's key."""
    with zipfile.ZipFile(bundle) as file:
        file.extractall(tmp_path / "out")
        readme = file.read("README.txt").decode()
        assert "openssl cms -decrypt -binary -inform DER" in readme
    pem = RSA_KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (tmp_path / "auditor.key").write_bytes(pem)
    opened = tmp_path / "cases.zip"
    command = ["openssl", "cms", "-decrypt", "-binary", "-inform", "DER"]
    command += ["-in", str(tmp_path / "out" / "cases.p7m"), "-inkey", str(tmp_path / "auditor.key")]
    subprocess.run([*command, "-out", str(opened)], check=True)
    verifier = tmp_path / "out" / "verify_bundle.py"
    command = [sys.executable, "-I", str(verifier), str(bundle), "--key", str(tmp_path / "log.pub")]
    done = subprocess.run(
        [*command, "--opened", str(opened)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "no findings" in done.stdout
    with zipfile.ZipFile(opened) as cases:
        names = cases.namelist()
        answer = next(n for n in names if n.endswith("-answer/payload"))
        assert "residence" in msgspec.json.decode(cases.read(answer))["blocks"]
        assert any(n.endswith("-outcome/body") for n in names)


async def test_nothing_personal_stands_in_clear(bundle):
    """Neither the person nor what was shown, in any file of the bundle."""
    with zipfile.ZipFile(bundle) as file:
        for name in file.namelist():
            assert CITIZEN.encode() not in file.read(name), name
            assert b"28028" not in file.read(name) or name.startswith("mappings/"), name


async def test_opened_payloads_are_bound_to_their_leaves(bundle, tmp_path):
    """A payload that was exchanged after it was opened is found."""
    with zipfile.ZipFile(bundle) as file:
        stem = next(n for n in file.namelist() if n.endswith("-answer.json"))
    folder = Path(stem).stem
    for name, found in (("payload", "the answer"), ("decoded", "what was decoded")):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as inner:
            inner.writestr(f"{folder}/{name}", b"{}")
        [finding] = verify_bundle(bundle, key_of(bundle), tmp_path / f"{name}.zip")
        assert found in finding
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as inner:
        inner.writestr("000000000999-answer/payload", b"{}")
    assert verify_bundle(bundle, key_of(bundle), tmp_path / "odd.zip")


async def test_every_altered_file_is_found(bundle):
    """One byte flipped in each file in turn, in clear or with a manifest made to fit."""
    pristine = bundle.read_bytes()
    assert verify_bundle(bundle, key_of(bundle)) == []
    with zipfile.ZipFile(io.BytesIO(pristine)) as file:
        names = [n for n in file.namelist() if n != "manifest.json"]
    for name in names:
        bundle.write_bytes(pristine)
        with zipfile.ZipFile(bundle) as file:
            files = {n: file.read(n) for n in file.namelist()}
        raw = bytearray(files[name])
        raw[random.Random(name).randrange(len(raw))] ^= 1
        with zipfile.ZipFile(bundle, "w") as file:
            for n, content in files.items():
                file.writestr(n, bytes(raw) if n == name else content)
        assert verify_bundle(bundle, key_of(bundle)), name


async def test_a_forger_with_a_fitting_manifest_is_found(bundle):
    """Records, checkpoints and mappings are held against the signature, not the manifest."""
    pristine = bundle.read_bytes()

    def flip(prefix):
        def change(files):
            name = next(n for n in sorted(files) if n.startswith(prefix))
            raw = bytearray(files[name])
            raw[5] ^= 1
            files[name] = bytes(raw)

        return change

    def without_records(files):
        for name in [n for n in files if n.startswith("records/")]:
            del files[name]

    for change in (flip("records/"), flip("checkpoints/"), flip("mappings/"), without_records):
        bundle.write_bytes(pristine)
        assert verify_bundle(rewritten(bundle, change), key_of(bundle))


async def a_period(folder, *, until=NOW + DAY):
    """A bundle with the records of a period, one before and some after it, and the key."""
    async with a_world(folder / "hub") as world:
        await world.ledger.append([an_entry(at=NOW - DAY)])
        await world.answer(blocks=("residence",))
        await world.ledger.append([an_entry(at=NOW + DAY), an_entry(at=NOW + 2 * DAY)])
        export = Export(world.ledger, Library(world.ledger, BLOCKS), NOW + 2 * DAY)
        await export.add_period(NOW, until)
        (folder / "bundle.zip").write_bytes(await export.finish(NOW + 3 * DAY, None))
    shutil.copy(folder / "hub" / "keys" / "log.pub", folder / "log.pub")
    return folder / "bundle.zip"


async def test_a_period_from_which_something_was_left_out_is_found(tmp_path):
    """In the middle, or at either end, with a manifest made to fit; a selection is called one."""
    bundle = await a_period(tmp_path)
    pristine, key = bundle.read_bytes(), key_of(bundle)
    with zipfile.ZipFile(bundle) as file:
        records = sorted(n for n in file.namelist() if n.startswith("records/"))
        period = msgspec.json.decode(file.read("manifest.json"))["period"]
    assert (verify_bundle(bundle, key), len(records)) == ([], period["last"] + 2)
    assert scope(bundle).startswith("every record from")
    for name in records:
        bundle.write_bytes(pristine)

        def without(files, name=name):
            del files[name]

        assert "missing" in " ".join(verify_bundle(rewritten(bundle, without), key))
    bundle.write_bytes(pristine)
    shorter = {**period, "last": period["last"] - 1}
    findings = verify_bundle(rewritten(bundle, lambda _: None, period=shorter), key)
    assert len(findings) == 1
    assert "beyond what was exported" in findings[0]
    bundle.write_bytes(pristine)
    assert "selection" in scope(rewritten(bundle, lambda _: None, period=None))


async def test_a_period_that_goes_on_ends_when_it_is_exported(tmp_path):
    """And one without records is no bundle."""
    bundle = await a_period(tmp_path, until=NOW + 9 * DAY)
    assert verify_bundle(bundle, key_of(bundle)) == []
    assert (NOW + 2 * DAY).isoformat()[:10] in scope(bundle)
    async with a_world(tmp_path / "hub") as world:
        export = Export(world.ledger, Library(world.ledger, BLOCKS), NOW)
        with pytest.raises(BundleError, match="period"):
            await export.add_period(NOW - 9 * DAY, NOW - 8 * DAY)


async def test_damage_is_a_finding_wherever_it_is(bundle):
    """No bit that flips ends the verifier, and a missing proof hides no other finding."""
    pristine, key, chance = bundle.read_bytes(), key_of(bundle), random.Random(5)
    for _ in range(150):
        raw = bytearray(pristine)
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        bundle.write_bytes(raw)
        assert all(": " in finding for finding in verify_bundle(bundle, key))
    bundle.write_bytes(pristine)

    def damage(files):
        proofs = sorted(n for n in files if n.startswith("proofs/"))
        del files[proofs[0]]
        files[proofs[-1]] = b"{"

    findings = verify_bundle(rewritten(bundle, damage), key)
    assert [finding.split(": ")[1] for finding in findings] == [
        "its proof is missing",
        "cannot be read",
    ]


async def test_another_logs_key_verifies_nothing(bundle, tmp_path):
    """The key comes from elsewhere, and a wrong one is said."""
    async with a_world(tmp_path / "other") as world:
        await world.answer(blocks=("residence",))
    other = (tmp_path / "other" / "keys" / "log.pub").read_text("utf-8")
    findings = verify_bundle(bundle, other)
    assert any("not signed for its log" in finding for finding in findings)
    with pytest.raises(ValueError, match="public key"):
        verify_bundle(bundle, "")
    bundle.write_bytes(b"PK nothing")
    assert verify_bundle(bundle, key_of(bundle.with_name("bundle.zip"))) == [
        "bundle: cannot be read: BadZipFile"
    ]


async def test_payloads_leave_only_for_a_named_auditor_and_for_a_time(tmp_path):
    """No certificate, no payloads; no end, no bundle; headers need neither."""
    async with a_world(tmp_path) as world:
        await world.answer()
        with pytest.raises(BundleError, match="named auditor"):
            await exported(world, recipient=False)
        for expires in (NOW, NOW - dt.timedelta(days=1), NOW + dt.timedelta(days=367)):
            with pytest.raises(BundleError, match="expires"):
                await exported(world, expires)
        with pytest.raises(BundleError, match="nothing"):
            await Export(world.ledger, Library(world.ledger, BLOCKS), NOW).finish(EXPIRES, None)
        path = tmp_path / "headers.zip"
        path.write_bytes(await exported(world, headers=True, recipient=False))
    assert verify_bundle(path, (tmp_path / "keys" / "log.pub").read_text("utf-8")) == []
    assert not expired(path, EXPIRES - dt.timedelta(seconds=1))
    assert expired(path, EXPIRES)
    with zipfile.ZipFile(path) as file:
        assert "cases.p7m" not in file.namelist()


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (b"", "not an X.509"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not an X.509"),
        (certificate(ec.generate_private_key(ec.SECP256R1())), "not RSA"),
        (certificate(begins=NOW + dt.timedelta(days=1)), "not valid now"),
        (certificate(begins=NOW - dt.timedelta(days=400)), "not valid now"),
        (certificate(encipher=False), "keyEncipherment"),
    ],
    ids=["empty", "garbage", "elliptic", "future", "past", "signs only"],
)
def test_a_certificate_that_cannot_be_used_is_refused(pem, why):
    """Before anything is opened."""
    with pytest.raises(BundleError, match=why):
        recipient_of(pem, NOW)


def test_the_bundles_verifier_knows_nothing_of_the_hub():
    """One file: the standard library and cryptography."""
    text = (ROOT / "hub" / "audit" / "verify_bundle.py").read_text("utf-8")
    assert "import hub" not in text
    assert "from hub" not in text
