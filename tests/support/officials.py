"""Officials, and their accesses at a desk with real purposes, mappings and ledger."""

from __future__ import annotations

import msgspec

from hub.core.connector import Subject
from hub.core.document import parse_document
from hub.core.model.canonical import PartialDate
from hub.core.policy import Access, Caller, Official
from hub.mapping import examples_path, load_examples
from hub.position.access import begin_access
from hub.position.desk import Answered, Wish
from tests.support.answering import ROOT, World
from tests.support.builders import CITIZEN, NOW

OFFICIAL = Caller(
    issuer="https://issuer.test",
    subject_id="official",
    audience="official",
    assurance="high",
    document=parse_document("99000100G"),
    given_name="Funcionaria",
    processing_unit="L01280796",
    scopes=frozenset({"special_categories"}),
)

MEMBER = parse_document("99000003E")
"""Who lives with the citizen, after `whole_register`."""


def whole_register(world: World) -> None:
    """Let the register's one example answer for both of its blocks, with a member named."""
    register = world.connectors["padron"].payloads
    folder = ROOT / "mappings" / "padron"
    identity = load_examples(examples_path(folder, "identity"))[0].payloads["inhabitant"]
    register["inhabitant"]["Resultado"] |= identity["Resultado"]
    member = register["household"]["Resultado"]["Personas"]["Persona"][0]
    member["Documentacion"] = {"Tipo": "NIF", "Valor": MEMBER.number}


async def an_access_of(
    world: World,
    purpose: str,
    number: str = CITIZEN,
    *,
    caller: Caller = OFFICIAL,
    born: PartialDate | None = None,
    representation: str | None = None,
) -> Access:
    """An open access under *purpose*."""
    row = world.desk.purposes.get(purpose)
    assert row is not None
    unit = caller.processing_unit or ""
    document = caller.document or parse_document(CITIZEN)
    official = Official(full_name="Funcionaria", document=document, processing_unit=unit)
    access = begin_access(
        caller,
        row,
        Subject(document=parse_document(number), birth_date=born),
        lambda: NOW,
        case_file="EXP/1",
        official=official if caller.audience == "official" else None,
        consent="given",
        representation=representation,
    )
    await world.desk.open_access(access, None, "test")
    return access


async def seen(
    world: World, access: Access, *, blocks: tuple[str, ...] | None = None, **fields: set[str]
) -> Answered:
    """What the holder of *access* is answered."""
    wish = Wish(blocks=blocks)
    if fields:
        wanted = {name: frozenset(paths) for name, paths in fields.items()}
        wish = msgspec.structs.replace(wish, blocks=tuple(fields), fields=wanted)
    return await world.desk.answer(access, access.caller, wish)
