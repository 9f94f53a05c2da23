"""What a signed exchange costs: the hub's own way, and the same through zeep with zeep.wsse.

Both build the same request, sign its Body, send it over the same in-memory transport, verify
the answer and read it. The hub's way also checks the request against its schema, refuses
every other form of signature, binds the answer, maps it and puts both halves on record.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
import zeep
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree
from zeep.wsse.signature import BinarySignature

from connectors.age.connector import Age
from connectors.age.request import Requester, RequestForm
from connectors.age.service import CONTRACT, load_services
from connectors.age.simulator import simulate
from hub.core.model.evidence import JobSeekerEvidence
from hub.core.moment import utc_now
from hub.ledger.open import open_ledger
from hub.ledger.recorder import LedgerRecorder
from hub.mapping import load_mapping
from hub.sandbox.certificates import CertificateFiles, ensure_certificates
from hub.sandbox.population import Population
from hub.sandbox.stage import FaultBoard, Stage
from hub.wire.client import open_client
from tests.bench.timing import cpu_us
from tests.contract.age.world import asking, settings

COUNT = 150
SERVICE = next(s for s in load_services(CONTRACT / "services") if s.operation == "job_seeker")


def measure(folder: Path) -> list[tuple[str, str, str]]:
    """CPU of an exchange beside one private operation, and beside zeep's."""
    files = ensure_certificates(folder / "sim")
    key = load_pem_private_key(files.hub_key.read_bytes(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    private = cpu_us(lambda: key.sign(b"x", padding.PKCS1v15(), hashes.SHA256()))
    answers = asyncio.run(_answers(files, folder))
    hub = asyncio.run(_hub(files, folder, answers))
    rival = _zeep(files, folder, answers[0][1])
    return [
        ("one RSA-2048 private operation", f"{private:.0f} us", ""),
        ("signed exchange through the hub", f"{hub:.0f} us", "sign, send, verify, map, record"),
        ("  in private operations", f"{hub / private:.1f} x", "aim <= 10"),
        ("same exchange through zeep and zeep.wsse", f"{rival:.0f} us", "nothing recorded"),
        ("  zeep's cost over the hub's", f"{rival / hub:.2f} x", "aim >= 1.3"),
    ]


async def _answers(files: CertificateFiles, folder: Path) -> list[tuple[str, bytes]]:
    """Genuine sealed answers to request numbers known beforehand, made outside the measure."""
    stage = Stage(
        source="age",
        population=Population(),
        faults=FaultBoard(),
        settings={},
        keys=folder / "sim",
    )
    app, found = simulate(stage), []
    form = RequestForm(SERVICE, Requester(identifier="P2807900B", name="Ayuntamiento de Madrid"))
    from hub.wire.signature import BodySigner

    signer = BodySigner("bench", files.hub.read_text(), files.hub_key.read_text(), utc_now)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        for number in range(COUNT):
            request_id = f"MAD{number:023}"
            content = signer.sign(form.filled(asking(), request_id, utc_now()), "B", "rsa-sha256")
            answer = await client.post(
                f"http://bench.test/{SERVICE.synchronous.endpoint}",
                content=content,
                headers={"content-type": "text/xml", "soapaction": SERVICE.synchronous.action},
            )
            answer.raise_for_status()
            found.append((request_id, answer.content))
    return found


async def _hub(files: CertificateFiles, folder: Path, answers: list[tuple[str, bytes]]) -> float:
    """CPU microseconds per exchange, the ledger's included."""
    ledger = open_ledger(folder / "l.db", folder / "keys", origin="bench.invalid/ledger")
    ids, bodies = (iter(column) for column in zip(*answers, strict=True))
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=next(bodies)))
    recorder = LedgerRecorder(ledger)
    client = open_client("age", "http://bench.test/", recorder, transport=transport)
    age = Age(client, settings(files), lambda _: next(ids))
    mapping = load_mapping(CONTRACT.parents[1] / "mappings" / "age", "jobSeeker", JobSeekerEvidence)
    began = time.process_time()
    for _ in answers:
        record = await age.fetch("job_seeker", asking())
        mapping.apply({"job_seeker": record.payload})
    used = time.process_time() - began
    await client.aclose()
    await ledger.close()
    return used / len(answers) * 1e6


def _zeep(files: CertificateFiles, folder: Path, answer: bytes) -> float:
    """CPU microseconds per exchange: zeep signs, verifies and reads the same messages."""
    wsse = BinarySignature(
        str(files.hub_key),
        str(files.hub),
        signature_method=None,
    )
    rival = _RivalTransport(answer)
    wsdl = str(Path(SERVICE.folder) / "service.wsdl")
    client = zeep.Client(wsdl, wsse=_Checked(wsse, files), transport=rival)
    form = RequestForm(SERVICE, Requester(identifier="P2807900B", name="Ayuntamiento de Madrid"))

    async def _one() -> etree._Element:
        return form.filled(asking(), "MAD00000000000000000000001", utc_now())

    request = asyncio.run(_one())
    values = _as_values(request)

    def exchange() -> None:
        client.service.peticionSincrona(**values)

    return cpu_us(exchange)


def _as_values(element: etree._Element) -> dict[str, object]:
    """The request as zeep takes it: nested dicts by local name."""
    values: dict[str, object] = {}
    for child in element:
        name = etree.QName(child).localname
        value: object = _as_values(child) if len(child) else child.text
        values[name] = [value] if name == "SolicitudTransmision" else value
    return values


class _Checked:
    """zeep.wsse with the platform's certificate to verify answers with."""

    def __init__(self, signing: BinarySignature, files: CertificateFiles) -> None:
        self._signing = signing
        self._verifying = BinarySignature(str(files.hub_key), str(files.platform))

    def apply(self, envelope: etree._Element, headers: object) -> object:
        """Sign what is sent."""
        return self._signing.apply(envelope, headers)

    def verify(self, envelope: etree._Element) -> etree._Element:
        """Verify what came."""
        return self._verifying.verify(envelope)


class _RivalTransport(zeep.Transport):
    """Gives the same answer without a socket, as the hub's side has it."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self._answer = answer

    def post(self, address: str, message: bytes, headers: object) -> object:
        """The sealed answer."""
        import requests

        response = requests.Response()
        response.status_code, response._content = 200, self._answer
        response.headers["content-type"] = "text/xml; charset=utf-8"
        return response
