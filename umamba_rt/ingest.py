"""Records in, windows out: the decoder, the clock and the core, the same for live and replay."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from umamba_rt.core.ids import names_station
from umamba_rt.core.pipeline import Outcome, Pipeline
from umamba_rt.core.quarantine import Quarantine, reach_ns
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.errors import RecordError
from umamba_rt.wire.mseed import decode_record


class Clock(Protocol):
    """What the pipeline calls now."""

    @property
    def follows_data(self) -> bool:
        """True where only the data move the clock."""

    def observe(self, end_ns: int) -> None:
        """Note that data up to ``end_ns`` are there."""

    @property
    def step_ns(self) -> int:
        """How far UTC has been stepped ahead of this clock, ns."""

    def now_ns(self) -> int:
        """Now, ns since 1970 UTC."""

    def latest_ns(self) -> int:
        """The latest that now can be, ns since 1970 UTC."""

    def utc_ns(self) -> int:
        """Now, steps and all."""


class DataClock:
    """Replay's clock: the newest sample seen. The same records give the same times."""

    follows_data = True
    step_ns = 0

    def __init__(self) -> None:
        self._now_ns = 0

    def observe(self, end_ns: int) -> None:
        """Move forward to ``end_ns``; never back."""
        self._now_ns = max(self._now_ns, end_ns)

    def now_ns(self) -> int:
        """Time of the newest sample, ns since 1970 UTC; 0 before any."""
        return self._now_ns

    latest_ns = utc_ns = now_ns


class Ingest:
    """Feeds the pipeline; counts the records that it could not read.

    Attributes:
        latest: what the latest record held; None where it could not be read.
    """

    def __init__(self, pipeline: Pipeline, clock: Clock) -> None:
        self.pipeline = pipeline
        self.records = 0
        self.records_refused = 0
        self.latest: Segment | None = None
        self._clock = clock
        self._last_tick_s = 0
        self._quarantine = Quarantine()

    def record(self, payload: bytes, *, source: str, station_id: str = "") -> Outcome:
        """Decode one record and give it to the core.

        Args:
            payload: its bytes.
            source: what to call its origin.
            station_id: the station that the packet around it names; empty where it names none.

        Raises:
            RecordError: the bytes are no record, or one of another station than the packet: no
                checksum covers a miniSEED 2 header. Counted; nothing else is touched.
        """
        self.records += 1
        self.latest = None
        try:
            segment = decode_record(payload, source=source)
            _require_station(segment, station_id, source)
        except RecordError:
            self.records_refused += 1
            raise
        self.latest = segment
        if not self._clock.follows_data:
            clock = self._clock
            return self._in_utc(self.pipeline.accept(segment, clock.now_ns(), clock.latest_ns()))
        return self._settle(*self._quarantine.admit(segment))

    def finish(self) -> Outcome:
        """Take in what waits for the records behind it: none will come."""
        return self._settle(*self._quarantine.finish())

    def tick(self) -> Outcome:
        """Let waits end, as of the clock."""
        return self._in_utc(self.pipeline.tick(self._clock.now_ns()))

    def utc_ns(self, core_ns: int) -> int:
        """A time of the core, whose clock makes no steps, by the machine's, ns since 1970 UTC."""
        return core_ns + self._clock.step_ns

    def _in_utc(self, outcome: Outcome) -> Outcome:
        if not self._clock.step_ns:
            return outcome
        windows = [replace(one, arrival_ns=self.utc_ns(one.arrival_ns)) for one in outcome.windows]
        changes = [replace(one, since_ns=self.utc_ns(one.since_ns)) for one in outcome.changes]
        return replace(outcome, windows=windows, changes=changes)

    def _settle(self, used: list[Segment], refused: list[Segment]) -> Outcome:
        """Give the core what the clock follows, and count what it must not."""
        self.pipeline.refuse_future(len(refused))
        outcome = Outcome()
        for segment in used:
            self._clock.observe(reach_ns(segment))
            self._extend(outcome, self.pipeline.accept(segment, self._clock.now_ns()))
            if self._crossed_a_second():
                self._extend(outcome, self.tick())
        return outcome

    def _crossed_a_second(self) -> bool:
        # Whole seconds of the data: the same instants in every replay, and few of them.
        second = self._clock.now_ns() // NS_PER_S
        crossed = second != self._last_tick_s
        self._last_tick_s = second
        return crossed

    @staticmethod
    def _extend(outcome: Outcome, more: Outcome) -> None:
        outcome.windows.extend(more.windows)
        outcome.changes.extend(more.changes)


def _require_station(segment: Segment, station_id: str, source: str) -> None:
    if station_id and not names_station(station_id, segment.source_id):
        reason = f"{segment.source_id}: its packet is of {station_id[:40]!r}"
        raise RecordError(source, reason)
