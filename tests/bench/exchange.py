"""What a signed exchange costs: the hub's own way, and the same through zeep with zeep.wsse.

Both build the same request, sign its Body with RSA-SHA256, send it over loopback to a process
that gives prepared answers, verify the answer with the platform's certificate and read it. Each
uses its own HTTP client, as it does when it is used. The hub's way also checks the request
against its schema, refuses every other form of signature and whoever is not pinned, and binds
the answer to its request; the whole of it maps the answer and puts both halves on record, which
has no counterpart on the other side. So there is a line without these two.

Rounds of all sides alternate: machines are noisy, and only ratios of one run travel.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import xmlsec
import zeep
from lxml import etree
from msgspec import structs
from zeep.wsse.signature import BinarySignature

from connectors.age.connector import Age
from connectors.age.request import Requester, RequestForm
from connectors.age.service import CONTRACT, load_services
from connectors.age.simulator import simulate
from hub.core.exchange import Outcome, Recorder, Sent
from hub.core.model.evidence import JobSeekerEvidence
from hub.core.moment import utc_now
from hub.ledger.open import open_ledger
from hub.ledger.recorder import LedgerRecorder
from hub.mapping import Mapping, load_mapping
from hub.sandbox.certificates import CertificateFiles, ensure_certificates
from hub.sandbox.population import Population
from hub.sandbox.stage import FaultBoard, Stage
from hub.wire.client import open_client
from hub.wire.signature import BodySigner
from tests.bench.timing import private_operation_us
from tests.contract.age.world import asking, settings

COUNT, ROUNDS, TOGETHER = 100, 7, 10
SERVICE = next(s for s in load_services(CONTRACT / "services") if s.operation == "job_seeker")
REQUESTER = Requester(identifier="P2807900B", name="Ayuntamiento de Madrid")


def measure(folder: Path) -> list[tuple[str, str, str]]:
    """CPU of an exchange beside one private operation, and beside zeep's."""
    files = ensure_certificates(folder / "sim")
    answers = asyncio.run(_answers(files, folder))
    with _served(folder, answers) as url:
        rounds = _rounds(files, folder, url, list(answers))
    private, whole, together, bare, rival = zip(*rounds, strict=True)
    return [
        ("one RSA-2048 private operation", _us(private), ""),
        ("signed exchange through the hub", _us(whole), "sign, send, verify, map, record"),
        ("  in private operations", _times(whole, private), "aim <= 10"),
        (f"  the same, {TOGETHER} in flight", _times(together, private), ""),
        ("the hub without map and record", _us(bare), "sign, send, verify, read"),
        ("  in private operations", _times(bare, private), ""),
        ("the same through zeep and zeep.wsse", _us(rival), "sign, send, verify, read"),
        ("  zeep's over the hub's whole exchange", _times(rival, whole), "aim >= 1.3"),
        ("  the same, like for like", _times(rival, bare), "without map and record"),
    ]


def _us(costs: Sequence[float]) -> str:
    return f"{statistics.median(costs):.0f} us"


def _times(costs: Sequence[float], units: Sequence[float]) -> str:
    """The median of each round's own ratio: what disturbs a round disturbs both of its sides."""
    ratios = [cost / unit for cost, unit in zip(costs, units, strict=True)]
    return f"{statistics.median(ratios):.2f} x"


def _rounds(
    files: CertificateFiles, folder: Path, url: str, numbers: list[str]
) -> list[list[float]]:
    """Microseconds by round: one operation, whole, whole together, without, zeep's."""
    rival = _zeep(files, url, numbers)
    sides: list[Callable[[], float]] = [
        private_operation_us,
        lambda: asyncio.run(_whole(files, folder, url, numbers, 1)),
        lambda: asyncio.run(_whole(files, folder, url, numbers, TOGETHER)),
        lambda: asyncio.run(_bare(files, url, numbers)),
        rival,
    ]
    return [[side() for side in sides] for _ in range(ROUNDS + 1)][1:]


