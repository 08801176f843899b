"""What the sensors' windows said in the last minutes."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from umamba_rt.core.forming import PlaceOf
from umamba_rt.core.ids import GroupId
from umamba_rt.core.source_scan import Hidden, Onset
from umamba_rt.core.station_event import Reading, StationEvent, second_of
from umamba_rt.core.timebase import NS_PER_S

_KEEP_NS = 120 * NS_PER_S
# A window that ends so long after S is the estimate: later ones hold the next earthquake.
_AFTER_S_NS = NS_PER_S
# A power that rises by less than 60 % (logarithm 0.2) shows no onset.
_LEAST_RISE = 0.2


class RecentReadings:
    """Finds the window by which an onset is estimated that was not known when the window came."""

    def __init__(self) -> None:
        self._readings: dict[GroupId, deque[Reading]] = {}

    def note(self, reading: Reading) -> None:
        """Keep a window's reading for two minutes."""
        kept = self._readings.setdefault(reading.group, deque())
        kept.append(reading)
        while kept[0].end_ns < reading.end_ns - _KEEP_NS:
            kept.popleft()

    def members(self, hidden: Hidden, place_of: PlaceOf) -> Mapping[GroupId, StationEvent]:
        """A station event for each onset that shows, as the window with its S estimates it.

        Args:
            hidden: the earthquake.
            place_of: coordinates of a sensor at a time.
        """
        members = {}
        for onset in hidden.onsets:
            place = place_of(onset.group, onset.onset_ns)
            if onset.rise < _LEAST_RISE or place is None:
                continue
            due_ns = hidden.source.s_ns(place) + _AFTER_S_NS
            later = [r for r in self._readings.get(onset.group, ()) if r.end_ns >= due_ns]
            if later:
                reading = min(later, key=lambda r: r.end_ns)
                members[onset.group] = _event(onset, reading)
        return members


def _event(onset: Onset, reading: Reading) -> StationEvent:
    since_s = (reading.end_ns - onset.onset_ns) / NS_PER_S
    return StationEvent(
        group=onset.group,
        event_id=f"{onset.group}.{second_of(onset.onset_ns)}",
        state="closed",
        revision=0,
        onset_ns=onset.onset_ns,
        end_ns=reading.end_ns,
        magnitude=reading.magnitude,
        uncertainty=reading.uncertainty,
        peak_magnitude=reading.magnitude,
        since_onset_s=since_s,
        estimates=((round(since_s, 3), reading.magnitude),),
        duration_s=None,
        n_windows=1,
        snr_db=reading.snr_db,
        clipped=reading.clipped,
        unit=reading.unit,
    )
