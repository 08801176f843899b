"""core/sensor.py: orientation, vertical-only stations, filling and quality rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from umamba_rt.core.calibration import COUNTS, Calibration
from umamba_rt.core.cut import Cut
from umamba_rt.core.ids import GroupId, SourceId
from umamba_rt.core.inventory import EMPTY, ChannelEpoch, Inventory
from umamba_rt.core.reasons import Reason
from umamba_rt.core.segment import NO_FLAGS, RecordFlag, Segment
from umamba_rt.core.sensor import Sensor
from umamba_rt.core.sensor_rules import SensorRules
from umamba_rt.core.timebase import NS_PER_S, SAMPLE_NS
from umamba_rt.core.window import Window, WindowRules
from umamba_rt.core.withhold import WithholdRules

START = 156_225_900_000
GROUP = GroupId("CI", "CCC", "", "HH")
WINDOW = WindowRules(length=301, hop=100, max_wait_ns=10 * NS_PER_S, max_gap=50)
RULES = SensorRules(WINDOW, 3301, 60 * NS_PER_S)
MOTION = np.random.default_rng(2).normal(0, 1e4, (3, 5000))  # Z N E
DIRECTIONS = {
    "Z": (0.0, -90.0),
    "N": (0.0, 0.0),
    "E": (90.0, 0.0),
    "1": (30.0, 0.0),
    "2": (120.0, 0.0),
    "3": (210.0, 0.0),
    "X": (45.0, 0.0),
    "Y": (315.0, 0.0),
    "U": (90.0, -35.2644),
    "V": (330.0, -35.2644),
    "W": (210.0, -35.2644),
}
# In these schemes a code means another direction than in Z12.
IN_Z23 = {"2": (30.0, 0.0), "3": (120.0, 0.0)}
IN_123 = {"1": (10.0, -20.0), "2": (100.0, 0.0), "3": (190.0, -70.0)}


def source(code: str) -> SourceId:
    return SourceId("CI", "CCC", "", "H", "H", code)


def now(index: int) -> int:
    return (START + index) * SAMPLE_NS


def directions(scheme: str) -> dict[str, tuple[float, float]]:
    special = {"Z23": IN_Z23, "123": IN_123}.get(scheme, {})
    return {code: special.get(code, DIRECTIONS[code]) for code in scheme}


def recorded(azimuth_deg: float, dip_deg: float) -> np.ndarray:
    """What a channel that points somewhere records of the motion."""
    azimuth, dip = np.radians(azimuth_deg), np.radians(dip_deg)
    up, north, east = -np.sin(dip), np.cos(dip) * np.cos(azimuth), np.cos(dip) * np.sin(azimuth)
    motion = up * MOTION[0] + north * MOTION[1] + east * MOTION[2]
    return np.asarray(np.round(motion), dtype=np.int32)


def inventory(scheme: str, end_ns: int | None = None) -> Inventory:
    return Inventory(
        tuple(
            ChannelEpoch(source(code), None, end_ns, azimuth, dip, "m/s", 6e8, 35.0, -117.0, 0.0)
            for code, (azimuth, dip) in directions(scheme).items()
        )
    )


def feed(
    target: Sensor,
    channels: dict[str, np.ndarray],
    stop: int = 1000,
    first: int = 0,
    **header: object,
) -> list[Cut]:
    cuts = []
    for begin in range(first, stop, 100):
        for code, values in channels.items():
            samples = values[begin : begin + 100]
            found = Segment(source(code), now(begin), 100.0, samples, **header)  # type: ignore[arg-type]
            cut = target.accept(found, now(begin + 100))
            assert cut is not None
            cuts.append(cut)
    return cuts


def windows(cuts: Iterable[Cut]) -> list[Window]:
    return [window for cut in cuts for window in cut.windows]


def counts(cuts: Iterable[Cut]) -> Counter[Reason]:
    total: Counter[Reason] = Counter()
    for cut in cuts:
        total += cut.counts
    return total


def states(cuts: Iterable[Cut]) -> list[str]:
    return [change.state for cut in cuts for change in cut.changes]


def channels(scheme: str) -> dict[str, np.ndarray]:
    return {code: recorded(*pair) for code, pair in directions(scheme).items()}


@pytest.mark.parametrize("scheme", ["ZNE", "Z12", "Z23", "ZXY", "123", "UVW"])
def test_any_channels_give_z_n_e_with_an_inventory(scheme: str) -> None:
    # The last channel first: rows of the ring are in the order of arrival.
    backwards = dict(reversed(channels(scheme).items()))
    cuts = feed(Sensor(GROUP, RULES, inventory(scheme)), backwards)
    assert len(windows(cuts)) == 7
    for window in windows(cuts):
        begin = window.first - START
        np.testing.assert_allclose(window.samples, MOTION[:, begin : begin + 301], atol=2.5)
        aligned = scheme == "ZNE"
        assert window.quality.orientation == ("aligned" if aligned else "rotated")
        assert (window.quality.components, window.quality.unit) == (scheme, "m/s")
        assert window.calibration.counts_per_unit == pytest.approx((6e8,) * 3, rel=1e-12)


@pytest.mark.parametrize("scheme", ["ZNE", "Z12", "Z23", "ZXY"])
def test_without_an_inventory_channels_are_used_as_they_come(scheme: str) -> None:
    found = channels(scheme)
    for window in windows(feed(Sensor(GROUP, RULES), found)):
        begin = window.first - START
        expected = [found[code][begin : begin + 301] for code in scheme]
        np.testing.assert_array_equal(window.samples, expected)
        assert (window.quality.orientation, window.quality.components) == ("assumed", scheme)
        assert window.calibration is COUNTS


@pytest.mark.parametrize("scheme", ["123", "UVW"])
def test_channels_that_point_anywhere_are_withheld_without_an_inventory(scheme: str) -> None:
    cuts = feed(Sensor(GROUP, RULES), channels(scheme))
    assert windows(cuts) == []
    assert counts(cuts) == {Reason.WITHHELD_ORIENTATION: 7}
    (change,) = [change for cut in cuts for change in cut.changes]
    assert change.state == "unoriented"
    assert change.detail == f"components {scheme}, and no azimuths and dips to turn them"


def test_orientation_follows_the_epochs_of_the_inventory() -> None:
    cuts = feed(Sensor(GROUP, RULES, inventory("Z12", end_ns=now(500))), channels("Z12"))
    found = [(w.first - START, w.quality.orientation, w.quality.unit) for w in windows(cuts)]
    # The last sample of the window from 2.00 s on lies at the end of the epoch.
    assert found == [
        (0, "rotated", "m/s"),
        (100, "rotated", "m/s"),
        *((first, "assumed", "counts") for first in range(200, 700, 100)),
    ]


REPEAT = replace(RULES, vertical_only="repeat-z")


def test_a_vertical_alone_stands_for_all_three_after_the_wait() -> None:
    target = Sensor(GROUP, REPEAT, inventory("ZNE"))
    found = {"Z": channels("ZNE")["Z"]}
    cuts = feed(target, found, 1100)
    assert windows(cuts) == []
    cuts = feed(target, found, 2000, first=1100)
    # Those that waited, then each with its last sample: nothing is waited for any more.
    assert [w.first - START for w in windows(cuts)] == list(range(0, 1700, 100))
    assert windows(cuts)[-1].arrival_ns == now(2000)
    for window in windows(cuts):
        begin = window.first - START
        expected = np.repeat(found["Z"][None, begin : begin + 301], 3, axis=0)
        np.testing.assert_array_equal(window.samples, expected)
        assert (window.quality.components, window.quality.orientation) == ("Z", "aligned")
        assert window.quality.complete
        assert window.calibration == Calibration("m/s", (6e8, 6e8, 6e8))
    assert states(cuts) == ["online"]
    assert target.tick(now(2001)) == Cut()


def test_a_vertical_alone_is_withheld_by_default() -> None:
    cuts = feed(Sensor(GROUP, RULES), {"Z": channels("ZNE")["Z"]}, 2000)
    assert windows(cuts) == []
    assert states(cuts) == ["incomplete"]
    assert counts(cuts)[Reason.WITHHELD_COMPONENT] == 7


def test_horizontals_that_come_later_end_the_repetition() -> None:
    target = Sensor(GROUP, REPEAT)
    feed(target, {"Z": channels("ZNE")["Z"]}, 2000)
    cuts = feed(target, channels("ZNE"), 3000, first=2000)
    cuts.append(target.tick(now(3300)))
    found = {w.first - START: w.quality.components for w in windows(cuts)}
    # The last one of the vertical came with its own last sample, before any horizontal.
    assert found == {1700: "Z", **dict.fromkeys(range(2000, 2700, 100), "ZNE")}


@pytest.mark.parametrize("codes", ["ZN", "NE", "1"])
def test_other_incomplete_sensors_are_withheld_all_the_same(codes: str) -> None:
    found = {code: recorded(*DIRECTIONS[code]) for code in codes}
    target = Sensor(GROUP, REPEAT)
    cuts = [*feed(target, found, 2000), target.tick(now(2001))]
    assert windows(cuts) == []
    assert states(cuts) == ["incomplete"]


@pytest.mark.parametrize("fill", ["linear", "zero"])
def test_gaps_are_filled_as_the_rules_say(fill: str) -> None:
    target = Sensor(GROUP, replace(RULES, fill=fill))  # type: ignore[arg-type]
    found = channels("ZNE")
    feed(target, found, 200)
    for code, values in found.items():
        for begin, end in ((200, 240), (260, 400)) if code == "N" else ((200, 400),):
            target.accept(Segment(source(code), now(begin), 100.0, values[begin:end]), now(400))
    (window,) = target.tick(now(1500)).windows
    assert (window.quality.fill, window.quality.filled_s) == (fill, 0.2)
    north = found["N"][:301].astype(np.float64)
    if fill == "zero":
        np.testing.assert_allclose(
            window.samples[1, 240:260], np.delete(north, range(240, 260)).mean(), rtol=1e-5
        )
    else:
        expected = np.interp(range(240, 260), (239, 260), north[[239, 260]])
        np.testing.assert_allclose(window.samples[1, 240:260], expected, rtol=1e-5, atol=0.01)


def test_a_window_with_a_defect_that_is_not_wanted_is_withheld_and_counted() -> None:
    rules = replace(RULES, withhold=WithholdRules(frozenset({"flat"})))
    found = channels("ZNE")
    found["E"][500:650] = 7
    cuts = feed(Sensor(GROUP, rules), found, 2000)
    lacking = [first for first in range(0, 1700, 100) if first <= 550 and first + 301 >= 600]
    assert counts(cuts)[Reason.WITHHELD_FLAT] == len(lacking) == 3
    assert [w.first - START for w in windows(cuts)] == [
        first for first in range(0, 1700, 100) if first not in lacking
    ]
    assert states(cuts) == ["online", "withheld", "online"]
    detail = next(c.detail for cut in cuts for c in cut.changes if c.state == "withheld")
    assert detail == "flat for 1.01 s in 2019-07-04T16:50:03.000000Z window"


@pytest.mark.parametrize(("least", "sent"), [(0, 7), (60, 7), (61, 0)])
def test_the_timing_quality_of_the_records_is_told_and_may_withhold(least: int, sent: int) -> None:
    rules = replace(RULES, withhold=WithholdRules(min_timing_quality=least))
    cuts = feed(Sensor(GROUP, rules), channels("ZNE"), timing_quality=60)
    assert len(windows(cuts)) == sent
    assert counts(cuts)[Reason.WITHHELD_TIMING] == 7 - sent
    assert {w.quality.timing_quality for w in windows(cuts)} <= {60}


def test_flags_of_the_records_are_told_for_the_windows_that_hold_them() -> None:
    target, found = Sensor(GROUP, RULES), channels("ZNE")
    cuts = feed(target, found, 500)
    cuts += feed(target, found, 600, 500, flags=RecordFlag.DIGITIZER_CLIPPED)
    cuts += feed(target, found, 1200, 600, flags=NO_FLAGS)
    told = {w.first - START for w in windows(cuts) if w.quality.record_flags}
    assert told == {200, 300, 400, 500}  # the window from 2.00 s on ends with the sample of 5.00 s
    assert {w.first - START for w in windows(cuts) if w.quality.clipped} == told


def test_an_inventory_costs_nothing_where_it_says_nothing() -> None:
    plain, empty = (
        windows(feed(Sensor(GROUP, RULES, i), channels("ZNE"))) for i in (EMPTY, inventory(""))
    )
    assert [w.samples.tobytes() for w in plain] == [w.samples.tobytes() for w in empty]
