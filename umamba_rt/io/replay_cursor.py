"""One client's way through the replay: where it begins, what it wants, when it is over."""

from __future__ import annotations

from umamba_rt.core.ids import SourceId
from umamba_rt.io.replay_timeline import ReplayClock, Timeline
from umamba_rt.wire.record import ReplayRecord
from umamba_rt.wire.seedlink_events import Ending, StartStreaming
from umamba_rt.wire.seedlink_frames import Protocol, data_frame
from umamba_rt.wire.seedlink_select import Position, find_subscription


class Cursor:
    """A position in the timeline, and the start of each subscription.

    Where a client begins (decisions that SeedLink leaves to the server):

    - A resume number is the first packet wanted. Numbers are the same after a restart, so nothing
      is lost and nothing doubled. Where it lies ahead of the replay clock, as after a restart,
      the clock moves forward to it: a resumed client need not sit through the past again. With
      several stations the furthest number moves the clock, and each station still begins at its
      own, all in one walk in time order.
    - The number behind the last packet is that of a client which has everything: nothing is sent
      again, and the clock stays. A number that this replay cannot have given counts as none (v4
      specification, DATA).
    - Without a number: the next packet released from now on, which is the first one while the
      clock is at rest and at full speed; beside stations that resume, the lowest of their numbers,
      for what was sent since then was sent to this client, too. ``ALL``, a time window and FETCH:
      the first one.

    Args:
        request: what the client asked for.
        timeline: the packets.
        clock: what has been released; moved forward to a resume number ahead of it.
    """

    def __init__(self, request: StartStreaming, timeline: Timeline, clock: ReplayClock) -> None:
        self._request, self._timeline, self._clock = request, timeline, clock
        self._owners: dict[SourceId, int | None] = {}
        # Before the clock moves, so that the order of the stations makes no difference.
        fresh = (clock.released or 0) + 1 if clock.paced and clock.started else 1
        resumed = [self._resumed(s.position) for s in request.subscriptions]
        numbers = [number for number in resumed if number is not None]
        fresh = min(numbers, default=fresh)
        self._starts = [
            (1 if s.position.from_first else fresh) if number is None else number
            for s, number in zip(request.subscriptions, resumed, strict=True)
        ]
        ahead = max((number for number in numbers if timeline.has(number)), default=0)
        self.moved_clock = ahead > 0 and clock.advance_to(ahead)
        clock.start()
        self.number = min(self._starts)
        self._fruitless = 0  # records stepped over since the last that was wanted
        self._idle_turns = 0
        ends = [s.position.end_ns for s in request.subscriptions]
        self._window_end_ns = max((end for end in ends if end is not None), default=0)

    @property
    def protocol(self) -> Protocol:
        """How packets are framed."""
        return self._request.protocol

    @property
    def ending(self) -> Ending:
        """When it is over."""
        return self._request.ending

    @property
    def at_last(self) -> bool:
        """Whether nothing comes any more."""
        return not self._timeline.has(self.number)

    @property
    def delay_s(self) -> float:
        """Seconds until the packet at hand is released, <= 0 if it is."""
        return self._clock.delay_s(self.number)

    def rest_s(self) -> float:
        """How long to wait after each whole turn of an unpaced loop that held nothing wanted, s.

        Else a subscription that matches nothing would keep a processor busy for ever. The wait
        doubles from turn to turn, up to a minute.
        """
        turn = self._timeline.turn_records
        if self._clock.paced or self._fruitless < turn:
            return 0.0
        self._fruitless = 0
        self._idle_turns += 1
        return float(min(2 ** min(self._idle_turns, 6), 60))

    @property
    def is_over(self) -> bool:
        """Whether the client has all that it asked for, and ``END`` is due."""
        if self.ending is Ending.NEVER:
            return False
        if self.at_last:
            return True
        if self.ending is Ending.QUEUE:
            return self.delay_s > 0
        # Packets come in the order of their ends: one that begins inside the window can be at
        # most the longest record's duration behind the window's end.
        past_ns = self._timeline.release_ns(self.number) - self._timeline.longest_ns
        return past_ns >= self._window_end_ns

    def take(self) -> bytes | None:
        """Step over the packet at hand; gives its frame, or None if the client wants it not."""
        number = self.number
        self.number += 1
        record = self._timeline.record(number)
        if not self._wants(number, record):
            self._fruitless += 1
            return None
        self._fruitless = self._idle_turns = 0
        return data_frame(self.protocol, number, record.source_id.station_id, record.payload)

    def _wants(self, number: int, record: ReplayRecord) -> bool:
        subscriptions = self._request.subscriptions
        if record.source_id not in self._owners:
            self._owners[record.source_id] = find_subscription(subscriptions, record.source_id)
        owner = self._owners[record.source_id]
        if owner is None or number < self._starts[owner]:
            return False
        position = subscriptions[owner].position
        return (position.start_ns is None or record.end_ns > position.start_ns) and (
            position.end_ns is None or record.start_ns < position.end_ns
        )

    def _resumed(self, position: Position) -> int | None:
        """The first number wanted of a subscription that resumes, or None where it does not."""
        number, released = position.number, self._clock.released
        if number is None:
            return None
        if self.protocol is Protocol.V3 and released is not None:
            number = self._timeline.resolve_v3(number, released)
        return max(1, number) if self._timeline.is_plausible(number, released or 0) else None
