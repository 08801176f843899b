"""io/history_disk.py: real files; kills, damage, and a disk that takes no more."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tools.soak_disk import mounted
from umamba_rt.history_page import PageLimits
from umamba_rt.io.history_disk import DiskHistory
from umamba_rt.wire.history_record import Entry

LIMITS = PageLimits(500, 1 << 20)


def entry(seq: int, size: int = 100) -> Entry:
    return Entry(f"magnitude.v2.S{seq % 3}", seq, 1 + seq // 3, b"x" * size)


def write(
    directory: Path, session: str, count: int, *, size: int = 100, max_bytes: int = 1 << 24
) -> None:
    disk = written_by_hand(directory, session, max_bytes)
    for seq in range(1, count + 1):
        disk.take(entry(seq, size))
        if seq % 500 == 0 or seq == count:
            disk._write()
    disk._drop_handle()


def written_by_hand(directory: Path, session: str, max_bytes: int) -> DiskHistory:
    """Its thread writes no more: two that write would close each other's file."""
    disk = DiskHistory(directory, session, max_bytes=max_bytes)
    disk.close()
    return disk


def read(
    disk: DiskHistory, session: str, seq: int = 0, topics: tuple[str, ...] = ("",)
) -> tuple[list[int], bool]:
    """All numbers behind one, and whether some of them had gone."""
    found: list[int] = []
    gone = False
    while True:
        page = disk.since(session, seq, topics, LIMITS)
        found += [one.seq for one in page.entries]
        gone |= page.gone
        if not page.more:
            return found, gone
        assert page.through > seq
        seq = page.through


def test_what_was_written_is_read_by_the_next_process(tmp_path: Path) -> None:
    write(tmp_path, "aa", 1200)
    write(tmp_path, "bb", 30)
    disk = DiskHistory(tmp_path, "cc", max_bytes=1 << 24)
    assert disk.sessions() == ["aa", "bb"]
    assert read(disk, "aa") == (list(range(1, 1201)), False)
    assert read(disk, "aa", 1111) == (list(range(1112, 1201)), False)
    assert read(disk, "bb", 30) == ([], False)
    assert read(disk, "aa", 0, ("magnitude.v2.S1",)) == (list(range(1, 1201, 3)), False)
    assert disk.since("aa", 6, [""], LIMITS).entries[0] == entry(7)
    disk.close()


def test_oldest_files_go_and_what_went_is_said(tmp_path: Path) -> None:
    write(tmp_path, "aa", 20_000, max_bytes=1 << 20)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= (1 << 20) + (1 << 17)
    disk = DiskHistory(tmp_path, "bb", max_bytes=1 << 20)
    found, gone = read(disk, "aa")
    assert gone
    assert found == list(range(found[0], 20_001))
    assert disk.since("aa", 0, [""], LIMITS).whole_from == found[0]
    assert read(disk, "aa", 19_990) == (list(range(19_991, 20_001)), False)
    disk.close()


def test_damage_costs_the_rest_of_its_file_alone(tmp_path: Path) -> None:
    write(tmp_path, "aa", 4000, size=400, max_bytes=1 << 22)
    first, second, *_ = sorted(tmp_path.iterdir())
    begins_at = int(second.name.split(".")[2])
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)
    disk = DiskHistory(tmp_path, "bb", max_bytes=1 << 22)
    found, gone = read(disk, "aa")
    assert gone
    assert found[0] == 1
    assert found[-1] == 4000
    lost = sorted(set(range(1, 4001)) - set(found))
    assert lost == list(range(lost[0], begins_at))
    disk.close()


def test_file_cut_by_a_kill_gives_what_was_whole(tmp_path: Path) -> None:
    write(tmp_path, "aa", 100)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    disk = DiskHistory(tmp_path, "bb", max_bytes=1 << 22)
    assert read(disk, "aa") == (list(range(1, 100)), False)
    disk.close()


def test_empty_files_of_a_run_that_was_killed_on_a_full_disk_are_deleted(tmp_path: Path) -> None:
    write(tmp_path, "aa", 10)
    for number in range(2, 5):
        (tmp_path / f"{number:08d}.aa.11.history").write_bytes(b"")
    disk = DiskHistory(tmp_path, "bb", max_bytes=1 << 22)
    assert disk.figures()["disk_files"] == len(list(tmp_path.iterdir())) == 1
    assert read(disk, "aa") == (list(range(1, 11)), False)
    disk.close()


