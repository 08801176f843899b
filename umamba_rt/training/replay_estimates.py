"""A replay's estimates set against a catalogue: what each earthquake read, second by second."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from obspy import UTCDateTime
from obspy.geodetics import gps2dist_azimuth

from umamba_rt.core.ids import EMPTY_LOCATION
from umamba_rt.core.inventory import Inventory
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.core.travel_time import first_p_s
from umamba_rt.errors import DatasetError, UnavailableError
from umamba_rt.training.catalogue import CatalogueEvent
from umamba_rt.training.summary import GATE_SNR_DB, NOISE_MAGNITUDE

SECONDS_AFTER_P = (2, 5, 10, 15, 20, 25)
MIN_STATIONS = 4
_DEFAULT_DEPTH_KM = 8.0
_WINDOW_S = 30
# Noise: no P of the catalogue in a window, nor within a minute before it.
_QUIET_BEFORE_S = 60


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is needed of one ``magnitude`` message."""

    station: str
    sensor: str
    end_ns: int
    magnitude: float
    snr_db: float
    clipped: bool


@dataclass(frozen=True, slots=True)
class EventCurve:
    """An earthquake as the stations read it.

    Attributes:
        event: of the catalogue.
        medians: over the stations whose sensor does not clip, at each of ``SECONDS_AFTER_P``
            after their own P; NaN with fewer than four.
        stations: how many went into each.
    """

    event: CatalogueEvent
    medians: tuple[float, ...]
    stations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Quiet:
    """Windows without an earthquake of the catalogue.

    Attributes:
        n: windows.
        n_gated: those that pass the quality gate.
        false_share: of all, those that read above magnitude 2.
        false_share_gated: of all, those that pass the gate and read above it.
        median: of the readings.
    """

    n: int
    n_gated: int
    false_share: float
    false_share_gated: float
    median: float


def read_estimates(path: Path) -> list[Estimate]:
    """Read V2's messages of a file that ``tools/replay.py --direct`` wrote.

    Raises:
        UnavailableError: the file cannot be read.
        DatasetError: a line is no magnitude message.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UnavailableError(str(path), error.strerror or str(error)) from error
    return [found for number, line in enumerate(lines, 1) for found in _read(path, number, line)]


def _read(path: Path, number: int, line: str) -> Iterator[Estimate]:
    try:
        body = json.loads(line)
        where, quality = body["station"], body["quality"]
        if body["model"]["name"] != "v2":
            return
        snr_db = quality["snr_db"]
        codes = where["network"], where["station"], where["location"], where["band_source"]
        yield Estimate(
            station=f"{codes[0]}.{codes[1]}",
            sensor=".".join(codes),
            end_ns=int(UTCDateTime(body["window_end"]).ns),
            magnitude=float(body["magnitude"]),
            snr_db=math.nan if snr_db is None else float(snr_db),
            clipped=bool(quality["clipped"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(str(path), f"no magnitude message: {error!r}", row=number) from error


class ReplayedCatalogue:
    """Joins estimates and catalogue by the P that each sensor should have seen."""

    def __init__(
        self,
        estimates: Sequence[Estimate],
        events: Sequence[CatalogueEvent],
        inventory: Inventory,
    ) -> None:
        """Work out all arrivals.

        Args:
            estimates: of one replay; a sensor without coordinates is left out.
            events: of the catalogue, also the small ones.
            inventory: coordinates.
        """
        self._events = events
        self._places = _places(inventory)
        self._by_sensor: dict[str, dict[int, Estimate]] = {}
        for estimate in estimates:
            if estimate.sensor in self._places:
                # Keyed by whole seconds: the hop of the grid.
                second = round(estimate.end_ns / NS_PER_S)
                self._by_sensor.setdefault(estimate.sensor, {})[second] = estimate
        self._arrivals_ns = {
            sensor: np.array([self._p_ns(event, sensor) for event in events], np.int64)
            for sensor in self._by_sensor
        }

    def curves(self, min_magnitude: float) -> list[EventCurve]:
        """The events from a magnitude on, in the catalogue's order."""
        chosen = [k for k, event in enumerate(self._events) if event.magnitude >= min_magnitude]
        return [self._curve(k) for k in chosen]

    def _curve(self, index: int) -> EventCurve:
        medians, counts = [], []
        for seconds in SECONDS_AFTER_P:
            found: dict[str, list[float]] = {}
            for sensor, estimates in self._by_sensor.items():
                p_ns = int(self._arrivals_ns[sensor][index])
                estimate = estimates.get(round(p_ns / NS_PER_S) + seconds)
                if estimate is not None and not estimate.clipped:
                    found.setdefault(estimate.station, []).append(estimate.magnitude)
            values = [median(sensors) for sensors in found.values()]
            medians.append(median(values) if len(values) >= MIN_STATIONS else math.nan)
            counts.append(len(values))
        return EventCurve(self._events[index], tuple(medians), tuple(counts))

    def quiet(self) -> Quiet | None:
        """The windows in which nothing of the catalogue can be seen; None where there is none."""
        found = [
            estimate
            for sensor, estimates in self._by_sensor.items()
            for estimate in estimates.values()
            if self._is_quiet(sensor, estimate)
        ]
        if not found:
            return None
        high = np.array([estimate.magnitude > NOISE_MAGNITUDE for estimate in found])
        gated = np.array([estimate.snr_db >= GATE_SNR_DB for estimate in found])
        return Quiet(
            n=len(found),
            n_gated=int(gated.sum()),
            false_share=float(high.mean()),
            false_share_gated=float((high & gated).mean()),
            median=median(estimate.magnitude for estimate in found),
        )

    def _is_quiet(self, sensor: str, estimate: Estimate) -> bool:
        since_ns = estimate.end_ns - (_WINDOW_S + _QUIET_BEFORE_S) * NS_PER_S
        arrivals = self._arrivals_ns[sensor]
        return not np.any((arrivals > since_ns) & (arrivals < estimate.end_ns + NS_PER_S))

    def _p_ns(self, event: CatalogueEvent, sensor: str) -> int:
        latitude, longitude = self._places[sensor]
        distance_m = gps2dist_azimuth(event.latitude_deg, event.longitude_deg, latitude, longitude)
        depth_km = _DEFAULT_DEPTH_KM if math.isnan(event.depth_km) else event.depth_km
        return event.origin_ns + round(first_p_s(distance_m[0] / 1000, depth_km) * NS_PER_S)


def _places(inventory: Inventory) -> dict[str, tuple[float, float]]:
    """Latitude and longitude of each sensor, by its name in the feed."""
    places = {}
    for epoch in inventory.epochs:
        group = epoch.source_id.group
        location = group.location or EMPTY_LOCATION
        name = f"{group.network}.{group.station}.{location}.{group.band_source}"
        places[name] = epoch.latitude_deg, epoch.longitude_deg
    return places
