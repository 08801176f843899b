from __future__ import annotations

import contextlib
import importlib.util
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from pymseed import MS3Record
from seedlink_client import SeedLink
from seedlink_client.protocol import SeedLinkError, SeedLinkPacket

from tests.support import children_cpu_s
from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import Segment
from umamba_rt.wire.record import ReplayRecord, pack_segment

TOOL = Path(__file__).parents[2] / "tools" / "replay.py"
Server = subprocess.Popen[str]
DEMO_RECORDS = 449


@contextlib.contextmanager
def replay(*arguments: str) -> Iterator[tuple[Server, int]]:
    """The tool as a process, once it listens; killed at the end if it still runs."""
    command = [sys.executable, str(TOOL), *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("listening on 127.0.0.1:"), line + process.stderr.read()
            yield process, int(line.rpartition(":")[2])
        finally:
            if process.poll() is None:
                process.kill()


def demo(*arguments: str) -> contextlib.AbstractContextManager[tuple[Server, int]]:
    return replay("--demo", *arguments)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOL), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def listener(port: int) -> SeedLink:
    link = SeedLink("127.0.0.1", port, timeout=10)
    link.add_stream("*_*")
    link.connect()
    return link


def take(link: SeedLink, enough: Callable[[SeedLinkPacket], bool]) -> list[SeedLinkPacket]:
    """Packets until one is enough, or the server is gone."""
    packets = []
    with contextlib.suppress(SeedLinkError):
        for packet in link.collect(reconnect=False):
            packets.append(packet)
            if enough(packet):
                break
    link.close()
    return packets


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("replay_tool", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_help_starts_in_under_half_a_second() -> None:
    before_s = children_cpu_s()
    result = run("--help")
    assert children_cpu_s() - before_s < 0.5
    assert result.returncode == 0
    assert "--speed" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--demo", "archive"],
        ["--demo", "--speed", "0"],
        ["--demo", "--speed", "fast"],
        ["--demo", "--port", "70000"],
        ["--demo", "--linger", "-1"],
        ["--demo", "--start", "yesterday"],
        ["--demo", "--start", "2010-05-28", "--end", "2010-05-27"],
        ["--demo", "--output", "x.jsonl"],
        ["--demo", "--direct"],
        ["--demo", "--direct", "--output", "x.jsonl", "--loop"],
        ["--demo", "--direct", "--output", "x.jsonl", "--turns", "2"],
        ["--demo", "--turns", "0"],
        ["--demo", "--turns", "2", "--loop"],
        ["--demo", "--direct", "--output", "x.jsonl", "--fault", "http"],
        ["--demo", "--fault", "drop=2"],
        ["--demo", "--fault-seed", "-1"],
    ],
)
def test_contradiction_is_a_usage_error(
    tool: ModuleType, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        tool.main(arguments)
    assert caught.value.code == 64
    assert "replay.py: " in capsys.readouterr().err


def test_fault_that_cannot_be_read_is_named(
    tool: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        tool.main(["--demo", "--fault", "drop=0.1", "--fault", "dely=2"])
    assert "--fault dely=2: no fault 'dely', expected delay" in capsys.readouterr().err


def test_archive_that_is_missing_is_unavailable(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tool.main([str(tmp_path / "missing")]) == 69
    assert "missing: no such file" in capsys.readouterr().err


def test_port_that_is_taken_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("--demo", "--port", str(taken.getsockname()[1]))
    assert result.returncode == 69
    assert "127.0.0.1:" in result.stderr
    assert "Traceback" not in result.stderr


def test_replay_at_full_speed_sends_all_and_ends_with_0() -> None:
    with demo("--port", "0", "--speed", "max", "--linger", "0.1") as (process, port):
        packets = take(listener(port), lambda p: p.seqnum == DEMO_RECORDS)
        assert [p.seqnum for p in packets] == list(range(1, DEMO_RECORDS + 1))
        assert process.wait(timeout=10) == 0


def test_faults_lose_the_same_packets_at_each_start_and_of_disturbed_connections_only() -> None:
    words = ("--port", "0", "--speed", "max", "--fault", "drop=0.2", "--fault", "duplicate=0.2")
    seen = []
    for seed in ("7", "7", "8"):
        with demo(*words, "--fault-seed", seed, "--fault-connections", "1") as (_, port):
            disturbed = take(listener(port), lambda p: p.seqnum == DEMO_RECORDS)
            whole = take(listener(port), lambda p: p.seqnum == DEMO_RECORDS)
        assert [p.seqnum for p in whole] == list(range(1, DEMO_RECORDS + 1))
        seen.append([p.seqnum for p in disturbed])
    assert seen[0] == seen[1] != seen[2]
    assert 0.7 * DEMO_RECORDS < len(set(seen[0])) < 0.9 * DEMO_RECORDS


def test_select_start_and_end_choose_a_part() -> None:
    part = ("--select", "BW.UH3.*", "--start", "2010-05-27T16:25", "--end", "2010-05-27T16:26")
    with demo("--port", "0", "--speed", "max", "--linger", "0.1", *part) as (process, port):
        packets = take(listener(port), lambda _: False)
        assert {p.station_id for p in packets} == {"BW_UH3"}
        records = [MS3Record.parse(p.payload) for p in packets]
        assert min(record.starttime_str() for record in records) == "2010-05-27T16:25:00.009999Z"
        # 50 Hz: the last sample before the end is there, and none behind it.
        last = max(record.endtime_str() for record in records)
        assert "2010-05-27T16:25:59.98" <= last < "2010-05-27T16:26"
        assert process.wait(timeout=10) == 0


def test_glob_that_matches_nothing_is_told_and_blanks_are_no_part_of_one(
    tool: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = tool.parse_arguments(["--demo", "--select", "BW.UH3.*, BW.RJOB.* ,XX.*"])
    stations = {record.source_id.station for record in tool.read(arguments).records}
    assert stations == {"UH3", "RJOB"}
    assert capsys.readouterr().err == "warning: --select XX.*: nothing matches\n"


def test_time_beyond_the_calendar_is_a_usage_error(tool: ModuleType) -> None:
    with pytest.raises(SystemExit) as ended:
        tool.parse_arguments(["--demo", "--start", "0001-01-01T00:00+05:00"])
    assert ended.value.code == 64


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_with_0(number: signal.Signals) -> None:
    with demo("--port", "0") as (process, _):
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_live_begins_now() -> None:
    now_ns = time.time_ns()
    with demo("--port", "0", "--live", "--speed", "max") as (_, port):
        (packet,) = take(listener(port), lambda _: True)
        assert abs(MS3Record.parse(packet.payload).starttime - now_ns) < 30 * 10**9


def test_loop_goes_on_with_later_times_and_numbers() -> None:
    with demo("--port", "0", "--loop", "--speed", "max") as (_, port):
        packets = take(listener(port), lambda p: p.seqnum == DEMO_RECORDS + 5)
        assert [p.seqnum for p in packets] == list(range(1, DEMO_RECORDS + 6))
        first, again = (MS3Record.parse(packets[n].payload).starttime for n in (0, DEMO_RECORDS))
        later_ns = again - first
        assert later_ns % 10**9 == 0
        assert later_ns > 230 * 10**9


def test_so_many_turns_and_no_more() -> None:
    twice = ("--turns", "2", "--speed", "max", "--linger", "0.1")
    with demo("--port", "0", *twice) as (process, port):
        packets = take(listener(port), lambda p: p.seqnum == 2 * DEMO_RECORDS)
        assert [p.seqnum for p in packets] == list(range(1, 2 * DEMO_RECORDS + 1))
        assert process.wait(20) == 0


def test_killed_and_started_again_nothing_is_lost_and_nothing_doubled() -> None:
    paced = ("--speed", "150", "--linger", "0.1")
    with demo("--port", "0", *paced) as (process, port):
        link = listener(port)

        def kill_at_150(packet: SeedLinkPacket) -> bool:
            if packet.seqnum == 150:
                process.kill()
            return False

        before = take(link, kill_at_150)
    with demo("--port", str(port), *paced):
        link.connect()
        after = take(link, lambda p: p.seqnum == DEMO_RECORDS)
    assert len(before) >= 150
    numbers = [packet.seqnum for packet in [*before, *after]]
    assert numbers == list(range(1, DEMO_RECORDS + 1))


def test_bar_is_shown_on_a_terminal() -> None:
    controller, terminal = pty.openpty()
    command = [sys.executable, str(TOOL), "--demo", "--port", "0", "--speed", "max"]
    with subprocess.Popen(
        [*command, "--linger", "0.5"], stdout=subprocess.PIPE, stderr=terminal, text=True
    ) as process:
        os.close(terminal)
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        take(listener(port), lambda p: p.seqnum == DEMO_RECORDS)
        shown = b""
        with contextlib.suppress(OSError):  # a terminal without a process is an I/O error
            while chunk := os.read(controller, 4096):
                shown += chunk
        assert process.wait(timeout=10) == 0
    os.close(controller)
    assert f"{DEMO_RECORDS}/{DEMO_RECORDS}".encode() in shown


def test_direct_runs_the_core_on_the_stations_asked_for(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[ReplayRecord] = []

    def run_direct(records: list[ReplayRecord], *_others: object) -> SimpleNamespace:
        seen.extend(records)
        return SimpleNamespace(
            records=len(records),
            records_refused=0,
            windows=0,
            written=0,
            elapsed_s=0.0,
            left_out={},
        )

    monkeypatch.setattr("umamba_rt.direct.run_direct", run_direct)
    monkeypatch.setattr("umamba_rt.engines.make_engines", lambda _config: [])
    output = tmp_path / "out.jsonl"
    arguments = ["--demo", "--direct", "--output", str(output), "--select", "BW.UH3.*, BW.RJ*"]
    assert tool.main(arguments) == 0
    assert {record.source_id.station for record in seen} == {"UH3", "RJOB"}
    assert output.exists()


def test_direct_output_that_cannot_be_written_is_unavailable(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("umamba_rt.engines.make_engines", lambda _config: [])
    output = tmp_path / "missing" / "out.jsonl"
    assert tool.main(["--demo", "--direct", "--output", str(output)]) == 69


def test_direct_without_a_file_honours_the_environment(
    tool: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("UMAMBA_RT_WINDOW__HOP_S", "soon")
    assert tool.main(["--demo", "--direct", "--output", str(tmp_path / "out.jsonl")]) == 78
    assert "window.hop_s" in capsys.readouterr().err


def test_direct_says_why_there_are_no_estimates(
    tool: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    channels = [SourceId("AA", "ONE", "", "L", "H", code) for code in "ZNE"]
    slow = [Segment(one, 10**18, 1.0, np.arange(100, dtype=np.int32)) for one in channels]
    archive = tmp_path / "slow.mseed"
    archive.write_bytes(b"".join(r.payload for one in slow for r in pack_segment(one)))
    monkeypatch.setattr("umamba_rt.engines.make_engines", lambda _config: [])
    arguments = [str(archive), "--direct", "--output", str(tmp_path / "out.jsonl")]
    assert tool.main(arguments) == 0
    assert "counted: segments_refused_rate 3" in capsys.readouterr().err
