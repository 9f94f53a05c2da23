"""The connector of the State's intermediation platform: sign, ask once, verify, decode."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Annotated

from lxml import etree
from msgspec import Meta, Struct

from connectors.age.answer import Asked, Reading, envelope_of, raise_fault, read_body
from connectors.age.outcomes import SOURCE
from connectors.age.request import Requester, RequestForm, new_request_id
from connectors.age.service import CONTRACT, Service, load_outcomes, load_services, spec_of
from hub.core.connector import Connector, Operation, Patience, Query
from hub.core.errors import SettingsError, SourceInsecure
from hub.core.exchange import SourceRecord
from hub.core.secret import Secret
from hub.wire.client import Answer, SourceClient
from hub.wire.decode import check_status
from hub.wire.offload import beside_the_loop
from hub.wire.signature import BodySigner, PinnedVerifier, Verified
from hub.wire.signature_form import Algorithm
from hub.wire.xmlenc import Decryptor, is_encrypted

SERVICES = load_services(CONTRACT / "services")
SPEC = spec_of(SERVICES)

REMEMBERED = 10_000
"""How many answers are remembered, to recognise one that comes twice."""

NOT_HERE = frozenset({404, 405})
"""Statuses of a platform that is up and does not publish its description."""

_PING = Operation(name="ping", echoes=(), patience=Patience(timeout_s=2.0, attempts=1))


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sources.age.settings]`. The three PEM texts are given as `{ file = "…" }`."""

    requester_id: str
    """NIF of the asking body, which must be the serialNumber of its certificate."""
    requester_name: str
    certificate: Secret
    key: Secret
    signer: Secret
    """The certificates, one or more, whose signature on an answer is believed."""
    id_prefix: Annotated[str, Meta(pattern="^[0-9A-Z]{3,9}$")] = "MAD"
    bulk_wait_s: float | None = None
    """Overrides the services' least waits between asynchronous messages; for the sandbox."""
    answer_algorithm: Algorithm | None = None
    """Overrides the services' own: `rsa-sha1` while the platform still signs with it."""
    signers: Mapping[str, Secret] = {}
    """By service code, who signs its answers where the platform does not: the provider."""
    endpoints: Mapping[str, str] = {}
    """By service code, another address than the contract's, below `url`."""


class Age:
    """One instance per process; remembers which answers it has seen, and nothing else."""

    def __init__(
        self,
        client: SourceClient,
        settings: Settings,
        new_id: Callable[[str], str],
        services: tuple[Service, ...] = SERVICES,
    ) -> None:
        self._client, self._settings, self._new_id = client, settings, new_id
        self._signer = BodySigner(
            SOURCE, settings.certificate.reveal(), settings.key.reveal(), client.clock
        )
        self._verifier = PinnedVerifier(SOURCE, settings.signer.reveal(), client.clock)
        self._verifiers = {
            code: PinnedVerifier(SOURCE, pinned.reveal(), client.clock)
            for code, pinned in settings.signers.items()
        }
        self._decryptor = Decryptor(SOURCE, settings.key.reveal())
        self.spec = spec_of(services)
        self._services = {service.operation: service for service in services}
        requester = Requester(identifier=settings.requester_id, name=settings.requester_name)
        self._forms = {service.code: RequestForm(service, requester) for service in services}
        self._table = load_outcomes(CONTRACT)
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def fetch(self, operation: str, query: Query) -> SourceRecord:
        """Ask the service behind *operation* once; each request is an act on record there."""
        service = self._services[operation]
        request_id = self._new_id(self._settings.id_prefix)
        request = self._forms[service.code].filled(query, request_id, self._client.clock())
        profile = service.signature
        content = self._signer.sign(request, f"Body-{request_id}", profile.request, profile.mode)
        call = self._client.call(self.spec, operation, query)
        headers = {
            "content-type": "text/xml; charset=UTF-8",
            "soapaction": f'"{service.synchronous.action}"',
        }
        endpoint = self._settings.endpoints.get(service.code, service.synchronous.endpoint)
        answer = await call.post(endpoint, content, headers)
        number = query.subject.document.number
        asked = Asked(service=service, request_id=request_id, document=number)
        reading = await self._read(answer, asked)
        echoes = {"request_id": (request_id,), "service": (service.code,)}
        return call.record(reading.payload, holds=reading.holds, asked=echoes)

    async def _read(self, answer: Answer, asked: Asked) -> Reading:
        """What the platform signed. The message as it came ends here."""
        size, service = len(answer.body), asked.service
        envelope, verified = await beside_the_loop(size, lambda: self._verified(answer, service))
        self._refuse_seen(verified.digest)

        def read() -> Reading:
            if service.encryption is not None:
                self._decryptor.decrypt(envelope, verified.body, service.encryption)
            elif is_encrypted(verified.body):
                raise SourceInsecure(SOURCE, "decryption", "this service does not encrypt")
            return read_body(verified.body, asked, self._table)

        return await beside_the_loop(size, read)

    def _verified(self, answer: Answer, service: Service) -> tuple[etree._Element, Verified]:
        envelope = envelope_of(answer)
        raise_fault(answer, envelope, self._table)
        algorithm = self._settings.answer_algorithm or service.signature.answer
        verifier = self._verifiers.get(service.code, self._verifier)
        return envelope, verifier.verify(envelope, algorithm, service.signature.mode)

    def _refuse_seen(self, digest: str) -> None:
        """Raise SourceInsecure (`replay`) for an answer that this process has had before."""
        if digest in self._seen:
            raise SourceInsecure(SOURCE, "replay", "this very answer was given before")
        self._seen[digest] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    async def ping(self) -> None:
        """Ask for the description of the first service: about nobody, and no act on record."""
        call = self._client.technical_call(_PING)
        answer = await call.get(f"{SERVICES[0].synchronous.endpoint}?wsdl")
        if answer.status not in NOT_HERE:
            check_status(answer)


def open_connector(client: SourceClient, settings: Settings) -> Connector:
    """The connector of `age`; SettingsError when a certificate or key cannot be used."""
    codes = {service.code for service in SERVICES}
    if unknown := sorted({*settings.signers, *settings.endpoints} - codes):
        raise SettingsError([f"{SOURCE}: no service {code}" for code in unknown])
    return Age(client, settings, new_request_id)
