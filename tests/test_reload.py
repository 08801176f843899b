"""reload.py: SIGHUP to the real process, and what a new configuration means."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from collections import Counter
from contextlib import ExitStack
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from tests.support import Daemon, free_port, records_of, running_daemon
from tests.test_daemon import collect, config, replay, rest, wait_for_feed
from tests.test_resume import keys
from tests.test_web import scrape, values
from umamba_rt.config.file import parse
from umamba_rt.config.whole import Config
from umamba_rt.core.inventory import EMPTY
from umamba_rt.engine.base import Engine
from umamba_rt.feed import FeedMessage, Subscriber
from umamba_rt.models.checkpoint import save
from umamba_rt.models.facts import CheckpointFacts, Preprocessing
from umamba_rt.models.seeded import untrained
from umamba_rt.parts import Parts
from umamba_rt.reader_tasks import ReaderTasks
from umamba_rt.reload import LIVE, Reloader, Sources, plan


def weights(path: Path, seed: int) -> None:
    """Put other random weights where a checkpoint is, in one step."""
    model = untrained("v2", seed)
    beside = path.with_suffix(".new")
    save(beside, model, CheckpointFacts("v2", f"{seed}", False, Preprocessing.of(model.config)))
    beside.replace(path)


def events(daemon: Daemon, name: str) -> list[dict[str, Any]]:
    """What the daemon has logged under a name."""
    lines = [json.loads(line) for line in daemon.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == name]


def reload(daemon: Daemon, text: str) -> None:
    """Another configuration, SIGHUP, and READY again."""
    (daemon.log_path.parent / "daemon.toml").write_text(text, encoding="utf-8")
    daemon.process.send_signal(signal.SIGHUP)
    assert "MONOTONIC_USEC=" in daemon.wait_notified("RELOADING=1")
    daemon.wait_notified("READY=1")


def stations_of(messages: list[FeedMessage]) -> Counter[str]:
    """How many windows of each station were sent."""
    return Counter(topic.split(".")[3] for topic, _ in keys(messages).elements())


def test_reload_in_the_midst_costs_no_window_and_doubles_none(tmp_path: Path) -> None:
    """Other weights, a second station, and a second server come while the first one sends."""
    # The second one goes on for long: the reload may take its time on a busy machine.
    two = [*records_of("AA_ONE", 130), *records_of("AA_TWO", 1000, seed=1)]
    both = sorted(two, key=lambda one: (one.end_ns, str(one.source_id)))
    third = records_of("AA_THREE", 130, seed=3)
    ports, address = (free_port(), free_port()), f"ipc://{tmp_path}/feed"
    checkpoint = tmp_path / "weights.safetensors"
    weights(checkpoint, 1)
    more = f'[state]\ndirectory = "{tmp_path / "state"}"\n[model]\ncheckpoint = "{checkpoint}"\n'
    first = config(ports[0], address, more=more).replace('["*_*"]', '["AA_ONE"]')
    second = first.replace('["AA_ONE"]', '["AA_*"]').replace("= 0.2\n[state]", "= 0.1\n[state]")
    second += "[events]\non = 5.0\nmin_magnitude = 2.0\n"
    server = f'[[seedlink]]\nserver = "127.0.0.1:{ports[1]}"\nstreams = ["*_*"]\n'
    messages: list[FeedMessage] = []
    with (
        running_daemon(tmp_path, first) as daemon,
        Subscriber(address, timeout_s=0.5) as feed,
        ExitStack() as stack,
    ):
        wait_for_feed(feed)
        for port, served in zip(ports, (both, third), strict=True):
            folder = tmp_path / str(port)
            folder.mkdir()
            words = ["--speed", "20", "--linger", "60"]
            stack.enter_context(replay(folder, served, port, *words))
        messages += collect(feed, 20)
        weights(checkpoint, 2)
        reload(daemon, second + server)
        reload(daemon, second.replace('["AA_*"]', "[5]"))
        while (stations := stations_of(messages))["ONE"] < 100 or len(stations) < 3:
            messages += collect(feed, 1)
        assert daemon.end() == 0
    sent = keys(messages)
    assert set(sent.values()) == {1}
    stations = stations_of(messages)
    assert stations["ONE"] == 100
    assert stations["TWO"] > 0
    used = [one.body["model"]["sha256"] for one in messages if "model" in one.body]
    assert len(set(used)) == 2
    assert used == sorted(used, key=used.index)  # never back to the old ones
    (found,) = events(daemon, "reloaded")
    assert found["model_swapped"]
    changed = {"seedlink", "run.heartbeat_s", "events.on", "events.min_magnitude"}
    assert set(found["applied"]) == changed
    (refused,) = events(daemon, "reload_refused")
    assert "streams" in refused["reason"]


def test_what_cannot_be_applied_is_said_by_key_and_what_cannot_be_used_refused(
    tmp_path: Path,
) -> None:
    """A checkpoint that is no checkpoint, a key that needs a restart, then a good one."""
    address = f"ipc://{tmp_path}/feed"
    text = config(free_port(), address, more="[quality]\nmin_timing_quality = 1\n")
    with running_daemon(tmp_path, text) as daemon:
        daemon.wait_notified("READY=1")
        (tmp_path / "bad.safetensors").write_bytes(b"no weights")
        reload(daemon, text + f'[model]\ncheckpoint = "{tmp_path / "bad.safetensors"}"\n')
        assert "bad.safetensors" in events(daemon, "reload_refused")[0]["reason"]
        changed = text.replace("quality = 1", "quality = 2") + "[window]\nhop_s = 2.0\nfill='zero'"
        reload(daemon, changed)
        assert events(daemon, "reloaded")[0]["applied"] == ["quality.min_timing_quality"]
        waiting = events(daemon, "reload_needs_restart")[0]["keys"]
        assert set(waiting) == {"window.hop_s", "window.fill"}
        shutil.move(tmp_path / "daemon.toml", tmp_path / "away.toml")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_notified("READY=1")
        assert len(events(daemon, "reload_refused")) == 2
        assert daemon.end() == 0


def test_metrics_tell_of_the_weights_that_run_after_a_reload(tmp_path: Path) -> None:
    checkpoint = tmp_path / "weights.safetensors"
    address = f"127.0.0.1:{free_port()}"

    def told() -> set[str]:
        return {checksum for _, _, checksum, *_ in values(scrape(address), "umamba_rt_model_info")}

    weights(checkpoint, 1)
    more = f'[model]\ncheckpoint = "{checkpoint}"\n'
    text = config(free_port(), f"ipc://{tmp_path}/feed", more=more)
    with running_daemon(tmp_path, text, UMAMBA_RT_METRICS__ADDRESS=address) as daemon:
        daemon.wait_notified("READY=1")
        assert told() == {sha256(checkpoint.read_bytes()).hexdigest()}
        weights(checkpoint, 2)
        reload(daemon, text)
        assert told() == {sha256(checkpoint.read_bytes()).hexdigest()}
        assert daemon.end() == 0


def test_addresses_of_the_feed_come_go_and_change(tmp_path: Path) -> None:
    """One stays and loses no message, one comes, one goes; one that cannot be bound is refused."""
    text = config(free_port(), f"ipc://{tmp_path}/stays").replace("[publisher]", "[[publisher]]")
    two = text + f'[[publisher]]\naddress = "ipc://{tmp_path}/%s"\ntopics = ["heartbeat"]\n'
    with (
        running_daemon(tmp_path, two % "goes") as daemon,
        Subscriber(f"ipc://{tmp_path}/stays", timeout_s=0.5) as stays,
        Subscriber(f"ipc://{tmp_path}/goes", timeout_s=0.5) as goes,
        Subscriber(f"ipc://{tmp_path}/comes", timeout_s=0.5) as comes,
    ):
        daemon.wait_notified("READY=1")
        wait_for_feed(stays)
        wait_for_feed(goes)
        reload(daemon, two % "comes")
        wait_for_feed(comes)
        rest(goes)
        assert goes.receive() is None
        (tmp_path / "not a socket").mkdir()
        reload(daemon, two % "not a socket")
        (refused,) = events(daemon, "reload_refused")
        assert "not a socket" in refused["reason"]
        wait_for_feed(comes)
        curve = (two % "comes").replace('topics = ["heartbeat"]', "curve = true")
        reload(daemon, curve + '[access]\nserver_key = "./x"\nclients = "y"\n')
        assert events(daemon, "reload_needs_restart")[0]["keys"][0] == "publisher"
        wait_for_feed(stays)
        assert stays.missed == 0
        assert daemon.end() == 0
    assert [one["applied"] for one in events(daemon, "reloaded")] == [["publisher"], []]


def test_a_bug_met_while_a_reload_is_prepared_refuses_it_and_nothing_ends() -> None:
    def engines(_: Config) -> list[Engine]:
        raise RuntimeError("nobody foresaw this")

    other = replace(Config(), model=replace(Config().model, seed=7))
    parts = cast(Parts, SimpleNamespace(config=Config(), access=None))
    sources = Sources(lambda: other, engines, lambda _: EMPTY)
    with capture_logs() as logs:
        assert not asyncio.run(Reloader(parts, cast(ReaderTasks, None), sources).reload())
    (refused,) = logs
    assert (refused["event"], refused["log_level"]) == ("reload_refused", "error")
    assert "nobody foresaw this" in refused["reason"]
    assert parts.config == Config()


def test_every_live_key_is_one_of_the_configuration() -> None:
    names = {"seedlink", "publisher"}
    for section in fields(Config):
        value = getattr(Config(), section.name)
        if not isinstance(value, tuple):
            names |= {f"{section.name}.{one.name}" for one in fields(value)}
    assert names >= LIVE


@pytest.mark.parametrize(
    ("text", "applied", "waiting"),
    [
        ("", (), ()),
        ("[quality]\nwithhold = ['clipped']", ("quality.withhold",), ()),
        ("[window]\nmax_gap_s = 0.2", ("window.max_gap_s",), ()),
        (
            "[window]\nmax_gap_s = 0.2\nmax_wait_s = 5.0",
            (),
            ("window.max_wait_s", "window.max_gap_s"),
        ),
        ("[events]\non = 5.0", ("events.on",), ()),
        ("[events]\non = 5.0\nlow_hz = 3.0", (), ("events.low_hz", "events.on")),
        ("[run]\nmode = 'replay'", (), ("run.mode",)),
        ("[model_v1]\nenabled = true", (), ("model_v1.enabled",)),
    ],
)
def test_section_is_applied_as_a_whole_or_waits(
    text: str, applied: tuple[str, ...], waiting: tuple[str, ...]
) -> None:
    old = parse("", {}, where="test")
    found = plan(old, parse(text, {}, where="test"))
    assert found.applied == applied
    assert set(found.waiting) == set(waiting)
    assert (found.config == old) == (not applied)
