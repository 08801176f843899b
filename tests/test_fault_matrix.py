"""Each fault switch against the real daemon, over real sockets, in SeedLink 3 and 4."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.fault_matrix import CASES, Case, table
from tests.support import ROOT, records_of
from umamba_rt.config.file import parse
from umamba_rt.config.whole import Config
from umamba_rt.daemon import Daemon
from umamba_rt.engine.base import Engine
from umamba_rt.engines import make_engines
from umamba_rt.feed import FeedMessage, Subscriber
from umamba_rt.io.replay_server import ReplayServer, ServerOptions
from umamba_rt.io.replay_timeline import Timeline
from umamba_rt.wire.fault_switches import SWITCHES, parse_faults

RECORDS = sorted(
    [*records_of("AA_ONE", 50), *records_of("AA_TWO", 50, seed=1)],
    key=lambda record: (record.end_ns, str(record.source_id)),
)
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a run: windows by sensor and start, the last counts, and the log."""

    windows: dict[tuple[str, str], dict[str, Any]]
    sent: int
    counts: Counter[str]
    log: list[MutableMapping[str, Any]]


def config_of(folder: Path, port: int, protocol: str, case: Case) -> Config:
    silence_s = 1.0 if silence_matters(case) else 30.0
    text = f"""
[[seedlink]]
server = "127.0.0.1:{port}"
streams = ["AA_ONE", "AA_TWO"]
protocol = "{protocol}"
connect_timeout_s = 30.0
idle_timeout_s = {silence_s}
reconnect_min_s = 0.05
reconnect_max_s = 0.1
[publisher]
address = "ipc://{folder}/feed"
[query]
address = ""
[metrics]
address = ""
[run]
mode = "replay"
heartbeat_s = 0.1
"""
    return parse(text, {}, where="test")


def silence_matters(case: Case) -> bool:
    """Whether silence is the fault; else a busy machine's own are not to count."""
    return bool({"half-open=@40", "trickle=@40"} & set(case.switches))


@pytest.fixture(scope="module")
def engines() -> list[Engine]:
    return make_engines(parse("", {}, where="test"))


def run(engines: list[Engine], folder: Path, protocol: str, case: Case) -> Run:
    """The daemon against a server with these faults, until everything is through."""

    async def main() -> list[FeedMessage]:
        faults = parse_faults(case.switches, seed=3, connections=case.connections)
        options = ServerOptions(linger_s=0.05, faults=faults)
        async with ReplayServer(Timeline(RECORDS), options) as server:
            config = config_of(folder, server.port, protocol, case)
            daemon = Daemon(config, engines)
            with Subscriber(daemon.publisher.address, timeout_s=0) as feed:
                running = asyncio.create_task(daemon.run())
                messages = await until_through(feed, server)
                daemon.stop()
                assert await running == 0
                messages += list(feed)
        return messages

    with capture_logs() as log:
        messages = asyncio.run(asyncio.wait_for(main(), TIMEOUT_S))
    bodies = [message.body for message in messages if message.topic.startswith("magnitude.v2")]
    windows = {
        (message.sensor, message.body["window_start"]): message.body
        for message in messages
        if message.topic.startswith("magnitude.v2")
    }
    return Run(windows, len(bodies), Counter(messages[-1].body["counts"]), log)


async def until_through(feed: Subscriber, server: ReplayServer) -> list[FeedMessage]:
    """Messages until the replay is over and two heartbeats tell of no more records."""
    messages: list[FeedMessage] = []
    over = asyncio.create_task(server.wait_finished())
    before: tuple[int, int] | None = None
    while True:
        for message in feed:
            messages.append(message)
            if message.topic != "heartbeat" or not over.done():
                continue
            counts = message.body["counts"]
            now = counts["records"], counts.get("windows_estimated", 0)
            if now == before and counts.get("windows_cut", 0) == now[1]:
                return messages
            before = now
        await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def undisturbed(engines: list[Engine], tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(engines, tmp_path_factory.mktemp("undisturbed"), "auto", Case((), ""))


@pytest.mark.parametrize("protocol", ["v3", "v4"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fault_costs_and_shows_what_the_table_says(
    case: Case, protocol: str, engines: list[Engine], undisturbed: Run, tmp_path: Path
) -> None:
    # Of both, auto takes SeedLink 4, and 3 where a server knows nothing else.
    found = run(engines, tmp_path, "v3" if protocol == "v3" else "auto", case)
    assert found.sent == len(found.windows), "a window was sent twice"
    for name, window in found.windows.items():
        expected = undisturbed.windows[name]
        if "windows_filled" in case.counts and not window["quality"]["complete"]:
            continue
        assert window["quality"] == expected["quality"]
        assert window["magnitude"] == pytest.approx(expected["magnitude"], abs=1e-5)
    if case.lost:
        assert 0 < len(found.windows) < len(undisturbed.windows)
    else:
        assert found.windows.keys() == undisturbed.windows.keys()
    higher = {name for name, n in found.counts.items() if n > undisturbed.counts[name]}
    assert higher - {"records", "segments"} == set(case.counts)
    lines = [line for line in events(found) if line not in events(undisturbed)]
    for event, reason in case.seen:
        assert any(line[0] == event and reason in line[1] for line in lines), (event, reason)
    # Where the limit of silence is short, the end of the replay can be one, too.
    usual = (("seedlink_failed", "No data for over"),) if silence_matters(case) else ()
    for line in lines:
        known = [*case.seen, *usual]
        assert any(line[0] == event and reason in line[1] for event, reason in known), line
    spoken = [one["protocol"] for one in found.log if one["event"] == "seedlink_connected"]
    assert set(spoken) == {"V3" if "v3-only" in case.switches else protocol.upper()}


def events(found: Run) -> list[tuple[str, str]]:
    """Events of the log with what they say, but for those that tell of nothing unusual."""
    usual = {"ready", "stopped", "seedlink_connected"}
    return [
        (one["event"], str(one.get("reason") or one.get("detail") or one.get("stream") or ""))
        for one in found.log
        if one["event"] not in usual
    ]


def test_delay_holds_everything_back(engines: list[Engine], tmp_path: Path) -> None:
    began_s = time.monotonic()
    run(engines, tmp_path, "auto", Case(("delay=0.7",), ""))
    assert time.monotonic() - began_s > 0.7


def test_every_switch_is_in_the_matrix() -> None:
    named = {switch.partition("=")[0] for case in CASES for switch in case.switches}
    assert named == {switch.name for switch in SWITCHES}


def test_table_in_the_documentation_is_this_matrix() -> None:
    assert table() in (ROOT / "docs" / "ingest.md").read_text(encoding="utf-8")
