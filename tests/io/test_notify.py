"""io/notify.py: what systemd hears."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from umamba_rt.io.notify import notify


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(str(tmp_path / "notify"))
    channel.settimeout(5)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    return channel


def test_state_reaches_the_service_manager(manager: socket.socket) -> None:
    with manager:
        assert notify("READY=1\nSTATUS=here")
        assert manager.recv(100) == b"READY=1\nSTATUS=here"


def test_abstract_socket_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(b"\0umamba-rt-test")
        channel.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@umamba-rt-test")
        assert notify("READY=1")
        assert channel.recv(100) == b"READY=1"


def test_manager_that_does_not_read_does_not_hold_up_the_daemon(manager: socket.socket) -> None:
    with manager:
        sent = [notify("STATUS=again") for _ in range(1000)]
    assert sent[0]
    assert not sent[-1]


def test_state_that_may_wait_comes_behind_a_full_queue(manager: socket.socket) -> None:
    with manager, ThreadPoolExecutor(1) as other:
        while notify("STATUS=again"):
            pass
        waiting = other.submit(notify, "READY=1", 10.0)
        while manager.recv(100) != b"READY=1":
            pass
        assert waiting.result()


def test_without_a_manager_nothing_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not notify("READY=1")
