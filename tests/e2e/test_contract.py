"""The running API against its own contract, by a fuzzer written by others."""

from __future__ import annotations

import subprocess
import sys

from tests.e2e.test_position import number_of

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
]


def run_fuzzer(hub, token, *arguments):
    """Run the fuzzer over the operations that *arguments* choose."""
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        f"{hub.base}/openapi.json",
        "--header",
        f"Authorization: Bearer {token}",
        "--checks",
        ",".join(CHECKS),
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        "25",
        "--seed",
        "1",
        "--suppress-health-check",
        "all",
        *arguments,
    ]
    return subprocess.run(command, cwd=hub.folder, capture_output=True, text=True, check=False)


def test_the_citizens_resources_keep_their_contract(hub):
    """Whatever a client sends, status, media type and schema are documented ones."""
    done = run_fuzzer(hub, hub.token(), "--include-path-regex", "^/(v1/me|v1/blocks|livez|status)")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_the_officials_resources_keep_their_contract(hub):
    """Bodies included."""
    token = hub.token("--official", number_of(hub, "OFFICIAL"))
    done = run_fuzzer(hub, token, "--include-path-regex", "^/v1/accesses")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
