"""``umamba-rt check --connect`` against replay servers of real archives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import RIDGECREST, free_port, needs_shared
from tests.tools.test_replay import demo, replay
from umamba_rt.commands.check_connect import check_servers, sensor_lines
from umamba_rt.config.file import parse
from umamba_rt.core.ids import SourceId
from umamba_rt.wire.coverage import sensors_of


def block(port: int, streams: list[str], protocol: str = "auto") -> str:
    return (
        f'[[seedlink]]\nserver = "127.0.0.1:{port}"\n'
        f'streams = {streams!r}\nprotocol = "{protocol}"\n'
    )


def lines_of(capsys: pytest.CaptureFixture[str], *blocks: str) -> tuple[int, list[str]]:
    """Status and output without the models, which take their time to load."""
    status = check_servers(parse("".join(blocks), {}, where="test"))
    return status, [line.strip() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("protocol", ["v3", "v4"])
def test_demo_archive_tells_whole_stations_and_what_others_lack(
    protocol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    streams = ["BW_UH?:SH?", "BW_RJOB", "BW_NONE:HH?"]
    with demo("--port", "0") as (_, port):
        status, lines = lines_of(capsys, block(port, streams, protocol))
    assert status == 0
    assert lines[0].startswith(f"server 127.0.0.1:{port}: SeedLink {protocol}, SeedLink v4.0 (")
    assert lines[1:] == [
        "has 9 streams of 5 stations",
        "BW_UH?:SH?   5 streams of 3 stations",
        "BW_RJOB      3 streams of 1 station",
        "BW_NONE:HH?  MISSING: no such station",
        "sensors: 2 of 4 complete",
        "BW.RJOB.--.EH  complete  ZNE",
        "BW.UH1.--.SH   MISSING N E, has Z",
        "BW.UH2.--.SH   MISSING N E, has Z",
        "BW.UH3.--.SH   complete  ZNE",
    ]


def test_vertical_alone_is_whole_where_the_operator_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = '[stations]\nvertical_only = "repeat-z"\n'
    with demo("--port", "0") as (_, port):
        _, lines = lines_of(capsys, block(port, ["BW_UH1"]), more)
    assert lines[-2:] == [
        "sensors: 1 of 1 complete",
        "BW.UH1.--.SH  complete  Z, repeated (stations.vertical_only)",
    ]


@needs_shared
def test_ridgecrest_and_a_server_that_is_not_there(tmp_path: Path) -> None:
    nobody = free_port()
    part = ("--start", "2019-07-04T17:30:00", "--end", "2019-07-04T17:30:30")
    with replay(str(RIDGECREST), "--port", "0", *part) as (_, port):
        path = tmp_path / "check.toml"
        asked = ["CI_*:HH?", "PB_*:EH?", "CI_CCC:BH?"]
        path.write_text(block(nobody, ["XX_*"]) + block(port, asked), encoding="utf-8")
        command = [sys.executable, "-m", "umamba_rt", "check", "--connect", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 69
    assert f"server 127.0.0.1:{nobody}: UNAVAILABLE: Could not connect to" in done.stdout
    assert "has 39 streams of 13 stations" in done.stdout
    assert "CI_CCC:BH?  MISSING: of CI_CCC nothing that is not asked for elsewhere" in done.stdout
    assert "sensors: " in done.stdout
    assert "PB.B916.--.EH  complete  Z12" in done.stdout
    assert "Traceback" not in done.stderr


def test_surplus_and_useless_channels_are_named() -> None:
    codes = "HHZ HHN HHE HH1 HDF"
    sensors = sensors_of(SourceId.from_nslc("CI", "A", "", code) for code in codes.split())
    assert list(sensor_lines(sensors, repeat_vertical=False)) == [
        "sensors: 1 of 2 complete",
        "  CI.A.--.HD  no component; not used: HDF",
        "  CI.A.--.HH  complete  ZNE; not used: HH1",
    ]
