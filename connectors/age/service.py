"""A service of the platform as data: a folder under `contracts/age/services/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from lxml import etree
from msgspec import Struct

from connectors.age.outcomes import OutcomeTable, Verdict
from connectors.age.specific import Row
from hub.core.connector import Echo, Operation, Patience, Spec
from hub.core.document import DocumentType
from hub.core.errors import SettingsError
from hub.core.policy import Consent
from hub.wire.signature_form import Algorithm, Mode
from hub.wire.xmlenc import EncryptionProfile

CONTRACT = Path(__file__).resolve().parents[2] / "contracts" / "age"
NAMESPACE = "http://intermediacion.redsara.es/scsp/esquemas/"

_TRANSMISSION = "TransmisionDatos/DatosGenericos"


class Provider(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body that owns the data (cedente)."""

    identifier: str
    name: str


class Endpoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Address below the platform's, and SOAPAction. Never derived: sources are irregular."""

    endpoint: str
    action: str


class SignatureProfile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How requests are signed, and the only way in which answers may be."""

    mode: Mode
    request: Algorithm
    answer: Algorithm


class RequestRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the request says of its holder, which kinds of consent it can state, and its data."""

    names: Literal["required", "optional", "never"]
    """Whether names are demanded, sent where they are known and fit, or never sent."""
    name_length: int = 40
    """The most characters of a name in the service's schema."""
    document_types: Mapping[DocumentType, str]
    consents: Mapping[Consent, Literal["Si", "Ley", "NoOpo"]]
    specific: tuple[Row, ...] = ()
    """The rows of DatosEspecificos, in the order of the service's schema."""


class BusinessOutcome(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the service's own code stands in DatosEspecificos, and what each means."""

    path: str
    codes: Mapping[str, Verdict]
    absent: Verdict | None = None
    """What an answer without the element of the code means; else the code must be there."""
    content: str | None = None
    """The part that holds the data. A code that says "found" without it contradicts itself."""
    empty_without_content: tuple[str, ...] = ()
    """Codes that say "found" and where, without that part, nothing is held."""

    def __post_init__(self) -> None:
        found = {code for code, verdict in self.codes.items() if verdict.outcome == "found"}
        if not (found if self.content else set()).issuperset(self.empty_without_content):
            raise ValueError("`empty_without_content` names codes of `found`, with `content`")

    @property
    def state(self) -> str:
        """The element that the code stands in."""
        return self.path.rpartition("/")[0] or self.path

    @property
    def table(self) -> OutcomeTable:
        """The codes as a table."""
        return OutcomeTable(codes=self.codes)


class Service(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One service (`CodigoCertificado`): all that is peculiar to it."""

    code: str
    title: str
    operation: str
    block: str
    schema_version: Literal["V3"]
    template: Literal["classic", "2022"]
    provider: Provider
    synchronous: Endpoint
    signature: SignatureProfile
    encryption: EncryptionProfile | None = None
    """How answers are encrypted; without it, an encrypted one is refused."""
    request: RequestRules
    patience: Patience
    outcome: BusinessOutcome
    repeatable: tuple[str, ...] = ()
    """Elements of DatosEspecificos that the contract lets repeat."""
    withheld: tuple[str, ...] = ()
    """Elements about third persons, or beyond the question, that never leave the connector:
    they stay in the sealed message and nowhere else."""
    folder: str = ""
    """Where the service's files are; filled in by whoever reads them."""

    def namespace(self, message: str) -> str:
        """The namespace of *message* (`peticion`, `respuesta`) in this schema version."""
        return f"{NAMESPACE}{self.schema_version}/{message}"

    def request_schema(self) -> etree.XMLSchema:
        """The schema that every request must satisfy before it is signed."""
        return etree.XMLSchema(file=str(Path(self.folder) / "peticion.xsd"))


def load_services(folder: Path) -> tuple[Service, ...]:
    """Every service under *folder*, by code; raises SettingsError with all faults at once."""
    services, faults = [], []
    for path in sorted(folder.glob("*/service.toml")):
        try:
            service = msgspec.toml.decode(path.read_bytes(), type=Service)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            faults.append(f"{path.parent.name}/service.toml: {error}")
            continue
        if service.code != path.parent.name:
            faults.append(f"{path.parent.name}/service.toml: its code is {service.code}")
        services.append(msgspec.structs.replace(service, folder=str(path.parent)))
    if len({service.operation for service in services}) != len(services):
        faults.append("two services for one operation")
    if len({service.block for service in services}) != len(services):
        faults.append("two services for one block")
    if faults:
        raise SettingsError([f"age: {fault}" for fault in faults])
    return tuple(services)


def load_outcomes(folder: Path) -> OutcomeTable:
    """The platform's own codes."""
    return msgspec.toml.decode((folder / "outcomes.toml").read_bytes(), type=OutcomeTable)


def spec_of(services: Sequence[Service]) -> Spec:
    """The declaration of a connector that offers *services*."""
    return Spec(
        name="age",
        title="Plataforma de intermediación de datos de la AGE (SCSP v3)",
        owner="Administración General del Estado",
        operations=tuple(
            Operation(
                name=service.operation,
                echoes=(
                    Echo(path="Atributos/IdPeticion", of="request_id"),
                    Echo(path="Atributos/CodigoCertificado", of="service"),
                    Echo(path=f"{_TRANSMISSION}/Titular/Documentacion", rows=True),
                    Echo(
                        path=f"{_TRANSMISSION}/Transmision/IdSolicitud", of="request_id", rows=True
                    ),
                    Echo(
                        path=f"{_TRANSMISSION}/Transmision/CodigoCertificado",
                        of="service",
                        rows=True,
                    ),
                ),
                patience=service.patience,
                repeatable=False,
            )
            for service in services
        ),
        blocks={service.block: (service.operation,) for service in services},
    )
