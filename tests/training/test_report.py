from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.evaluated import window
from umamba_rt.core.estimate import ModelIdentity
from umamba_rt.training.evaluate import EvaluatedWindow, Evaluation, NoiseWindow
from umamba_rt.training.report import Source, write_json, write_windows
from umamba_rt.training.report_markdown import markdown
from umamba_rt.training.report_plots import write_plots
from umamba_rt.training.summary import summarise

SOURCE = Source(
    model=ModelIdentity("v2", "1", "ab" * 32, True),
    dataset="folder",
    split="test",
    split_rule="file",
    unusable=3,
    baseline_windows=50,
    baselines_saw="none",
    noise="before P",
)


def evaluation() -> Evaluation:
    windows = tuple(
        window(
            station=station,
            seconds_after_p=second,
            predicted=4 + k / 10,
            magnitude=4 + k / 20,
            snr_db=math.nan,
        )
        for second in (5.0, 25.0)
        for k, station in enumerate("ABCDE")
    )
    return Evaluation(windows, (NoiseWindow("n", 12.0, 1.0),), 5, {})


def test_json_has_the_headline_at_its_top_level(tmp_path: Path) -> None:
    summary = summarise(evaluation(), 25.0)
    write_json(tmp_path / "metrics.json", summary, SOURCE)
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert (found["mae"], found["n"]) == (pytest.approx(0.1), 5)
    assert found["rmse"] == pytest.approx(math.sqrt(0.03 / 2))
    assert isinstance(found["r2"], float)
    assert found["calibration"] is None
    assert found["source"]["model"]["sha256"] == "ab" * 32
    assert {"curve", "skill", "groups", "events", "event_errors", "noise"} <= set(found)


def test_what_is_no_number_is_null_in_json(tmp_path: Path) -> None:
    alone = Evaluation((window(ridge=math.nan),), (), 1, {})
    write_json(tmp_path / "metrics.json", summarise(alone, 25.0), SOURCE)
    text = (tmp_path / "metrics.json").read_text()
    assert json.loads(text)["r2"] is None
    assert "NaN" not in text


def test_predictions_hold_every_window_and_field(tmp_path: Path) -> None:
    write_windows(tmp_path / "predictions.csv", EvaluatedWindow, evaluation().windows)
    with (tmp_path / "predictions.csv").open(newline="") as source:
        rows = list(csv.DictReader(source))
    assert len(rows) == 10
    assert list(rows[0]) == list(EvaluatedWindow.__slots__)
    assert (rows[1]["predicted"], rows[1]["snr_db"], rows[1]["clipped"]) == ("4.1", "", "0")


def test_noise_windows_are_a_table_too(tmp_path: Path) -> None:
    write_windows(tmp_path / "noise.csv", NoiseWindow, evaluation().noise)
    assert (tmp_path / "noise.csv").read_text() == "origin,window_snr_db,predicted\nn,12,1\n"


def test_markdown_tells_the_model_the_data_and_every_section() -> None:
    text = markdown(summarise(evaluation(), 25.0), SOURCE, ["estimates.png"])
    assert "v2 1, SHA-256" in text
    assert "| 0.100 |" in text
    assert "![estimates.png](estimates.png)" in text
    for title in (
        "Bias by magnitude and seconds after P",
        "Beside the baselines",
        "By seconds after P",
        "Earthquakes",
        "Noise",
        "By unit",
    ):
        assert f"## {title}" in text
    assert "nan" not in text


def test_markdown_warns_of_baselines_fitted_on_what_is_evaluated() -> None:
    summary = summarise(evaluation(), 25.0)
    fitted = markdown(summary, replace(SOURCE, baselines_saw="fit"))
    assert "**The evaluated earthquakes are among them.**" in fitted
    chosen = markdown(summary, replace(SOURCE, baselines_saw="penalty"))
    assert "penalty was chosen on the evaluated windows" in chosen
    assert "No training records" in markdown(summary, replace(SOURCE, baseline_windows=0))


def test_plots_are_pictures_and_the_same_twice(tmp_path: Path) -> None:
    summary = summarise(evaluation(), 25.0)
    first = write_plots(tmp_path, evaluation(), summary)
    assert first == ["estimates.png", "seconds.png", "errors.png", "noise.png"]
    before = {name: (tmp_path / name).read_bytes() for name in first}
    assert all(content.startswith(b"\x89PNG") for content in before.values())
    write_plots(tmp_path, evaluation(), summary)
    assert before == {name: (tmp_path / name).read_bytes() for name in first}


def test_nothing_is_drawn_of_nothing(tmp_path: Path) -> None:
    empty = Evaluation((), (), 0, {})
    assert write_plots(tmp_path, empty, summarise(empty, 25.0)) == []
