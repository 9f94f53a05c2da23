"""The state platform's certificates can be used, and are renewed when they no longer can."""

from __future__ import annotations

import datetime as dt
import shutil
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.exceptions import InvalidCertificate
from signxml.signer import XMLSigner
from signxml.verifier import XMLVerifier

from hub.core.errors import SettingsError
from hub.sandbox.certificates import CertificateFiles, ensure_certificates

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
NAMES = [
    f"age-{who}.{kind}" for who in ("ca", "hub", "platform", "provider") for kind in ("key", "pem")
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    ensure_certificates(folder, clock=lambda: NOW)
    return folder


@pytest.fixture
def keys(made: Path, tmp_path: Path) -> Path:
    """A copy that the test may spoil."""
    folder = tmp_path / "keys"
    shutil.copytree(made, folder)
    return folder


def ensured(keys: Path, days: float = 0) -> CertificateFiles:
    return ensure_certificates(keys, clock=lambda: NOW + dt.timedelta(days=days))


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def contents(keys: Path) -> dict[str, bytes]:
    return {name: (keys / name).read_bytes() for name in NAMES}


def changed(keys: Path, before: dict[str, bytes]) -> set[str]:
    after = contents(keys)
    return {name for name in NAMES if after[name] != before[name]}


def test_files_have_the_documented_names_for_the_owner_alone(keys: Path):
    """Eight files, mode 0600, where the settings of the source point."""
    files = ensured(keys)
    assert sorted(path.name for path in keys.iterdir() if path.name != ".lock") == sorted(NAMES)
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.iterdir()} == {0o600}
    assert (files.hub.name, files.hub_key.name) == ("age-hub.pem", "age-hub.key")


def test_certificates_that_are_good_stay(keys: Path):
    """A second start, and one in a year, change nothing."""
    before = contents(keys)
    ensured(keys)
    ensured(keys, days=365)
    assert not changed(keys, before)


def test_seals_are_for_signing_and_name_their_owner(keys: Path):
    """RSA-2048, digitalSignature alone, the NIF as serialNumber, two years, and not a CA."""
    files = ensured(keys)
    seal = certificate(files.hub)
    key = serialization.load_pem_private_key(files.hub_key.read_bytes(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    assert key.public_key() == seal.public_key()
    owner = seal.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    assert [attribute.value for attribute in owner] == ["P2807900B"]
    usage = seal.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    assert not seal.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert (seal.not_valid_after_utc - NOW).days == 730
    assert certificate(files.platform).public_key() != seal.public_key()


@pytest.mark.parametrize("who", ["hub", "platform"])
def test_a_signature_verifies_under_the_sandbox_authority(keys: Path, who: str):
    """What a seal signs, an independent verifier accepts through the CA's file."""
    ensured(keys)
    signed = signature(keys, who)
    result = XMLVerifier().verify(signed, ca_pem_file=str(keys / "age-ca.pem"))
    assert not isinstance(result, list)


def test_another_authority_does_not_vouch(keys: Path, tmp_path: Path):
    """A seal of one sandbox is nothing in another."""
    ensured(tmp_path / "other")
    with pytest.raises(InvalidCertificate):
        XMLVerifier().verify(
            signature(keys, "hub"), ca_pem_file=str(tmp_path / "other" / "age-ca.pem")
        )


def signature(keys: Path, who: str) -> etree._Element:
    signer = XMLSigner()
    pem, key = (keys / f"age-{who}.pem").read_bytes(), (keys / f"age-{who}.key").read_bytes()
    return signer.sign(etree.Element("peticion"), key=key, cert=pem.decode())


@pytest.mark.parametrize("days", [700.1, 730, 4000], ids=["30 days left", "ended", "long ended"])
def test_certificates_near_their_end_are_renewed(keys: Path, days: float):
    """With less than 30 days left everything is made anew, and is good for two years."""
    before = contents(keys)
    files = ensured(keys, days=days)
    assert changed(keys, before) == set(NAMES)
    remaining = certificate(files.hub).not_valid_after_utc - NOW
    assert remaining >= dt.timedelta(days=days + 729)


def test_certificates_from_the_future_are_made_anew(keys: Path):
    """Under a clock that stands before their beginning, certificates cannot be used."""
    before = contents(keys)
    ensured(keys, days=-1)
    assert changed(keys, before) == set(NAMES)


@pytest.mark.parametrize(
    ("spoil", "renewed"),
    [
        pytest.param(lambda k: (k / "age-hub.key").unlink(), "hub", id="key lost"),
        pytest.param(lambda k: (k / "age-hub.pem").unlink(), "hub", id="certificate lost"),
        pytest.param(lambda k: (k / "age-hub.pem").write_bytes(b"no PEM"), "hub", id="damaged"),
        pytest.param(lambda k: (k / "age-hub.key").write_bytes(b""), "hub", id="key emptied"),
        pytest.param(
            lambda k: (k / "age-hub.key").write_bytes((k / "age-ca.key").read_bytes()),
            "hub",
            id="another's key",
        ),
        pytest.param(
            lambda k: (k / "age-platform.pem").write_bytes((k / "age-ca.pem").read_bytes()),
            "platform",
            id="another's certificate",
        ),
    ],
)
def test_a_pair_that_cannot_be_used_is_made_anew(keys: Path, spoil, renewed: str):
    """Only the pair that is spoilt changes; afterwards key and certificate belong together."""
    before = contents(keys)
    spoil(keys)
    ensured(keys)
    assert {name.split(".")[0] for name in changed(keys, before)} == {f"age-{renewed}"}
    signed = signature(keys, renewed)
    XMLVerifier().verify(signed, ca_pem_file=str(keys / "age-ca.pem"))


def test_a_new_authority_brings_new_seals(keys: Path):
    """Seals that the present authority did not issue are replaced."""
    before = contents(keys)
    (keys / "age-ca.key").unlink()
    ensured(keys)
    assert changed(keys, before) == set(NAMES)


def test_a_key_that_others_can_read_is_refused(keys: Path):
    """A signing key that may have been copied is not used in silence."""
    (keys / "age-hub.key").chmod(0o644)
    with pytest.raises(SettingsError, match=r"age-hub\.key"):
        ensured(keys)
