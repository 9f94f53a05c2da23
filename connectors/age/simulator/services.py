"""What the platform publishes, and how each service is played: read from the contract."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
from lxml import etree
from msgspec import Struct

FOLDER = Path(__file__).resolve().parents[3] / "contracts" / "age" / "services"


class Case(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that a provider may know about a person."""

    code: str
    text: str = ""
    more: str = ""
    kind: str = ""
    share: float = 0.0
    """How much of the population this is; cases without a share happen on demand."""


class Played(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`played.toml` of a service: who answers, in which manner, and what about whom."""

    provider_name: str
    prefix: str
    frame: str
    """The inside of DatosEspecificos, with {code}, {text} and {more}."""
    extra: str = ""
    """An element that the published schema lacks."""
    seal: Literal["platform", "provider"] = "platform"
    body_id: str | None = None
    """The Body's only identifier; without it, there are two, as in the platform's answers."""
    twelve_hours: bool = False
    date_only: bool = False
    ages: tuple[int, int] | None = None
    otherwise: str | None = None
    """The case of people who are not of these ages."""
    asked: str | None = None
    """Element of the question that the answer repeats as {asked}."""
    modes: Mapping[str, str]
    citizens: Mapping[str, str]
    cases: Mapping[str, Case]


class PublishedService(Struct, frozen=True, kw_only=True):
    """One service as its provider publishes it."""

    code: str
    operation: str
    action: str
    provider: str
    bare_signature: bool
    encryption: tuple[str, str] | None
    """Key transport and cipher of its answers."""
    wsdl: bytes
    schema: etree.XMLSchema
    played: Played


def published(folder: Path = FOLDER) -> Mapping[str, PublishedService]:
    """The services by the last step of their address."""
    services = {}
    for path in sorted(folder.glob("*/service.toml")):
        config = tomllib.loads(path.read_text(encoding="utf-8"))
        played = (path.parent / "played.toml").read_bytes()
        sealing = config.get("encryption")
        services[config["synchronous"]["endpoint"]] = PublishedService(
            code=config["code"],
            operation=config["operation"],
            action=config["synchronous"]["action"],
            provider=config["provider"]["identifier"],
            bare_signature=config["signature"]["mode"] == "xml-signature",
            encryption=(sealing["key_transport"][0], sealing["data"][0]) if sealing else None,
            wsdl=(path.parent / "service.wsdl").read_bytes(),
            schema=etree.XMLSchema(file=str(path.parent / "peticion.xsd")),
            played=msgspec.toml.decode(played, type=Played),
        )
    return services
