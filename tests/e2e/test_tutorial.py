"""The tutorial, performed as it is written: from a WSDL to a block out of a running hub's API."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator

import pytest
from msgspec import Struct

from tests.support.checkouts import ROOT, Checkout
from tests.support.running import RunningHub

PAGE = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
_FENCE = re.compile(r"^```(\w*) ?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Step(Struct, frozen=True):
    """One fenced block of the page: its language, what stands beside it, its text."""

    language: str
    beside: dict[str, str]
    text: str


def steps() -> Iterator[Step]:
    """The fenced blocks of the page in their order."""
    for language, beside, text in _FENCE.findall(PAGE):
        yield Step(language, dict(part.split("=", 1) for part in shlex.split(beside)), text)


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """A checkout in which somebody has followed the page to its end."""
    checkout = Checkout(tmp_path_factory.mktemp("tutorial"))
    pending: list[list[str]] = []
    for step in steps():
        if step.language == "console":
            lines = [line for line in step.text.splitlines() if line.startswith("$ hub ")]
            pending += [shlex.split(line)[2:] for line in lines]
        elif "file" in step.beside:
            run(checkout, pending)
            write(checkout, step)
    run(checkout, pending)
    return checkout


def run(checkout, pending):
    """Run the commands since the last file that was written."""
    if pending:
        checkout.hub(*pending)
    pending.clear()


def write(checkout, step):
    """Write the file of *step*, or its lines after the first line that it names."""
    path = checkout.folder / step.beside["file"]
    assert path.exists(), f"the page names {step.beside['file']}, and the draft has no such file"
    text = step.text
    if after := step.beside.get("after"):
        before, found, rest = path.read_text("utf-8").partition(f"{after}\n")
        assert found
        text = before + found + step.text + rest
    path.write_text(text, "utf-8")


def test_the_block_comes_out_of_the_running_hub(followed, tmp_path):
    """The answer on the page is what the API says, bound to its exchange."""
    [said] = [step for step in steps() if "answer" in step.beside]
    hub = RunningHub(tmp_path, root=followed.folder, only=("biblioteca",))
    hub.start()
    try:
        block = said.beside["answer"]
        answer = hub.get(f"/v1/me/position?blocks={block}", hub.token()).json()["blocks"][block]
    finally:
        hub.kill()
    assert answer["state"] == "fresh"
    assert answer["provenance"]["source"] == "biblioteca"
    assert answer["data"] == json.loads(said.text)


def test_what_was_written_still_passes_its_tests(followed):
    """The written tests hold after the mapping was filled in, and so does the linter."""
    followed.run("ruff", "check", "--quiet", "connectors/biblioteca", "tests/contract/biblioteca")
    followed.run("ruff", "format", "--check", "--quiet", "connectors/biblioteca")
    followed.pytest("tests/contract/biblioteca")
