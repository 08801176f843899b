"""resume.py, state_directory.py, the daemon: killed, started again, as if nothing had been."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from structlog.testing import capture_logs

from tests.endpoints import wait_until
from tests.support import START_NS, free_port, records_of, running_daemon
from tests.test_daemon import collect, config, counted, replay, rest, until, wait_for_feed
from umamba_rt.config.file import parse
from umamba_rt.config.run import StateConfig
from umamba_rt.config.seedlink import SeedLinkConfig
from umamba_rt.config.whole import Config
from umamba_rt.direct import run_direct
from umamba_rt.engines import make_engines
from umamba_rt.errors import UnavailableError
from umamba_rt.feed import FeedMessage, Subscriber
from umamba_rt.io.ledger import Ledger, Mark
from umamba_rt.io.statefile import StateFile
from umamba_rt.state_directory import StateDirectory, state_directory
from umamba_rt.wire.mseed import decode_record
from umamba_rt.wire.record import ReplayRecord, pack_segment

Key = tuple[str, str]


def keys(messages: list[FeedMessage]) -> Counter[Key]:
    return Counter(
        (message.topic, message.body["window_start"])
        for message in messages
        if message.topic.startswith("magnitude.")
    )


def expected_windows(records: list[ReplayRecord], text: str) -> dict[Key, float]:
    """What an undisturbed run sends, and its magnitudes."""
    made = parse(text, {}, where="test")
    output = io.BytesIO()
    run_direct(records, made, make_engines(made), output)
    bodies = [msgspec.json.decode(line) for line in output.getvalue().splitlines()]
    return {
        (
            "magnitude.v2." + ".".join(body["station"].values()),
            body["window_start"],
        ): body["magnitude"]
        for body in bodies
    }


def gappy(records: list[ReplayRecord]) -> list[ReplayRecord]:
    """Without the records of one channel's seconds 60 to 70: windows are withheld there."""
    begin_ns = START_NS + 60 * 10**9
    return [
        one
        for one in records
        if not (one.source_id.subsource == "N" and 0 <= one.start_ns - begin_ns < 10 * 10**9)
    ]


def test_killed_three_times_it_sends_what_an_undisturbed_run_sends(tmp_path: Path) -> None:
    """Two stations, one with a gap; killed after 20, 45 and 70 windows, wherever that is."""
    records = sorted(
        [*records_of("AA_ONE", 130), *gappy(records_of("AA_TWO", 130, seed=1))],
        key=lambda one: (one.end_ns, str(one.source_id)),
    )
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    more = f'[state]\ndirectory = "{tmp_path / "state"}"\n[model]\nqueue_size = 8\nbatch_size = 4\n'
    text = config(port, address, more=more)
    expected = expected_windows(records, text)
    messages: list[FeedMessage] = []
    with ExitStack() as stack:
        feed = stack.enter_context(Subscriber(address, timeout_s=0.5))
        for number, target in enumerate([20, 45, 70, len(expected)]):
            folder = tmp_path / str(number)
            folder.mkdir()
            with running_daemon(folder, text) as daemon:
                if number == 0:
                    wait_for_feed(feed)
                    words = ["--speed", "20", "--linger", "120"]
                    stack.enter_context(replay(tmp_path, records, port, *words))
                messages += collect(feed, target - sum(keys(messages).values()), 120)
                if target < len(expected):
                    daemon.process.kill()
                    daemon.process.wait()
                else:
                    assert daemon.end() == 0
        messages += rest(feed)
    found = keys(messages)
    assert found.keys() == expected.keys()
    assert set(found.values()) == {1}
    for message in messages:
        if "magnitude" in message.body:
            key = message.topic, message.body["window_start"]
            assert message.body["magnitude"] == pytest.approx(expected[key], abs=1e-5)
    assert len(expected) < 2 * 101  # some were withheld, and stayed so


def sequences(state: Path, port: int) -> dict[str, int]:
    """Of each station the number of the last packet that the state directory holds."""
    saved = StateFile(state, f"127.0.0.1:{port}").load()
    return {station: one.sequence for station, one in saved.items()}


def is_saved_beyond(state: Path, port: int, before: dict[str, int]) -> bool:
    now = sequences(state, port)
    return bool(now) and all(now.get(name, 0) > number for name, number in before.items())


