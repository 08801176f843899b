"""training/replay_estimates.py and its report: messages and a catalogue whose join is known."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from umamba_rt.core.ids import SourceId
from umamba_rt.core.inventory import ChannelEpoch, Inventory
from umamba_rt.core.timebase import NS_PER_S, rfc3339
from umamba_rt.core.travel_time import first_p_s
from umamba_rt.errors import DatasetError, UnavailableError
from umamba_rt.training.catalogue import CatalogueEvent
from umamba_rt.training.replay_estimates import (
    SECONDS_AFTER_P,
    Estimate,
    ReplayedCatalogue,
    read_estimates,
)
from umamba_rt.training.replay_report import markdown, plot

ORIGIN_S = 1_600_000_000
STATIONS = [f"S{k}" for k in range(5)]


def inventory() -> Inventory:
    return Inventory(
        tuple(
            ChannelEpoch(
                SourceId("AA", name, "", "H", "H", "Z"),
                None, None, 0.0, -90.0, "m/s", 1e9, 35.0, -117.0 + 0.2 * k, 0.0,
            )
            for k, name in enumerate(STATIONS)
        )
    )  # fmt: skip


def event(magnitude: float, at_s: float = 0.0, name: str = "one") -> CatalogueEvent:
    origin_ns = round((ORIGIN_S + at_s) * NS_PER_S)
    return CatalogueEvent(name, origin_ns, 35.0, -117.0, 8.0, magnitude, "ml")


def estimates(magnitude: float, clipped: tuple[str, ...] = ()) -> list[Estimate]:
    """Each station reads 0 before its P and ``magnitude`` from 3 s after it on."""
    found = []
    for k, name in enumerate(STATIONS):
        # 0.2 degrees of longitude at 35 N are 18.26 km.
        p_s = first_p_s(18.26 * k, 8.0)
        for second in range(-200, 60):
            reads = magnitude + 0.1 * k if second - p_s > 3 else 0.0
            end_ns = (ORIGIN_S + second) * NS_PER_S
            found.append(
                Estimate(f"AA.{name}", f"AA.{name}.--.HH", end_ns, reads, 20.0, name in clipped)
            )
    return found


def test_medians_are_taken_at_each_stations_own_p() -> None:
    joined = ReplayedCatalogue(estimates(4.0), [event(4.2)], inventory())
    (curve,) = joined.curves(3.0)
    by_second = dict(zip(SECONDS_AFTER_P, curve.medians, strict=True))
    assert by_second[2] == 0.0
    assert by_second[5] == pytest.approx(4.2)
    assert curve.stations == (5,) * len(SECONDS_AFTER_P)
    assert joined.curves(4.3) == []


def test_clipped_sensors_do_not_count_and_three_stations_are_too_few() -> None:
    four = ReplayedCatalogue(estimates(4.0, clipped=("S4",)), [event(4.2)], inventory())
    (curve,) = four.curves(0.0)
    assert curve.medians[-1] == pytest.approx(4.15)
    assert curve.stations[-1] == 4
    three = ReplayedCatalogue(estimates(4.0, clipped=("S4", "S3")), [event(4.2)], inventory())
    assert math.isnan(three.curves(0.0)[0].medians[-1])


def test_quiet_windows_lie_clear_of_every_arrival() -> None:
    joined = ReplayedCatalogue(estimates(4.0), [event(4.2)], inventory())
    quiet = joined.quiet()
    assert quiet is not None
    assert (quiet.false_share, quiet.median) == (0.0, 0.0)
    assert 5 * 195 < quiet.n < 5 * 215
    # With a catalogue that lacks the earthquake its windows are false ones, and pass the gate.
    blind = ReplayedCatalogue(estimates(4.0), [event(4.2, at_s=-5000)], inventory()).quiet()
    assert blind is not None
    assert blind.n == 5 * 260
    assert blind.false_share == blind.false_share_gated > 0.15


def test_sensors_without_coordinates_are_left_out() -> None:
    assert ReplayedCatalogue(estimates(4.0), [event(4.2)], Inventory()).quiet() is None


def message(**changes: object) -> dict[str, object]:
    return {
        "station": {"network": "AA", "station": "S1", "location": "--", "band_source": "HH"},
        "window_end": rfc3339(ORIGIN_S * NS_PER_S),
        "magnitude": 3.5,
        "quality": {"snr_db": None, "clipped": False},
        "model": {"name": "v2"},
        **changes,
    }


def test_only_v2s_messages_are_read(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    lines = [message(), message(model={"name": "v1"})]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (found,) = read_estimates(path)
    assert (found.sensor, found.station) == ("AA.S1.--.HH", "AA.S1")
    assert found.end_ns == ORIGIN_S * NS_PER_S
    assert math.isnan(found.snr_db)


@pytest.mark.parametrize("line", ["{", "{}", '{"model": {"name": "v2"}, "station": 3}'])
def test_a_line_that_is_no_message_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text(json.dumps(message()) + "\n" + line + "\n")
    with pytest.raises(DatasetError, match=r"out\.jsonl, row 2: no magnitude message"):
        read_estimates(path)
    with pytest.raises(UnavailableError):
        read_estimates(tmp_path / "none.jsonl")


def test_the_report_has_a_row_an_event_and_a_picture(tmp_path: Path) -> None:
    events = [event(4.2), event(3.1, at_s=-5000, name="unseen")]
    joined = ReplayedCatalogue(estimates(4.0), events, inventory())
    curves = joined.curves(0.0)
    text = markdown(curves, joined.quiet())
    assert "| 2020-09-13T12:26:40 | 4.20 ml | 0.00 | 4.20 |" in text
    assert "| - | - | - | - | - | - | 0 |" in text
    assert "pass the quality gate" in text
    plot(curves, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
