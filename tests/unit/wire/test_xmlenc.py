"""Opening what was encrypted for the hub; libxmlsec is the independent sender."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable

import pytest
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree

from connectors.age.simulator.encrypting import _enciphered, _locks
from hub.core.errors import SourceInsecure
from hub.wire.signature_form import DS, SOAP, WSSE
from hub.wire.xmlenc import XENC, Decryptor, EncryptionProfile, is_encrypted
from tests.support.certificates import a_certificate, a_key, pem_of_key

PROFILE = EncryptionProfile(
    element="Specific",
    key_transport=("rsa-1_5", "rsa-oaep-mgf1p"),
    data=("aes128-cbc", "aes128-gcm"),
)
SECRET = "<p:Value>ñ</p:Value><p:Other/>"
Change = Callable[[etree._Element], None]


def a_message(
    transport: str = "rsa-1_5",
    cipher: str = "aes128-cbc",
    content: str = SECRET,
    recipient: rsa.RSAPrivateKey | None = None,
) -> etree._Element:
    """A SOAP message whose Specific element was encrypted by libxmlsec."""
    envelope = etree.fromstring(
        f'<s:Envelope xmlns:s="{SOAP[1:-1]}"><s:Header><o:Security xmlns:o="{WSSE[1:-1]}"/>'
        f'</s:Header><s:Body><p:Answer xmlns:p="urn:p"><p:Specific>{content}</p:Specific>'
        "</p:Answer></s:Body></s:Envelope>"
    )
    constants = xmlsec.constants
    data = xmlsec.template.encrypted_data_create(
        envelope,
        getattr(constants, {"aes128-cbc": "TransformAes128Cbc"}.get(cipher, "TransformAes128Gcm")),
        type=xmlsec.constants.TypeEncContent,
        ns="xenc",
    )
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    data.set("Id", "D-1")
    info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="ds")
    way = {"rsa-1_5": "TransformRsaPkcs1"}.get(transport, "TransformRsaOaep")
    wrapped = xmlsec.template.add_encrypted_key(info, getattr(constants, way))
    xmlsec.template.encrypted_data_ensure_cipher_value(wrapped)
    manager = xmlsec.KeysManager()
    pem = a_certificate(recipient).encode()
    manager.add_key(xmlsec.Key.from_memory(pem, constants.KeyDataFormatCertPem))
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(constants.KeyDataAes, 128, constants.KeyDataTypeSession)
    context.encrypt_xml(data, envelope[1][0][0])
    return _as_the_platform_does(envelope)


def _as_the_platform_does(envelope: etree._Element) -> etree._Element:
    """The wrapped key stands in the Security header and says what it opens."""
    envelope = etree.fromstring(etree.tostring(envelope))
    wrapped = next(envelope.iter(f"{XENC}EncryptedKey"))
    references = etree.SubElement(wrapped, f"{XENC}ReferenceList")
    etree.SubElement(references, f"{XENC}DataReference").set("URI", "#D-1")
    envelope[0][0].append(wrapped)
    return envelope


def opened(envelope: etree._Element, profile: EncryptionProfile = PROFILE) -> etree._Element:
    """The element whose content was decrypted."""
    decryptor = Decryptor("test", pem_of_key(a_key()))
    decryptor.decrypt(envelope, envelope[1], profile)
    found: etree._Element = envelope[1][0][0]
    return found


@pytest.mark.parametrize("transport", ["rsa-1_5", "rsa-oaep-mgf1p"])
@pytest.mark.parametrize("cipher", ["aes128-cbc", "aes128-gcm"])
def test_what_an_independent_library_encrypts_is_opened(transport: str, cipher: str):
    """Content, namespaces and accents come out as they went in."""
    holder = opened(a_message(transport, cipher))
    assert [(child.tag, child.text) for child in holder] == [
        ("{urn:p}Value", "ñ"),
        ("{urn:p}Other", None),
    ]
    assert not is_encrypted(holder)


@pytest.mark.parametrize("length", range(1, 40))
def test_every_length_of_a_text_comes_back_whole(length: int):
    """Padding is removed exactly, whatever the length."""
    holder = opened(a_message(content=f"<p:V>{'x' * length}</p:V>"))
    assert [child.text for child in holder] == ["x" * length]


def _find(envelope: etree._Element, name: str) -> etree._Element:
    return next(envelope.iter(f"{{*}}{name}"))


def _value(envelope: etree._Element, owner: str) -> etree._Element:
    return next(_find(envelope, owner).iter(f"{XENC}CipherValue"))


def _bits(owner: str, position: int) -> Change:
    def change(envelope: etree._Element) -> None:
        node = _value(envelope, owner)
        content = bytearray(base64.b64decode(node.text or ""))
        content[position] ^= 1
        node.text = base64.b64encode(content).decode()

    return change


def _text(owner: str, text: str) -> Change:
    def change(envelope: etree._Element) -> None:
        _value(envelope, owner).text = text

    return change


def _named(owner: str, algorithm: str) -> Change:
    def change(envelope: etree._Element) -> None:
        _find(_find(envelope, owner), "EncryptionMethod").set("Algorithm", algorithm)

    return change


def _second_ciphertext(envelope: etree._Element) -> None:
    data = _find(envelope, "EncryptedData")
    envelope[1][0].append(copy.deepcopy(data))


def _second_key(envelope: etree._Element) -> None:
    envelope[0][0].append(copy.deepcopy(_find(envelope, "EncryptedKey")))


def _key_in_the_body(envelope: etree._Element) -> None:
    envelope[1][0].append(_find(envelope, "EncryptedKey"))


def _no_key(envelope: etree._Element) -> None:
    envelope[0][0].remove(_find(envelope, "EncryptedKey"))


def _key_for_something_else(envelope: etree._Element) -> None:
    _find(envelope, "DataReference").set("URI", "#D-2")


def _another_element(envelope: etree._Element) -> None:
    _find(envelope, "Specific").tag = "{urn:p}Elsewhere"


def _of_the_whole_element(envelope: etree._Element) -> None:
    _find(envelope, "EncryptedData").set("Type", f"{XENC[1:-1]}Element")


def _beside_clear_text(envelope: etree._Element) -> None:
    etree.SubElement(_find(envelope, "Specific"), "{urn:p}Value").text = "clear"


def _by_reference(envelope: etree._Element) -> None:
    holder = _find(_find(envelope, "EncryptedData"), "CipherData")
    holder.remove(holder[0])
    etree.SubElement(holder, f"{XENC}CipherReference").set("URI", "http://127.0.0.1:9/secret")


def _with_parameters(envelope: etree._Element) -> None:
    _named("EncryptedKey", f"{XENC[1:-1]}rsa-oaep-mgf1p")(envelope)
    etree.SubElement(
        _find(_find(envelope, "EncryptedKey"), "EncryptionMethod"), f"{XENC}OAEPparams"
    )


def _with_another_digest(envelope: etree._Element) -> None:
    _named("EncryptedKey", f"{XENC[1:-1]}rsa-oaep-mgf1p")(envelope)
    method = _find(_find(envelope, "EncryptedKey"), "EncryptionMethod")
    etree.SubElement(method, f"{DS}DigestMethod").set("Algorithm", "urn:md5")


ATTACKS: dict[str, Change] = {
    "a key with a changed bit": _bits("EncryptedKey", 0),
    "a key with its last bit changed": _bits("EncryptedKey", -1),
    "a key that is too short": _text("EncryptedKey", "AAAA"),
    "a key that is no base64": _text("EncryptedKey", "*"),
    "no key": _no_key,
    "two keys": _second_key,
    "a key in the signed body": _key_in_the_body,
    "a key that is for something else": _key_for_something_else,
    "another key transport": _named("EncryptedKey", "urn:other"),
    "oaep with parameters": _with_parameters,
    "oaep with another digest": _with_another_digest,
    "a ciphertext with a changed padding": _bits("EncryptedData", -17),
    "a ciphertext cut short": _text("EncryptedData", "AAAA"),
    "an empty ciphertext": _text("EncryptedData", ""),
    "another cipher": _named("EncryptedData", f"{XENC[1:-1]}tripledes-cbc"),
    "two ciphertexts": _second_ciphertext,
    "a ciphertext elsewhere": _another_element,
    "a ciphertext of an element": _of_the_whole_element,
    "clear text beside it": _beside_clear_text,
    "a ciphertext by reference": _by_reference,
}


@pytest.mark.parametrize("change", ATTACKS.values(), ids=list(ATTACKS))
def test_every_failure_is_the_same_to_whoever_watches(change: Change):
    """One error, in one set of words, and nothing of the plain text in it."""
    envelope = a_message()
    change(envelope)
    with pytest.raises(SourceInsecure) as caught:
        opened(envelope)
    assert str(caught.value) == "test: decryption: the encrypted part cannot be read"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "content",
    ["</w><w>", "<!DOCTYPE a><a/>", '<?xml version="1.0"?><a/>', "<a>&e;</a>", "<q:a/>"],
)
def test_a_plain_text_cannot_break_out_of_its_place(content: str):
    """What was encrypted goes through the XML gate like everything from outside."""
    envelope = a_message()
    certificate = x509.load_pem_x509_certificate(a_certificate().encode())
    key = b"0" * 16
    _no_key(envelope)
    envelope[0][0].extend(_locks(a_key().public_key(), certificate, "rsa-1_5", key, "D-1"))
    sealed = _enciphered("aes128-cbc", key, content.encode())
    _text("EncryptedData", base64.b64encode(sealed).decode())(envelope)
    with pytest.raises(SourceInsecure, match="cannot be read"):
        opened(envelope)


def test_what_was_encrypted_for_somebody_else_is_not_opened():
    """A random key takes the place of one that cannot be unwrapped, and opens nothing."""
    with pytest.raises(SourceInsecure, match="cannot be read"):
        opened(a_message(recipient=a_key("stranger")))


def test_an_algorithm_that_is_known_and_not_in_the_profile_is_refused():
    """The profile narrows: a service that uses one cipher accepts no other."""
    narrow = EncryptionProfile(element="Specific", key_transport=("rsa-1_5",), data=("aes128-gcm",))
    with pytest.raises(SourceInsecure, match="cannot be read"):
        opened(a_message(), narrow)
    with pytest.raises(SourceInsecure, match="cannot be read"):
        opened(a_message("rsa-oaep-mgf1p", "aes128-gcm"), narrow)


def test_an_answer_without_the_part_has_nothing_to_open():
    """An answer that is not ready holds neither data nor ciphertext."""
    envelope = a_message()
    envelope[1][0].remove(envelope[1][0][0])
    Decryptor("test", pem_of_key(a_key())).decrypt(envelope, envelope[1], PROFILE)
