"""config/prometheus-alerts.yml, by Prometheus's own tool where it is installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed"
)


def promtool(*words: str) -> str:
    done = subprocess.run(
        ["promtool", *words],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_alerts_are_raised_when_and_as_they_should() -> None:
    assert "SUCCESS" in promtool("test", "rules", "alerts.test.yml")


@needs_promtool
def test_queries_of_the_dashboard_can_be_read(tmp_path: Path) -> None:
    text = (ROOT / "config" / "grafana-dashboard.json").read_text(encoding="utf-8")
    queries = re.findall(r'"expr": ("(?:[^"\\]|\\.)*")', text)
    rules = [
        {"record": f"query:{number}", "expr": json.loads(query).replace("$__rate_interval", "5m")}
        for number, query in enumerate(queries)
    ]
    path = tmp_path / "queries.yml"
    path.write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}), encoding="utf-8")
    assert f"SUCCESS: {len(rules)} rules" in promtool("check", "rules", str(path))


def test_every_alert_is_raised_once() -> None:
    rules = (ROOT / "config" / "prometheus-alerts.yml").read_text(encoding="utf-8")
    cases = (Path(__file__).parent / "alerts.test.yml").read_text(encoding="utf-8")
    names = set(re.findall(r"- alert: (\w+)", rules))
    assert names == set(re.findall(r"alertname: (\w+)\n    exp_alerts", cases))
