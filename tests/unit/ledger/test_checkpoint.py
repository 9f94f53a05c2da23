"""Checkpoints: what others wrote verifies, and nothing that is not canonical is read."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from hub.core.errors import LedgerError
from hub.ledger.checkpoint import (
    VerifierKey,
    open_checkpoint,
    sign_checkpoint,
    split_note,
    verify_note,
)
from hub.ledger.merkle import EMPTY_ROOT

ORIGIN = "hub.example/ledger"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = VerifierKey(ORIGIN, PRIVATE.public_key().public_bytes_raw())
ROOT = bytes(range(32))
NOTE = sign_checkpoint(KEY, 1234, ROOT, PRIVATE.sign).note
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def resigned(text: str) -> str:
    """*text* under a signature that is right for it."""
    value = base64.b64encode(KEY.hint + PRIVATE.sign(text.encode())).decode()
    return f"{text}\n— {ORIGIN} {value}\n"


def test_a_note_signed_by_another_implementation_verifies() -> None:
    """The example of Go's sumdb/note package: key hint, text and signature agree with ours."""
    key = VerifierKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text, signatures = split_note(
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqd"
        "ngotpRZb6KE6RyyBwJnAM=\n"
    )
    assert verify_note(text, signatures, [key]) == [key]
    assert str(VerifierKey.parse(str(key))) == str(key)


@given(st.integers(0, 2**53), st.binary(min_size=32, max_size=32))
def test_what_is_signed_is_read_back(size: int, root: bytes) -> None:
    """Size and root survive the round trip."""
    signed = sign_checkpoint(KEY, size, root, PRIVATE.sign)
    assert open_checkpoint(signed.note, [KEY]) == signed
    assert (signed.size, signed.root, signed.origin) == (size, root, ORIGIN)


def test_the_empty_log_has_a_checkpoint() -> None:
    """Size 0 is written as a single zero, with the hash of nothing."""
    note = sign_checkpoint(KEY, 0, EMPTY_ROOT, PRIVATE.sign).note
    assert note.splitlines()[1] == "0"
    assert open_checkpoint(note, [KEY]).root == EMPTY_ROOT


HEAD = f"{ORIGIN}\n1234\n{base64.b64encode(ROOT).decode()}\n"
NOT_CANONICAL = {
    "leading zero": HEAD.replace("1234", "01234"),
    "plus sign": HEAD.replace("1234", "+1234"),
    "minus sign": HEAD.replace("1234", "-1"),
    "blank in the size": HEAD.replace("1234", "1234 "),
    "underscore": HEAD.replace("1234", "1_234"),
    "other digits": HEAD.replace("1234", "\uff11\uff12\uff13\uff14"),
    "size beyond any": HEAD.replace("1234", "9" * 20),
    "no size": HEAD.replace("1234", ""),
    "no origin": HEAD.replace(ORIGIN, ""),
    "extension line": HEAD + "extra\n",
    "blank line inside": HEAD.replace("\n1234", "\n\n1234"),
    "two lines": f"{ORIGIN}\n1234\n",
    "carriage returns": HEAD.replace("\n", "\r\n"),
    "tab": HEAD.replace(ORIGIN, "hub\texample"),
    "url-safe base64": f"{ORIGIN}\n1\n{'_' * 42}8=\n",
    "unpadded base64": HEAD.replace("=", ""),
    "loose last bits": HEAD.replace("Hh8=", "Hh9="),
    "short root": f"{ORIGIN}\n1\n{base64.b64encode(ROOT[:31]).decode()}\n",
    "blank in base64": HEAD.replace("AAEC", "AA EC"),
}


@pytest.mark.parametrize("text", NOT_CANONICAL.values(), ids=NOT_CANONICAL)
def test_a_head_in_another_spelling_is_refused_though_signed(text: str) -> None:
    """A checkpoint has one spelling; a good signature does not make up for another."""
    with pytest.raises(LedgerError):
        open_checkpoint(resigned(text), [KEY])


