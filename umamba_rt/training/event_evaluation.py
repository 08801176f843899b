"""Network events of a replay set against a catalogue: found, missed, false, doubled, how soon."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median

import numpy as np
from obspy.geodetics import gps2dist_azimuth
from scipy.optimize import linear_sum_assignment

from umamba_rt.core.inventory import Inventory
from umamba_rt.core.timebase import NS_PER_S, parse_rfc3339
from umamba_rt.core.travel_time import first_p_s
from umamba_rt.errors import DatasetError, UnavailableError
from umamba_rt.training.catalogue import CatalogueEvent

WITHIN_S = 5.0
_DEFAULT_DEPTH_KM = 8.0
# The catalogue moved by so much: what is then found is found by chance.
_SHIFTS_S = (-60, -40, -20, 20, 40, 60)


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """A network event as the feed told it.

    Attributes:
        event_id: its name.
        onsets_ns: of the stations in the last revision, by sensor.
        first_ns: end of the windows that the first revision was made from.
        first_magnitude: of the first revision.
        magnitude: of the last one.
    """

    event_id: str
    onsets_ns: dict[str, int]
    first_ns: int
    first_magnitude: float
    magnitude: float

    @property
    def onset_ns(self) -> int:
        """The earliest, ns since 1970 UTC."""
        return min(self.onsets_ns.values())


@dataclass(frozen=True, slots=True)
class Match:
    """An earthquake of the catalogue and the network event that is it."""

    event: CatalogueEvent
    told: ToldEvent

    @property
    def first_after_s(self) -> float:
        """From the origin to the end of the windows behind the first revision, s."""
        return (self.told.first_ns - self.event.origin_ns) / NS_PER_S


@dataclass(frozen=True, slots=True)
class EventFigures:
    """What a span of a replay shows.

    Attributes:
        min_magnitude: of the earthquakes that should be found.
        n_told: network events.
        matches: earthquakes of any magnitude and their events, one to one.
        missed: earthquakes from the least magnitude on without an event.
        false: events that no earthquake of any magnitude explains.
        doubled: events that one explains which another event is matched with.
        chance_recall: mean recall of the same events against the catalogue moved in time.
    """

    min_magnitude: float
    n_told: int
    matches: tuple[Match, ...]
    missed: tuple[CatalogueEvent, ...]
    false: tuple[ToldEvent, ...]
    doubled: tuple[ToldEvent, ...]
    chance_recall: float

    @property
    def found(self) -> list[Match]:
        """Matches from the least magnitude on."""
        return [one for one in self.matches if one.event.magnitude >= self.min_magnitude]

    @property
    def recall(self) -> float:
        """Share of these earthquakes that were found; NaN without any."""
        total = len(self.found) + len(self.missed)
        return len(self.found) / total if total else math.nan

    @property
    def false_share(self) -> float:
        """Share of the network events that are false; NaN without any."""
        return len(self.false) / self.n_told if self.n_told else math.nan

    def summary(self) -> dict[str, float | int]:
        """The numbers alone."""
        errors = [one.told.magnitude - one.event.magnitude for one in self.found]
        firsts = [one.told.first_magnitude - one.event.magnitude for one in self.found]
        after_s = [one.first_after_s for one in self.found]
        return {
            "min_magnitude": self.min_magnitude,
            "earthquakes": len(self.found) + len(self.missed),
            "found": len(self.found),
            "recall": self.recall,
            "chance_recall": self.chance_recall,
            "network_events": self.n_told,
            "false": len(self.false),
            "false_share": self.false_share,
            "doubled": len(self.doubled),
            "first_after_origin_s_median": median(after_s) if after_s else math.nan,
            "first_after_origin_s_p90": float(np.percentile(after_s, 90)) if after_s else math.nan,
            "first_magnitude_bias": fmean(firsts) if firsts else math.nan,
            "first_magnitude_mae": fmean(map(abs, firsts)) if firsts else math.nan,
            "magnitude_bias": fmean(errors) if errors else math.nan,
            "magnitude_mae": fmean(map(abs, errors)) if errors else math.nan,
        }


def read_events(path: Path) -> list[ToldEvent]:
    """Read the network events of a file that ``tools/replay.py --direct --events`` wrote.

    Raises:
        UnavailableError: the file cannot be read.
        DatasetError: a line is no event message.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UnavailableError(str(path), error.strerror or str(error)) from error
    told: dict[str, ToldEvent] = {}
    for number, line in enumerate(lines, 1):
        try:
            body = json.loads(line)
            if body["schema"] != "umamba-rt/network/1":
                continue
            revision = _told(body)
        except (ValueError, KeyError, TypeError) as error:
            raise DatasetError(str(path), f"no event message: {error!r}", row=number) from error
        earlier = told.get(revision.event_id)
        if earlier is not None:
            first = earlier.first_ns, earlier.first_magnitude
            revision = replace(revision, first_ns=first[0], first_magnitude=first[1])
        told[revision.event_id] = revision
    return sorted(told.values(), key=lambda one: (one.onset_ns, one.event_id))


