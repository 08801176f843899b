"""daemon.py as a process: real servers, real feed, real signals."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from tests.endpoints import wait_until
from tests.support import ROOT, SHARED, free_port, needs_shared, records_of, running_daemon
from umamba_rt.core.ids import SourceId
from umamba_rt.core.pipeline import Pipeline, PipelineSettings
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.feed import FeedMessage, Subscriber
from umamba_rt.ingest import DataClock, Ingest
from umamba_rt.models import UMambaV2
from umamba_rt.models.checkpoint import save
from umamba_rt.models.facts import CheckpointFacts, Preprocessing
from umamba_rt.reader_tasks import cancel
from umamba_rt.wire.record import ReplayRecord, pack_segment
from umamba_rt.wire.schemas import KINDS, schema

VALIDATORS = {f"umamba-rt/{kind}/1": Draft202012Validator(schema(kind)) for kind in KINDS}


def config(port: int, feed: str, *, mode: str = "replay", more: str = "") -> str:
    return f"""
[[seedlink]]
server = "127.0.0.1:{port}"
streams = ["*_*"]
reconnect_min_s = 0.1
reconnect_max_s = 0.2
[query]
address = ""
[metrics]
address = ""
[publisher]
address = "{feed}"
[run]
mode = "{mode}"
heartbeat_s = 0.2
{more}
"""


@contextmanager
def replay(tmp_path: Path, records: list[ReplayRecord], port: int, *words: str) -> Iterator[None]:
    """tools/replay.py as a process, serving these records."""
    path = tmp_path / "archive.mseed"
    path.write_bytes(b"".join(record.payload for record in records))
    command = [sys.executable, str(ROOT / "tools" / "replay.py"), str(path), "--port", str(port)]
    with subprocess.Popen([*command, *words], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        too_late = threading.Timer(60, server.kill)
        too_late.start()
        try:
            assert server.stdout.readline().startswith("listening on")
            too_late.cancel()
            yield
        finally:
            too_late.cancel()
            server.kill()


def until(
    feed: Subscriber, reached: Callable[[FeedMessage], bool], timeout_s: float = 60.0
) -> list[FeedMessage]:
    """Messages up to the first for which it is so; fails after ``timeout_s``."""
    messages: list[FeedMessage] = []
    ends_s = time.monotonic() + timeout_s
    while not (messages and reached(messages[-1])):
        topics = Counter(message.topic for message in messages)
        assert time.monotonic() < ends_s, (topics, messages[-1:])
        if (message := feed.receive()) is not None:
            messages.append(message)
    return messages


def counted(name: str, least: int) -> Callable[[FeedMessage], bool]:
    """Whether a message is a heartbeat that has counted so many."""
    return lambda message: message.body.get("counts", {}).get(name, 0) >= least


def rest(feed: Subscriber, timeout_s: float = 60.0) -> list[FeedMessage]:
    """What comes until nothing does; fails where there is no end of it."""
    messages: list[FeedMessage] = []
    ends_s = time.monotonic() + timeout_s
    while (message := feed.receive()) is not None:
        assert time.monotonic() < ends_s, f"{len(messages)} messages, and no end"
        messages.append(message)
    return messages


def wait_for_feed(feed: Subscriber) -> None:
    """A heartbeat proves that the subscription stands."""
    until(feed, lambda message: message.topic == "heartbeat")


def collect(feed: Subscriber, windows: int, timeout_s: float = 60.0) -> list[FeedMessage]:
    """Messages until this many magnitudes came."""
    messages: list[FeedMessage] = []
    ends_s = time.monotonic() + timeout_s
    while windows > 0:
        assert time.monotonic() < ends_s, Counter(message.topic for message in messages)
        message = feed.receive()
        if message is not None:
            messages.append(message)
            windows -= message.topic.startswith("magnitude.")
    return messages


def test_a_run_from_start_to_sigterm(tmp_path: Path) -> None:
    """READY quickly, every message of both models valid and numbered, SIGTERM drains, exit 0."""
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    more = "[model]\ncheckpoint = 'untrained'\n"
    more += "[model_v1]\nenabled = true\ncheckpoint = 'untrained'\n"
    started_s = time.monotonic()
    with running_daemon(tmp_path, config(port, address, more=more)) as daemon:
        daemon.wait_notified("READY=1")
        ready_s = time.monotonic() - started_s
        with Subscriber(address, timeout_s=0.5) as feed:
            wait_for_feed(feed)
            with replay(tmp_path, records_of(seconds=50), port, "--speed", "max"):
                messages = collect(feed, windows=2 * 15)
            assert daemon.end() == 0
            messages += rest(feed)
            assert feed.missed == 0
    assert ready_s < 8
    for message in messages:
        VALIDATORS[message.body["schema"]].validate(message.body)
        assert message.topic.startswith(
            ("magnitude.v2.AA.ONE.--.HH", "magnitude.v1.", "station.", "heartbeat")
        )
    bodies = [message.body for message in messages]
    assert [body["seq"] for body in bodies] == list(range(bodies[0]["seq"], bodies[-1]["seq"] + 1))
    magnitudes = [body for body in bodies if "magnitude" in body]
    assert not any(body["model"]["trained"] for body in magnitudes)
    assert {body["model"]["name"] for body in magnitudes} == {"v1", "v2"}
    assert all(("evolution" in body) == (body["model"]["name"] == "v1") for body in magnitudes)
    states = [message.body["state"] for message in messages if message.topic.startswith("station")]
    assert states == ["online"]
    last = bodies[-1]
    assert last["counts"]["estimates_sent"] == len(magnitudes)
    assert "model_untrained" in daemon.log()
    assert json.loads(daemon.log().splitlines()[-1])["event"] == "stopped"


def test_feed_says_what_a_record_of_garbage_did_and_goes_on(tmp_path: Path) -> None:
    records = records_of(seconds=50)
    packets = [b"SL%06X" % n + record.payload for n, record in enumerate(records, 1)]
    packets.insert(7, b"SL%06X" % 9999 + b"\xff" * 512)
    packets.insert(9, b"SL%06X" % 9998 + records[8].payload[:100] + b"\x55" * 412)
    address = f"ipc://{tmp_path}/feed"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with (
            running_daemon(tmp_path, config(port, address)) as daemon,
            Subscriber(address, timeout_s=0.5) as feed,
        ):
            wait_for_feed(feed)
            threading.Thread(target=serve_v3, args=(server, packets), daemon=True).start()
            collect(feed, windows=15)
            assert daemon.process.poll() is None
            beat = until(feed, lambda message: message.topic == "heartbeat")[-1]
            assert beat.body["counts"]["records_refused"] == 2
            assert daemon.end() == 0
        assert "record_refused" in daemon.log()


def serve_v3(server: socket.socket, packets: list[bytes]) -> None:
    """One client: every command is answered with OK, then the packets are sent."""
    connection, _ = server.accept()
    with connection, connection.makefile("rb") as lines:
        lines.readline()
        connection.sendall(b"SeedLink v3.1 (2020.075) :: SLPROTO:3.1\r\nTest\r\n")
        while not lines.readline().startswith(b"END"):
            connection.sendall(b"OK\r\n")
        connection.sendall(b"".join(packets))
        lines.read()


def test_small_queue_slows_the_source_and_loses_nothing(tmp_path: Path) -> None:
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    more = "[model]\nqueue_size = 2\nbatch_size = 1\n"
    with (
        running_daemon(tmp_path, config(port, address, more=more)) as daemon,
        Subscriber(address, timeout_s=0.5) as feed,
    ):
        wait_for_feed(feed)
        with replay(tmp_path, records_of(seconds=90), port, "--speed", "max"):
            messages = collect(feed, windows=55)
        assert daemon.end() == 0
    starts = [message.body["window_start"] for message in messages if "magnitude" in message.body]
    assert len(set(starts)) == 55
    depths = [message.body["queue_depth"] for message in messages if "queue_depth" in message.body]
    assert max(depths, default=0) <= 2


def test_sigterm_in_the_midst_drains_and_accounts_for_every_window(tmp_path: Path) -> None:
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    more = "[model]\nqueue_size = 30\nbatch_size = 1\n"
    with (
        running_daemon(tmp_path, config(port, address, more=more)) as daemon,
        Subscriber(address, timeout_s=0.5) as feed,
    ):
        wait_for_feed(feed)
        with replay(tmp_path, records_of(seconds=900), port, "--speed", "max"):
            messages = collect(feed, windows=20)
            assert daemon.end() == 0
        messages += rest(feed)
    counts = messages[-1].body["counts"]
    sent = sum("magnitude" in message.body for message in messages)
    assert counts["windows_estimated"] == counts["estimates_sent"] == sent
    assert counts["windows_cut"] == sent + counts["windows_left_at_end"]
    assert counts["windows_left_at_end"] < 30  # the queue was drained; what waited for it was not
    assert sent >= 50


def test_records_that_end_a_replay_behind_a_gap_are_used_at_sigterm(tmp_path: Path) -> None:
    """Six records an hour later are too few for the clock to follow while more may come."""
    records = records_of(seconds=80, rate_hz=20.0)
    behind_ns = records[-1].end_ns + 3600 * NS_PER_S
    flat = np.zeros(1400, np.int32)  # 70 s in two records
    for component in "ZNE":
        source_id = SourceId("AA", "ONE", "", "H", "H", component)
        records += pack_segment(Segment(source_id, behind_ns, 20.0, flat))
    records.sort(key=lambda record: (record.end_ns, str(record.source_id)))
    ingest = Ingest(Pipeline(PipelineSettings(max_future_s=None)), DataClock())
    early = sum(len(ingest.record(one.payload, source="test").windows) for one in records)
    expected = early + len(ingest.finish().windows)
    assert expected > early
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    with (
        running_daemon(tmp_path, config(port, address)) as daemon,
        Subscriber(address, timeout_s=0.5) as feed,
    ):
        wait_for_feed(feed)
        with replay(tmp_path, records, port, "--speed", "max"):
            messages = collect(feed, windows=early)
            messages += until(feed, counted("records", len(records)))
            assert messages[-1].body["counts"]["segments"] == len(records) - 6
            assert daemon.end() == 0
        messages += rest(feed)
    assert sum(message.topic.startswith("magnitude.") for message in messages) == expected
    assert messages[-1].body["counts"]["segments"] == len(records)
    assert messages[-1].body["counts"]["windows_left_at_end"] == 0


def test_sigterm_while_the_model_loads_ends_with_0(tmp_path: Path) -> None:
    with running_daemon(tmp_path, config(free_port(), f"ipc://{tmp_path}/feed")) as daemon:
        status = Path(f"/proc/{daemon.process.pid}/status")
        wait_until(lambda: _catches(status, signal.SIGTERM))
        assert daemon.end() == 0


def _catches(status: Path, number: signal.Signals) -> bool:
    (line,) = [one for one in status.read_text().splitlines() if one.startswith("SigCgt:")]
    return bool(int(line.split()[1], 16) >> (number - 1) & 1)


@pytest.mark.parametrize("stderr", ["closed pipe", "full disk"])
def test_log_that_cannot_be_written_does_not_end_the_daemon(stderr: str, tmp_path: Path) -> None:
    address = f"ipc://{tmp_path}/feed"
    path = tmp_path / "daemon.toml"
    path.write_text(config(free_port(), address), encoding="utf-8")
    command = [sys.executable, "-m", "umamba_rt", "run", str(path)]
    with Path("/dev/full").open("wb") as full:
        sink = subprocess.PIPE if stderr == "closed pipe" else full
        with subprocess.Popen(command, stderr=sink) as process:
            if process.stderr:
                process.stderr.readline()
                process.stderr.close()
            with Subscriber(address, timeout_s=0.5) as feed:
                wait_for_feed(feed)
                until(feed, counted("server_failures", 3))
            process.terminate()
            assert process.wait(20) == 0


def test_failing_model_ends_the_daemon_with_70(tmp_path: Path) -> None:
    """A V2 whose numbers overflow is no failure; one that cannot run at all is."""
    checkpoint = tmp_path / "wide.safetensors"
    model = UMambaV2(in_channels=2)
    facts = CheckpointFacts("v2", "two components", True, Preprocessing.of(model.config))
    save(checkpoint, model, facts)
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    more = f'[model]\ncheckpoint = "{checkpoint}"\n'
    with running_daemon(tmp_path, config(port, address, more=more)) as daemon:
        daemon.wait_notified("READY=1")
        with replay(tmp_path, records_of(seconds=50), port, "--speed", "max"):
            assert daemon.process.wait(30) == 70
        assert "model_failed" in daemon.log()


def test_sigint_ends_with_0_while_no_server_is_there(tmp_path: Path) -> None:
    address = f"ipc://{tmp_path}/feed"
    with running_daemon(tmp_path, config(free_port(), address)) as daemon:
        daemon.wait_notified("READY=1")
        daemon.process.send_signal(signal.SIGINT)
        assert daemon.process.wait(20) == 0
        assert "seedlink_failed" in daemon.log()


def test_live_mode_refuses_the_future_and_answers_in_time(tmp_path: Path) -> None:
    """Live at speed 1: the median from a window's last sample to its message is below 150 ms."""
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    with (
        running_daemon(tmp_path, config(port, address, mode="live")) as daemon,
        Subscriber(address, timeout_s=0.5) as feed,
    ):
        wait_for_feed(feed)
        with replay(tmp_path, records_of(seconds=60), port, "--speed", "1", "--live"):
            messages = collect(feed, windows=10)
        assert daemon.end() == 0
    bodies = [message.body for message in messages if "magnitude" in message.body]
    took_ms = sorted(body["latency"]["processing_ms"] for body in bodies)
    assert took_ms[len(took_ms) // 2] < 150
    assert all(0 <= body["latency"]["data_s"] < 15 for body in bodies)


@needs_shared
@pytest.mark.parametrize(
    "words", [["--speed", "max"], ["--speed", "60", "--kill-server-at", "900"]]
)
def test_socket_and_direct_give_the_same_windows_of_the_m64(
    words: list[str], tmp_path: Path
) -> None:
    """Ridgecrest, minutes 40 to 46: none lost, none doubled, equal to 1e-5; also over a kill -9."""
    report = tmp_path / "report.json"
    tool = str(ROOT / "tools" / "first_light.py")
    archive = str(SHARED / "data" / "ridgecrest" / "sds")
    span = ["--start", "2019-07-04T17:30:00", "--end", "2019-07-04T17:36:00"]
    if "--kill-server-at" in words:
        span += ["--select", "CI.C*,CI.WBS*,PB.*"]
    command = [sys.executable, tool, archive, *span, *words, "--output", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["lost"] == found["extra"] == found["doubled"] == found["different"] == 0
    assert found["worst_magnitude_difference"] <= 1e-5
    assert found["windows_direct"] == found["windows_socket"] > 330 * found["stations"]
    assert found["messages_missed"] == 0
    assert found["counts"].get("windows_dropped_overload", 0) == 0
    assert found["counts"]["server_connects"] == (2 if "--kill-server-at" in words else 1)


def test_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    """As ``asyncio.wait_for`` of Python 3.11 does when its data come in the same turn."""
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
        await asyncio.sleep(60)

    async def run() -> bool:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await cancel([task])
        return task.cancelled()

    assert asyncio.run(run())
    assert swallowed == 2
