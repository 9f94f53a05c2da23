"""Keys: made once, read by their owner alone, and never half."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hub.core.errors import LedgerError, SettingsError
from hub.ledger.keys import KEK_KEY, LOG_KEY, PSEUDONYM_KEY, open_keys

NAMES = [LOG_KEY, KEK_KEY, PSEUDONYM_KEY]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "var" / "keys"


def test_keys_are_made_once_and_reused(folder: Path) -> None:
    """The second opening reads the keys that the first one made."""
    first, second = open_keys(folder), open_keys(folder)
    assert second.log_public == first.log_public
    assert second.wrapping == first.wrapping
    assert second.pseudonym(b"x") == first.pseudonym(b"x")
    wrapped = first.wrap(b"k" * 32, b"context")
    assert second.unwrap(first.wrapping, wrapped, b"context") == b"k" * 32


def test_two_folders_have_nothing_in_common(tmp_path: Path) -> None:
    """Keys are random: no two installations share one."""
    one, two = open_keys(tmp_path / "one"), open_keys(tmp_path / "two")
    assert one.log_public != two.log_public
    assert one.wrapping != two.wrapping
    assert one.pseudonym(b"x") != two.pseudonym(b"x")


def test_only_the_owner_may_read_them(folder: Path) -> None:
    """Key files have the mode 0600 and their folder 0700, whatever the umask."""
    before = os.umask(0)
    try:
        open_keys(folder)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {name: stat.S_IMODE((folder / name).stat().st_mode) for name in NAMES} == dict.fromkeys(
        NAMES, 0o600
    )
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o610, 0o777], ids=oct)
@pytest.mark.parametrize("name", NAMES)
def test_a_key_that_others_can_read_is_refused(folder: Path, name: str, mode: int) -> None:
    """A key file with a wider mode is no secret any more: the hub does not start with it."""
    open_keys(folder)
    (folder / name).chmod(mode)
    with pytest.raises(SettingsError, match=name):
        open_keys(folder)


def test_a_folder_that_others_can_enter_is_refused(folder: Path) -> None:
    """Whoever may write in the folder could put another key there."""
    open_keys(folder)
    folder.chmod(0o755)
    with pytest.raises(SettingsError, match="keys/"):
        open_keys(folder)


def test_a_link_in_the_place_of_a_key_is_refused(folder: Path, tmp_path: Path) -> None:
    """A key is a file of its own: a link could lead anywhere."""
    open_keys(folder)
    (folder / KEK_KEY).rename(tmp_path / "elsewhere")
    (folder / KEK_KEY).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsError, match=KEK_KEY):
        open_keys(folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_key_is_not_made_anew_under_an_old_ledger(folder: Path, name: str) -> None:
    """Where keys must exist, a missing one is a fault, never a fresh key."""
    open_keys(folder)
    (folder / name).unlink()
    with pytest.raises(SettingsError, match=name):
        open_keys(folder, create=False)
    assert not (folder / name).exists()


def test_a_missing_folder_is_a_fault_where_keys_must_exist(folder: Path) -> None:
    """The same for the whole folder."""
    with pytest.raises(SettingsError, match="missing"):
        open_keys(folder, create=False)


def _ec_key() -> bytes:
    key = generate_private_key(SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


BAD = {
    "empty log key": (LOG_KEY, b""),
    "garbage log key": (LOG_KEY, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
    "another kind of log key": (LOG_KEY, _ec_key()),
    "empty secret": (KEK_KEY, b""),
    "short secret": (KEK_KEY, b"00" * 31 + b"\n"),
    "long secret": (PSEUDONYM_KEY, b"00" * 33 + b"\n"),
    "secret not hexadecimal": (PSEUDONYM_KEY, b"zz" * 32 + b"\n"),
    "secret in another alphabet": (KEK_KEY, "０".encode() * 64 + b"\n"),  # noqa: RUF001 - the case
}


@pytest.mark.parametrize(("name", "content"), BAD.values(), ids=BAD)
def test_a_malformed_key_is_named_and_not_shown(folder: Path, name: str, content: bytes) -> None:
    """The fault says which file, and nothing of what is in it."""
    open_keys(folder)
    (folder / name).write_bytes(content)
    with pytest.raises(SettingsError, match=name) as caught:
        open_keys(folder)
    assert not content or content.decode("utf-8", "replace").strip() not in str(caught.value)


def test_every_fault_is_told_at_once(folder: Path) -> None:
    """An operator mends all keys in one go."""
    open_keys(folder)
    for name in NAMES:
        (folder / name).chmod(0o644)
    with pytest.raises(SettingsError) as caught:
        open_keys(folder)
    assert len(caught.value.faults) == 3


def test_a_signature_is_the_log_keys(folder: Path) -> None:
    """What `sign` gives verifies under `log_public`."""
    keys = open_keys(folder)
    Ed25519PublicKey.from_public_bytes(keys.log_public).verify(keys.sign(b"head"), b"head")


def test_a_wrapped_key_opens_only_as_it_was_wrapped(folder: Path) -> None:
    """Another context, another key-encryption key, or one changed bit: refused."""
    keys = open_keys(folder)
    wrapped = keys.wrap(b"k" * 32, b"context")
    assert b"k" * 8 not in wrapped
    assert keys.wrap(b"k" * 32, b"context") != wrapped
    for wrapping, data, context in (
        ("other", wrapped, b"context"),
        (keys.wrapping, wrapped, b"other"),
        (keys.wrapping, bytes([wrapped[0] ^ 1]) + wrapped[1:], b"context"),
        (keys.wrapping, wrapped[:-1], b"context"),
        (keys.wrapping, b"", b"context"),
    ):
        with pytest.raises(LedgerError):
            keys.unwrap(wrapping, data, context)


def test_keys_do_not_print_themselves(folder: Path) -> None:
    """No key material shows in a repr, which ends in logs."""
    secret = (folder / KEK_KEY).read_text() if open_keys(folder) else ""
    assert secret.strip() not in repr(open_keys(folder))
    assert len(repr(open_keys(folder))) < 50