def _told(body: dict[str, object]) -> ToldEvent:
    shares, magnitude = body["stations"], body["magnitude"]
    if not isinstance(shares, list) or not isinstance(magnitude, int | float):
        raise TypeError("stations and magnitude")
    onsets_ns = {}
    for share in shares:
        where = share["station"]
        codes = where["network"], where["station"], where["location"], where["band_source"]
        onsets_ns[".".join(codes)] = parse_rfc3339(share["onset"])
    return ToldEvent(
        event_id=str(body["event_id"]),
        onsets_ns=onsets_ns,
        first_ns=parse_rfc3339(str(body["window_end"])),
        first_magnitude=float(magnitude),
        magnitude=float(magnitude),
    )


class EventEvaluation:
    """Joins network events and catalogue by origin and travel time."""

    def __init__(
        self, told: Sequence[ToldEvent], events: Sequence[CatalogueEvent], inventory: Inventory
    ) -> None:
        """Work out all travel times.

        Args:
            told: network events.
            events: of the catalogue, also the small ones.
            inventory: coordinates.
        """
        self._told, self._events = told, events
        sensors = {sensor for one in told for sensor in one.onsets_ns}
        places = {
            sensor: place for sensor, place in _places(inventory).items() if sensor in sensors
        }
        # Shape (told, events): median over the stations of onset less predicted P, s.
        self._off_s = np.full((len(told), len(events)), np.inf)
        for column, event in enumerate(events):
            p_ns = {sensor: _p_ns(event, place) for sensor, place in places.items()}
            for row, one in enumerate(told):
                off_ns = [ns - p_ns[name] for name, ns in one.onsets_ns.items() if name in p_ns]
                if off_ns:
                    self._off_s[row, column] = median(off_ns) / NS_PER_S

    def figures(self, start_ns: int, end_ns: int, min_magnitude: float) -> EventFigures:
        """What the time from ``start_ns`` to before ``end_ns`` shows."""
        rows = [k for k, one in enumerate(self._told) if start_ns <= one.onset_ns < end_ns]
        columns = [k for k, e in enumerate(self._events) if start_ns <= e.origin_ns < end_ns]
        off_s = np.abs(self._off_s[np.ix_(rows, columns)])
        pairs = _pairs(off_s)
        matched = {row for row, _ in pairs}
        explained = (np.abs(self._off_s[rows]) <= WITHIN_S).any(axis=1)
        found = {column for _, column in pairs}
        spare = [k for k in range(len(rows)) if k not in matched]
        wanted = [k for k, c in enumerate(columns) if self._events[c].magnitude >= min_magnitude]
        return EventFigures(
            min_magnitude=min_magnitude,
            n_told=len(rows),
            matches=tuple(
                Match(self._events[columns[c]], self._told[rows[r]]) for r, c in sorted(pairs)
            ),
            missed=tuple(self._events[columns[k]] for k in wanted if k not in found),
            false=tuple(self._told[rows[k]] for k in spare if not explained[k]),
            doubled=tuple(self._told[rows[k]] for k in spare if explained[k]),
            chance_recall=fmean(
                self._recall_moved(rows, columns, wanted, shift_s) for shift_s in _SHIFTS_S
            ),
        )

    def _recall_moved(
        self, rows: Sequence[int], columns: Sequence[int], wanted: Sequence[int], shift_s: int
    ) -> float:
        off_s = np.abs(self._off_s[np.ix_(rows, columns)] - shift_s)
        found = {column for _, column in _pairs(off_s)}
        return len(found & set(wanted)) / len(wanted) if wanted else math.nan


def _pairs(off_s: np.ndarray) -> list[tuple[int, int]]:
    """Rows and columns one to one: as many as can be within the limit, then the closest."""
    gain = np.where(off_s <= WITHIN_S, 1000.0 - off_s, 0.0)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, column) for row, column in pairs if off_s[row, column] <= WITHIN_S]


def _p_ns(event: CatalogueEvent, place: tuple[float, float]) -> int:
    distance_m = gps2dist_azimuth(event.latitude_deg, event.longitude_deg, *place)[0]
    depth_km = _DEFAULT_DEPTH_KM if math.isnan(event.depth_km) else event.depth_km
    return event.origin_ns + round(first_p_s(distance_m / 1000, depth_km) * NS_PER_S)


def _places(inventory: Inventory) -> dict[str, tuple[float, float]]:
    """Latitude and longitude of each sensor, by its name in the feed."""
    return {
        str(epoch.source_id.group): (epoch.latitude_deg, epoch.longitude_deg)
        for epoch in inventory.epochs
    }


def listed(events: Iterable[ToldEvent]) -> list[str]:
    """Names with magnitudes and numbers of stations."""
    return [f"{e.event_id} (M {e.magnitude:.1f}, {len(e.onsets_ns)} stations)" for e in events]
