"""A SeedLink server's side of one connection, v3 and v4: bytes in, replies and events out.

Sans-I/O, in the manner of h11: the caller reads the socket, hands the bytes over, and acts on
what comes back in order. Source: FDSN SeedLink 4.0,
https://docs.fdsn.org/projects/seedlink/en/latest/protocol.html, and recorded conversations with
ringserver 4.5.3 for what v3 leaves unwritten.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from umamba_rt.wire.seedlink_commands import (
    CommandError,
    LineBuffer,
    LineTooLongError,
    decode_line,
    parse_number_v3,
    parse_number_v4,
)
from umamba_rt.wire.seedlink_events import Close, Ending, Event, Reply, StartStreaming
from umamba_rt.wire.seedlink_frames import Protocol
from umamba_rt.wire.seedlink_info import Identity, InfoRequest
from umamba_rt.wire.seedlink_negotiation import Request, ending_of, queued, read_position
from umamba_rt.wire.seedlink_select import Position, Selector, glob


class Session:
    """The state of one connection: handshake, then streaming.

    Holds at most one unfinished line and a bounded number of stations and selectors. Where v3 and
    v4 differ in the words of a command, the protocol in force decides; v3 until ``SLPROTO 4.0``.

    In v3, SELECT and DATA without a STATION are the uni-station mode: they mean every station,
    and DATA starts at once, without a reply.

    Args:
        identity: what the server says of itself; without SeedLink 4, SLPROTO is unknown to it.
        refused_stations: patterns of stations that this server keeps from the client.
    """

    def __init__(self, identity: Identity, refused_stations: tuple[str, ...] = ()) -> None:
        self._identity = identity
        self._refused_stations = refused_stations
        self._lines = LineBuffer()
        self._protocol = Protocol.V3
        self._streaming = False
        self._closed = False
        self._quiet = False  # v3 BATCH: no replies to modifier commands
        self._extended = False  # v3 EXTREPLY: errors say why
        self._request = Request()

    @property
    def protocol(self) -> Protocol:
        """The protocol in force."""
        return self._protocol

    def receive(self, chunk: bytes) -> list[Event]:
        """Take what the client sent and give what is to be done, in order.

        Never raises on account of the client's bytes. After `Close` everything is ignored.
        """
        events: list[Event] = []
        for line in self._lines.feed(chunk):
            if self._closed:
                break
            try:
                words = decode_line(line)
            except LineTooLongError as error:
                events += self._error(CommandError("ARGUMENTS", str(error)))
                events.append(Close())
                self._closed = True
                break
            if words:
                events += self._command(words[0].upper(), words[1:])
        return events

    def _command(self, name: str, words: list[str]) -> list[Event]:
        try:
            return self._handler(name)(self, words)
        except CommandError as error:
            return self._error(error)

    def _handler(self, name: str) -> _Handler:
        if self._streaming and name not in ("INFO", "BYE"):
            if self._protocol is Protocol.V3:
                return Session._ignore  # an error line between packets would confuse old clients
            raise CommandError("UNEXPECTED", f"{name[:40]} while streaming")
        table = _V4_COMMANDS if self._protocol is Protocol.V4 else _V3_COMMANDS
        if name not in table or (name == "SLPROTO" and not self._identity.speaks_v4):
            raise CommandError("UNSUPPORTED", f"Unrecognized command: {name[:40]}")
        return table[name]

    # -- replies

    def _ignore(self, _words: list[str]) -> list[Event]:
        return []

    def _ok(self) -> list[Event]:
        return [] if self._quiet else [Reply(b"OK\r\n")]

    def _error(self, error: CommandError) -> list[Event]:
        if self._quiet:
            return []
        if self._protocol is Protocol.V4:
            text = f"ERROR {error}"
        else:
            text = f"ERROR\r{error}" if self._extended else "ERROR"
        return [Reply(text.encode("ascii") + b"\r\n")]

    # -- commands of both protocols

    def _add_station(self, pattern: str) -> list[Event]:
        if any(glob(refused).match(pattern) for refused in self._refused_stations):
            raise CommandError("UNAUTHORIZED", f"no access to {pattern[:40]}")
        self._request.add(pattern)
        return self._ok()

    def _hello(self, _words: list[str]) -> list[Event]:
        # One reply, one segment: obspy reads both lines with a single recv.
        text = f"{self._identity.hello}\r\n{self._identity.organization}\r\n"
        return [Reply(text.encode("ascii", "replace"))]

    def _bye(self, _words: list[str]) -> list[Event]:
        self._closed = True
        return [Close()]

    def _info(self, words: list[str]) -> list[Event]:
        item, station, stream = [*words, "", "", ""][:3]
        # A format pattern behind the stream pattern changes nothing: there is one format.
        stream = stream.partition(".")[0] or "*"
        return [InfoRequest(item.upper(), station or "*", stream, self._protocol)]

    def _slproto(self, words: list[str]) -> list[Event]:
        if self._protocol is Protocol.V4 or self._request.has_station:
            raise CommandError("UNEXPECTED", "SLPROTO must come first, and once")
        match words:
            case ["4.0"]:
                self._protocol = Protocol.V4
                return [Reply(b"OK\r\n")]
            case ["3.0" | "3.1"]:
                return self._ok()
            case [_]:
                # v3 is in force, but who asks for a version reads v4's error codes.
                return [Reply(b"ERROR UNSUPPORTED unsupported protocol version\r\n")]
        raise CommandError("ARGUMENTS", "SLPROTO takes one version")

    def _useragent(self, _words: list[str]) -> list[Event]:
        return self._ok()

    def _auth(self, _words: list[str]) -> list[Event]:
        raise CommandError("UNSUPPORTED", "no authentication here")

    # -- v3 only

    def _batch(self, _words: list[str]) -> list[Event]:
        reply = self._ok()
        self._quiet = True
        return reply

    def _capabilities(self, words: list[str]) -> list[Event]:
        self._extended = self._extended or "EXTREPLY" in (word.upper() for word in words)
        return self._ok()

    def _cat(self, _words: list[str]) -> list[Event]:
        return [InfoRequest("CAT", "*", "*", self._protocol)]

    def _station_v3(self, words: list[str]) -> list[Event]:
        if len(words) not in (1, 2):
            raise CommandError("ARGUMENTS", "STATION takes a station and a network")
        network = words[1] if len(words) == 2 else "*"
        return self._add_station(f"{network}_{words[0]}")

    def _select_v3(self, words: list[str]) -> list[Event]:
        station = self._request.current_or_all
        if words:
            station.select(words, Selector.parse_v3)
        else:
            station.selectors.clear()
        return self._ok()

    def _data_v3(self, words: list[str]) -> list[Event]:
        return self._place_v3(read_position(words, parse_number_v3))

    def _fetch_v3(self, words: list[str]) -> list[Event]:
        return self._place_v3(queued(read_position(words, parse_number_v3)))

    def _time_v3(self, words: list[str]) -> list[Event]:
        if len(words) not in (1, 2):
            raise CommandError("ARGUMENTS", "TIME takes a begin and an end")
        return self._place_v3(read_position(["ALL", *words], parse_number_v3))

    def _place_v3(self, position: Position) -> list[Event]:
        self._request.current_or_all.position = position
        return self._ok() if self._request.has_station else self._start()

    def _end_v3(self, _words: list[str]) -> list[Event]:
        self._request.current("END")
        return self._start()

    # -- v4 only

    def _station_v4(self, words: list[str]) -> list[Event]:
        if len(words) != 1:
            raise CommandError("ARGUMENTS", "STATION takes one station pattern")
        return self._add_station(words[0])

    def _select_v4(self, words: list[str]) -> list[Event]:
        if not words:
            raise CommandError("ARGUMENTS", "SELECT takes a pattern")
        self._request.current("SELECT").select(words, Selector.parse_v4)
        return self._ok()

    def _data_v4(self, words: list[str]) -> list[Event]:
        self._request.current("DATA").position = read_position(words, parse_number_v4)
        return self._ok()

    def _end_v4(self, _words: list[str]) -> list[Event]:
        self._request.current("END")
        return self._start(Ending.NEVER)

    def _endfetch_v4(self, _words: list[str]) -> list[Event]:
        self._request.current("ENDFETCH")
        self._request.fetch_only()
        return self._start()

    def _start(self, ending: Ending | None = None) -> list[Event]:
        self._streaming = True
        subscriptions = self._request.freeze(self._protocol)
        return [StartStreaming(self._protocol, subscriptions, ending or ending_of(subscriptions))]


_Handler: TypeAlias = Callable[[Session, list[str]], list[Event]]
_BOTH: dict[str, _Handler] = {
    "HELLO": Session._hello,
    "SLPROTO": Session._slproto,
    "USERAGENT": Session._useragent,
    "AUTH": Session._auth,
    "INFO": Session._info,
    "BYE": Session._bye,
}
_V3_COMMANDS: dict[str, _Handler] = _BOTH | {
    "CAT": Session._cat,
    "BATCH": Session._batch,
    "CAPABILITIES": Session._capabilities,
    "STATION": Session._station_v3,
    "SELECT": Session._select_v3,
    "DATA": Session._data_v3,
    "FETCH": Session._fetch_v3,
    "TIME": Session._time_v3,
    "END": Session._end_v3,
}
_V4_COMMANDS: dict[str, _Handler] = _BOTH | {
    "STATION": Session._station_v4,
    "SELECT": Session._select_v4,
    "DATA": Session._data_v4,
    "END": Session._end_v4,
    "ENDFETCH": Session._endfetch_v4,
}