def test_killed_process_leaves_all_but_its_last_instants(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib\n"
        "from umamba_rt.io.history_disk import DiskHistory\n"
        "from umamba_rt.wire.history_record import Entry\n"
        "disk = DiskHistory(pathlib.Path(sys.argv[1]), 'aa', max_bytes=1 << 22)\n"
        "for seq in range(1, 201): disk.take(Entry('t', seq, seq, b'x' * 50))\n"
        "while not disk.figures()['disk_bytes']: time.sleep(0.01)\n"
        "print('written', flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
    disk = DiskHistory(tmp_path, "bb", max_bytes=1 << 22)
    assert read(disk, "aa") == (list(range(1, 201)), False)
    disk.close()


def test_disk_that_takes_no_more_costs_history_alone(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: a write fails in the midst."""
    disk = written_by_hand(tmp_path, "aa", 1 << 22)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for seq in range(1, 11):
        disk.take(entry(seq))
    disk._write()
    size = disk.figures()["disk_bytes"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 150, limits[1]))
    try:
        for seq in range(11, 21):
            disk.take(entry(seq))
        disk._write()
        for seq in range(21, 31):
            disk.take(entry(seq))
        disk._write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (disk.failures, disk.skipped) == (1, 20)
    disk._resting_until_s = 0.0
    for seq in range(31, 41):
        disk.take(entry(seq))
    disk._write()
    disk._drop_handle()
    assert len(list(tmp_path.iterdir())) == 1
    assert read(disk, "aa") == ([*range(1, 11), *range(31, 41)], True)
    assert read(disk, "aa", 30) == (list(range(31, 41)), False)


def test_full_disk_gets_no_file_with_each_try(tmp_path: Path) -> None:
    """A file system of its own, filled by something else; then there is room again."""
    with mounted(tmp_path / "disk") as small:
        if small is None:
            pytest.skip("no file system can be mounted here")
        history = small.path / "history"
        disk = written_by_hand(history, "aa", 1 << 24)
        small.fill()
        assert [try_to_write(disk, seq) for seq in range(1, 5)] == [0, 0, 0, 0]
        assert list(history.iterdir()) == []
        small.free()
        assert try_to_write(disk, 5) == 1
        small.fill()
        assert [try_to_write(disk, seq) for seq in range(6, 10)] == [1, 1, 1, 1]
        assert len(list(history.iterdir())) == 1
        small.free()
        assert try_to_write(disk, 10) == 1
        assert read(disk, "aa") == ([5, 10], True)
        assert (disk.failures, disk.skipped) == (8, 8)
        disk._drop_handle()


def try_to_write(disk: DiskHistory, seq: int) -> int:
    """One message, large enough to need room; gives how many files there are then."""
    disk._resting_until_s = 0.0
    disk.take(entry(seq, 100_000))
    disk._write()
    return disk.figures()["disk_files"]


def test_disk_that_fails_otherwise_is_tried_with_another_file(tmp_path: Path) -> None:
    """A handle that was closed stands for one of a disk that is gone."""
    disk = written_by_hand(tmp_path, "aa", 1 << 24)
    assert try_to_write(disk, 1) == 1
    assert disk._handle is not None
    reading = os.open(os.devnull, os.O_RDONLY)
    os.dup2(reading, disk._handle)
    os.close(reading)
    assert try_to_write(disk, 2) == 1
    assert try_to_write(disk, 3) == 2
    assert read(disk, "aa") == ([1, 3], True)
    disk._drop_handle()


def test_old_file_that_cannot_be_deleted_stays_and_costs_no_message(tmp_path: Path) -> None:
    """A folder in its place cannot be unlinked, not by root either."""
    disk = written_by_hand(tmp_path, "aa", 1 << 20)
    seq = 0
    while len(disk._files) < 3:
        seq += 1
        try_to_write(disk, seq)
    first, second, _ = disk._files
    content = first.path.read_bytes()
    first.path.unlink()
    first.path.mkdir()
    while disk.failures == 0:
        seq += 1
        try_to_write(disk, seq)
    assert disk.skipped == 0
    assert disk._files[0] is first
    assert not second.path.exists()
    disk._deleting_from_s = 0.0
    first.path.rmdir()
    first.path.write_bytes(content)
    while first in disk._files:
        seq += 1
        try_to_write(disk, seq)
    assert (disk.failures, disk.skipped) == (1, 0)
    assert not first.path.exists()
    found, gone = read(disk, "aa")
    assert gone
    assert found == list(range(found[0], seq + 1))
    disk._drop_handle()


def test_what_waits_for_a_slow_disk_is_bounded(tmp_path: Path) -> None:
    disk = DiskHistory(tmp_path, "aa", max_bytes=1 << 26)
    disk.close()  # its thread writes no more, as if the disk hung
    for seq in range(1, 21):
        disk.take(entry(seq, 1 << 20))
    assert disk.skipped == 13
    disk._write()
    assert read(disk, "aa")[0] == list(range(1, 8))


@pytest.mark.parametrize("name", ["file", "x.history", "00000001.zz.1.history"])
def test_files_of_others_are_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not ours")
    write(tmp_path, "aa", 10)
    disk = DiskHistory(tmp_path, "bb", max_bytes=1 << 22)
    assert disk.sessions() == ["aa"]
    disk.close()
    assert (tmp_path / name).read_bytes() == b"not ours"


def test_directory_that_cannot_be_made_costs_history_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    disk = DiskHistory(tmp_path / "file" / "history", "aa", max_bytes=1 << 22)
    disk.take(entry(1))
    disk.close()
    assert disk.failures == 2
    assert disk.sessions() == []
