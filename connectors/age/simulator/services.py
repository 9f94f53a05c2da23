"""What the platform publishes: addresses, actions and schemas, read from the contract."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from lxml import etree
from msgspec import Struct

FOLDER = Path(__file__).resolve().parents[3] / "contracts" / "age" / "services"


class PublishedService(Struct, frozen=True, kw_only=True):
    """One service as its provider publishes it."""

    code: str
    operation: str
    action: str
    provider: str
    wsdl: bytes
    schema: etree.XMLSchema


def published(folder: Path = FOLDER) -> Mapping[str, PublishedService]:
    """The services by the last step of their address."""
    services = {}
    for path in sorted(folder.glob("*/service.toml")):
        config = tomllib.loads(path.read_text(encoding="utf-8"))
        services[config["synchronous"]["endpoint"]] = PublishedService(
            code=config["code"],
            operation=config["operation"],
            action=config["synchronous"]["action"],
            provider=config["provider"]["identifier"],
            wsdl=(path.parent / "service.wsdl").read_bytes(),
            schema=etree.XMLSchema(file=str(path.parent / "peticion.xsd")),
        )
    return services
