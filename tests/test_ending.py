"""ending.py: SIGTERM ends the real process with 0 in under 5 s, whatever hangs."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import zmq
from structlog.testing import capture_logs

from tests.endpoints import wait_until
from tests.support import Daemon, free_port, records_of, running_daemon
from tests.test_daemon import collect, config, counted, replay, rest, until, wait_for_feed
from tests.test_resume import hanging_server
from umamba_rt.ending import REST_S, Ending
from umamba_rt.feed import Subscriber
from umamba_rt.models import UMambaV1, UMambaV2
from umamba_rt.models.checkpoint import save
from umamba_rt.models.facts import CheckpointFacts, Preprocessing

MOST_S = 5.0
SLOW = (256, 256, 256, 256)  # features a stage: 20 GFLOP a window


def slow_weights(path: Path, kind: type[UMambaV1 | UMambaV2]) -> Path:
    """Weights of a net that takes a good part of a second for a window."""
    model = kind(features_per_stage=SLOW)
    name = model.config.name
    save(path, model, CheckpointFacts(name, "slow", False, Preprocessing.of(model.config)))
    return path


def end(daemon: Daemon) -> float:
    """SIGTERM; how long it took, with 0."""
    begun_s = time.monotonic()
    assert daemon.end() == 0
    return time.monotonic() - begun_s


def last_event(daemon: Daemon) -> dict[str, Any]:
    """The last line of its log."""
    found: dict[str, Any] = json.loads(daemon.log().splitlines()[-1])
    return found


def test_large_queue_and_a_model_that_is_slow(tmp_path: Path) -> None:
    """A batch of 64 windows is at work and hundreds wait: they are left, and accounted for."""
    weights = slow_weights(tmp_path / "slow.safetensors", UMambaV2)
    more = f'[model]\ncheckpoint = "{weights}"\nengine = "torch"\nbatch_size = 64\n'
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    text = config(port, address, mode="replay", more=more + "queue_size = 300\n")
    with (
        running_daemon(tmp_path, text) as daemon,
        Subscriber(address, timeout_s=0.5) as feed,
    ):
        wait_for_feed(feed)
        with replay(tmp_path, records_of(seconds=900), port, "--speed", "max"):
            until(feed, lambda one: one.body.get("queue_depth", 0) >= 200)
            assert end(daemon) < MOST_S
        assert last_event(daemon)["event"] == "stopped"
        messages = rest(feed)
    counts = messages[-1].body["counts"]
    assert counts["windows_left_at_end"] >= 150
    assert counts["windows_cut"] == counts["windows_estimated"] + counts["windows_left_at_end"]


def test_v1_that_is_at_work_for_long(tmp_path: Path) -> None:
    weights = slow_weights(tmp_path / "slow.safetensors", UMambaV1)
    more = f'[model]\nengine = "torch"\n[model_v1]\nenabled = true\ncheckpoint = "{weights}"\n'
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    with (
        running_daemon(tmp_path, config(port, address, more=more)) as daemon,
        Subscriber(address, timeout_s=0.5) as feed,
    ):
        wait_for_feed(feed)
        with replay(tmp_path, records_of(seconds=120), port, "--speed", "max"):
            until(feed, counted("windows_waiting_v1", 40))
            assert end(daemon) < MOST_S
        assert last_event(daemon)["event"] == "stopped"


@contextmanager
def peer_that_reads_nothing(address: str) -> Iterator[None]:
    """Asks for schemas until nothing more goes out, and takes no answer."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as peer:
        peer.set(zmq.LINGER, 0)
        peer.set(zmq.RCVHWM, 1)
        peer.set(zmq.SNDHWM, 1000)
        peer.connect(address)
        for _ in range(1000):
            peer.send(b'{"request":"schema","id":"1","kind":"magnitude"}')
        yield


def test_peers_that_hang(tmp_path: Path) -> None:
    """A server that says nothing, one that is not there, and an asker that does not read."""
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    with ExitStack() as stack:
        hanging = stack.enter_context(hanging_server())
        others = "".join(
            f'[[seedlink]]\nserver = "{server}"\nstreams = ["AA_ONE"]\n'
            for server in (f"127.0.0.1:{hanging}", "192.0.2.1:18000")
        )
        daemon = stack.enter_context(running_daemon(tmp_path, config(port, address) + others))
        feed = stack.enter_context(Subscriber(address, timeout_s=0.5))
        wait_for_feed(feed)
        stack.enter_context(peer_that_reads_nothing(f"ipc://{tmp_path}/query"))
        stack.enter_context(replay(tmp_path, records_of(seconds=90), port, "--speed", "max"))
        collect(feed, windows=30)
        until(feed, counted("queries_unread", 1))
        assert end(daemon) < MOST_S
        assert last_event(daemon)["event"] == "stopped"


def test_disk_that_hangs_is_left_and_named(tmp_path: Path) -> None:
    """The next state goes to a pipe that nobody reads: opening it waits for ever."""
    state = tmp_path / "state"
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    more = f'[state]\ndirectory = "{state}"\n'
    with (
        running_daemon(tmp_path, config(port, address, more=more)) as daemon,
        Subscriber(address, timeout_s=0.5) as feed,
    ):
        wait_for_feed(feed)
        with replay(tmp_path, records_of(seconds=300), port, "--speed", "10"):
            collect(feed, windows=5)
            wait_until(lambda: bool(list(state.glob("*.state"))), 20)
            (file,) = state.glob("*.state")
            os.mkfifo(file.with_name(file.name + ".new"))
            collect(feed, windows=30)  # the feed goes on
            assert end(daemon) < MOST_S
        assert (last_event(daemon)["event"], last_event(daemon)["hangs"]) == (
            "end_cut_short",
            "state",
        )


def test_what_does_not_end_in_time_is_cut_short_and_named() -> None:
    cut_short, begun_s = threading.Event(), time.monotonic()
    with capture_logs() as logs:
        ending = Ending(0.0, cut_short.set)
        ending.begin("windows")
        assert ending.left_s == 0.0
        assert cut_short.wait(REST_S + 5)
    assert time.monotonic() - begun_s >= REST_S
    assert [(one["event"], one["hangs"]) for one in logs] == [("end_cut_short", "windows")]


def test_what_has_ended_is_not() -> None:
    cut_short = threading.Event()
    ending = Ending(0.0, cut_short.set)
    ending.over()
    assert not cut_short.wait(REST_S + 0.5)