def test_positions_move_on_after_a_restart(tmp_path: Path) -> None:
    """Killed after 20 windows; the next run saves while it runs, not only at its end."""
    port, address, state = free_port(), f"ipc://{tmp_path}/feed", tmp_path / "state"
    text = config(port, address, more=f'[state]\ndirectory = "{state}"\n')
    with ExitStack() as stack:
        feed = stack.enter_context(Subscriber(address, timeout_s=0.5))
        found: list[dict[str, int]] = []
        for number, target in enumerate([20, 60]):
            folder = tmp_path / str(number)
            folder.mkdir()
            with running_daemon(folder, text):
                if number == 0:
                    wait_for_feed(feed)
                    words = ["--speed", "20", "--linger", "120"]
                    stack.enter_context(replay(tmp_path, records_of(seconds=130), port, *words))
                collect(feed, target, 120)
                before = found[-1] if found else {}
                wait_until(partial(is_saved_beyond, state, port, before))
            found.append(sequences(state, port))
    assert found[0].keys() == found[1].keys() != set()
    assert all(found[1][station] > sequence for station, sequence in found[0].items())


def altered(records: list[ReplayRecord]) -> list[ReplayRecord]:
    """The same records with other samples in seconds 10 to 20."""
    out: list[ReplayRecord] = []
    begin_ns = START_NS + 10 * 10**9
    for one in records:
        segment = decode_record(one.payload, source="test")
        if 0 <= one.start_ns - begin_ns < 10 * 10**9:
            segment = replace(segment, samples=np.asarray(segment.samples + 1, np.int32))
        out += list(pack_segment(segment))
    return out


def test_station_of_two_servers_counts_once_and_disagreement_is_counted(tmp_path: Path) -> None:
    records = records_of(seconds=50)
    ports = free_port(), free_port()
    address = f"ipc://{tmp_path}/feed"
    second = f"""
[[seedlink]]
server = "127.0.0.1:{ports[1]}"
streams = ["AA_*"]
reconnect_min_s = 0.1
reconnect_max_s = 0.2
"""
    with (
        running_daemon(tmp_path, config(ports[0], address) + second) as daemon,
        Subscriber(address, timeout_s=0.5) as feed,
        ExitStack() as stack,
    ):
        wait_for_feed(feed)
        for port, served in zip(ports, (records, altered(records)), strict=True):
            folder = tmp_path / str(port)
            folder.mkdir()
            stack.enter_context(replay(folder, served, port, "--speed", "20"))
        messages = collect(feed, windows=20)
        messages += until(feed, counted("records", 2 * len(records)))
        counts = messages[-1].body["counts"]
        assert daemon.end() == 0
    found = keys(messages)
    assert set(found.values()) == {1}
    assert len(found) == 20
    assert counts["server_connects"] == 2
    # Each sample came twice; seconds 10 to 20, and the rest of the record that begins in them,
    # with two values. What the two counts say together is every sample that came second.
    assert counts["samples_duplicate"] + counts["samples_conflicting"] == 3 * 5000
    differing = sum(
        len(decode_record(one.payload, source="test").samples)
        for one in records
        if 0 <= one.start_ns - START_NS - 10 * 10**9 < 10 * 10**9
    )
    assert counts["samples_conflicting"] == differing > 0


