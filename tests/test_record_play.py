"""listen and play against a real feed: filters, a recording, and the same feed from it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.feed.serving import Served, served
from tests.support import ROOT
from umamba_rt.commands.listen import ListenOptions, listen
from umamba_rt.errors import UnavailableError
from umamba_rt.feed import Subscriber
from umamba_rt.io.recording import Recorder, decode_line, encode_line, read_recording


def sending(feed: Served, stop: threading.Event) -> None:
    """Messages for as long as somebody may listen."""
    value = 0
    while not stop.wait(0.005):
        value += 1
        feed.send("magnitude.v2.A", value)
        feed.send("event.network.1", value)


def run(feed: Served, **options: Any) -> int:
    stop = threading.Event()
    sender = threading.Thread(target=sending, args=(feed, stop))
    sender.start()
    try:
        base = ListenOptions(feed.feed, "", [], timeout_s=10.0)
        return listen(replace(base, **options))
    finally:
        stop.set()
        sender.join()


def test_recording_is_played_as_it_was_sent(tmp_path: Path) -> None:
    path = tmp_path / "feed.jsonl"
    with served() as feed:
        assert run(feed, record=path, count=40) == 0
    recorded = list(read_recording(path, pytest.fail))
    assert len(recorded) == 40
    command = [sys.executable, "-m", "umamba_rt", "play", str(path), "--wait"]
    command += ["--address", "tcp://127.0.0.1:*", "--speed", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as player:
        assert player.stdout
        address = player.stdout.readline().split()[-1]
        with Subscriber(address, timeout_s=10.0) as subscriber:
            messages = []
            arrived_s = []
            for message in subscriber:
                messages.append((message.topic, message.raw))
                arrived_s.append(time.monotonic())
                if len(messages) == 40:
                    break
        assert player.wait(20) == 0
        assert player.stdout.read() == "40 messages sent\n"
    assert messages == [(one.topic, one.body) for one in recorded]
    lasted_s = (recorded[-1].sent_ns - recorded[0].sent_ns) / 1e9
    assert arrived_s[-1] - arrived_s[0] > lasted_s / 2 - 0.05


def test_damaged_lines_are_named_and_left_out(tmp_path: Path) -> None:
    body = b'{"sent_at":"2020-01-01T00:00:00.000000Z","x":1e-7}'
    good = encode_line("heartbeat", body)
    path = tmp_path / "feed.jsonl"
    lines = [good, b"nonsense\n", b"[1]\n", b'{"topic":"x","body":{}}\n', good, good[:20]]
    path.write_bytes(b"".join(lines))
    damage: list[str] = []
    found = list(read_recording(path, damage.append))
    assert [one.body for one in found] == [body, body]
    assert [text.split(":")[1] for text in damage] == ["2", "3", "4", "6"]
    assert found[0].sent_ns == 1_577_836_800 * 10**9


def test_message_behind_a_cut_line_begins_a_new_one_and_play_names_the_cut_one(
    tmp_path: Path,
) -> None:
    body = b'{"sent_at":"2020-01-01T00:00:00.000000Z"}'
    path = tmp_path / "feed.jsonl"
    with Recorder(path) as recorder:
        recorder.write("heartbeat", body)
    path.write_bytes(path.read_bytes() + encode_line("heartbeat", body)[:30])
    for _ in range(2):
        with Recorder(path) as recorder:
            recorder.write("heartbeat", body)
    command = [sys.executable, "-m", "umamba_rt", "play", str(path)]
    command += ["--address", "tcp://127.0.0.1:*", "--speed", "max"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "3 messages sent")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"{path}:2: ")


def test_message_that_lacks_only_its_line_end_is_kept(tmp_path: Path) -> None:
    body = b'{"sent_at":"2020-01-01T00:00:00.000000Z"}'
    path = tmp_path / "feed.jsonl"
    path.write_bytes(encode_line("heartbeat", body).rstrip())
    with Recorder(path) as recorder:
        recorder.write("heartbeat", body)
    assert len(list(read_recording(path, pytest.fail))) == 2


# A file may grow to 100 bytes: the write behind that is a short one, the next one an error.
FULL_DISK = """
import resource, sys
from pathlib import Path
from umamba_rt.io.recording import Recorder
body = b'{"sent_at":"2020-01-01T00:00:00.000000Z"}'
with Recorder(Path(sys.argv[1])) as recorder:
    recorder.write("heartbeat", body)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    try:
        recorder.write("heartbeat", body)
    except OSError as error:
        print(type(error).__name__)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    recorder.write("heartbeat", body)
"""


def test_short_write_is_an_error_and_costs_no_other_message(tmp_path: Path) -> None:
    path = tmp_path / "feed.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("OSError\n", "")
    damage: list[str] = []
    assert len(list(read_recording(path, damage.append))) == 2
    assert [text.split(":")[1] for text in damage] == ["2"]


def test_full_disk_ends_the_recording_and_names_the_file() -> None:
    with served() as feed, pytest.raises(UnavailableError, match=r"/dev/full.*No space"):
        run(feed, record=Path("/dev/full"))


def test_line_of_another_writer_is_read_too() -> None:
    line = b'{ "body": {"sent_at": "2020-01-01T00:00:00Z"}, "topic": "x" }\n'
    assert decode_line(line).body == b'{"sent_at": "2020-01-01T00:00:00Z"}'


def test_filters_leave_out_what_they_name(capsys: pytest.CaptureFixture[str]) -> None:
    with served() as feed:
        stop = threading.Event()
        sender = threading.Thread(target=_events, args=(feed, stop))
        sender.start()
        try:
            base = ListenOptions(feed.feed, "", [], timeout_s=10.0, count=3, as_json=True)
            listen(replace(base, minimum_magnitude=2.5))
            strong = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
            listen(replace(base, events_only=True))
            events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        finally:
            stop.set()
            sender.join()
    assert [body["magnitude"] for body in strong] == [3.0] * 3
    assert {body["topic"] for body in events} == {"event.network.1"}


def _events(feed: Served, stop: threading.Event) -> None:
    while not stop.wait(0.005):
        for magnitude in (1.0, 3.0):
            feed.publisher.send(Estimate("magnitude.v2.A", magnitude))
        feed.publisher.send(Quake("event.network.1", 1.0))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A message with a magnitude."""

    schema: ClassVar[str] = "umamba-rt/magnitude/1"
    name: str
    magnitude: float

    @property
    def topic(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Quake(Estimate):
    """An event of the network."""

    schema: ClassVar[str] = "umamba-rt/network/1"


def test_wrong_file_and_wrong_address_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="bogus"):
        listen(ListenOptions("bogus", "", [], timeout_s=0.1))
    with pytest.raises(UnavailableError, match="nowhere"):
        listen(ListenOptions("tcp://127.0.0.1:1", "", [], record=tmp_path / "nowhere" / "file"))
    done = subprocess.run(
        [sys.executable, "-m", "umamba_rt", "play", "none", "--address", "tcp://127.0.0.1:*"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert (done.returncode, "none: " in done.stderr) == (69, True)


def test_a_file_that_is_no_recording_is_told(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("one\ntwo\n")
    command = [sys.executable, "-m", "umamba_rt", "play", str(path)]
    command += ["--address", "tcp://127.0.0.1:*"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 69
    assert f"umamba-rt: {path}: no recording" in done.stderr
