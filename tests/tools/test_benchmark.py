"""tools/benchmark.py: short forms of its parts, and what its tables say."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import ROOT
from tools.benchmark_daemon import DaemonRun, run_daemon
from tools.benchmark_engines import measure_engines
from tools.benchmark_numbers import Spread, alternate
from tools.benchmark_report import BEGIN, END, goals, markdown, replaced
from tools.benchmark_stations import Waveforms, read_waveforms, write_archive
from umamba_rt.core.ids import SourceId
from umamba_rt.io.archive import read_archive


@pytest.fixture(scope="module")
def waveforms() -> list[Waveforms]:
    rng = np.random.default_rng(0)
    channels = tuple(SourceId("AA", "ONE", "", "H", "H", code) for code in "ENZ")
    return [Waveforms(channels, rng.normal(0, 1000, (3, 12_000)).astype(np.int32))]


def spread(median: float) -> dict[str, float]:
    return asdict(Spread.of([median]))


def run_of(stations: int = 300, seconds: float = 600.0, p99: float = 100.0) -> dict[str, Any]:
    quantiles = {"p50": 30.0, "p90": 50.0, "p99": p99, "max": 2 * p99}
    run = DaemonRun(stations, ["v2"], seconds, windows=round(stations * seconds))
    run.sent_ms = run.received_ms = quantiles
    run.cores = {"daemon": 0.5, "server": 0.1, "subscriber": 0.1}
    return {**asdict(run), "is_whole": run.is_whole}


def mark(results: dict[str, Any], what: str) -> bool | None:
    return next(line.passes for line in goals(results) if line.what.startswith(what))


def test_turns_alternate_and_give_rates() -> None:
    order: list[str] = []

    def working(name: str) -> int:
        order.append(name)
        return 5

    found = alternate({name: lambda name=name: working(name) for name in "ab"}, 3)  # type: ignore[misc]
    assert "".join(order) == "abababab"
    assert found["a"].count == 3
    assert 0 < found["a"].least <= found["a"].median <= found["a"].most


def test_each_line_passes_and_fails_where_it_must() -> None:
    assert mark({"daemon": [run_of()]}, "300 live") is True
    assert mark({"daemon": [run_of(p99=500.0)]}, "300 live") is False
    assert mark({"daemon": [run_of(seconds=60.0)]}, "300 live") is None
    assert mark({"daemon": [run_of(200)]}, "300 live") is None
    assert mark({"daemon": [{**run_of(), "is_whole": False}]}, "300 live") is False
    ready = {"warm": [2.0, 6.1], "cold": [20.0]}
    assert mark({"ready": ready}, "daemon READY") is False
    memory = {"stations": 10_000, "allocated_kb": 104.0, "resident_kb": 151.0}
    assert mark({"memory": memory}, "memory") is False
    assert mark({"memory": {**memory, "resident_kb": 110.0}}, "memory") is True
    equal = {"engine": "torch", "windows": 10_000, "worst": 9e-5, "worst_of_curve": None}
    assert mark({"equality": {"v2": {**equal, "not_finite": 0}}}, "engine against") is True
    assert mark({"equality": {"v2": {**equal, "not_finite": 1}}}, "engine against") is False
    assert all(line.passes is None and not line.found for line in goals({}))


def test_ratios_are_those_of_the_medians() -> None:
    engines = {
        "engine": "fast-cpu",
        "windows_per_s": {
            "v2 engine": spread(1000),
            "v2 eager, batches of 32": spread(101),
            "v1 engine": spread(500),
            "v1 eager, batches of 32": spread(50),
        },
        "gflop_a_window": {"v2": 0.1, "v1": 0.16},
        "sgemm_gflop_per_s": spread(160),
        "single_ms": {"prepared": spread(2), "from raw samples": spread(6)},
        "hour_s": {
            "engine, windows cut by the core": spread(4),
            "SeisBench annotate": spread(8),
            "SeisBench annotate, sequential scan": spread(20),
        },
        "hour_windows": {},
    }
    lines = goals({"engines": engines})
    assert lines[0].found == "9.9 (the sgemm limit is at 15.8)"
    marks = [line.passes for line in lines]
    assert marks[:4] == [False, True, True, True]  # 9.9; 5.0; 62.5 %; 10
    assert marks[6] is False


def test_tables_take_the_place_of_older_ones() -> None:
    document = f"# Head\n\n{BEGIN}\nearlier\n{END}\n\nfoot\n"
    once = replaced(document, markdown({"daemon": [run_of()]}))
    assert "earlier" not in once
    assert once.startswith("# Head")
    assert once.endswith("foot\n")
    assert replaced(once, markdown({"daemon": [run_of()]})) == once
    with pytest.raises(ValueError, match="not both there"):
        replaced("no marks", "")


def test_synthetic_stations_are_spread_and_carry_real_samples(
    waveforms: list[Waveforms], tmp_path: Path
) -> None:
    write_archive(tmp_path, waveforms, 5, 30)
    records = read_archive([tmp_path]).records
    starts = {record.source_id.station: record.start_ns for record in reversed(records)}
    assert sorted(starts) == [f"S00{number}" for number in range(5)]
    # Begun within 4 s of each other, on no common sample.
    assert 0 < max(starts.values()) - min(starts.values()) < 5 * 10**9
    assert len({start_ns % 10**7 for start_ns in starts.values()}) == 5


def test_installed_examples_serve_where_no_archive_is() -> None:
    found, where = read_waveforms(None)
    assert where == "obspy's examples"
    assert found[0].samples.shape[0] == 3


def test_short_form_of_the_engines_measures_every_contender(waveforms: list[Waveforms]) -> None:
    found = measure_engines(waveforms, repetitions=1, windows=4, hour_s=40, engine="torch")
    assert set(found.windows_per_s) == {
        "v2 engine",
        "v1 engine",
        "v2 eager, batches of 32",
        "v1 eager, batches of 32",
        "v2 eager, one by one",
    }
    # The specification's estimates: 0.092 and 0.159 GFLOP.
    assert found.gflop_a_window["v2"] == pytest.approx(0.092, abs=0.001)
    assert found.gflop_a_window["v1"] == pytest.approx(0.159, abs=0.001)
    assert set(found.hour_windows.values()) == {11}
    assert found.sgemm_gflop_per_s.median > 1


def test_command_writes_figures_and_tables_and_keeps_other_parts(tmp_path: Path) -> None:
    figures, document = tmp_path / "figures.json", tmp_path / "document.md"
    figures.write_text(json.dumps({"ready": {"warm": [2.5], "cold": [9.0]}}))
    document.write_text(f"{BEGIN}\n{END}\n")
    words = ["memory", "equality", "--memory-stations", "500", "--compared", "24"]
    words += ["--engine", "torch", "--json", str(figures), "--document", str(document)]
    command = [sys.executable, str(ROOT / "tools" / "benchmark.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(figures.read_text())
    assert found["memory"]["stations"] == 500
    assert 90 < found["memory"]["allocated_kb"] < 150
    assert {name: one["windows"] for name, one in found["equality"].items()} == {"v2": 24, "v1": 24}
    assert max(one["worst"] for one in found["equality"].values()) < 1e-4
    assert found["ready"]["warm"] == [2.5]
    assert "2.5 s warm, 9.0 s cold | pass" in document.read_text()


def test_unknown_part_is_a_usage_error() -> None:
    command = [sys.executable, str(ROOT / "tools" / "benchmark.py"), "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 64
    assert "nothing is none of engines" in done.stderr


def test_few_live_stations_lose_no_window(waveforms: list[Waveforms]) -> None:
    run = run_daemon(waveforms, 3, 6, settle_s=8)
    assert run.is_whole
    assert run.windows >= 9
    assert run.received_ms["p50"] >= run.sent_ms["p50"] - 1
    assert run.cores["daemon"] > 0
    assert run.rss_mib > 50
    assert run.engine in {"fast-cpu", "torch"}