@contextmanager
def hanging_server() -> Iterator[int]:
    """A server that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    held.append(server.accept()[0])
            except OSError:
                return  # closed: the test is over

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for one in held:
            one.close()


def test_servers_that_hang_or_are_down_hold_up_no_other(tmp_path: Path) -> None:
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    with (
        hanging_server() as hanging,
        Subscriber(address, timeout_s=0.5) as feed,
    ):
        others = "".join(
            f'[[seedlink]]\nserver = "{server}"\nstreams = ["AA_ONE"]\n'
            for server in (f"127.0.0.1:{hanging}", f"127.0.0.1:{free_port()}", "192.0.2.1:18000")
        )
        with running_daemon(tmp_path, config(port, address) + others) as daemon:
            wait_for_feed(feed)
            with replay(tmp_path, records_of(seconds=50), port, "--speed", "max"):
                began_s = time.monotonic()
                messages = collect(feed, windows=15)
            assert time.monotonic() - began_s < 15
            assert daemon.end() == 0
    assert set(keys(messages).values()) == {1}


def test_state_that_cannot_be_kept_costs_one_warning_and_no_window(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    more = f'[state]\ndirectory = "{tmp_path / "file" / "state"}"\n'
    with (
        running_daemon(tmp_path, config(port, address, more=more)) as daemon,
        Subscriber(address, timeout_s=0.5) as feed,
    ):
        wait_for_feed(feed)
        with replay(tmp_path, records_of(seconds=50), port, "--speed", "20"):
            collect(feed, windows=20)
        until(feed, counted("state_saves_failed", 2))
        assert daemon.end() == 0
        log = daemon.log()
    assert log.count("state_not_saved") == 1
    assert str(tmp_path / "file" / "state") in log


def test_state_is_kept_where_systemd_says_and_saved_at_sigterm(tmp_path: Path) -> None:
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    state = tmp_path / "state"
    with (
        running_daemon(
            tmp_path, config(port, address), STATE_DIRECTORY=f"{state}:/other"
        ) as daemon,
        Subscriber(address, timeout_s=0.5) as feed,
    ):
        wait_for_feed(feed)
        with replay(tmp_path, records_of(seconds=50), port, "--speed", "max"):
            collect(feed, windows=15)
            assert daemon.end() == 0
    ledger = Ledger(state / "ledger")
    ledger.load()
    (mark,) = ledger.marks.values()
    assert mark.begun == mark.sent
    (file,) = state.glob("*.state")
    lines = file.read_text(encoding="ascii").splitlines()
    assert lines[0].startswith("#V2")
    assert lines[-1].startswith("*_* ")


def test_second_daemon_on_one_directory_is_refused(tmp_path: Path) -> None:
    first = StateDirectory(tmp_path / "state")
    with pytest.raises(UnavailableError, match="another daemon uses it"):
        StateDirectory(tmp_path / "state")
    first.close()
    StateDirectory(tmp_path / "state").close()


@pytest.mark.parametrize(
    ("settings", "environment", "found"),
    [
        ({}, {}, None),
        ({}, {"STATE_DIRECTORY": "/a:/b"}, "/a"),
        ({"directory": "/c"}, {"STATE_DIRECTORY": "/a"}, "/c"),
        ({"enabled": False, "directory": "/c"}, {"STATE_DIRECTORY": "/a"}, None),
    ],
)
def test_directory_is_the_configured_one_or_systemds(
    settings: dict[str, Any], environment: dict[str, str], found: str | None
) -> None:
    expected = None if found is None else Path(found)
    assert state_directory(StateConfig(**settings), environment) == expected


def test_blocks_for_the_same_server_have_files_of_their_own(tmp_path: Path) -> None:
    server = SeedLinkConfig(server="a:1", streams=("AA_*",))
    directory = StateDirectory(tmp_path)
    made = directory.positions(Config(seedlink=(server, server)))
    for positions in made:
        positions.save(positions.snapshot())
    directory.close()
    assert sorted(path.name for path in tmp_path.glob("*.state")) == ["a_1.1.state", "a_1.state"]


def test_ledger_of_the_future_is_left_out_and_a_damaged_one_set_aside(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.put("A.A.--.HH", "v2", Mark(100, 100))
    ledger.put("A.B.--.HH", "v2", Mark(1000, 1000))
    ledger.sync()
    directory = StateDirectory(tmp_path)
    with capture_logs() as logs:
        assert set(directory.ledger(500 * 10**7).marks) == {("A.A.--.HH", "v2")}
    assert [entry["event"] for entry in logs] == ["ledger_from_the_future"]
    assert "A.B.--.HH v2" in logs[0]["detail"]
    (tmp_path / "ledger").write_bytes(b"garbage")
    with capture_logs() as logs:
        assert directory.ledger(0).marks == {}
    assert [entry["kind"] for entry in logs] == ["corrupt"]
    assert list(tmp_path.glob("ledger.corrupt-*"))
    (tmp_path / "ledger").mkdir()
    with capture_logs() as logs:
        assert directory.ledger(0).marks == {}
    assert [entry["event"] for entry in logs] == ["state_unreadable"]
    directory.close()


def test_directory_knows_when_it_was_saved_whatever_the_clock_says_now(tmp_path: Path) -> None:
    """A machine without a battery begins in 1970: what it had sent is not from the future."""
    directory = StateDirectory(tmp_path)
    (tmp_path / "ledger").write_bytes(b"")
    late_ns = time.time_ns() + 86400 * 10**9
    os.utime(tmp_path / "ledger", ns=(late_ns, late_ns))
    assert directory.saved_ns() == late_ns
    directory.close()
    assert StateDirectory(tmp_path / "ledger" / "no").saved_ns() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_full_disk_costs_the_state_and_no_window(tmp_path: Path) -> None:
    """64 kB that something else has filled; when they are free again, the state is saved."""
    state = tmp_path / "state"
    state.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(state)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    try:
        (state / "other").write_bytes(bytes(64 * 1024))
        more = f'[state]\ndirectory = "{state}"\n[history]\ndisk_mb = 0\n'
        with (
            running_daemon(tmp_path, config(port, address, more=more)) as daemon,
            Subscriber(address, timeout_s=0.5) as feed,
        ):
            wait_for_feed(feed)
            with replay(tmp_path, records_of(seconds=60), port, "--speed", "20"):
                messages = collect(feed, windows=30)
                until(feed, counted("state_saves_failed", 1))
                (state / "other").unlink()
                assert daemon.end() == 0
        assert set(keys(messages).values()) == {1}
        assert "No space left on device" in daemon.log()
        ledger = Ledger(state / "ledger")
        ledger.load()
        assert len(ledger.marks) == 1
    finally:
        subprocess.run(["umount", str(state)], check=True)
