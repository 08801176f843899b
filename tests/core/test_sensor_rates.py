"""core/sensor.py: channels of other rates than the grid's."""

from __future__ import annotations

import pytest

from tests.core.sensor_cases import TRUTH, now, offsets, segment, sensor, windows
from umamba_rt.core.ids import SourceId
from umamba_rt.core.reasons import Reason
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.core.window import WindowRules
from umamba_rt.errors import SampleRateError


@pytest.mark.parametrize("rate_hz", [50.0, 200.0])
def test_a_resampled_station_gives_windows_of_its_native_rate(rate_hz: float) -> None:
    target = sensor()
    cuts = []
    for begin in range(0, 1000, 100):
        for code in "ZNE":
            source_id = SourceId("CI", "CCC", "", "B", "H", code)
            start_ns = now(0) + round(begin * 1e9 / rate_hz)
            found = Segment(source_id, start_ns, rate_hz, TRUTH[0, begin : begin + 100])
            cut = target.accept(found, found.end_ns)
            assert cut is not None
            cuts.append(cut)
    # 20 s and 5 s of data, less the window and the filter's delay.
    assert offsets(cuts) == list(range(0, 1700 if rate_hz == 50.0 else 200, 100))
    assert {w.quality.native_rate_hz for w in windows(cuts)} == {rate_hz}
    assert all(w.quality.complete for w in windows(cuts))


def test_a_refused_rate_raises_and_is_a_state() -> None:
    target = sensor()
    with pytest.raises(SampleRateError):
        target.accept(segment("Z", 0, 100, rate_hz=12.5), now(100))
    (change,) = target.refuse("12.5 Hz", now(100))
    assert (change.state, change.detail) == ("refused", "12.5 Hz")
    assert target.last_arrival_ns is None


def test_a_tick_places_what_a_channel_held_back() -> None:
    target = sensor(WindowRules(length=301, hop=100, max_wait_ns=30 * NS_PER_S, max_gap=50))
    rate_hz, cuts = 50.0, []
    for code in "ZNE":
        source_id = SourceId("CI", "CCC", "", "B", "H", code)
        # The second record comes behind a gap of 0.3 s that is still waited for.
        for begin, end in ((0, 200), (215, 400)):
            start_ns = now(0) + round(begin * 1e9 / rate_hz)
            found = Segment(source_id, start_ns, rate_hz, TRUTH[0, begin:end])
            cut = target.accept(found, now(800))
            assert cut is not None
            cuts.append(cut)
    before = offsets(cuts)
    later = target.tick(now(800) + 11 * NS_PER_S)
    final = target.tick(now(800) + 42 * NS_PER_S)
    # The reorder time is over after 10 s; 30 s later the gap's samples are done without.
    assert before + offsets([later, final]) == [0, 100, 200, 300, 400]
    assert offsets([later, final]) != []


def test_a_changed_rate_is_counted_and_the_windows_go_on() -> None:
    target, cuts = sensor(), []
    for code in "ZNE":
        source_id = SourceId("CI", "CCC", "", "B", "H", code)
        for rate_hz, first in ((50.0, 0), (40.0, 1000)):
            found = Segment(source_id, now(first), rate_hz, TRUTH[0, : round(10 * rate_hz)])
            cut = target.accept(found, found.end_ns)
            assert cut is not None
            cuts.append(cut)
    assert sum(cut.counts[Reason.RATE_CHANGED] for cut in cuts) == 3
    assert offsets(cuts) == list(range(0, 1700, 100))
