"""A good connector, made bad in one place: `hub connectors check` names what is wrong."""

from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec import Struct

from hub.cli import main

ROOT = Path(__file__).parents[2]
COUNTER = itertools.count()


class Mutation(Struct, frozen=True, kw_only=True):
    """One change in one file, and the rule that must catch it."""

    rule: str
    file: str = "connector.py"
    old: str
    new: str
    of: str = "avisos"


FETCH = "        call = self._client.call(SPEC, operation, query)\n"
ASK = "                answer = await self._profile.ask(call, question)\n"
ROWS = (
    "                rows = await beside_the_loop("
    "len(answer.body), partial(self._profile.rows, answer))\n"
)
OWNER = 'Echo(path="requests/owner", of="owner", rows=True)'


def instead(error: str, then: str) -> str:
    """Asking, with *error* caught and *then* done."""
    return (
        f"                try:\n    {ASK}"
        f"                except {error} as caught:\n                    {then}\n"
    )


NOTHING = "return call.record(gathered.payload(), holds=False)"
MUTATIONS = {
    "declares no echo": Mutation(
        rule="declaration", old="            echoes=(\n", new="            echoes=() and (\n"
    ),
    "overwrites the echo": Mutation(
        rule="echo_enforced",
        old=ROWS,
        new=f'{ROWS}                for row in rows:\n                    row["owner"] = owner\n',
    ),
    "logs the person": Mutation(
        rule="nothing_personal_in_logs",
        old=FETCH,
        new=f"{FETCH}        __import__('warnings').warn(f'about {{query.subject.document.number}}')\n",
    ),
    "prints": Mutation(
        rule="only_the_surface", old=FETCH, new=f"{FETCH}        print(operation)\n"
    ),
    "goes round the wire": Mutation(
        rule="only_the_surface", old="import msgspec\n", new="import httpx\nimport msgspec\n"
    ),
    "ignores the deadline": Mutation(
        rule="deadline_kept",
        old=FETCH,
        new="        late = msgspec.structs.replace(query, deadline=query.deadline + 3600)\n"
        + FETCH.replace("query)", "late)"),
    ),
    "does not let itself be cancelled": Mutation(
        rule="deadline_kept",
        old=ASK,
        new=instead("__import__('asyncio').CancelledError", NOTHING),
    ),
    "swallows a fault": Mutation(
        rule="hostile_answers", old=ASK + ROWS, new=instead("Exception", NOTHING) + ROWS
    ),
    "lets another error escape": Mutation(
        rule="hostile_answers",
        old=ROWS,
        new=f"                __import__('json').loads(answer.body)\n{ROWS}",
    ),
    "invents a default": Mutation(
        rule="nothing_invented",
        old=ROWS,
        new=f'{ROWS}                for row in rows:\n                    row.setdefault("address", "Desconocida")\n',
    ),
    "reads past the cap": Mutation(
        rule="reading_ends", old="MAX_PAGES = 20\n", new="MAX_PAGES = 10**9\n"
    ),
    "returns what is not recorded": Mutation(
        rule="records_before_return",
        old=ASK,
        new=instead("__import__('hub').core.errors.LedgerError", NOTHING),
    ),
    "pings with a person": Mutation(
        rule="ping_harmless",
        file="profiles.py",
        old='parameters = {"jurisdiction_ids": self._settings.jurisdiction, "limit": 1}',
        new='parameters = {"id_document": "99000002K", "limit": 1}',
    ),
    "asks again after a redirect": Mutation(
        rule="redirect_not_followed",
        old=ASK,
        new=instead("SourceMalformed", "answer = await self._profile.ask(call, question)"),
    ),
    "quotes the source": Mutation(
        rule="nothing_personal_in_errors",
        file="decoding.py",
        old='f"error {code} in the body" if code',
        new="answer.body.decode() if True",
    ),
    "names the person in the address": Mutation(
        rule="no_person_in_address",
        file="profiles.py",
        old='call.post("requests-list",',
        new='call.post(f"requests-list?of={question.document}",',
    ),
    "sends its key in the body": Mutation(
        rule="nothing_secret_recorded",
        file="profiles.py",
        old='            "own": True,\n',
        new='            "own": True,\n            "key": self._settings.app_key.reveal(),\n',
    ),
    "takes what may pass for final": Mutation(
        rule="faults_classified",
        old=ASK,
        new=ASK
        + "                if answer.status >= 400:\n"
        + "                    raise SourceMalformed('avisos', 'malformed', 'no')\n",
    ),
    "lets rows name nobody": Mutation(
        of="citas",
        rule="echo_enforced",
        old='echoes=echoes("citas/documentoTitular")',
        new='echoes=echoes("citas/documentoTitular")[:3]',
    ),
    "lets a table's rows name nobody": Mutation(
        of="tabla",
        rule="echo_enforced",
        old='    Echo(path="rows/documento", rows=True),\n',
        new="",
    ),
    "believes somebody else's rows": Mutation(
        of="citas",
        rule="faults_survived",
        old='echoes=echoes("citas/documentoTitular")',
        new='echoes=echoes("citas/documentoTitular")[:3]',
    ),
    "invents a number": Mutation(
        rule="nothing_invented",
        old=ROWS,
        new=f'{ROWS}                for row in rows:\n                    row["minutes"] = 12345\n',
    ),
    "writes a file": Mutation(
        rule="only_the_surface",
        old=FETCH,
        new=f'{FETCH}        open("seen.txt", "a").write(query.subject.document.number)\n',
    ),
    "opens a path": Mutation(
        rule="only_the_surface",
        old=FETCH,
        new=f'{FETCH}        self.path.open("ab").write(b"")\n',
    ),
    "opens a connection of its own": Mutation(
        rule="only_the_surface",
        old=FETCH,
        new=f'{FETCH}        await asyncio.open_connection("127.0.0.1", 9)\n',
    ),
    "imports what it likes behind a first name": Mutation(
        rule="only_the_surface",
        old="import msgspec\n",
        new="import msgspec, hub.ledger\n",
    ),
    "imports what it likes beside the surface": Mutation(
        rule="only_the_surface",
        old="import msgspec\n",
        new="import msgspec\nfrom hub import core, position\n",
    ),
    "sends its key in disguise": Mutation(
        rule="nothing_secret_recorded",
        file="profiles.py",
        old='            "own": True,\n',
        new='            "own": True,\n            "key": __import__("base64").b64encode('
        "self._settings.app_key.reveal().encode()).decode(),\n",
    ),
    "reads with an effect in law": Mutation(
        rule="no_legal_effect",
        old='            name="requests",\n',
        new='            name="requests",\n            legal_effect=True,\n',
    ),
}


