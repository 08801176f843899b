"""docs/operations.md: the runbook knows every log event, metric and alert."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.support import ROOT

RUNBOOK = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def events() -> Iterator[tuple[str, str]]:
    """Every log event of the daemon and its commands, and where it is logged."""
    for path in sorted((ROOT / "umamba_rt").rglob("*.py")):
        if path.parent.name in {"seisbench_models", "training"}:  # write to others' logs, or none
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and "log" in ast.unparse(node.func.value)
            ):
                assert isinstance(node.args[0], ast.Constant), (path, node.lineno)
                yield str(node.args[0].value), f"{path.relative_to(ROOT)}:{node.lineno}"


def section(title: str) -> str:
    return RUNBOOK.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(text: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def test_runbook_tells_of_every_log_event_and_of_no_other() -> None:
    logged = dict(events())
    assert len(logged) > 30
    told = set(first_cells(section("Log events"))) - STATES
    assert {name: logged[name] for name in logged if name not in told} == {}
    assert told - set(logged) == set()


STATES = {"online", "standby", "gap", "stale", "incomplete", "unoriented", "withheld", "refused"}


def test_runbook_tells_of_every_state() -> None:
    from typing import get_args

    from umamba_rt.core.state import StateName

    assert set(get_args(StateName)) == STATES
    assert set(first_cells(section("Log events"))) >= STATES


def test_runbook_tells_of_every_alert_and_of_no_other() -> None:
    rules = (ROOT / "config" / "prometheus-alerts.yml").read_text(encoding="utf-8")
    assert first_cells(section("Alerts")) == re.findall(r"- alert: (\w+)", rules)


def test_reasons_that_label_a_metric_are_told() -> None:
    from umamba_rt.core.reasons import Reason

    for reason in Reason:
        for start in ("windows_withheld_", "segments_refused_"):
            if reason.startswith(start):
                assert f"`{reason.removeprefix(start)}`" in section("Metrics"), reason


def test_every_event_is_logged_by_a_name_of_small_letters() -> None:
    for name, where in events():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name), where
