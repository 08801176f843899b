from __future__ import annotations

import contextlib
import csv
import hashlib
import importlib.util
import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.support import RIDGECREST, SHARED, needs_shared
from tests.training.seisbench_folders import row, write_folder
from umamba_rt.models.checkpoint import save
from umamba_rt.models.facts import CheckpointFacts, Preprocessing
from umamba_rt.models.seeded import untrained
from umamba_rt.models.shipped import shipped

TOOL = Path(__file__).parents[2] / "tools" / "evaluate.py"


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def run_process(*arguments: object) -> Done:
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def run(*arguments: object) -> Done:
    """The tool in this process: importing torch anew takes seconds."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = tool().main([str(argument) for argument in arguments])
        except SystemExit as leaving:
            status = int(leaving.code or 0)
    return Done(status, out.getvalue(), err.getvalue())


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("evaluate_tool", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def checkpoint(folder: Path) -> Path:
    model, path = untrained("v2"), folder / "v2.safetensors"
    save(path, model, CheckpointFacts("v2", "test", False, Preprocessing.of(model.config)))
    return path


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """24 train, 4 dev and 4 test records of 32 earthquakes."""
    rng = np.random.default_rng(0)
    splits = ["train"] * 24 + ["dev"] * 4 + ["test"] * 4
    bucket, rows = rng.normal(0, 1e-7, (32, 3, 6000)), []
    for number, split in enumerate(splits):
        magnitude = float(rng.uniform(2, 6))
        bucket[number, :, 3000:] *= 10 ** (magnitude - 2)
        rows.append(
            row(
                f"bucket0${number},:3,:6000",
                split=split,
                source_id=f"ev{number}",
                source_magnitude=magnitude,
                trace_p_arrival_sample=3000,
                path_ep_distance_km=40,
            )
        )
    return write_folder(tmp_path / "data", rows, {"bucket0": bucket.astype(np.float32)})


def test_evaluation_writes_its_report(tmp_path: Path, dataset: Path) -> None:
    output = tmp_path / "out" / "deep"
    done = run_process(
        "--dataset", dataset, "--checkpoint", checkpoint(tmp_path), "--output", output
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert done.stdout.startswith("4 windows 25 s after P: MAE ")
    metrics = json.loads((output / "metrics.json").read_text())
    with (output / "predictions.csv").open(newline="") as source:
        rows = [r for r in csv.DictReader(source) if r["seconds_after_p"] == "25"]
    errors = np.array([float(r["predicted"]) - float(r["magnitude"]) for r in rows])
    assert metrics["n"] == len(errors) == 4
    assert metrics["mae"] == pytest.approx(np.abs(errors).mean(), abs=1e-5)
    assert metrics["rmse"] == pytest.approx(np.sqrt((errors**2).mean()), abs=1e-5)
    truth = np.array([float(r["magnitude"]) for r in rows])
    r2 = 1 - (errors**2).sum() / ((truth - truth.mean()) ** 2).sum()
    assert metrics["r2"] == pytest.approx(r2, abs=1e-4)
    assert metrics["source"]["model"]["name"] == "v2"
    assert metrics["source"]["baseline_windows"] == 24
    assert metrics["source"]["baselines_saw"] == "none"
    assert metrics["noise"]["n"] == 4
    assert metrics["curve"][-1]["ridge"]["mae"] < 0.5
    assert "**untrained**" in (output / "report.md").read_text()
    assert {"estimates.png", "seconds.png"} <= {path.name for path in output.iterdir()}


def test_headline_and_baselines_may_be_of_another_time_and_data_set(
    tmp_path: Path, dataset: Path
) -> None:
    alone = write_folder(
        tmp_path / "alone", [row("a", trace_p_arrival_sample=3000, split="test")],
        {"a": np.random.default_rng(1).normal(0, 1e-6, (3, 6000))},
    )  # fmt: skip
    done = run(
        "--dataset", alone, "--split", "all", "--checkpoint", checkpoint(tmp_path),
        "--seconds-after-p", 6, "--output", tmp_path / "out", "--baseline-dataset", dataset,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (metrics["seconds_after_p"], metrics["n"]) == (6, 1)
    assert metrics["source"]["baseline_windows"] == 24
    assert 6 in [point["seconds_after_p"] for point in metrics["curve"]]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--output", "x"), 64, "--dataset"),
        (("--dataset", "nowhere", "--output", "x", "--checkpoint", "c"), 69, "nowhere: no such"),
        (("--dataset", "d", "--output", "x", "--split", "most"), 64, "invalid choice"),
        (("--dataset", "d", "--output", "x", "--seconds-after-p", "0"), 64, "number of seconds"),
        (("--dataset", "d", "--output", "x", "--threads", "0"), 64, "1 or more"),
        (("--dataset", "d", "--output", "x", "--noise-end", "2020-01-01"), 64, "--noise-archive"),
    ],
)
def test_wrong_command_line_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    status: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)  # the folder for the report is made before the data are read
    done = run(*arguments)
    assert done.returncode == status
    assert message in done.stderr


def test_without_a_checkpoint_the_packages_own_is_taken(tmp_path: Path, dataset: Path) -> None:
    done = run("--dataset", dataset, "--output", tmp_path / "out")
    own = shipped("v2")
    if own is None:
        assert done.returncode == 69
        assert "--checkpoint: the package has no weights of V2" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["source"]["model"]["sha256"] == hashlib.sha256(own.read_bytes()).hexdigest()


def test_data_set_without_a_needed_column_ends_with_78(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, [{"trace_name": "a", "source_id": "e"}], {"a": np.ones((3, 9))})
    done = run("--dataset", folder, "--checkpoint", "none", "--output", tmp_path / "out")
    assert done.returncode == 78
    assert "metadata.csv, column trace_p_arrival_sample: is not there" in done.stderr


def test_split_without_records_ends_with_69(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, [row("a", split="train")], {"a": np.ones((3, 900))})
    done = run("--dataset", folder, "--checkpoint", "none", "--output", tmp_path / "out")
    assert done.returncode == 69
    assert "no usable record in split test" in done.stderr


def test_split_whose_records_give_no_window_ends_with_69(tmp_path: Path) -> None:
    rows = [row("a", split="test", trace_p_arrival_sample=5)]  # no noise to mirror in front of P
    folder = write_folder(tmp_path, rows, {"a": np.ones((3, 900))})
    output = tmp_path / "out"
    done = run("--dataset", folder, "--checkpoint", checkpoint(tmp_path), "--output", output)
    assert done.returncode == 69
    assert "no window ends 25 s after P, of 1 records" in done.stderr
    assert not (output / "metrics.json").exists()


def test_output_that_cannot_be_written_ends_with_69(tmp_path: Path, dataset: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    output = tmp_path / "file" / "out"
    done = run("--dataset", dataset, "--checkpoint", "none", "--output", output)
    assert done.returncode == 69
    assert "file/out" in done.stderr


@needs_shared
def test_noise_may_come_from_an_archive(tmp_path: Path, dataset: Path) -> None:
    archive = sorted((RIDGECREST / "2019" / "CI").glob("CLC/*"))
    model = checkpoint(tmp_path)
    done = run(
        "--dataset", dataset, "--checkpoint", model, "--output", tmp_path / "o",
        "--noise-archive", *archive, "--noise-end", "2019-07-04T16:56:00",
        "--inventory", SHARED / "data" / "ridgecrest" / "stations.xml",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    noise = json.loads((tmp_path / "o" / "metrics.json").read_text())["noise"]
    assert noise["n"] == 12  # side by side from 16:50 on


@needs_shared
def test_a_replay_is_set_against_its_catalogue(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    body = {
        "station": {"network": "CI", "station": "CCC", "location": "--", "band_source": "HH"},
        "window_end": "2019-07-04T16:55:00.000000Z",
        "magnitude": 0.5,
        "quality": {"snr_db": 3.0, "clipped": False},
        "model": {"name": "v2"},
    }
    out.write_text(json.dumps(body) + "\n")
    ridgecrest = SHARED / "data" / "ridgecrest"
    done = run(
        "replay", out, "--catalogue", ridgecrest / "catalogue.xml",
        "--inventory", ridgecrest / "stations.xml", "--min-magnitude", "6",
        "--output", tmp_path / "report",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2019-07-04T17:33:49 | 6.40" in done.stdout
    assert (tmp_path / "report" / "replay.md").read_text() == done.stdout
    missing = run(
        "replay", tmp_path / "none", "--catalogue", out, "--inventory", out, "--output", out
    )
    assert missing.returncode == 69


@needs_shared
def test_network_events_are_set_against_a_catalogue(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    share = {
        "station": {"network": "CI", "station": "CLC", "location": "--", "band_source": "HH"},
        "onset": "2019-07-04T17:33:52.000000Z",
    }
    body = {
        "schema": "umamba-rt/network/1",
        "event_id": "20190704T173352-CI_CLC",
        "window_end": "2019-07-04T17:33:58.000000Z",
        "magnitude": 6.1,
        "stations": [share],
    }
    events.write_text(json.dumps(body) + "\n")
    ridgecrest = SHARED / "data" / "ridgecrest"
    arguments = (
        "--catalogue", ridgecrest / "catalogue.xml", "--inventory", ridgecrest / "stations.xml",
        "--start", "2019-07-04T17:30", "--end", "2019-07-04T17:35:01",
        "--tuned-until", "2019-07-04T17:31", "--output", tmp_path / "report",
    )  # fmt: skip
    done = run("events", events, *arguments)
    assert done.returncode == 0, done.stderr
    assert "| recall | 100.0% | - | 100.0% |" in done.stdout
    assert (tmp_path / "report" / "events.md").read_text() == done.stdout
    report = json.loads((tmp_path / "report" / "events.json").read_text())
    assert report["all"]["magnitude_bias"] == pytest.approx(-0.3)
    events.write_text("")
    assert run("events", events, *arguments).returncode == 69
    events.write_text("{}")
    assert run("events", events, *arguments).returncode == 78
