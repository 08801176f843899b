"""io/statefile.py: libslink's format, whole or not at all, and what is no state of ours."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from seedlink_client.state import load_state, save_state
from seedlink_client.streams import Stream

from tests.support import ROOT
from umamba_rt.errors import StateError
from umamba_rt.io.statefile import Position, StateFile, set_aside, write_durably

SERVER = "[::1]:18000"
TIME_NS = 1_562_258_999_997_986_000  # 2019-07-04T16:49:59.997986Z
POSITIONS = {
    "CI_CCC": Position(13624, TIME_NS),
    "CI_*": Position(2**63, None),
    "PB_B918": None,
}


def file_in(folder: Path) -> StateFile:
    return StateFile(folder, SERVER)


def written(folder: Path, text: str | bytes) -> StateFile:
    file = file_in(folder)
    file.path.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_positions_come_back_as_they_were_saved(tmp_path: Path) -> None:
    file_in(tmp_path).save(POSITIONS)
    known = {station: one for station, one in POSITIONS.items() if one is not None}
    assert file_in(tmp_path).load() == known


def test_seedlink_client_reads_what_we_write_and_we_read_what_it_writes(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    file.save(POSITIONS)
    assert load_state(str(file.path)) == {
        "CI_CCC": (13624, "2019-07-04T16:49:59.997986Z"),
        "CI_*": (2**63, None),
        "PB_B918": (None, None),
    }
    save_state(
        str(file.path), [Stream("IU_COLA", seqnum=7, timestamp="2019-07-04T16:49:59.997986Z")]
    )
    assert file_in(tmp_path).load() == {"IU_COLA": Position(7, TIME_NS)}


def test_lines_of_libslinks_documentation_are_read(tmp_path: Path) -> None:
    """EarthScope/libslink:statefile.c, the examples of sl_recoverstate()."""
    text = """#V2 StationID  Sequence  [Timestamp]
IU_COLA       1234567890 2024-08-03T17:23:18.0Z
XX_NONE       UNSET
"""
    at_ns = 1_722_705_798_000_000_000
    assert written(tmp_path, text).load() == {"IU_COLA": Position(1234567890, at_ns)}
    legacy = """IU      COLA    1234567890 2024,08,03,17,23,18
XX      NONE    -1
XX UNI 15
"""
    assert written(tmp_path, legacy).load() == {
        "IU_COLA": Position(1234567890, at_ns),
        "*": Position(15, None),
    }


def test_file_that_is_not_there_means_nothing_known(tmp_path: Path) -> None:
    assert file_in(tmp_path).load() == {}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "cut off"),
        (b"#V2 x\nCI_CCC 12", "cut off"),
        (b"#V2 x\nCI_CCC 1 2019-07-04T16:49:59Z more\n", "line 2"),
        (b"#V2 x\nCI_CCC\n", "line 2"),
        (b"#V2 x\nCI_CCC 0x12\n", "0x12"),
        (b"#V2 x\nCI_CCC 18446744073709551616\n", "18446744073709551616"),
        (b"#V2 x\nCI_CCC 1 yesterday\n", "yesterday"),
        (b"#V2 x\nCI_CCC 1 2024,08\n", "2024,08"),
        (b"CI CCC\n", "line 1"),
        (b"#V2 x\nCI_\xe9 1\n", "byte 9"),
        (b"\0" * 600, "cut off"),
        (b"#" * (17 << 20), "over"),
    ],
)
def test_damaged_file_is_told_with_its_place(content: bytes, why: str, tmp_path: Path) -> None:
    with pytest.raises(StateError, match=why) as caught:
        written(tmp_path, content).load()
    assert caught.value.kind == "corrupt"
    assert str(tmp_path) in str(caught.value)


def test_file_of_another_server_is_told(tmp_path: Path) -> None:
    other = StateFile(tmp_path, "geofon.gfz.de:18000")
    other.save(POSITIONS)
    other.path.rename(file_in(tmp_path).path)
    with pytest.raises(StateError, match=r"geofon.gfz.de:18000, expected \[::1\]:18000") as caught:
        file_in(tmp_path).load()
    assert caught.value.kind == "other-server"


def test_file_is_named_after_the_server_and_blocks_for_one_server_differ(tmp_path: Path) -> None:
    assert file_in(tmp_path).path.name == "1_18000.state"
    assert StateFile(tmp_path, "a.b:1").path.name == "a.b_1.state"
    assert StateFile(tmp_path, "a.b:1", 1).path.name == "a.b_1.1.state"


def test_unchanged_positions_are_not_written_again(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    file.save(POSITIONS)
    before = file.path.stat().st_ino
    file.save(POSITIONS)
    assert file.path.stat().st_ino == before
    file.save({"CI_CCC": Position(13625, TIME_NS)})
    assert file.path.stat().st_ino != before


def test_file_set_aside_keeps_its_content_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "a.state"
    path.write_text("content", encoding="utf-8")
    renamed = set_aside(path, "corrupt")
    assert not path.exists()
    assert renamed.name.startswith("a.state.corrupt-20")
    assert renamed.read_text(encoding="utf-8") == "content"


def test_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: the write itself fails."""
    path = tmp_path / "a.state"
    write_durably(path, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            write_durably(path, b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"old"


def test_file_is_whole_whenever_its_writer_is_killed(tmp_path: Path) -> None:
    """20 kills of a process that does nothing but save: one of its states is there each time."""
    script = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from umamba_rt.io.statefile import Position, StateFile
file = StateFile(Path({str(tmp_path)!r}), "a:1")
n = 0
while True:
    n += 1
    file.save({{f"XX_S{{i}}": Position(n, None) for i in range(500)}})
    if n == 1:
        print(flush=True)
"""
    for round_ in range(20):
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as writer:
            assert writer.stdout
            writer.stdout.readline()
            time.sleep(0.003 * round_)  # the moment of the kill, not a hope
            os.kill(writer.pid, signal.SIGKILL)
        found = StateFile(tmp_path, "a:1").load()
        assert len(found) == 500
        assert len(set(found.values())) == 1
