"""Alert rules, dashboard and runbooks: every query asks for what is there, every alert has its page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from hub.core.errors import TechnicalReason
from tests.support.promql import faults_of

FOLDER = Path(__file__).parents[3] / "docs/operations"
[GROUP] = yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"]
RULES = {rule["alert"]: rule for rule in GROUP["rules"]}
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
REASONS = frozenset(get_args(TechnicalReason))
PAGES = {page.stem: page.read_text("utf-8") for page in (FOLDER / "runbooks").glob("*.md")}


def labels_in(text):
    """The labels that a text of an alert or a legend names."""
    return set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", text))


def labels_of(expression, catalogue):
    """Every label of every metric that an expression names."""
    names = re.findall(r"\b(?:hub|process)_\w+", expression)
    return {label for name in names for label in catalogue[name]}


@pytest.mark.parametrize("alert", RULES)
def test_an_alert_asks_for_what_the_hub_exposes(alert, catalogue):
    """Metrics, labels and their values; its text names labels that there are."""
    rule = RULES[alert]
    assert faults_of(rule["expr"], catalogue) == []
    assert labels_in(rule["annotations"]["summary"]) <= labels_of(rule["expr"], catalogue)
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert re.fullmatch(r"\d+[mh]", rule["for"])


def test_every_alert_has_its_page_and_every_page_its_alert():
    """And the rule leads to it; no alert stands twice."""
    assert PAGES.keys() == RULES.keys()
    assert len(RULES) == len(GROUP["rules"])
    for alert, rule in RULES.items():
        assert rule["annotations"]["runbook"] == f"docs/operations/runbooks/{alert}.md"


@pytest.mark.parametrize("alert", PAGES)
def test_a_page_says_what_it_means_and_what_to_do(alert, catalogue):
    """It quotes the rule as it is, and its own queries ask for what is there."""
    page, rule = PAGES[alert], RULES[alert]
    assert page.startswith(f"# {alert}\n\n`{rule['expr']}`, for {rule['for']}: ")
    assert "## What it means\n" in page
    assert "\n1. " in page.partition("## What to do\n")[2]
    for quoted in re.findall(r"`([^`]+)`", page):
        if quoted not in REASONS and re.search(r"\b(hub|process)_\w+", quoted):
            assert faults_of(quoted, catalogue) == []


@pytest.mark.parametrize("panel", PANELS, ids=[str(panel["id"]) for panel in PANELS])
def test_a_panel_asks_for_what_the_hub_exposes(panel, catalogue):
    """Its legend too."""
    for target in panel["targets"]:
        assert faults_of(target["expr"].replace("$source", "padron"), catalogue) == []
        assert labels_in(target["legendFormat"]) <= labels_of(target["expr"], catalogue)


def test_the_dashboard_shows_every_metric(families):
    """What nobody sees need not be counted."""
    shown = json.dumps(DASHBOARD)
    own = [name for name in families if name.startswith("hub_")]
    assert [name for name in own if name not in shown] == []


def test_panels_do_not_cover_each_other():
    """Each has its own place, and its own number."""
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in DASHBOARD["panels"]]
    assert len(places) == len(set(places))
    assert len({p["id"] for p in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
