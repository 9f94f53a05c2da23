"""Basic credentials (RFC 7617)."""

from __future__ import annotations

import pytest

from hub.core.secret import Secret
from hub.wire.basic import BasicCredentials


async def test_user_and_password_travel_in_utf_8() -> None:
    """RFC 7617 section 2.1: the pair is encoded in UTF-8 and base64."""
    headers = await BasicCredentials("CARPETA", Secret("contraseña:1")).headers()
    assert headers == {"authorization": "Basic Q0FSUEVUQTpjb250cmFzZcOxYTox"}


async def test_a_refused_password_is_not_renewed() -> None:
    """There is nothing newer than a password, and trying it again locks the user."""
    assert await BasicCredentials("U", Secret("p")).renew() is False


@pytest.mark.parametrize("user", ["", "a:b"], ids=["empty", "colon"])
def test_a_user_that_cannot_be_sent_is_refused(user: str) -> None:
    """RFC 7617: a user with a colon would be read as another user."""
    with pytest.raises(ValueError, match="user"):
        BasicCredentials(user, Secret("p"))


def test_credentials_print_nothing() -> None:
    """Neither the user nor the password shows in a repr."""
    assert repr(BasicCredentials("CARPETA", Secret("p"))) == "BasicCredentials(...)"