_LINE = NOTE.splitlines(keepends=True)[-1]
MALFORMED = {
    "nothing": "",
    "no signature": HEAD,
    "no blank line": HEAD + _LINE,
    "two blank lines": HEAD + "\n\n" + _LINE,
    "no last newline": NOTE[:-1],
    "newline after": NOTE + "\n",
    "hyphen for the dash": NOTE.replace("— ", "- "),
    "no name": NOTE.replace(f"— {ORIGIN} ", "— "),
    "blanks": NOTE.replace(f"{ORIGIN} ", f"{ORIGIN}  "),
    "signature not base64": NOTE[:-3] + "!!\n",
    "hint alone": f"{HEAD}\n— {ORIGIN} {base64.b64encode(KEY.hint).decode()}\n",
    "nul": NOTE.replace("1234", "12\x0034"),
    "lone surrogate": NOTE.replace(ORIGIN, "hub\ud800"),
    "too long": NOTE + _LINE * 1000,
    "text after": NOTE + "more\n",
}


@pytest.mark.parametrize("note", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_note_is_refused(note: str) -> None:
    """What is not a signed note to the letter is not read."""
    with pytest.raises(LedgerError):
        open_checkpoint(note, [KEY])


@given(st.text(max_size=300))
def test_any_text_is_refused_in_the_errors_of_the_ledger(text: str) -> None:
    """No text makes the parser fail in another way than it promises."""
    with pytest.raises(LedgerError):
        open_checkpoint(text, [KEY])


def test_every_flipped_bit_of_a_checkpoint_is_seen() -> None:
    """No single bit of a note can change and still be accepted."""
    raw = NOTE.encode()
    for position in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[position] ^= 1 << bit
            with pytest.raises(LedgerError):
                open_checkpoint(changed.decode("utf-8", "surrogateescape"), [KEY])


def test_a_signature_of_an_unknown_key_is_passed_over() -> None:
    """Witnesses may sign beside the log; only the known key decides."""
    witness = VerifierKey("witness.example", OTHER.public_key().public_bytes_raw())
    line = base64.b64encode(witness.hint + OTHER.sign(HEAD.encode())).decode()
    both = NOTE + f"— witness.example {line}\n"
    assert open_checkpoint(both, [KEY]).size == 1234
    with pytest.raises(LedgerError, match="another log"):
        open_checkpoint(both, [witness])
    with pytest.raises(LedgerError, match="no known key"):
        open_checkpoint(NOTE, [witness])
    with pytest.raises(LedgerError, match="no known key"):
        open_checkpoint(NOTE, [])


def test_a_rotated_key_leaves_old_checkpoints_verifiable() -> None:
    """A log can have several keys under its name; each verifies what it signed."""
    newer = VerifierKey(ORIGIN, OTHER.public_key().public_bytes_raw())
    later = sign_checkpoint(newer, 2000, ROOT, OTHER.sign).note
    for note in (NOTE, later):
        assert open_checkpoint(note, [KEY, newer]).origin == ORIGIN


def test_a_wrong_signature_beside_a_right_one_refuses_the_note() -> None:
    """A known key whose signature fails is not outvoted."""
    wrong = base64.b64encode(KEY.hint + PRIVATE.sign(b"other")).decode()
    with pytest.raises(LedgerError, match="does not verify"):
        open_checkpoint(NOTE + f"— {ORIGIN} {wrong}\n", [KEY])


VKEY = str(KEY)
BAD_KEYS = {
    "empty": "",
    "no parts": ORIGIN,
    "wrong hint": VKEY.replace(KEY.hint.hex(), "00000000"),
    "upper-case hint": f"{ORIGIN}+{KEY.hint.hex().upper()}+{VKEY.rsplit('+', 1)[1]}",
    "another algorithm": f"{ORIGIN}+{KEY.hint.hex()}+"
    + base64.b64encode(b"\x02" + KEY.public).decode(),
    "short key": f"{ORIGIN}+{KEY.hint.hex()}+"
    + base64.b64encode(b"\x01" + KEY.public[:31]).decode(),
    "not base64": VKEY + "!",
    "blank in the name": VKEY.replace("hub.", "hub "),
    "no name": VKEY.removeprefix(ORIGIN),
}


@pytest.mark.parametrize("text", BAD_KEYS.values(), ids=BAD_KEYS)
def test_a_key_that_is_not_canonical_is_refused(text: str) -> None:
    """A verifier key is read to the letter, its hint recomputed."""
    with pytest.raises(LedgerError):
        VerifierKey.parse(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u00a0b", "a\x00b"])
def test_a_log_cannot_have_a_name_that_breaks_its_notes(name: str) -> None:
    """A name with blanks, plus or control characters would make the note ambiguous."""
    key = VerifierKey(name, KEY.public)
    with pytest.raises(LedgerError):
        sign_checkpoint(key, 1, ROOT, PRIVATE.sign)
