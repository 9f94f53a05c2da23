"""Configuration: every fault is listed at once, and a secret is never written down."""

from __future__ import annotations

import pytest
from msgspec import Struct

from hub.core.errors import SettingsError
from hub.core.secret import Secret
from hub.settings import load_settings
from hub.tables import convert_table

GOOD = """
[server]
port = 9000
[[issuers]]
issuer = "https://i.example"
audience = "a"
algorithms = ["ES256"]
jwks_file = "keys.json"
roles = ["citizen"]
[sources.padron]
module = "connectors.padron"
url = "http://127.0.0.1:1/"
"""


def written(tmp_path, text):
    """A hub.toml with *text*."""
    file = tmp_path / "hub.toml"
    file.write_text(text, "utf-8")
    return file


def test_a_good_file_is_read(tmp_path):
    """Values are typed, and what is left out has its default."""
    settings = load_settings(written(tmp_path, GOOD), {})
    assert settings.server.port == 9000
    assert settings.server.max_wait_s == 10
    assert settings.issuers[0].roles == ("citizen",)
    assert settings.path(settings.keys) == tmp_path / "var/keys"


def test_the_environment_overrides(tmp_path):
    """HUB__SERVER__PORT is `port` of [server]; other variables are not the hub's."""
    environment = {"HUB__SERVER__PORT": "9001", "PORT": "1", "HUB__LEDGER__ORIGIN": "o.example/l"}
    settings = load_settings(written(tmp_path, GOOD), environment)
    assert (settings.server.port, settings.ledger.origin) == (9001, "o.example/l")


def test_every_fault_is_listed_at_once(tmp_path):
    """One start shows all that is wrong, each with its place and the near name."""
    text = GOOD.replace("port = 9000", 'prot = 1\nport = "x"').replace('audience = "a"', "")
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, text + "\n[serber]\n"), {})
    text = "\n".join(caught.value.faults)
    assert "server.prot: unknown key, did you mean port?" in text
    assert "server.port: Expected `int`, got `str`" in text
    assert "issuers[0].audience: missing" in text
    assert "serber: unknown key, did you mean server?" in text
    assert len(caught.value.faults) == 4


@pytest.mark.parametrize("text", ["[server", "root = 'x'", "\x00"], ids=["toml", "root", "nul"])
def test_a_file_that_is_no_configuration_is_refused(tmp_path, text):
    """With the file's name and a reason."""
    with pytest.raises(SettingsError, match=r"hub\.toml"):
        load_settings(written(tmp_path, text), {})


def test_a_missing_file_is_named(tmp_path):
    """A path that leads nowhere is not an empty configuration."""
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path / "none.toml", {})


class Options(Struct, forbid_unknown_fields=True):
    user: str
    password: Secret


def test_a_secret_comes_from_a_file_or_the_environment(tmp_path, monkeypatch):
    """And prints as nothing."""
    (tmp_path / "p").write_text("s3cret\n", "utf-8")
    monkeypatch.setenv("HUB_TEST_SECRET", "other")
    by_file = convert_table({"user": "u", "password": {"file": "p"}}, Options, tmp_path, "x")
    by_name = convert_table(
        {"user": "u", "password": {"env": "HUB_TEST_SECRET"}}, Options, tmp_path, "x"
    )
    assert by_file.password.reveal() == "s3cret"
    assert by_name.password.reveal() == "other"
    assert "s3cret" not in repr(by_file)


@pytest.mark.parametrize(
    "value",
    ["s3cret", {"file": "none"}, {"env": "HUB_NOT_SET"}, {"file": "p", "env": "P"}, {}],
    ids=["in clear", "no file", "no variable", "both", "empty"],
)
def test_a_secret_that_cannot_be_had_is_refused_without_being_quoted(tmp_path, value):
    """Neither a value in clear nor a reference that leads nowhere."""
    with pytest.raises(SettingsError) as caught:
        convert_table({"user": "u", "password": value}, Options, tmp_path, "sources.x.settings")
    assert "sources.x.settings: password" in str(caught.value)
    assert "s3cret" not in str(caught.value)
