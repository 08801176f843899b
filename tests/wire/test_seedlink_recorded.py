"""What ringserver 4.5.3 said, line by line, and what ours says: the same kinds of answers."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from seedlink_client.protocol import parse_header_v4

from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import Segment
from umamba_rt.io.replay_cursor import Cursor
from umamba_rt.io.replay_timeline import ReplayClock, Timeline
from umamba_rt.wire.record import pack_segment
from umamba_rt.wire.seedlink import Session
from umamba_rt.wire.seedlink_events import Ending, Event, Reply, StartStreaming
from umamba_rt.wire.seedlink_frames import END
from umamba_rt.wire.seedlink_info import Identity, InfoRequest, answer_info

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "seedlink"
CONVERSATIONS = sorted(FOLDER.glob("*.jsonl")) if FOLDER.is_dir() else []
IDENTITY = Identity("replay/1", "Observatory", 0)
START_NS = 1562261400_000_000_000  # 17:30, six minutes around the recorded windows

# Where ours legitimately says something else: (file, line sent) -> kinds.
OURS = {
    # We list the stations; ringserver has no CAT.
    ("v3-info", "CAT"): ["text"],
    # At full speed "the next packet" is the first one; ringserver's archive had been sent long ago.
    ("v3-live-only", "END"): ["data"],
    ("v3-uni-station", "DATA"): ["data"],
    ("v4-order-errors", "DATA"): ["data"],
    # We refuse what can be no pattern instead of never sending anything.
    ("v4-errors", "SELECT bad!selector"): ["ERROR ARGUMENTS"],
    # A number that this archive cannot have given counts as none (v4, DATA); ringserver waits.
    ("v4-errors", "END"): ["data"],
    # We send miniSEED 2 only, and say so.
    ("v4-as-miniseed3", "SELECT *:3"): ["ERROR UNSUPPORTED"],
    # Their END lay behind the part that was recorded.
    ("v3-fetch", "END"): ["data", "END"],
    # AUTH is not supported here; there it is, and fails.
    ("v4-info", "AUTH USERPASS a b"): ["ERROR UNSUPPORTED"],
}


def kinds(answer: bytes) -> Iterator[str]:
    """Name each reply in a run of bytes; the last packet may be cut."""
    while answer:
        if answer.startswith(b"SLINFO"):
            if answer[7:8] == b" ":  # how many packets go before the last depends on the text
                yield "SLINFO"
            answer = answer[520:]
        elif re.match(rb"SL[0-9A-F]{6}", answer):
            yield "data"
            answer = answer[520:]
        elif answer.startswith(b"SE") and len(answer) >= 17:
            header = parse_header_v4(answer[:17])
            info = header.payload_format == "J"
            yield f"J{header.payload_subformat}" if info else "data"
            answer = answer[17 + header.station_id_length + header.payload_length :]
        elif answer.startswith(b"END"):
            yield "END"
            answer = answer[3:]
        else:
            line, _, answer = answer.partition(b"\r\n")
            words = line.decode("ascii", "replace").split()
            if words[0] == "ERROR":
                yield " ".join(words[:2])
            elif words[0] == "OK":
                yield "OK"
            elif words[0] == "SeedLink":
                assert b"::" in line
                answer = answer.partition(b"\r\n")[2]
                yield "HELLO"
            else:
                yield "text"
                return


def merged(names: Iterator[str]) -> list[str]:
    return [name for name, _ in groupby(names)]


def recorded(path: Path) -> list[tuple[str, list[str]]]:
    """Each line sent, and the kinds of what came before the next one was sent."""
    turns: list[tuple[str, bytes]] = []
    cut = False
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        if "send" in entry:
            turns.append((entry["send"].rstrip("\r\n"), b""))
        elif "recv" in entry:
            sent, answer = turns[-1]
            turns[-1] = (sent, answer + base64.b64decode(entry["recv"]))
    named = []
    for sent, answer in turns:
        # A long stream goes on behind the next line, from the middle of a packet.
        named.append((sent, [] if cut else merged(kinds(answer))))
        cut = cut or len(answer) > 16_000
    return named


@pytest.fixture(scope="module")
def timeline() -> Timeline:
    samples = np.random.default_rng(0).integers(-999, 999, 36_000).astype(np.int32)
    names = [("CI", "CCC", f"HH{c}") for c in "ENZ"] + [("PB", "B916", "EH1")]
    records = [
        record
        for network, station, channel in names
        for record in pack_segment(
            Segment(SourceId.from_nslc(network, station, "", channel), START_NS, 100.0, samples)
        )
    ]
    return Timeline(sorted(records, key=lambda r: (r.end_ns, str(r.source_id))))


def answers(event: Event, timeline: Timeline) -> bytes:
    match event:
        case Reply(content):
            return content
        case InfoRequest():
            return answer_info(event, IDENTITY, timeline.inventory(), 0)
        case StartStreaming():
            cursor = Cursor(event, timeline, ReplayClock(timeline, None, lambda: 0))
            sent = b""
            while not (cursor.at_last or cursor.is_over):
                sent += cursor.take() or b""
            return sent + (END if event.ending is not Ending.NEVER else b"")
        case _:
            return b""


@pytest.mark.skipif(not CONVERSATIONS, reason="../shared/data/seedlink is not here")
@pytest.mark.parametrize("path", CONVERSATIONS, ids=lambda path: path.stem)
def test_server_answers_as_ringserver_did(path: Path, timeline: Timeline) -> None:
    session = Session(IDENTITY)
    for sent, expected in recorded(path):
        events = session.receive(sent.encode() + b"\r\n")
        ours = merged(name for e in events for name in kinds(answers(e, timeline)))
        expected = OURS.get((path.stem, sent), expected)
        assert ours == expected, sent
