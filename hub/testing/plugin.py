"""The kit as a pytest plugin: `pytest --hub-connector acme.taxes` runs every rule as a test.

The connector is named as `hub.toml` names its module, or by its source's name; the file is
`hub.toml` in pytest's root, or what `--hub-config` says. Rules that `quality.toml` exempts
are skipped with their reason; rules that it does not claim are no tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from hub.testing.bench import open_bench
from hub.testing.quality import judge
from hub.testing.report import lesson
from hub.testing.rule import Verdict


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which connector, and where it is configured."""
    group = parser.getgroup("hub", "connectors of the hub")
    group.addoption(
        "--hub-connector",
        action="append",
        default=[],
        metavar="MODULE",
        help="Hold this connector against the hub's rules; may be given more than once.",
    )
    group.addoption("--hub-config", metavar="FILE", help="Its hub.toml (default: in the root).")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Put the rules of each connector before the other tests."""
    for name in config.getoption("--hub-connector"):
        connector = ConnectorRules.from_parent(session, name=name, nodeid=f"connector[{name}]")
        items[:0] = list(connector.collect())


class ConnectorRules(pytest.Collector):
    """One connector; judged once, its rules told one by one."""

    def collect(self) -> Iterable[pytest.Item]:
        given = self.config.getoption("--hub-config")
        file = Path(given) if given else self.config.rootpath / "hub.toml"
        for verdict in asyncio.run(_judged(file, self.name)):
            if verdict.claim != "absent":
                yield RuleItem.of(self, verdict)


async def _judged(file: Path, name: str) -> tuple[Verdict, ...]:
    async with open_bench(file, name) as bench:
        return await judge(bench)


class RuleItem(pytest.Item):
    """One rule for one connector."""

    verdict: Verdict

    @classmethod
    def of(cls, parent: ConnectorRules, verdict: Verdict) -> RuleItem:
        """The test of *verdict*."""
        item = cls.from_parent(parent, name=verdict.rule.name)
        item.verdict = verdict
        return item

    def runtest(self) -> None:
        """Fail with what the author should learn; skip what is exempt."""
        if self.verdict.claim == "exempt":
            pytest.skip(self.verdict.reason)
        if self.verdict.findings:
            pytest.fail("\n".join(_lesson(self.verdict)), pytrace=False)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.parent.name if self.parent else ''}: {self.name}"


def _lesson(verdict: Verdict) -> Iterator[str]:
    yield from (line for line in lesson(verdict) if line)
