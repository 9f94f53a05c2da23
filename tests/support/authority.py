"""A time-stamping authority made of `openssl ts`."""

from __future__ import annotations

import subprocess
from pathlib import Path


def run(command: str, folder: Path) -> None:
    """A command of openssl."""
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)


class OpensslAuthority:
    """A time-stamping authority made of `openssl ts`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        run(
            "openssl req -x509 -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.pem -subj /CN=tsa"
            " -days 2 -addext extendedKeyUsage=critical,timeStamping",
            folder,
        )
        (folder / "ts.cnf").write_text(
            "[tsa]\ndefault_tsa = t\n[t]\nserial = serial\nsigner_digest = sha256\n"
            "default_policy = 1.2.3.4\ndigests = sha256\ness_cert_id_alg = sha256\n"
        )
        (folder / "serial").write_text("01\n")

    @property
    def pem(self) -> Path:
        return self.folder / "tsa.pem"

    def answer(self, body: bytes, media_type: str) -> tuple[int, bytes]:
        assert media_type == "application/timestamp-query"
        (self.folder / "q.tsq").write_bytes(body)
        run(
            "openssl ts -reply -queryfile q.tsq -config ts.cnf -signer tsa.pem -inkey tsa.key"
            " -out r.tsr",
            self.folder,
        )
        return 200, (self.folder / "r.tsr").read_bytes()