def mutant(folder: Path, mutation: Mutation | None) -> Path:
    """A copy of the connector with *mutation*, and a hub.toml that names it."""
    module, of = f"mutant_{next(COUNTER)}", mutation.of if mutation else "avisos"
    shutil.copytree(ROOT / "connectors" / of, folder / module)
    for path in (folder / module).rglob("*.py"):
        text = path.read_text("utf-8").replace(f"connectors.{of}", module)
        path.write_text(text, "utf-8")
    if mutation is not None:
        path = folder / module / mutation.file
        text = path.read_text("utf-8")
        assert text.count(mutation.old) == 1, "the connector has changed: adapt the mutation"
        path.write_text(text.replace(mutation.old, mutation.new), "utf-8")
    config = (ROOT / "hub.toml").read_text("utf-8")
    config = config.replace(f'"connectors.{of}"', f'"{module}"')
    (folder / "hub.toml").write_text(config, "utf-8")
    return folder / "hub.toml"


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_a_mutation_is_caught_by_name(tmp_path, monkeypatch, mutation):
    """The rule that fails is the one that was broken, and it says where, why and what to do."""
    monkeypatch.syspath_prepend(tmp_path)
    config = str(mutant(tmp_path, mutation))
    asked = ["connectors", "check", mutation.of, "--rule", mutation.rule, "--config", config]
    ran = CliRunner().invoke(main, asked)
    assert ran.exit_code == 1, ran.output
    assert re.search(rf"FAILED +\w+ +{mutation.rule}\n", ran.output)
    assert re.search(r"  where  \S*(connector|profiles|decoding)\.py:[0-9]+\n", ran.output)
    assert "  why    " in ran.output
    assert "  do     " in ran.output


def test_the_copy_without_a_mutation_passes(tmp_path, monkeypatch):
    """What is caught is the mutation, not the copying."""
    monkeypatch.syspath_prepend(tmp_path)
    config = str(mutant(tmp_path, None))
    rules = [part for m in MUTATIONS.values() for part in ("--rule", m.rule)]
    ran = CliRunner().invoke(main, ["connectors", "check", "avisos", *rules, "--config", config])
    assert ran.exit_code == 0, ran.output


def test_a_claim_that_nothing_was_tried_for_does_not_hold(tmp_path, monkeypatch):
    """A simulator without a list that never ends proves nothing of one."""
    monkeypatch.syspath_prepend(tmp_path)
    claimed = Mutation(
        of="civis",
        rule="reading_ends",
        file="quality.toml",
        old='reading_ends = { exempt = "one answer, without pages" }',
        new='reading_ends = "done"',
    )
    config = str(mutant(tmp_path, claimed))
    asked = ["connectors", "check", "civis", "--rule", claimed.rule, "--config", config]
    ran = CliRunner().invoke(main, asked)
    assert ran.exit_code == 1, ran.output
    assert "nothing was tried" in ran.output
