"""An earthquake as one sensor sees it: opened by the trigger, filled by the windows, closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from umamba_rt.core.calibration import Unit
from umamba_rt.core.ids import GroupId
from umamba_rt.core.timebase import NS_PER_S, index_ns
from umamba_rt.core.trigger_span import TriggerSpan

EventState: TypeAlias = Literal["open", "updated", "closed"]

# Seconds after the onset whose estimates an event tells besides the latest one.
TOLD_S = (1, 2, 3, 5, 7, 10, 15, 20, 25)


@dataclass(frozen=True, slots=True)
class EventRules:
    """How long an event goes on.

    Attributes:
        follow_ns: after the onset, for how long windows are estimates of it: while they still hold
            the onset and some of what was before it.
        longest_ns: after the onset, when it is closed though the trigger is still on.
    """

    follow_ns: int = 25 * NS_PER_S
    longest_ns: int = 120 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Reading:
    """What one window says: its triggers, and its estimate.

    Attributes:
        group: the sensor.
        end_ns: time of the window's last sample, ns since 1970 UTC.
        spans: the trigger's, those that had not ended when the window began.
        magnitude: estimate, magnitude units.
        uncertainty: one standard deviation; None where it is not known.
        snr_db: of the vertical; None where it has no noise.
        clipped: see ``Quality``.
        unit: of the samples; ``counts``: the model knew no amplitude.
    """

    group: GroupId
    end_ns: int
    spans: tuple[TriggerSpan, ...]
    magnitude: float
    uncertainty: float | None
    snr_db: float | None
    clipped: bool
    unit: Unit


@dataclass(frozen=True, slots=True)
class StationEvent:
    """One revision of an event.

    Attributes:
        group: the sensor.
        event_id: the sensor's name and the second of the onset: the same in every run over the
            same data, and after a restart.
        state: ``open`` once, then ``updated``, then ``closed`` once.
        revision: from 0 on.
        onset_ns: when the trigger went on, ns since 1970 UTC.
        end_ns: end of the latest window that it was made from, ns since 1970 UTC.
        magnitude: of the latest window that is an estimate of it.
        uncertainty: of that estimate.
        peak_magnitude: the highest of its windows.
        since_onset_s: from the onset to the end of the latest window that is an estimate of it.
        estimates: pairs of seconds after the onset and magnitude, at ``TOLD_S``.
        duration_s: until the trigger went off, s; None while it is on.
        n_windows: how many are estimates of it.
        snr_db: highest of its windows.
        clipped: one of its windows is.
        unit: of the samples.
    """

    group: GroupId
    event_id: str
    state: EventState
    revision: int
    onset_ns: int
    end_ns: int
    magnitude: float
    uncertainty: float | None
    peak_magnitude: float
    since_onset_s: float
    estimates: tuple[tuple[float, float], ...]
    duration_s: float | None
    n_windows: int
    snr_db: float | None
    clipped: bool
    unit: Unit


class StationEvents:
    """The events of one sensor: one at a time, since a new onset closes the one before.

    Windows behind the next onset are estimates of the next event: what is strongest in a window
    rules its estimate, and nothing tells the two apart.
    """

    def __init__(self, rules: EventRules, latest: StationEvent | None = None) -> None:
        self._rules = rules
        self._latest = latest

    @property
    def latest(self) -> StationEvent | None:
        """The newest event, closed or not; None before any."""
        return self._latest

    def read(self, reading: Reading) -> list[StationEvent]:
        """Take a window's reading, in the order of the windows.

        Returns:
            The revisions that it makes, oldest first.
        """
        revisions = []
        for span in reading.spans:
            if self._latest is not None and index_ns(span.on) <= self._latest.onset_ns:
                continue
            if self._is_open:
                revisions.append(self._close(reading))
            revisions.append(self._open(span, reading))
        if not revisions and self._is_open:
            revisions += self._go_on(reading)
        return revisions

    @property
    def _is_open(self) -> bool:
        return self._latest is not None and self._latest.state != "closed"

    def _open(self, span: TriggerSpan, reading: Reading) -> StationEvent:
        onset_ns = index_ns(span.on)
        since_s = (reading.end_ns - onset_ns) / NS_PER_S
        self._latest = StationEvent(
            group=reading.group,
            event_id=f"{reading.group}.{second_of(onset_ns)}",
            state="open",
            revision=0,
            onset_ns=onset_ns,
            end_ns=reading.end_ns,
            magnitude=reading.magnitude,
            uncertainty=reading.uncertainty,
            peak_magnitude=reading.magnitude,
            since_onset_s=since_s,
            estimates=_told((), since_s, reading.magnitude),
            duration_s=_duration_s(span),
            n_windows=1,
            snr_db=reading.snr_db,
            clipped=reading.clipped,
            unit=reading.unit,
        )
        return self._latest

    def _go_on(self, reading: Reading) -> list[StationEvent]:
        event = self._latest
        assert event is not None
        span = _span_of(event, reading.spans)
        ended = event.duration_s if span is None else _duration_s(span)
        since_ns = reading.end_ns - event.onset_ns
        if since_ns <= self._rules.follow_ns:
            self._latest = _extended(replace(event, duration_s=ended), reading)
            return [self._latest]
        self._latest = replace(event, duration_s=ended)
        # A span that the windows do not tell of any more has ended.
        if ended is None and span is not None and since_ns < self._rules.longest_ns:
            return []
        return [self._close(reading)]

    def _close(self, reading: Reading) -> StationEvent:
        event = self._latest
        assert event is not None
        span = _span_of(event, reading.spans)
        duration_s = event.duration_s if span is None else _duration_s(span)
        self._latest = replace(
            event,
            state="closed",
            revision=event.revision + 1,
            end_ns=reading.end_ns,
            duration_s=duration_s,
        )
        return self._latest


def second_of(time_ns: int) -> str:
    """The second that a time lies in, as part of an event's name."""
    return f"{datetime.fromtimestamp(time_ns // NS_PER_S, tz=UTC):%Y%m%dT%H%M%S}"


def _extended(event: StationEvent, reading: Reading) -> StationEvent:
    since_s = (reading.end_ns - event.onset_ns) / NS_PER_S
    levels = [level for level in (event.snr_db, reading.snr_db) if level is not None]
    return replace(
        event,
        state="updated",
        revision=event.revision + 1,
        end_ns=reading.end_ns,
        magnitude=reading.magnitude,
        uncertainty=reading.uncertainty,
        peak_magnitude=max(event.peak_magnitude, reading.magnitude),
        since_onset_s=since_s,
        estimates=_told(event.estimates, since_s, reading.magnitude),
        n_windows=event.n_windows + 1,
        snr_db=max(levels, default=None),
        clipped=event.clipped or reading.clipped,
        unit=reading.unit,
    )


def _told(
    told: tuple[tuple[float, float], ...], since_s: float, magnitude: float
) -> tuple[tuple[float, float], ...]:
    """The estimates with one more, where it is the first at or after one of ``TOLD_S``."""
    latest_s = told[-1][0] if told else 0.0
    if any(latest_s < due_s <= since_s for due_s in TOLD_S):
        return (*told, (round(since_s, 3), magnitude))
    return told


def _span_of(event: StationEvent, spans: Sequence[TriggerSpan]) -> TriggerSpan | None:
    return next((span for span in spans if index_ns(span.on) == event.onset_ns), None)


def _duration_s(span: TriggerSpan) -> float | None:
    return None if span.off is None else index_ns(span.off - span.on) / NS_PER_S
