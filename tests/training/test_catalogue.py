from __future__ import annotations

import math
from pathlib import Path

import pytest
from obspy import UTCDateTime
from obspy.core.event import Catalog, Event, Magnitude, Origin

from tests.support import SHARED, needs_shared
from umamba_rt.errors import DatasetError, UnavailableError
from umamba_rt.training.catalogue import read_catalogue


def event(second: float, magnitudes: tuple[float, ...] = (3.0,), **origin: object) -> Event:
    place = {"latitude": 35.0, "longitude": -117.0, **origin}
    made = Event(resource_id=f"smi:test/{second:g}")
    made.origins = [Origin(time=UTCDateTime(second), **place)]
    made.magnitudes = [Magnitude(mag=m, magnitude_type="ML") for m in magnitudes]
    return made


def written(folder: Path, *events: Event) -> Path:
    path = folder / "catalogue.xml"
    Catalog(list(events)).write(str(path), format="QUAKEML")
    return path


def test_events_come_in_order_of_time(tmp_path: Path) -> None:
    found = read_catalogue(written(tmp_path, event(20.5, depth=7000.0), event(10.25)))
    first, second = found.events
    assert (first.origin_ns, second.origin_ns) == (10_250_000_000, 20_500_000_000)
    assert (second.depth_km, second.magnitude, second.magnitude_type) == (7, 3, "ML")
    assert math.isnan(first.depth_km)
    assert first.source_id == "smi:test/10.25"


def test_preferred_magnitude_goes_before_the_first(tmp_path: Path) -> None:
    made = event(1, (3.0, 4.0))
    made.preferred_magnitude_id = made.magnitudes[1].resource_id
    assert read_catalogue(written(tmp_path, made)).events[0].magnitude == 4


def test_event_without_magnitude_or_origin_is_counted(tmp_path: Path) -> None:
    bare = Event(resource_id="smi:test/bare")
    found = read_catalogue(written(tmp_path, event(1), event(2, ()), bare))
    assert (len(found.events), found.left_out) == (1, 2)


def test_file_that_is_none_or_no_catalogue_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no such file"):
        read_catalogue(tmp_path / "none.xml")
    (tmp_path / "text.xml").write_text("no catalogue")
    with pytest.raises(DatasetError, match=r"text\.xml"):
        read_catalogue(tmp_path / "text.xml")


@needs_shared
def test_real_catalogue_holds_its_134_events() -> None:
    found = read_catalogue(SHARED / "data" / "ridgecrest" / "catalogue.xml")
    assert (len(found.events), found.left_out) == (134, 0)
    assert max(event.magnitude for event in found.events) == 6.4
