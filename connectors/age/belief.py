"""What of an answer may be believed: the Body that the right one signed, opened if encrypted.

One way for both: an answer about one person, and one about many.
"""

from __future__ import annotations

from lxml import etree

from connectors.age.outcomes import SOURCE
from connectors.age.service import Service
from connectors.age.settings import Settings
from hub.core.errors import SourceInsecure
from hub.core.moment import Clock
from hub.wire.signature import PinnedVerifier, Verified
from hub.wire.xmlenc import Decryptor, EncryptionProfile, is_encrypted


class Believer:
    """Holds the pinned certificates and the key that opens; SettingsError if one is unfit."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._algorithm = settings.answer_algorithm
        self._usual = PinnedVerifier(SOURCE, settings.signer.reveal(), clock)
        self._others = {
            code: PinnedVerifier(SOURCE, pinned.reveal(), clock)
            for code, pinned in settings.signers.items()
        }
        self._decryptor = Decryptor(SOURCE, settings.key.reveal())

    def verified(self, envelope: etree._Element, service: Service) -> Verified:
        """The Body of *envelope*, if whoever signs for *service* signed it as its profile says."""
        profile = service.signature
        verifier = self._others.get(service.code, self._usual)
        return verifier.verify(envelope, self._algorithm or profile.answer, profile.mode)

    def open(
        self,
        envelope: etree._Element,
        verified: Verified,
        encryption: EncryptionProfile | None,
    ) -> etree._Element:
        """The Body in clear. What is encrypted without a profile is refused (`decryption`)."""
        if encryption is not None:
            self._decryptor.decrypt(envelope, verified.body, encryption)
        elif is_encrypted(verified.body):
            raise SourceInsecure(SOURCE, "decryption", "this service does not encrypt")
        return verified.body
