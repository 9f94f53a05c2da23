from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from connectors.civis.simulator.records import Archive
from connectors.civis.simulator.tokens import MOST_TOKENS, TokenOffice
from hub.sandbox import magic
from hub.sandbox.population import Population
from tests.support.builders import NOW
from tests.support.serving import a_stage


def test_what_is_held_about_a_person_follows_from_the_dice_alone() -> None:
    """Two archives agree, the order of questions does not matter, and nobody is remembered."""
    first, second = Population(), Population()
    forwards = [rows(first, index) for index in range(100, 200)]
    backwards = [rows(second, index) for index in reversed(range(100, 200))]
    assert forwards == backwards[::-1]
    assert any(services for services, _ in forwards)
    assert any(benefits for _, benefits in forwards)


def rows(population: Population, index: int) -> tuple[Any, Any]:
    archive, person = Archive(population), population.person(index)
    return archive.services(person, NOW.date()), archive.benefits(person, NOW.date())


def test_only_the_sealed_record_is_protected() -> None:
    """The archive holds one protected record, which the answer leaves out."""
    population = Population()
    services, _ = rows(population, magic.SEALED_SOCIAL_RECORD)
    assert {row["familia"] for row in services} == {"VIOLG"}
    families = {row["familia"] for index in range(100, 300) for row in rows(population, index)[0]}
    assert "VIOLG" not in families


def test_tokens_do_not_pile_up(tmp_path: Path) -> None:
    """The simulator keeps a bounded number of tokens, the newest."""
    stage = a_stage("civis", tmp_path, {"client_id": "hub"}, client_secret="the secret")
    office = TokenOffice(replace(stage, clock=lambda: NOW))
    for _ in range(MOST_TOKENS + 5):
        office._issued(frozenset({"civis.servicios.leer"}))
    assert len(office._live) == MOST_TOKENS
