"""The service's types, read from its own contract: what exists, of which type, with which key."""

from __future__ import annotations

from pathlib import Path

from lxml import etree
from msgspec import Struct

from hub.wire.xml import parse_trusted_file

METADATA = Path(__file__).parents[3] / "contracts" / "sap_trm" / "metadata.xml"
NAMESPACE = "ZTRM_CARPETA_SRV"


class EntityType(Struct, frozen=True, kw_only=True):
    """One entity type and the set that holds it; `properties` gives each its Edm type."""

    name: str
    entity_set: str
    keys: tuple[str, ...]
    properties: dict[str, str]
    navigations: dict[str, str]
    """Per navigation the set that it leads to."""


def read_types() -> dict[str, EntityType]:
    """Every entity type of the service, by the name of its set."""
    root = parse_trusted_file(str(METADATA))
    types = {node.get("Name"): node for node in root.iter("{*}EntityType")}
    ends = {
        (association.get("Name"), end.get("Role")): str(end.get("Type"))
        for association in root.iter("{*}Association")
        for end in association.iter("{*}End")
    }
    sets = {
        str(node.get("EntityType")).removeprefix(f"{NAMESPACE}."): str(node.get("Name"))
        for node in root.iter("{*}EntitySet")
    }
    return {
        entity_set: _entity_type(types[name], name, entity_set, ends, sets)
        for name, entity_set in sets.items()
    }


def _entity_type(
    node: etree._Element,
    name: str,
    entity_set: str,
    ends: dict[tuple[str | None, str | None], str],
    sets: dict[str, str],
) -> EntityType:
    navigations = {}
    for navigation in node.iter("{*}NavigationProperty"):
        association = str(navigation.get("Relationship")).removeprefix(f"{NAMESPACE}.")
        target = ends[association, navigation.get("ToRole")].removeprefix(f"{NAMESPACE}.")
        navigations[str(navigation.get("Name"))] = sets[target]
    return EntityType(
        name=name,
        entity_set=entity_set,
        keys=tuple(str(key.get("Name")) for key in node.iter("{*}PropertyRef")),
        properties={str(p.get("Name")): str(p.get("Type")) for p in node.iter("{*}Property")},
        navigations=navigations,
    )
