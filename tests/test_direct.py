"""direct.py and tools/replay.py --direct: an archive to message bodies without a socket."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT, records_of
from umamba_rt.config.whole import Config
from umamba_rt.direct import run_direct
from umamba_rt.engine import load_engine
from umamba_rt.engine.base import Engine
from umamba_rt.wire.record import ReplayRecord

CONFIG = Config()


@pytest.fixture(scope="module")
def engines() -> list[Engine]:
    return [load_engine(None, name="v2"), load_engine(None, name="v1")]


def bodies(
    records: list[ReplayRecord], engines: list[Engine], batch_size: int = 64
) -> list[dict[str, Any]]:
    config = replace(CONFIG, model=replace(CONFIG.model, batch_size=batch_size))
    output = io.BytesIO()
    summary = run_direct(records, config, engines, output)
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert summary.written == len(lines)
    return lines


def lasting(body: dict[str, Any]) -> dict[str, Any]:
    """Without the fields of one run alone, and the number that depends on the batch's rounding."""
    run_only = {"session", "seq", "sent_at", "latency", "magnitude", "evolution"}
    return {name: value for name, value in body.items() if name not in run_only}


def test_every_window_of_every_model_is_written_once(engines: list[Engine]) -> None:
    lines = bodies(records_of(seconds=45), engines)
    starts = {name: [] for name in ("v1", "v2")}  # type: dict[str, list[str]]
    for body in lines:
        starts[body["model"]["name"]].append(body["window_start"])
    assert starts["v1"] == starts["v2"]
    assert len(starts["v2"]) == len(set(starts["v2"])) == 15


def test_batches_of_any_size_give_the_same_numbers(engines: list[Engine]) -> None:
    records = records_of(seconds=50)
    one, other = (bodies(records, engines[:1], size) for size in (1, 7))
    assert [lasting(body) for body in one] == [lasting(body) for body in other]
    for left, right in zip(one, other, strict=True):
        assert left["magnitude"] == pytest.approx(right["magnitude"], abs=1e-5)


def test_damaged_record_is_left_out_and_told_in_the_summary(engines: list[Engine]) -> None:
    records = records_of(seconds=45)
    broken = replace(records[4], payload=b"\xff" * 512)
    summary = run_direct([*records[:4], broken, *records[4:]], CONFIG, engines[:1], io.BytesIO())
    assert (summary.records_refused, summary.windows) == (1, 15)


def test_full_disk_is_named_and_ends_with_69() -> None:
    command = [sys.executable, str(ROOT / "tools" / "replay.py"), "--demo", "--direct"]
    done = subprocess.run(
        [*command, "--output", "/dev/full"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 69
    assert "/dev/full: No space left on device" in done.stderr


STATIONS = """<?xml version="1.0"?>
<FDSNStationXML xmlns="http://www.fdsn.org/xml/station/1" schemaVersion="1.2">
<Source>test</Source><Created>2020-01-01T00:00:00Z</Created><Network code="AA">
<Station code="ONE"><Latitude>35.5</Latitude><Longitude>-117</Longitude><Elevation>0</Elevation>
<Site><Name>A</Name></Site>{channels}</Station></Network></FDSNStationXML>"""
CHANNEL = """<Channel code="HH{code}" locationCode=""><Latitude>35.5</Latitude>
<Longitude>-117</Longitude><Elevation>0</Elevation><Depth>0</Depth>
<Azimuth>{azimuth}</Azimuth><Dip>{dip}</Dip><SampleRate>100</SampleRate>
<Response><InstrumentSensitivity><Value>6e8</Value><Frequency>1</Frequency>
<InputUnits><Name>m/s</Name></InputUnits><OutputUnits><Name>counts</Name></OutputUnits>
</InstrumentSensitivity></Response></Channel>"""


@pytest.mark.parametrize(
    ("where", "arguments", "unit", "told"),
    [
        ("archive", [], "m/s", "station metadata: "),
        (".", [], "m/s", "station metadata: "),
        (".", ["--inventory", "none"], "counts", ""),
        ("else/where", [], "counts", ""),
        ("else/where", ["--inventory", "{}/else/where"], "m/s", ""),
    ],
)
def test_station_metadata_are_found_or_named_or_done_without(
    tmp_path: Path, where: str, arguments: list[str], unit: str, told: str
) -> None:
    archive, output = tmp_path / "archive", tmp_path / "out.jsonl"
    for folder in (archive, tmp_path / where):
        folder.mkdir(parents=True, exist_ok=True)
    payloads = [record.payload for record in records_of(seconds=31)]
    (archive / "one.mseed").write_bytes(b"".join(payloads))
    axes = zip("ZNE", (0, 0, 90), (-90, 0, 0), strict=True)
    channels = "".join(CHANNEL.format(code=c, azimuth=a, dip=d) for c, a, d in axes)
    xml = tmp_path / where / "stations.xml"
    xml.write_text(STATIONS.format(channels=channels), encoding="utf-8")
    named = [text.format(tmp_path) for text in arguments]
    tool = str(ROOT / "tools" / "replay.py")
    command = [sys.executable, tool, str(archive), "--direct", "--output", str(output), *named]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert told in done.stderr
    assert ("station metadata" in done.stderr) is bool(told)
    assert "left out" not in done.stderr
    (body,) = map(json.loads, output.read_text(encoding="utf-8").splitlines())
    assert body["quality"]["unit"] == unit
