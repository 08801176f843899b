"""Earthquakes of a QuakeML catalogue."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from umamba_rt.errors import DatasetError, UnavailableError


@dataclass(frozen=True, slots=True)
class CatalogueEvent:
    """One earthquake.

    Attributes:
        source_id: the event's public id.
        origin_ns: ns since 1970 UTC.
        latitude_deg, longitude_deg: of the epicentre, WGS 84.
        depth_km: NaN where the catalogue has none.
        magnitude: the preferred one, else the first.
        magnitude_type: may be empty.
    """

    source_id: str
    origin_ns: int
    latitude_deg: float
    longitude_deg: float
    depth_km: float
    magnitude: float
    magnitude_type: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a file holds.

    Attributes:
        events: in order of their time.
        left_out: events without an origin or a magnitude.
    """

    events: tuple[CatalogueEvent, ...]
    left_out: int


def read_catalogue(path: Path) -> Catalogue:
    """Read a QuakeML file, or another that obspy knows.

    Raises:
        UnavailableError: the file cannot be read.
        DatasetError: it is no catalogue.
    """
    from obspy import read_events

    if not path.is_file():
        raise UnavailableError(str(path), "no such file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of identifiers that are not quite to the standard
            found = read_events(str(path))
    except Exception as error:  # whatever obspy's parsers raise
        raise DatasetError(str(path), f"{type(error).__name__}: {error}") from error
    events = [event for event in map(_event, found) if event is not None]
    ordered = sorted(events, key=lambda event: (event.origin_ns, event.source_id))
    return Catalogue(tuple(ordered), len(found) - len(events))


def _event(event: Any) -> CatalogueEvent | None:
    """One of obspy's events; None where it tells no place, time or magnitude."""
    origin = event.preferred_origin() or next(iter(event.origins), None)
    magnitude = event.preferred_magnitude() or next(iter(event.magnitudes), None)
    if origin is None or magnitude is None or magnitude.mag is None:
        return None
    if origin.time is None or origin.latitude is None or origin.longitude is None:
        return None
    return CatalogueEvent(
        source_id=str(event.resource_id),
        origin_ns=int(origin.time.ns),
        latitude_deg=float(origin.latitude),
        longitude_deg=float(origin.longitude),
        depth_km=math.nan if origin.depth is None else float(origin.depth) / 1000,
        magnitude=float(magnitude.mag),
        magnitude_type=str(magnitude.magnitude_type or ""),
    )
