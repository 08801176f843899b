"""The replay's order of packets: sequence numbers, release times, loops, and the clock."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

from umamba_rt.wire.record import NS, ReplayRecord
from umamba_rt.wire.seedlink_commands import V3_NUMBER_BITS
from umamba_rt.wire.seedlink_info import StationExtent, StreamExtent

# A resume number further ahead than this many loops is taken for another archive's.
MAX_LOOPS_AHEAD = 10_000


class Timeline:
    """Records by sequence number, from 1 in time order; the same for the same archive.

    After the first turn, number ``n + len(records)`` is record ``n`` again, later by ``period_s``:
    whole seconds, just past the archive's length, so that nothing overlaps and the samples' phase
    within the second stays.

    Args:
        records: in time order, at least one.
        shift_s: added to all times, s.
        turns: how often they come; None: over and over.
    """

    def __init__(
        self, records: Sequence[ReplayRecord], *, shift_s: int = 0, turns: int | None = 1
    ) -> None:
        if not records or (turns is not None and turns < 1):
            raise ValueError("a timeline needs a record")
        self._records = records
        self._ends_ns = [record.end_ns for record in records]
        self._shift_s = shift_s
        self._start_ns = min(record.start_ns for record in records)
        self._turns = turns
        self.longest_ns = max(record.end_ns - record.start_ns for record in records)
        # A second more than the span covers the last sample's own duration, down to 1 Hz.
        self.period_s = -(-(self._ends_ns[-1] - self._start_ns + 1) // NS) + 1

    @property
    def start_ns(self) -> int:
        """Time of the first sample, ns since 1970 UTC."""
        return self._start_ns + self._shift_s * NS

    def move(self, from_ns: int, to_ns: int) -> None:
        """Shift all times by whole seconds: what was at one time is at another, or just before."""
        self._shift_s += (to_ns - from_ns) // NS

    @property
    def last(self) -> int | None:
        """The last sequence number, or None where there is no last one."""
        return None if self._turns is None else self._turns * len(self._records)

    @property
    def turn_records(self) -> int:
        """How many records a turn of the archive has."""
        return len(self._records)

    def has(self, number: int) -> bool:
        """Whether a number will ever be given."""
        return number >= 1 and (self.last is None or number <= self.last)

    def record(self, number: int) -> ReplayRecord:
        """The record of a number, at its shifted time."""
        index, shift_s = self._place(number)
        return self._records[index].shifted(shift_s)

    def release_ns(self, number: int) -> int:
        """When a record's last sample is in, ns since 1970 UTC in the replay's time."""
        index, shift_s = self._place(number)
        return self._ends_ns[index] + shift_s * NS

    def released_at(self, time_ns: int) -> int:
        """The last number released at a time; 0 before the first."""
        local_ns = time_ns - self._shift_s * NS
        before = max(0, (local_ns - self._ends_ns[0]) // (self.period_s * NS))
        if self._turns is not None:
            before = min(before, self._turns - 1)
        inside = bisect_right(self._ends_ns, local_ns - before * self.period_s * NS)
        return before * len(self._records) + inside

    def resolve_v3(self, number: int, released: int) -> int:
        """The full number that a 24-bit one stands for.

        It is the largest that the client can have been promised, at most ``released + 1``; where
        there is none, the number itself, which may lie ahead of a server that was restarted.
        """
        turn = 1 << V3_NUMBER_BITS
        behind = released + 1 - number
        return number + max(0, behind // turn) * turn

    def is_plausible(self, number: int, released: int) -> bool:
        """Whether a resume number can be one of this replay's."""
        if self.last is not None:
            return number <= self.last + 1
        return number <= released + MAX_LOOPS_AHEAD * len(self._records)

    def inventory(self) -> list[StationExtent]:
        """Stations and streams for INFO: times of the first turn, numbers of all that may come.

        A client holds against them the number that it would resume at.
        """
        turns = MAX_LOOPS_AHEAD if self._turns is None else self._turns
        before_last = (turns - 1) * len(self._records)
        stations: dict[str, StationExtent] = {}
        streams: dict[str, StreamExtent] = {}
        for number, record in enumerate(self._records, start=1):
            name = record.source_id.station_id
            station = stations.setdefault(name, StationExtent(name, number, number))
            station.last = before_last + number
            known = streams.get(str(record.source_id))
            start_ns = min(known.start_ns, record.start_ns) if known else record.start_ns
            extent = StreamExtent(record.source_id, start_ns, record.end_ns)
            streams[str(record.source_id)] = extent
        for _, extent in sorted(streams.items()):
            shift_ns = self._shift_s * NS
            shifted = StreamExtent(
                extent.source_id, extent.start_ns + shift_ns, extent.end_ns + shift_ns
            )
            stations[extent.source_id.station_id].streams.append(shifted)
        return [stations[name] for name in sorted(stations)]

    def _place(self, number: int) -> tuple[int, int]:
        turn, index = divmod(number - 1, len(self._records))
        if not self.has(number):
            raise IndexError(f"no record {number}")
        return index, self._shift_s + turn * self.period_s


