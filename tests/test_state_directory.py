"""state_directory.py: what time it says, file systems that know no locks; see test_resume.py."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from umamba_rt.config.seedlink import SeedLinkConfig
from umamba_rt.config.whole import Config
from umamba_rt.io.ledger import Ledger, Mark
from umamba_rt.state_directory import StateDirectory

CONFIG = Config(seedlink=(SeedLinkConfig(server="a:1", streams=("AA_*",)),))
NOW_NS = time.time_ns()
AHEAD_NS = NOW_NS + 400 * 86400 * 10**9


def dated(path: Path, time_ns: int) -> None:
    os.utime(path, ns=(time_ns, time_ns))


def saved_by_a_run(folder: Path) -> None:
    """The folder is made, the ledger and the positions are written."""
    directory = StateDirectory(folder)
    (positions,) = directory.positions(CONFIG)
    ledger = directory.ledger(NOW_NS)
    ledger.put("A.A.--.HH", "v2", Mark(100, 100))
    ledger.sync()
    ledger.close()
    positions.save(positions.snapshot())
    directory.close()


def test_clock_that_was_ahead_when_the_folder_was_made_is_forgotten(tmp_path: Path) -> None:
    """What no save writes anew says nothing; 'now' would lie in the future at every start."""
    saved_by_a_run(tmp_path)
    for name in ("lock", "history/1", "ledger.corrupt-20260101T000000Z", "b_1.state", "triggers"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        dated(tmp_path / name, AHEAD_NS)
    dated(tmp_path / "history", AHEAD_NS)
    dated(tmp_path / "ledger", NOW_NS)
    dated(tmp_path / "a_1.state", NOW_NS)
    directory = StateDirectory(tmp_path)
    directory.positions(CONFIG)
    assert directory.saved_ns() == NOW_NS
    directory.close()


@pytest.mark.parametrize("name", ["ledger", "a_1.state"])
def test_clock_that_is_behind_what_was_saved_is_wrong(tmp_path: Path, name: str) -> None:
    saved_by_a_run(tmp_path)
    dated(tmp_path / name, AHEAD_NS)
    directory = StateDirectory(tmp_path)
    directory.positions(CONFIG)
    assert directory.saved_ns() == AHEAD_NS
    directory.close()


def test_run_with_the_right_time_ends_a_ledgers_time_that_is_ahead(tmp_path: Path) -> None:
    saved_by_a_run(tmp_path)
    dated(tmp_path / "ledger", AHEAD_NS)
    directory = StateDirectory(tmp_path)
    ledger: Ledger = directory.ledger(AHEAD_NS)
    ledger.sync()  # as each start does
    ledger.close()
    assert NOW_NS <= directory.saved_ns() < AHEAD_NS
    directory.close()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_file_system_without_locks_is_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_locks(_file: int, _how: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("umamba_rt.state_directory.fcntl.flock", no_locks)
    saved_by_a_run(tmp_path)
    directory = StateDirectory(tmp_path)
    assert set(directory.ledger(NOW_NS).marks) == {("A.A.--.HH", "v2")}
    directory.close()
