"""Basic credentials of a technical user (RFC 7617), in UTF-8."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

from hub.core.secret import Secret


class BasicCredentials:
    """User and password with every message; raises ValueError for a user with a colon."""

    def __init__(self, user: str, password: Secret) -> None:
        if ":" in user or not user:
            raise ValueError("the user of Basic credentials is empty or has a colon")
        self._user, self._password = user, password

    async def headers(self) -> Mapping[str, str]:
        """The `Authorization` header; the ledger replaces its value."""
        pair = f"{self._user}:{self._password.reveal()}".encode()
        return {"authorization": f"Basic {b64encode(pair).decode()}"}

    async def renew(self) -> bool:
        """Never: a password that was refused once locks the user when it is tried again."""
        return False

    def __repr__(self) -> str:
        return "BasicCredentials(...)"