class ReplayClock:
    """What has been released: replay time runs ``speed`` times as fast as the monotonic clock.

    Args:
        timeline: what is released.
        speed: replay seconds a second; None releases everything at once.
        monotonic_ns: the clock to go by, ns.
        live_ns: UTC, ns since 1970, for a replay whose times begin when it does: the first
            sample, or the record that the first client resumes at, is moved to less than a
            second before; from then on replay time is real time.
    """

    def __init__(
        self,
        timeline: Timeline,
        speed: float | None,
        monotonic_ns: Callable[[], int],
        live_ns: Callable[[], int] | None = None,
    ) -> None:
        self._timeline, self._speed, self._monotonic_ns = timeline, speed, monotonic_ns
        self._live_ns = live_ns
        self._origin: tuple[int, int] | None = None  # monotonic ns, replay ns

    @property
    def started(self) -> bool:
        """Whether time runs, or need not."""
        return self._speed is None or self._origin is not None

    @property
    def paced(self) -> bool:
        """Whether records are released one by one."""
        return self._speed is not None

    def start(self) -> None:
        """Begin at the archive's first sample; a second call changes nothing."""
        if self._origin is None:
            self._origin = (self._monotonic_ns(), self._begin_ns(self._timeline.start_ns))

    def advance_to(self, number: int) -> bool:
        """Move forward to a record's release, never back; tells whether the clock moved."""
        target_ns = self._timeline.release_ns(number)
        if self._speed is None or (self._origin is not None and self.now_ns >= target_ns):
            return False
        begin_ns = self._begin_ns(target_ns) if self._origin is None else target_ns
        self._origin = (self._monotonic_ns(), begin_ns)
        return True

    def _begin_ns(self, from_ns: int) -> int:
        """Replay time at which the clock begins to run: the real one in a live replay."""
        if self._live_ns is None:
            return from_ns
        now_ns = self._live_ns()
        self._timeline.move(from_ns, now_ns)
        return now_ns

    @property
    def now_ns(self) -> int:
        """Replay time, ns since 1970 UTC; the archive's start before the clock runs."""
        if self._origin is None or self._speed is None:
            return self._timeline.start_ns
        began_ns, replay_ns = self._origin
        return replay_ns + int((self._monotonic_ns() - began_ns) * self._speed)

    @property
    def released(self) -> int | None:
        """The last number released; None where all are, and there is no last one."""
        if self._speed is None:
            return self._timeline.last
        return self._timeline.released_at(self.now_ns) if self._origin is not None else 0

    def delay_s(self, number: int) -> float:
        """Seconds until a number is released, <= 0 if it is; a clock at rest never gets there."""
        if self._speed is None:
            return float("-inf")
        if self._origin is None:
            return float("inf")
        return (self._timeline.release_ns(number) - self.now_ns) / (self._speed * NS)
