"""A server that answers with what ringserver 4.5.3 answered in a recorded conversation."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import SHARED
from umamba_rt.wire.seedlink_frames import record_offset

FOLDER = SHARED / "data" / "seedlink"
CONVERSATIONS = sorted(FOLDER.glob("*.jsonl")) if FOLDER.is_dir() else []
_GREETING = (
    b"SeedLink v4.0 (RingServer/4.5.3) :: SLPROTO:4.0 SLPROTO:3.1 CAP WS:13\r\nReference\r\n"
)
# What a client may say in other words than the recorded one, to the same end.
_SAME = {"FETCH": "DATA", "TIME": "DATA", "ENDFETCH": "END"}


@dataclass(slots=True)
class Recording:
    """One conversation.

    Attributes:
        replies: each line that was sent, without its end, and what came before the next one.
        stream: what came once packets flowed; the last one may be cut.
        closes: whether the server closed after that; a stream that is cut closes, too.
    """

    replies: list[tuple[str, bytes]] = field(default_factory=list)
    stream: bytes = b""
    closes: bool = False

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Read one of the files."""
        made = cls()
        turns: list[tuple[str, bytes]] = []
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            if "send" in entry:
                turns.append((entry["send"].strip(), b""))
            elif "recv" in entry:
                sent, answer = turns[-1]
                turns[-1] = sent, answer + base64.b64decode(entry["recv"])
            else:
                made.closes = True
        for sent, answer in turns:
            begins = answer.startswith((b"SL", b"SE")) and not sent.startswith("INFO")
            if made.stream or (begins and not answer.startswith(b"SeedLink")):
                made.stream += answer
            elif answer:
                made.replies.append((sent, answer))
        made.closes |= bool(made.stream)
        return made

    def packets(self) -> list[bytes]:
        """The records of the packets that came whole."""
        records: list[bytes] = []
        rest = self.stream
        while len(rest) >= 17 and rest.startswith((b"SL", b"SE")):
            offset = record_offset(rest)
            length = int.from_bytes(rest[4:8], "little") if rest.startswith(b"SE") else 512
            if len(rest) < offset + length:
                break
            records.append(rest[offset : offset + length])
            rest = rest[offset + length :]
        return records


class RecordedPeer:
    """Answers lines from a recording: the same line's answer, or the next one of its kind.

    Connections after the first are held and told nothing.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.connections = 0

    async def serve(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """One connection, until the client leaves or the recorded server closed."""
        self.connections += 1
        left = list(self.recording.replies)
        try:
            if self.connections > 1:
                await source.read()
            while raw := await self._line(source):
                line = raw.decode("ascii")
                if _kind(line) == "END":
                    sink.write(self.recording.stream)
                    if self.recording.closes:
                        return
                elif line != "BYE":
                    sink.write(self._answer(line, left))
        except ConnectionError:
            return
        finally:
            sink.close()

    @staticmethod
    async def _line(source: asyncio.StreamReader) -> bytes:
        """The next line that is not empty; empty at the end."""
        line = b""
        while (byte := await source.read(1)) and not (byte in b"\r\n" and line):
            line += byte.strip(b"\r\n")
        return line

    @staticmethod
    def _answer(line: str, left: list[tuple[str, bytes]]) -> bytes:
        exact = [one for one in left if one[0] == line]
        alike = [one for one in left if _kind(one[0]) == _kind(line)]
        free = _kind(line) in ("STATION", "SELECT", "DATA")
        for found in exact or (alike if free else []):
            left.remove(found)
            return found[1]
        return _GREETING if line == "HELLO" else b"OK\r\n"


def _kind(line: str) -> str:
    word = line.split()[0]
    return _SAME.get(word, word)


@asynccontextmanager
async def recorded_peer(recording: Recording) -> AsyncIterator[tuple[RecordedPeer, int]]:
    """The peer and its port."""
    peer = RecordedPeer(recording)
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    async with server:
        yield peer, server.sockets[0].getsockname()[1]
