"""A real OpenID provider, written by others, in a process of its own."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from hub.core.moment import new_id, utc_now
from tests.support.running import ROOT, free_port

FOLDER = ROOT / "tests/e2e/oidc"
INSTALLED = ROOT / "var/node/oidc"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def installed() -> Path:
    """The folder with the provider, installed once; skips where Node or the registry is not."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node and npm are not here")
    wanted = (FOLDER / "package.json").read_text("utf-8")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    mark = INSTALLED / "installed.json"
    if not mark.exists() or mark.read_text("utf-8") != wanted:
        (INSTALLED / "package.json").write_text(wanted, "utf-8")
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip("the npm registry does not give oidc-provider")
        mark.write_text(wanted, "utf-8")
    shutil.copy(FOLDER / "provider.mjs", INSTALLED / "provider.mjs")
    return INSTALLED


def a_signing_key(kid: str) -> dict[str, Any]:
    """A private RSA key as a JWK, for the provider alone."""
    key = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048), as_dict=True)
    key.pop("key_ops", None)
    return {**key, "kid": kid, "use": "sig", "alg": "RS256"}


def a_certificate() -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    """A self-signed certificate of a system, as DER, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bono-social")])
    now = utc_now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return key, certificate.public_bytes(Encoding.DER)


class Provider:
    """The running provider, and the two ways in which callers get tokens of it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.client_key = ec.generate_private_key(ec.SECP256R1())
        certificate_key, self.certificate = a_certificate()
        client = ECAlgorithm.to_jwk(self.client_key.public_key(), as_dict=True)
        bound = ECAlgorithm.to_jwk(certificate_key.public_key(), as_dict=True)
        der = base64.b64encode(self.certificate).decode()
        self.settings: dict[str, Any] = {
            "port": self.port,
            "jwks": {"keys": [a_signing_key("first")]},
            "clientJwks": {"keys": [{**client, "kid": "c1", "use": "sig", "alg": "ES256"}]},
            "certificateJwks": {"keys": [{**bound, "kid": "t1", "x5c": [der]}]},
            "cookieKey": new_id(),
        }
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Return when it listens."""
        self._process = subprocess.Popen(
            ["node", "provider.mjs"],
            cwd=installed(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "NODE_ENV": "test"},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(self.settings))
        self._process.stdin.close()
        said = ""
        for line in self._process.stdout:
            said += line
            if line.startswith("listening"):
                return
        self.stop()
        raise AssertionError(said)

    def stop(self) -> None:
        """The provider is down from here on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def by_assertion(self, **changes: Any) -> httpx.Response:
        """Client credentials by private_key_jwt (RFC 7523)."""
        now = int(time.time())
        claims = {
            "iss": "becas-comedor",
            "sub": "becas-comedor",
            "aud": self.issuer,
            "jti": new_id(),
            "iat": now,
            "exp": now + 60,
        }
        key = changes.pop("key", self.client_key)
        text = jwt.encode({**claims, **changes}, key, "ES256", headers={"kid": "c1"})
        proof = {"client_assertion_type": ASSERTION, "client_assertion": text}
        return self._token({"client_id": "becas-comedor", **proof})

    def by_certificate(self) -> httpx.Response:
        """Client credentials by a certificate, to which the token is bound (RFC 8705)."""
        headers = {"x-test-certificate": base64.b64encode(self.certificate).decode()}
        return self._token({"client_id": "bono-social"}, headers)

    def _token(self, form: dict[str, str], headers: dict[str, str] | None = None) -> httpx.Response:
        form = {"grant_type": "client_credentials", "scope": "position", **form}
        return httpx.post(f"{self.issuer}/token", data=form, headers=headers)

    def by_login(self, number: str) -> dict[str, Any]:
        """What the portal gets when a citizen logs in: authorization code with PKCE."""
        verifier = new_id() * 2
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        with httpx.Client(timeout=10) as browser:
            answer = browser.get(
                f"{self.issuer}/auth",
                params={
                    "client_id": "portal",
                    "response_type": "code",
                    "scope": "openid position",
                    "redirect_uri": "http://127.0.0.1:1/back",
                    "code_challenge": challenge,
                    "code_challenge_method": "S256",
                },
            )
            code = _through(browser, answer, number)
            granted = browser.post(
                f"{self.issuer}/token",
                data={
                    "grant_type": "authorization_code",
                    "client_id": "portal",
                    "code": code,
                    "redirect_uri": "http://127.0.0.1:1/back",
                    "code_verifier": verifier,
                },
            )
        found: dict[str, Any] = granted.raise_for_status().json()
        return found


def _through(browser: httpx.Client, answer: httpx.Response, number: str) -> str:
    """Follow the provider's pages, log in and consent; the authorization code."""
    for _ in range(20):
        if answer.is_redirect:
            target = urljoin(str(answer.request.url), answer.headers["location"])
            if target.startswith("http://127.0.0.1:1/back"):
                return parse_qs(urlsplit(target).query)["code"][0]
            answer = browser.get(target)
            continue
        form = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
        prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
        assert form is not None, answer.text[:2000]
        assert prompt is not None, answer.text[:2000]
        fields = {"prompt": prompt.group(1), "login": number, "password": "any"}
        answer = browser.post(urljoin(str(answer.request.url), form.group(1)), data=fields)
    raise AssertionError("the login has no end")