async def _answers(files: CertificateFiles, folder: Path) -> dict[str, bytes]:
    """Genuine sealed answers to request numbers known beforehand, made outside the measure."""
    stage = Stage(
        source="age",
        population=Population(),
        faults=FaultBoard(),
        settings={},
        keys=folder / "sim",
    )
    found, form = {}, RequestForm(SERVICE, REQUESTER)
    signer = BodySigner("bench", files.hub.read_text(), files.hub_key.read_text(), utc_now)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(simulate(stage))) as client:
        for number in range(COUNT):
            request_id = f"MAD{number:023}"
            content = signer.sign(form.filled(asking(), request_id, utc_now()), "B", "rsa-sha256")
            answer = await client.post(
                f"http://bench.test/{SERVICE.synchronous.endpoint}",
                content=content,
                headers={"content-type": "text/xml", "soapaction": SERVICE.synchronous.action},
            )
            answer.raise_for_status()
            found[request_id] = answer.content
    return found


@contextmanager
def _served(folder: Path, answers: dict[str, bytes]) -> Iterator[str]:
    """The address of a process that gives *answers*."""
    path = folder / "answers.msgpack"
    path.write_bytes(msgspec.msgpack.encode(answers))
    command = [sys.executable, "-m", "tests.bench.canned", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        yield f"http://127.0.0.1:{run.stdout.readline().strip()}/"
        run.kill()


class _Forgetful:
    """A recorder that keeps nothing."""

    async def record(self, entry: Sent | Outcome) -> None:
        """Forget *entry*."""


async def _whole(
    files: CertificateFiles, folder: Path, url: str, numbers: list[str], together: int
) -> float:
    """CPU microseconds per exchange that is recorded and mapped, the ledger's thread included."""
    ledger = open_ledger(folder / "l.db", folder / "keys", origin="bench.invalid/ledger")
    mapping = load_mapping(CONTRACT.parents[1] / "mappings" / "age", "jobSeeker", JobSeekerEvidence)
    used = await _exchanges(files, url, numbers, LedgerRecorder(ledger), mapping, together)
    await ledger.close()
    return used


async def _bare(files: CertificateFiles, url: str, numbers: list[str]) -> float:
    """CPU microseconds per exchange that is neither recorded nor mapped."""
    return await _exchanges(files, url, numbers, _Forgetful(), None, 1)


async def _exchanges(
    files: CertificateFiles,
    url: str,
    numbers: list[str],
    recorder: Recorder,
    mapping: Mapping | None,
    together: int,
) -> float:
    ids = iter(numbers)
    client = open_client("age", url, recorder)
    age = Age(client, settings(files), lambda _: next(ids))
    patient = asyncio.get_running_loop().time() + 600
    queries = iter([structs.replace(asking(), deadline=patient) for _ in numbers])

    async def caller() -> None:
        for query in queries:
            record = await age.fetch("job_seeker", query)
            if mapping is not None:
                mapping.apply({"job_seeker": record.payload})

    began = time.process_time()
    await asyncio.gather(*(caller() for _ in range(together)))
    used = time.process_time() - began
    await client.aclose()
    return used / len(numbers) * 1e6


def _zeep(files: CertificateFiles, url: str, numbers: list[str]) -> Callable[[], float]:
    """A round of zeep: CPU microseconds per exchange. What it asks with is made beforehand."""
    client = zeep.Client(str(Path(SERVICE.folder) / "service.wsdl"), wsse=_Checked(files))
    binding = next(iter(client.wsdl.bindings))
    service = client.create_service(binding, f"{url}{SERVICE.synchronous.endpoint}")
    form = RequestForm(SERVICE, REQUESTER)

    async def made() -> list[dict[str, object]]:
        return [_as_values(form.filled(asking(), number, utc_now())) for number in numbers]

    questions = asyncio.run(made())

    def one_round() -> float:
        began = time.process_time()
        for values in questions:
            service.peticionSincrona(**values)
        return (time.process_time() - began) / len(questions) * 1e6

    return one_round


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

    def __init__(self, files: CertificateFiles) -> None:
        self._signing = BinarySignature(
            str(files.hub_key),
            str(files.hub),
            signature_method=xmlsec.constants.TransformRsaSha256,
            digest_method=xmlsec.constants.TransformSha256,
        )
        self._verifying = BinarySignature(str(files.hub_key), str(files.platform))

    def apply(self, envelope: etree._Element, headers: object) -> object:
        """Sign what is sent."""
        return self._signing.apply(envelope, headers)

    def verify(self, envelope: etree._Element) -> etree._Element:
        """Verify what came."""
        return self._verifying.verify(envelope)
