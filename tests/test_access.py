"""CURVE at a running daemon: feed and queries, right, wrong and revoked keys, SIGHUP."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from tests.support import free_port, running_daemon
from tests.test_daemon import config, rest
from umamba_rt.curve import public_key, write_key_pair
from umamba_rt.feed import AsyncSubscriber, ClientKeys, Subscriber, client_keys
from umamba_rt.query import QueryClient


def guarded(folder: Path, feed: str, query: str) -> str:
    """A configuration whose endpoints both ask for keys."""
    text = config(free_port(), feed).replace('[query]\naddress = ""\n', "")
    text = text.replace("[publisher]\n", "[publisher]\ncurve = true\n")
    files = f'server_key = "{folder / "server"}"\nclients = "{folder / "clients"}"\n'
    return f'{text}[query]\naddress = "{query}"\ncurve = true\n[access]\n{files}'


@contextmanager
def listening(address: str, keys: ClientKeys | None) -> Iterator[Subscriber]:
    with Subscriber(address, timeout_s=0.5, query_address="", keys=keys) as feed:
        yield feed


def hears(feed: Subscriber, tries: int) -> bool:
    """Whether a message comes; the daemon's heart beats each 0.2 s."""
    return any(feed.receive() is not None for _ in range(tries))


def stations(address: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "umamba_rt", "stations", "--address", address, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_keys_open_feed_and_queries_until_they_are_taken_off_the_list(tmp_path: Path) -> None:
    for name in ("server", "one", "two"):
        write_key_pair(tmp_path / name)
    listed = {name: public_key(tmp_path / name) for name in ("one", "two")}
    (tmp_path / "clients").write_text("\n".join(listed.values()), encoding="ascii")
    feed, query = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
    one, two = (client_keys(str(tmp_path / "server.pub"), tmp_path / name) for name in listed)
    with (
        running_daemon(
            tmp_path, guarded(tmp_path, feed, query), UMAMBA_RT_QUERY__ADDRESS=query
        ) as daemon,
        listening(feed, one) as stays,
        listening(feed, two) as goes,
        listening(feed, None) as plain,
        listening(feed, client_keys(one.own.public, tmp_path / "one")) as mistaken,
    ):
        daemon.wait_notified("READY=1")
        assert hears(stays, 20)
        assert hears(goes, 20)
        assert not hears(plain, 1)
        assert not hears(mistaken, 1)
        with QueryClient(query, keys=one) as asked:
            assert asked.ask("stats")["session"]
        for words in (
            (),
            ("--server-key", str(tmp_path / "server.pub"), "--key-file", str(tmp_path / "one")),
        ):
            assert stations(query, "--timeout-s", "2", *words).returncode == (0 if words else 69)
        (tmp_path / "clients").write_text(
            f"{listed['one']} one\n# two has left\n", encoding="ascii"
        )
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_notified("RELOADING=1")
        daemon.wait_notified("READY=1")
        rest(goes)  # what was on its way
        assert hears(stays, 20)
        assert not hears(goes, 2)
        with pytest.raises(TimeoutError), QueryClient(query, timeout_s=1, keys=two) as refused:
            refused.ask("stats")
        # A list is gone by though the rest of the configuration is refused.
        (tmp_path / "clients").write_text(listed["two"], encoding="ascii")
        (tmp_path / "daemon.toml").write_text("[window]\nlength_s = 'long'\n", encoding="utf-8")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_notified("RELOADING=1")
        daemon.wait_notified("READY=1")
        rest(stays)
        assert not hears(stays, 2)
        assert '"reload_refused"' in daemon.log()
        assert daemon.end() == 0
        assert '"client_refused"' in daemon.log()
        assert '"clients_reloaded"' in daemon.log()


def test_keys_that_are_not_there_end_the_start_with_69(tmp_path: Path) -> None:
    text = guarded(tmp_path, f"ipc://{tmp_path}/feed", f"ipc://{tmp_path}/query")
    with running_daemon(tmp_path, text) as daemon:
        assert daemon.process.wait(60) == 69
        assert f"access.server_key {tmp_path}/server: No such file" in daemon.log()


def test_zmq_is_built_with_curve() -> None:
    assert zmq.has("curve")


async def answered_by_async(address: str, query: str, keys: ClientKeys | None) -> int:
    """Messages of the history that an asynchronous subscriber gets."""
    found = 0
    async with AsyncSubscriber(
        address, ["heartbeat"], timeout_s=1.0, query_address=query, start="history", keys=keys
    ) as feed:
        while found < 20 and await feed.receive() is not None:
            found += 1
    return found


def listened(address: str, query: str, *words: str) -> int:
    """Messages that ``umamba-rt listen`` prints."""
    command = [sys.executable, "-m", "umamba_rt", "listen", "--address", address, "--json"]
    command += ["--query-address", query, "--count", "5", "--timeout-s", "2", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return len(done.stdout.splitlines())


def test_history_is_read_with_keys_and_by_nobody_else(tmp_path: Path) -> None:
    """Subscribers of both kinds and the command: with keys more than 0 messages, else none."""
    for name in ("server", "one", "two"):
        write_key_pair(tmp_path / name)
    (tmp_path / "clients").write_text(public_key(tmp_path / "one"), encoding="ascii")
    feed, query = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
    server = str(tmp_path / "server.pub")
    one, unlisted = (client_keys(server, tmp_path / name) for name in ("one", "two"))
    others = [None, unlisted, client_keys(one.own.public, tmp_path / "one")]
    text = guarded(tmp_path, feed, query)
    with running_daemon(tmp_path, text, UMAMBA_RT_QUERY__ADDRESS=query) as daemon:
        daemon.wait_notified("READY=1")
        found = []
        for keys in (one, *others):
            with Subscriber(
                feed, ["heartbeat"], timeout_s=1.0, query_address=query, start="history", keys=keys
            ) as messages:
                found.append([one.topic_seq for _, one in zip(range(20), messages, strict=False)])
        # The first heartbeats were sent before anybody subscribed: they come from the history.
        assert found == [list(range(1, 21)), [], [], []]
        counts = [asyncio.run(answered_by_async(feed, query, keys)) for keys in (one, *others)]
        assert counts == [20, 0, 0, 0]
        own, stranger = (str(tmp_path / name) for name in ("one", "two"))
        assert listened(feed, query, "--server-key", server, "--key-file", own) == 5
        assert listened(feed, query, "--server-key", server, "--key-file", stranger) == 0
        assert listened(feed, query) == 0
        assert daemon.end() == 0
