"""What `hub.toml` may say of SAP-TRM, and the connector's declaration."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import msgspec
import pytest

from connectors.sap_trm import SPEC, Settings, open_connector
from connectors.sap_trm.settings import ACCOUNT, ITEM, PARTNER
from hub.core.model import BLOCKS
from hub.core.secret import Secret
from tests.contract.sap_trm.playing import REPOSITORY, the_settings
from tests.support.builders import a_client

FOLDER = REPOSITORY / "connectors" / "sap_trm"


def settings_of(table: dict[str, Any]) -> Settings:
    """The settings in a table of `hub.toml`, decoded as strictly as the hub decodes them."""

    def secret(_type: type, value: Any) -> Any:
        return Secret(str(value))

    return msgspec.convert(table, Settings, dec_hook=secret)


def test_the_readme_shows_a_complete_table() -> None:
    """The table in the README can be pasted into `hub.toml` and holds every setting."""
    (table,) = re.findall(r"```toml\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)
    source = tomllib.loads(table)["sources"]["sap_trm"]
    assert source["module"] == "connectors.sap_trm"
    assert source["cookies"] is True
    assert source["settings"].keys() == set(Settings.__struct_fields__)
    read = settings_of(source["settings"])
    assert msgspec.structs.replace(read, password=Secret("x")) == Settings(
        user=read.user, password=Secret("x"), properties=read.properties
    )


WRONG = [
    pytest.param({"unknown": 1}, id="unknown-key"),
    pytest.param({"sets": {"bills": "X"}}, id="unknown-set"),
    pytest.param({"properties": {"item": {"NOPE": "X"}}}, id="unknown-payload-name"),
    pytest.param({"properties": {"item": {"GPART": ""}}}, id="needed-name-left-out"),
    pytest.param({"properties": {"partner": {"TAXNUM": ""}}}, id="echo-left-out"),
    pytest.param({"sap_client": "1OO"}, id="letters-in-client"),
    pytest.param({"max_rows": 0}, id="no-rows"),
    pytest.param({"max_pages": 0}, id="no-pages"),
]


@pytest.mark.parametrize("changes", WRONG)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any]) -> None:
    """A mistake in the configuration is found when it is read, not at the first citizen."""
    settings_of({"user": "U", "password": "p"})
    with pytest.raises(msgspec.ValidationError):
        settings_of({"user": "U", "password": "p", **changes})


async def test_a_user_with_a_colon_is_refused_at_the_start() -> None:
    """A user that Basic credentials cannot carry opens no connector."""
    with pytest.raises(ValueError, match="user"):
        open_connector(a_client("sap_trm", "http://sap.test"), the_settings(user="a:b"))


def test_the_declaration_is_whole() -> None:
    """Every block is known and fed by an operation; every operation echoes who was asked about."""
    assert SPEC.blocks.keys() <= BLOCKS.keys()
    for operations in SPEC.blocks.values():
        assert [SPEC.operation(name) for name in operations]
    for operation in SPEC.operations:
        assert any(echo.of == "document" and not echo.rows for echo in operation.echoes)
        assert operation.repeatable
        assert not operation.legal_effect


def test_no_card_field_is_configured() -> None:
    """The hub never asks for a card's number, holder or check value."""
    names = {*PARTNER.values(), *ITEM.values(), *ACCOUNT.values()}
    assert not [name for name in names if "card" in name.lower() or name == "CVC"]


def test_the_quality_list_is_honest() -> None:
    """Each rule is done, or exempt with a reason."""
    rules = tomllib.loads((FOLDER / "quality.toml").read_text())["rules"]
    for name, state in rules.items():
        assert state == "done" or set(state) == {"exempt"}, name
        assert state == "done" or len(state["exempt"]) > 20, name
