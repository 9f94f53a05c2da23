"""Ask the platform about many people in one asynchronous request (SCSP v3).

The hub decides when; here each message is built, signed, sent once, verified and read. A
fault is unsigned, so that what it claims is believed only where a lie does no harm: that a
request is unknown makes the hub send it again under the same IdPeticion, which the platform
refuses if it has it; that an answer is gone counts once it is said on another day too; any
other makes the hub ask for the answer again.
"""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from connectors.age.answer import envelope_of, fault_code, raise_fault
from connectors.age.batch_answer import ALREADY_THERE, LOST, UNHEARD_OF, Reader
from connectors.age.batch_request import answer_request, petition, requested_parts
from connectors.age.batch_service import BatchService, batch_services
from connectors.age.belief import Believer
from connectors.age.connector import SERVICES
from connectors.age.outcomes import SOURCE
from connectors.age.request import Requester, RequestForm, new_request_id
from connectors.age.service import CONTRACT, load_outcomes
from connectors.age.settings import Settings, check_codes
from hub.core.connector import Query
from hub.wire.bulk import Accepted, Bulk, BulkConnector, BulkRules, Collected, Gone, NeverArrived
from hub.wire.client import Answer, SourceClient
from hub.wire.signature import BodySigner

BATCH_SERVICES = batch_services(SERVICES)
"""By operation the services that can be asked asynchronously."""


class AgeBatch:
    """A BulkConnector; keeps nothing between two calls."""

    def __init__(self, client: SourceClient, settings: Settings) -> None:
        self._client, self._settings = client, settings
        self._signer = BodySigner(
            SOURCE, settings.certificate.reveal(), settings.key.reveal(), client.clock
        )
        self._believer = Believer(settings, client.clock)
        requester = Requester(identifier=settings.requester_id, name=settings.requester_name)
        self._table = load_outcomes(CONTRACT)
        services = {name: batch.service for name, batch in BATCH_SERVICES.items()}
        self._forms = {name: RequestForm(s, requester) for name, s in services.items()}
        self._schemas = {name: service.request_schema() for name, service in services.items()}
        self._readers = {
            name: Reader(service=service, table=self._table, clock=client.clock)
            for name, service in services.items()
        }

    @property
    def rules(self) -> Mapping[str, BulkRules]:
        return {
            name: service.rules(self._settings.bulk_wait_s)
            for name, service in BATCH_SERVICES.items()
        }

    def new_request_id(self) -> str:
        return new_request_id(self._settings.id_prefix)

    def check(self, operation: str, query: Query) -> None:
        self._forms[operation].filled(query, "0" * 26, self._client.clock())

    async def submit(self, bulk: Bulk) -> Answer:
        batch, now = BATCH_SERVICES[bulk.operation], self._client.clock()
        form, schema = self._forms[bulk.operation], self._schemas[bulk.operation]
        message = petition(form, schema, bulk, now)
        return await self._post(batch, bulk, message, batch.asynchronous.request_action)

    def confirmed(self, bulk: Bulk, answer: Answer) -> Accepted:
        envelope = envelope_of(answer)
        if fault_code(envelope) == ALREADY_THERE:
            return Accepted(wait_s=0, signed=False)
        return self._readers[bulk.operation].confirmation(
            self._opened(bulk, answer, envelope), bulk
        )

    async def collect(self, bulk: Bulk) -> Answer:
        batch = BATCH_SERVICES[bulk.operation]
        message = answer_request(batch.service, bulk, self._client.clock())
        return await self._post(batch, bulk, message, batch.asynchronous.answer_action)

    def delivered(self, bulk: Bulk, answer: Answer) -> Collected:
        envelope = envelope_of(answer)
        code = fault_code(envelope)
        if code == UNHEARD_OF:
            return NeverArrived()
        if code in LOST:
            return Gone(signed=False)
        body = self._opened(bulk, answer, envelope)
        return self._readers[bulk.operation].answer(body, bulk, answer.exchange)

    def requested(self, body: bytes) -> Mapping[str, bytes]:
        return requested_parts(body)

    async def _post(
        self, batch: BatchService, bulk: Bulk, message: etree._Element, action: str
    ) -> Answer:
        profile = batch.service.signature
        body_id = f"Body-{bulk.request_id}"
        content = self._signer.sign(message, body_id, profile.request, profile.mode)
        call = self._client.bulk_call(batch.operation, bulk.id, bulk.retention)
        headers = {"content-type": "text/xml; charset=UTF-8", "soapaction": f'"{action}"'}
        own = self._settings.bulk_endpoints
        endpoint = own.get(batch.service.code, batch.asynchronous.endpoint)
        return await call.post(endpoint, content, headers)

    def _opened(self, bulk: Bulk, answer: Answer, envelope: etree._Element) -> etree._Element:
        """The signed Body in clear; the error of the outcome for a fault."""
        raise_fault(answer, envelope, self._table)
        batch = BATCH_SERVICES[bulk.operation]
        verified = self._believer.verified(envelope, batch.service)
        return self._believer.open(envelope, verified, batch.asynchronous.encryption)


def open_bulk(client: SourceClient, settings: Settings) -> BulkConnector:
    """The asynchronous side of `age`; SettingsError when a certificate or key cannot be used."""
    check_codes(settings, (service.code for service in SERVICES))
    return AgeBatch(client, settings)
