"""The canonical model: what the hub says, whatever the source called it."""

from __future__ import annotations

from msgspec import Struct

from hub.core.model.canonical import Canonical, Code, Money, PartialDate
from hub.core.model.centre import SeniorCentres
from hub.core.model.electoral import ElectoralRoll
from hub.core.model.evidence import (
    DisabilityEvidence,
    IncomeLevelEvidence,
    JobSeekerEvidence,
    LargeFamilyEvidence,
    UnemploymentBenefitEvidence,
    WorkHistoryEvidence,
)
from hub.core.model.folder import Appointments, Cases, Notifications, RegistryEntries
from hub.core.model.person import Identity
from hub.core.model.residence import Residence
from hub.core.model.service_request import ServiceRequests
from hub.core.model.social import SocialBenefits, SocialServices
from hub.core.model.tax import DirectDebits, Fines, TaxBills

__all__ = ["BLOCKS", "BlockType", "Canonical", "Code", "Money", "PartialDate"]


class BlockType(Struct, frozen=True, kw_only=True):
    """A block's public name, its canonical type and its titles.

    `special` marks special categories of data (GDPR art. 9): never cached, `no-store`.
    A type with an `items` tuple is a collection: served in pages of 50.
    """

    name: str
    type: type[Canonical]
    title_es: str
    title_en: str
    special: bool = False

    @property
    def is_collection(self) -> bool:
        """Whether the block is a list of things rather than one record."""
        return "items" in self.type.__struct_fields__


BLOCKS: dict[str, BlockType] = {
    block.name: block
    for block in (
        BlockType(name="identity", type=Identity, title_es="Identidad", title_en="Identity"),
        BlockType(
            name="residence",
            type=Residence,
            title_es="Empadronamiento",
            title_en="Registered residence",
        ),
        BlockType(
            name="electoralRoll",
            type=ElectoralRoll,
            title_es="Censo electoral",
            title_en="Electoral roll",
        ),
        BlockType(name="taxBills", type=TaxBills, title_es="Recibos", title_en="Tax bills"),
        BlockType(name="fines", type=Fines, title_es="Multas y sanciones", title_en="Fines"),
        BlockType(
            name="directDebits",
            type=DirectDebits,
            title_es="Domiciliaciones",
            title_en="Direct debits",
        ),
        BlockType(
            name="socialServices",
            type=SocialServices,
            title_es="Servicios sociales",
            title_en="Social services",
            special=True,
        ),
        BlockType(
            name="socialBenefits",
            type=SocialBenefits,
            title_es="Prestaciones y ayudas sociales",
            title_en="Social benefits",
            special=True,
        ),
        BlockType(
            name="serviceRequests",
            type=ServiceRequests,
            title_es="Avisos",
            title_en="Street incident reports",
        ),
        BlockType(
            name="appointments",
            type=Appointments,
            title_es="Citas",
            title_en="Appointments",
        ),
        BlockType(name="cases", type=Cases, title_es="Expedientes", title_en="Cases"),
        BlockType(
            name="registryEntries",
            type=RegistryEntries,
            title_es="Consulta de Registro",
            title_en="Registry entries",
        ),
        BlockType(
            name="notifications",
            type=Notifications,
            title_es="Notificaciones y comunicaciones",
            title_en="Notifications and communications",
        ),
        BlockType(
            name="seniorCentres",
            type=SeniorCentres,
            title_es="Centros de mayores",
            title_en="Centres for older people",
        ),
        BlockType(
            name="jobSeeker",
            type=JobSeekerEvidence,
            title_es="Demanda de empleo",
            title_en="Job seeker registration",
        ),
        BlockType(
            name="unemploymentBenefit",
            type=UnemploymentBenefitEvidence,
            title_es="Prestaciones por desempleo",
            title_en="Unemployment benefit",
        ),
        BlockType(
            name="workHistory",
            type=WorkHistoryEvidence,
            title_es="Vida laboral",
            title_en="Work history",
        ),
        BlockType(
            name="incomeLevel",
            type=IncomeLevelEvidence,
            title_es="Nivel de renta",
            title_en="Level of income",
        ),
        BlockType(
            name="largeFamily",
            type=LargeFamilyEvidence,
            title_es="Familia numerosa",
            title_en="Large family",
        ),
        BlockType(
            name="disability",
            type=DisabilityEvidence,
            title_es="Discapacidad",
            title_en="Disability",
            special=True,
        ),
    )
}
"""Every block of the hub by its public name; a connector package may add its own."""
