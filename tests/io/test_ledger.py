"""io/ledger.py: marks outlive a kill at once, damage costs a line, full disks cost nothing."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import ROOT
from umamba_rt.errors import StateError
from umamba_rt.io.ledger import Ledger, Mark
from umamba_rt.io.statefile import write_durably

ONE, TWO = Mark(156226164000, 156226163900), Mark(-1, -2)


def loaded(path: Path) -> Ledger:
    ledger = Ledger(path)
    ledger.load()
    return ledger


def marks_of(path: Path) -> dict[tuple[str, str], Mark]:
    """The good ones of a file that may be damaged."""
    ledger = Ledger(path)
    with contextlib.suppress(StateError):
        ledger.load()
    return ledger.marks


def test_marks_come_back(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = loaded(path)
    ledger.sync()
    ledger.put("CI.CCC.--.HH", "v2", ONE)
    ledger.put("CI.CCC.--.HH", "v1", TWO)
    ledger.put("CI.CCC.--.HH", "v2", TWO)
    assert loaded(path).marks == {("CI.CCC.--.HH", "v2"): TWO, ("CI.CCC.--.HH", "v1"): TWO}
    assert path.stat().st_size == 3 * 128
    ledger.close()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["A.B.--.HH", "A.C.10.HN", "XX.LONG1234.--.BH"]),
            st.sampled_from(["v1", "v2"]),
            st.integers(-(10**15), 10**15),
            st.integers(-(10**15), 10**15),
        ),
        max_size=30,
    ),
    st.integers(0, 30),
)
def test_file_is_a_dictionary_over_restarts(
    tmp_path_factory: pytest.TempPathFactory, puts: list[tuple[str, str, int, int]], at: int
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger"
    model: dict[tuple[str, str], Mark] = {}
    ledger = loaded(path)
    ledger.sync()
    for number, (sensor, name, begun, sent) in enumerate(puts):
        if number == at:  # as after a kill: nothing is closed or synchronised
            ledger = loaded(path)
            ledger.sync()
        ledger.put(sensor, name, Mark(begun, sent))
        model[sensor, name] = Mark(begun, sent)
    assert loaded(path).marks == model


def test_killed_process_has_kept_every_mark_that_it_set(tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from umamba_rt.io.ledger import Ledger, Mark
ledger = Ledger(Path({str(tmp_path / "ledger")!r}))
ledger.sync()
n = 0
while True:
    n += 1
    ledger.put("A.B.--.HH", "v2", Mark(n, n - 1))
    print(n, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        last = 0
        for line in writer.stdout:
            last = int(line)
            if last == 2000:
                os.kill(writer.pid, signal.SIGKILL)
    mark = loaded(tmp_path / "ledger").get("A.B.--.HH", "v2")
    assert mark is not None
    assert mark.begun - last in (0, 1)


def test_damaged_line_costs_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = loaded(path)
    ledger.sync()
    for name in ("A", "B", "C"):
        ledger.put(f"{name}.X.--.HH", "v2", ONE)
    content = bytearray(path.read_bytes())
    content[2 * 128 + 15] ^= 1
    path.write_bytes(content)
    again = Ledger(path)
    with pytest.raises(StateError, match="1 damaged lines, 2 good ones"):
        again.load()
    assert set(again.marks) == {("A.X.--.HH", "v2"), ("C.X.--.HH", "v2")}
    again.sync()
    assert set(loaded(path).marks) == set(again.marks)


@pytest.mark.parametrize("content", [b"", b"\0" * 1000, b"#umamba-rt ledger 9" + b" " * 300])
def test_file_that_is_no_ledger_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "ledger").write_bytes(content)
    with pytest.raises(StateError, match="corrupt"):
        loaded(tmp_path / "ledger")


def test_place_that_cannot_be_written_costs_nothing_but_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    ledger = Ledger(tmp_path / "file" / "ledger")
    ledger.put("A.B.--.HH", "v2", ONE)
    with pytest.raises(OSError, match="Not a directory"):
        ledger.sync()
    assert ledger.get("A.B.--.HH", "v2") == ONE
    (tmp_path / "file").unlink()
    (tmp_path / "file").mkdir()
    ledger.sync()  # the place is there again, and so is all that was set meanwhile
    assert loaded(tmp_path / "file" / "ledger").marks == {("A.B.--.HH", "v2"): ONE}


def test_full_disk_is_told_by_sync_and_made_good_later(tmp_path: Path) -> None:
    ledger = loaded(tmp_path / "ledger")
    ledger.sync()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (128, hard))
    try:
        ledger.put("A.B.--.HH", "v2", ONE)
        with pytest.raises(OSError, match="too large"):
            ledger.sync()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    ledger.sync()
    assert loaded(tmp_path / "ledger").marks == {("A.B.--.HH", "v2"): ONE}


def test_marks_that_the_disk_dropped_are_written_into_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux tells of a failed page once, and takes it for written: here it is gone then."""
    ledger = loaded(tmp_path / "ledger")
    ledger.sync()
    ledger.put("A.B.--.HH", "v2", ONE)
    synced: list[int] = []

    def once_a_bad_disk(file: int) -> None:
        synced.append(file)
        if len(synced) == 1:
            os.pwrite(file, bytes(128), 128)
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("umamba_rt.io.ledger.os.fdatasync", once_a_bad_disk)
    with pytest.raises(OSError, match="Input/output"):
        ledger.sync()
    ledger.put("A.C.--.HH", "v2", TWO)  # a kill now costs none that is set from here on
    assert ("A.C.--.HH", "v2") in marks_of(tmp_path / "ledger")
    former = (tmp_path / "ledger").stat().st_ino
    ledger.sync()
    assert (tmp_path / "ledger").stat().st_ino != former
    expected = {("A.B.--.HH", "v2"): ONE, ("A.C.--.HH", "v2"): TWO}
    assert loaded(tmp_path / "ledger").marks == expected
    assert [path.name for path in tmp_path.iterdir()] == ["ledger"]


