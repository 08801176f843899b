"""core/rotate.py: frames against obspy's rotate2zne, and what is not to be turned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from obspy.signal.rotate import rotate2zne

from umamba_rt.core.calibration import COUNTS, Calibration, Unit
from umamba_rt.core.ids import SourceId
from umamba_rt.core.inventory import ChannelEpoch
from umamba_rt.core.rotate import LEAST_VOLUME, frame_of, repeat_vertical

RNG = np.random.default_rng(8)
SAMPLES = RNG.integers(-(2**23), 2**23, (3, 500)).astype(np.float32)
ZNE = ((0.0, -90.0), (0.0, 0.0), (90.0, 0.0))
UVW = ((90.0, -35.2644), (330.0, -35.2644), (210.0, -35.2644))  # each 54.7 degrees off the vertical


def epoch(
    azimuth_deg: float | None, dip_deg: float | None, gain: float = 6e8, unit: Unit = "m/s"
) -> ChannelEpoch:
    source_id = SourceId.from_nslc("CI", "CCC", "", "HHZ")
    return ChannelEpoch(source_id, None, None, azimuth_deg, dip_deg, unit, gain, 0.0, 0.0, 0.0)


def epochs(
    *directions: tuple[float, float], gains: tuple[float, ...] = (6e8,) * 3
) -> list[ChannelEpoch | None]:
    pairs = zip(directions, gains, strict=True)
    return [epoch(azimuth, dip, gain) for (azimuth, dip), gain in pairs]


def by_obspy(samples: np.ndarray, directions: tuple[tuple[float, float], ...]) -> np.ndarray:
    arguments: list[object] = []
    for row, (azimuth, dip) in zip(samples, directions, strict=True):
        arguments += [row.astype(np.float64), azimuth, dip]
    return np.stack(rotate2zne(*arguments))


ANGLES = st.tuples(st.floats(0, 360), st.floats(-90, 90))


@given(ANGLES, ANGLES, ANGLES)
@example((0.0, 0.0), (0.0, 2.2e-311), (0.0, 90.0))
def test_any_three_directions_are_turned_as_obspy_turns_them(
    one: tuple[float, float], two: tuple[float, float], three: tuple[float, float]
) -> None:
    frame = frame_of(epochs(one, two, three))
    assume(frame.orientation == "rotated")
    expected = by_obspy(SAMPLES, (one, two, three))
    np.testing.assert_allclose(frame.turn(SAMPLES), expected, rtol=2e-6, atol=8)  # 24-bit float32


@pytest.mark.parametrize(
    "directions",
    [
        ((0.0, -90.0), (30.0, 0.0), (120.0, 0.0)),  # Z12
        ((0.0, -90.0), (217.0, 0.0), (307.0, 0.0)),
        ((0.0, 90.0), (0.0, 0.0), (90.0, 0.0)),  # a vertical that points down
        ((0.0, 0.0), (90.0, 0.0), (0.0, -90.0)),  # N E Z, as 1 2 3
        UVW,
    ],
)
def test_ground_motion_comes_back_whatever_the_sensor(
    directions: tuple[tuple[float, float], ...],
) -> None:
    motion = RNG.normal(0, 1e5, (3, 400))
    az, dip = np.radians(np.array(directions)).T
    axes = np.stack([-np.sin(dip), np.cos(dip) * np.cos(az), np.cos(dip) * np.sin(az)], axis=1)
    frame = frame_of(epochs(*directions))
    assert frame.orientation == "rotated"
    turned = frame.turn((axes @ motion).astype(np.float32))
    assert turned.dtype == np.float32
    np.testing.assert_allclose(turned, motion, atol=0.1)
    assert frame.calibration == Calibration("m/s", (6e8, 6e8, 6e8)) or np.allclose(
        frame.calibration.counts_per_unit, 6e8, rtol=1e-12
    )


def test_each_channel_s_own_sensitivity_counts() -> None:
    gains = (4e8, 6e8, 9e8)
    directions = ((0.0, -90.0), (30.0, 0.0), (120.0, 0.0))
    motion = RNG.normal(0, 1e-4, (3, 400))  # m/s
    az = np.radians(30.0)
    one = motion[1] * np.cos(az) + motion[2] * np.sin(az)
    two = -motion[1] * np.sin(az) + motion[2] * np.cos(az)
    counts = np.stack([motion[0] * gains[0], one * gains[1], two * gains[2]])
    frame = frame_of(epochs(*directions, gains=gains))
    common = (4e8 * 6e8 * 9e8) ** (1 / 3)
    assert frame.calibration.counts_per_unit == pytest.approx((common,) * 3, rel=1e-12)
    turned = frame.turn(counts.astype(np.float32)) / common
    np.testing.assert_allclose(turned, motion, rtol=1e-4, atol=1e-9)


def test_channels_of_unknown_sensitivity_are_turned_as_if_it_were_the_same() -> None:
    unknown = [
        epoch(az, dip, 1.0, "counts") for az, dip in ((0.0, -90.0), (30.0, 0.0), (120.0, 0.0))
    ]
    frame = frame_of(unknown)
    assert (frame.orientation, frame.calibration) == ("rotated", COUNTS)
    np.testing.assert_allclose(
        frame.turn(SAMPLES),
        by_obspy(SAMPLES, ((0.0, -90.0), (30.0, 0.0), (120.0, 0.0))),
        rtol=2e-6,
        atol=4,
    )


@pytest.mark.parametrize(
    ("off_deg", "orientation"), [(0.0, "aligned"), (0.49, "aligned"), (0.51, "rotated")]
)
def test_a_sensor_less_than_half_a_degree_off_keeps_its_counts(
    off_deg: float, orientation: str
) -> None:
    gains = (4e8, 6e8, 9e8)
    directions = ((0.0, -90.0), (off_deg, 0.0), (90.0 + off_deg, 0.0))
    frame = frame_of(epochs(*directions, gains=gains))
    assert frame.orientation == orientation
    if orientation == "aligned":
        assert frame.turn(SAMPLES) is SAMPLES
        assert frame.calibration == Calibration("m/s", gains)


@pytest.mark.parametrize(
    "known",
    [
        [None, epoch(0, 0), epoch(90, 0)],
        [epoch(0, -90), epoch(None, 0), epoch(90, 0)],
        [epoch(0, -90), epoch(0, None), epoch(90, 0)],
        epochs((0.0, -90.0), (0.0, 0.0), (0.0, 0.0)),  # both horizontals say 0
        epochs((0.0, -90.0), (0.0, 0.0), (29.0, 0.0)),
    ],
)
def test_channels_of_unknown_or_impossible_direction_are_used_as_they_come(
    known: list[ChannelEpoch | None],
) -> None:
    frame = frame_of(known)
    assert frame.orientation == "assumed"
    assert frame.turn(SAMPLES) is SAMPLES


def test_horizontals_of_31_degrees_are_still_turned() -> None:
    assert frame_of(epochs((0.0, -90.0), (0.0, 0.0), (31.0, 0.0))).orientation == "rotated"
    assert np.sin(np.radians(29)) < LEAST_VOLUME < np.sin(np.radians(31))


@pytest.mark.parametrize(
    ("vertical", "orientation", "sign"),
    [
        (None, "assumed", 1),
        (epoch(0, None), "assumed", 1),
        (epoch(0, -90), "aligned", 1),
        (epoch(0, 90), "rotated", -1),
    ],
)
def test_a_vertical_stands_for_all_three(
    vertical: ChannelEpoch | None, orientation: str, sign: int
) -> None:
    frame = repeat_vertical(vertical)
    assert frame.orientation == orientation
    turned = frame.turn(SAMPLES[:1])
    np.testing.assert_array_equal(turned, np.repeat(sign * SAMPLES[:1], 3, axis=0))
    unit = "counts" if vertical is None else "m/s"
    assert frame.calibration.unit == unit
