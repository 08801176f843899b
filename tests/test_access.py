"""CURVE at a running daemon: feed and queries, right, wrong and revoked keys, SIGHUP."""

from __future__ import annotations

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
from umamba_rt.feed import ClientKeys, Subscriber, client_keys
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