def test_disk_that_failed_is_not_trusted_before_a_new_file_is_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a new mark, too: the positions wait for what ``sync`` says."""
    ledger = loaded(tmp_path / "ledger")
    ledger.sync()
    ledger.put("A.B.--.HH", "v2", ONE)

    def bad_disk(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("umamba_rt.io.ledger.os.fdatasync", bad_disk)
        with pytest.raises(OSError, match="Input/output"):
            ledger.sync()
    (tmp_path / "ledger.anew").mkdir()  # the new file cannot be made
    for mark in (ONE, TWO):
        with pytest.raises(OSError, match="anew"):
            ledger.sync()
        ledger.put("A.B.--.HH", "v2", mark)
    assert loaded(tmp_path / "ledger").marks == {("A.B.--.HH", "v2"): TWO}
    (tmp_path / "ledger.anew").rmdir()
    ledger.sync()
    ledger.put("A.B.--.HH", "v2", ONE)
    assert loaded(tmp_path / "ledger").marks == {("A.B.--.HH", "v2"): ONE}


@pytest.mark.parametrize("in_the_way", [False, True])
def test_marks_set_while_a_new_file_is_written_are_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_the_way: bool
) -> None:
    ledger = loaded(tmp_path / "ledger")
    ledger.put("A.B.--.HH", "v2", ONE)
    write = write_durably

    def slowly(path: Path, content: bytes) -> None:
        write(path, content)
        ledger.put("A.B.--.HH", "v2", TWO)
        ledger.put("A.C.--.HH", "v2", ONE)
        if in_the_way:
            (tmp_path / "ledger").mkdir()

    monkeypatch.setattr("umamba_rt.io.ledger.write_durably", slowly)
    if in_the_way:
        with pytest.raises(OSError, match="directory"):
            ledger.sync()
        (tmp_path / "ledger").rmdir()
        monkeypatch.undo()
    ledger.sync()
    expected = {("A.B.--.HH", "v2"): TWO, ("A.C.--.HH", "v2"): ONE}
    assert loaded(tmp_path / "ledger").marks == expected


def test_name_that_no_network_has_is_not_kept_and_hurts_no_other(tmp_path: Path) -> None:
    ledger = loaded(tmp_path / "ledger")
    ledger.sync()
    ledger.put("A." + "B" * 200 + ".--.HH", "v2", ONE)
    ledger.put("A.B.--.HH", "v2", TWO)
    assert loaded(tmp_path / "ledger").marks == {("A.B.--.HH", "v2"): TWO}
    Ledger(tmp_path / "ledger").close()  # never opened


def test_mark_that_is_dropped_is_forgotten(tmp_path: Path) -> None:
    ledger = loaded(tmp_path / "ledger")
    ledger.put("A.B.--.HH", "v2", ONE)
    ledger.sync()
    again = loaded(tmp_path / "ledger")
    again.drop("A.B.--.HH", "v2")
    again.sync()
    assert loaded(tmp_path / "ledger").marks == {}
