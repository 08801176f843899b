"""Events of a daemon that is killed while they are open, and started again."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import START_NS, Daemon, free_port, running_daemon
from tests.test_daemon import config, replay, wait_for_feed
from umamba_rt.config.file import parse
from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import Segment
from umamba_rt.direct import run_direct
from umamba_rt.engines import make_engines
from umamba_rt.feed import FeedMessage, Subscriber
from umamba_rt.wire.record import ReplayRecord, pack_segment

ONSETS_S = {"A": 33.5, "B": 34.2, "C": 35.9}
SECONDS = 80
SPEED = "10"  # and a backlog as fast as it can: what is saved must not be a second old
NETWORK_ID = "20200913T122713-XX_A"
Name = tuple[str, int]
ENVELOPE = ("session", "seq", "topic_seq", "sent_at")


def bursts() -> list[ReplayRecord]:
    """Noise at three stations, with a decaying burst that comes to one after the other."""
    records: list[ReplayRecord] = []
    for number, (station, onset_s) in enumerate(ONSETS_S.items()):
        rng, begin = np.random.default_rng(number), round(onset_s * 100)
        fading = np.exp(-np.arange(SECONDS * 100 - begin) / 300)
        for component in "ZNE":
            samples = rng.normal(0, 100, SECONDS * 100)
            samples[begin:] += rng.normal(0, 9000, len(fading)) * fading
            source_id = SourceId("XX", station, "", "H", "H", component)
            whole = Segment(source_id, START_NS, 100.0, samples.astype(np.int32))
            records += pack_segment(whole)
    return sorted(records, key=lambda record: (record.end_ns, str(record.source_id)))


def events_of(messages: list[FeedMessage]) -> list[dict[str, Any]]:
    """What they say of events, in their order, without the envelope."""
    return [
        {name: value for name, value in message.body.items() if name not in ENVELOPE}
        for message in messages
        if message.kind in ("event", "network")
    ]


def expected_events(records: list[ReplayRecord], text: str) -> list[dict[str, Any]]:
    """What an undisturbed run tells of events."""
    made, output = parse(text, {}, where="test"), io.BytesIO()
    run_direct(records, made, make_engines(made), io.BytesIO(), events_output=output)
    bodies = [json.loads(line) for line in output.getvalue().splitlines()]
    return events_of([FeedMessage("", body) for body in bodies])


def name_of(event: dict[str, Any]) -> Name:
    return event["event_id"], event["revision"]


def differences(found: list[dict[str, Any]], wanted: dict[Name, dict[str, Any]]) -> list[Any]:
    """Of each event that is not as it should be: its name, and what differs, found and wanted."""
    different: list[Any] = []
    for one in found:
        other = wanted.get(name_of(one), {})
        keys = [key for key in {*one, *other} if one.get(key) != other.get(key)]
        if keys:
            different.append((name_of(one), {key: (one.get(key), other.get(key)) for key in keys}))
    return different


@pytest.fixture(scope="module")
def records() -> list[ReplayRecord]:
    return bursts()


def configuration(folder: Path, port: int, address: str) -> str:
    more = f'[state]\ndirectory = "{folder / "state"}"\n[model]\ncheckpoint = "untrained"\n'
    more += "[events]\nmin_stations = 3\nclose_after_s = 30.0\nfollow_s = 12.0\n"
    more += "min_magnitude = -5.0\n"  # the weights are untrained
    return config(port, address, more=more)


def follow(feed: Subscriber, daemon: Daemon, messages: list[FeedMessage], *until: Name) -> None:
    """Add messages of a new run until all this is said, or later revisions of it, be it before."""
    ends_s = time.monotonic() + 60
    before = {message.session for message in messages}
    missing = set(until) - said_of(until, messages)
    while True:
        message = feed.receive()
        assert daemon.process.poll() is None, daemon.log()
        assert time.monotonic() < ends_s, daemon.log()
        if message is not None:
            messages.append(message)
            missing -= said_of(until, [message])
            if not missing and message.session not in before:
                return


def said_of(names: Iterable[Name], messages: list[FeedMessage]) -> set[Name]:
    """Those of which this revision, or a later one, is among the messages."""
    events = events_of(messages)
    return {
        (event_id, revision)
        for event_id, revision in names
        if any(one["event_id"] == event_id and one["revision"] >= revision for one in events)
    }


def test_killed_while_events_are_open_they_go_on_and_close_as_if_it_had_not_been(
    tmp_path: Path, records: list[ReplayRecord]
) -> None:
    """Killed behind a sensor's first message, in the network's growth, and before its end."""
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    text = configuration(tmp_path, port, address)
    expected = expected_events(records, text)
    network = [one for one in expected if one["schema"] == "umamba-rt/network/1"]
    assert {one["event_id"] for one in network} == {NETWORK_ID}
    assert [network[0]["state"], network[-1]["state"]] == ["open", "closed"]
    stops = [name_of(one) for one in (expected[0], network[0], network[4], network[-2])]
    ends = [name_of(one) for one in expected if one["state"] == "closed"]
    messages: list[FeedMessage] = []
    with ExitStack() as stack:
        feed = stack.enter_context(Subscriber(address, timeout_s=0.5))
        for number, stop in enumerate([*([one] for one in stops), ends]):
            folder = tmp_path / str(number)
            folder.mkdir()
            with running_daemon(folder, text) as daemon:
                if number == 0:
                    wait_for_feed(feed)
                    words = ["--speed", SPEED, "--linger", "120"]
                    stack.enter_context(replay(tmp_path, records, port, *words))
                follow(feed, daemon, messages, *stop)
                daemon.process.kill()
                daemon.process.wait()
                assert "events_unreadable" not in daemon.log()
    found, wanted = events_of(messages), {name_of(one): one for one in expected}
    # Each is what an undisturbed run tells: the same name, revision, estimates, stations.
    different = differences(found, wanted)
    assert not different, different
    last = {one["event_id"]: one["state"] for one in found}
    assert last == {one["event_id"]: "closed" for one in expected}
    for event_id in last:
        revisions = [one["revision"] for one in found if one["event_id"] == event_id]
        assert revisions == sorted(revisions)
    # A kill takes along what is on its way, some windows' messages; else no revision is missing.
    assert len({name_of(one) for one in found}) >= len(wanted) / 3
    sessions = list(dict.fromkeys(message.session for message in messages))
    assert len(sessions) == len(stops) + 1
    longest = 0
    for session in sessions:
        told = events_of([message for message in messages if message.session == session])
        for event_id in last:
            revisions = [one["revision"] for one in told if one["event_id"] == event_id]
            assert set(np.diff(revisions)) <= {0, 1}, (event_id, revisions)
            longest = max(longest, len(revisions))
    assert longest > 3


def test_what_is_open_is_told_once_more_by_the_next_run(
    tmp_path: Path, records: list[ReplayRecord]
) -> None:
    """So that the snapshot of its session has it."""
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    text = configuration(tmp_path, port, address)
    runs: list[list[FeedMessage]] = []
    with ExitStack() as stack:
        feed = stack.enter_context(Subscriber(address, timeout_s=0.5))
        for stop in ((NETWORK_ID, 2), (NETWORK_ID, 5)):
            runs.append([])
            folder = tmp_path / str(stop[1])
            folder.mkdir()
            with running_daemon(folder, text) as daemon:
                if len(runs) == 1:
                    wait_for_feed(feed)
                    words = ["--speed", "3", "--linger", "120"]  # not closed before it is stopped
                    stack.enter_context(replay(tmp_path, records, port, *words))
                follow(feed, daemon, runs[-1], stop)
                assert daemon.end() == 0
                while (message := feed.receive()) is not None:
                    runs[-1].append(message)
    first, second = map(events_of, runs)
    latest = {one["event_id"]: one for one in first}
    left = [one for one in latest.values() if one["state"] != "closed"]
    assert NETWORK_ID in {one["event_id"] for one in left}
    assert all(one in second[: len(latest)] for one in left)


def test_damaged_state_of_events_is_a_warning_and_loses_no_window(
    tmp_path: Path, records: list[ReplayRecord]
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "events").write_bytes(b"00000000 {}\n")
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    text = configuration(tmp_path, port, address)
    expected = expected_events(records, text)
    messages: list[FeedMessage] = []
    with Subscriber(address, timeout_s=0.5) as feed, running_daemon(tmp_path, text) as daemon:
        wait_for_feed(feed)
        with replay(tmp_path, records, port, "--speed", "40"):
            follow(feed, daemon, messages, name_of(expected[-1]))
        assert daemon.end() == 0
        assert daemon.log().count("events_unreadable") == 1
    assert {name_of(one) for one in events_of(messages)} == {name_of(one) for one in expected}
