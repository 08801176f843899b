"""core/sensor_channels.py: who keeps a place, who loses it, and that a sensor goes on with it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from tests.core.sensor_cases import feed, now, offsets, record_list, segment, sensor
from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import Segment
from umamba_rt.core.sensor_channels import SensorChannels
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.errors import SampleRateError

PATIENCE_S = 60


def record(code: str, seconds: float = 5.0, rate_hz: float = 100.0) -> Segment:
    source_id = SourceId("CI", "CCC", "", "H", "H", code)
    return Segment(source_id, 0, rate_hz, np.zeros(round(seconds * rate_hz), np.int32))


def codes_after(records: Iterable[Segment]) -> str:
    channels = SensorChannels(0, PATIENCE_S * NS_PER_S)
    for one in records:
        channels.of(one)
    return channels.components.codes


def test_horizontals_that_are_named_anew_take_the_places_of_the_old_ones() -> None:
    """After a minute of their data, in which the vertical keeps its place by sending."""
    before = [record(code) for code in "Z12"]
    for count, codes in ((12, "Z12"), (13, "ZNE")):
        after = [record(code) for _ in range(count) for code in "ZNE"]
        assert codes_after([*before, *after]) == codes


def test_one_damaged_name_costs_a_minute() -> None:
    assert codes_after([record("U"), *(record(code) for _ in range(13) for code in "ZNE")]) == "ZNE"


@pytest.mark.parametrize("others", ["12", "UV", "1"])
def test_a_station_that_sends_more_than_three_keeps_those_that_it_began_with(others: str) -> None:
    assert codes_after(record(code) for _ in range(100) for code in "ZNE" + others) == "ZNE"


def test_a_place_is_given_up_only_where_that_lets_the_other_one_in() -> None:
    """N is silent, and 1 fits beside no E."""
    records = [record(code) for code in "ZNE"]
    records += [record(code) for _ in range(100) for code in "ZE1"]
    assert codes_after([*records, record("N")]) == "ZNE"


def test_a_few_long_records_of_another_channel_in_a_row_take_no_place() -> None:
    records = [record(code, 300.0, 20.0) for code in "ZNE"]
    records += [record("1", 300.0, 20.0)] * 9
    assert codes_after([*records, *(record(code, 300.0, 20.0) for code in "ZNE")]) == "ZNE"


def test_a_rate_that_cannot_be_used_takes_no_place_however_long_it_says_it_is() -> None:
    channels = SensorChannels(0, PATIENCE_S * NS_PER_S)
    for code in "ZNE":
        channels.of(record(code))
    for _ in range(100):
        assert channels.of(Segment(record("1").source_id, 0, 1e-9, np.zeros(9, np.int32))) is None
    assert channels.components.codes == "ZNE"
    with pytest.raises(SampleRateError):
        SensorChannels(0, 0).of(record("Z", rate_hz=1000.0))


def test_names_that_a_peer_makes_up_are_not_kept() -> None:
    channels = SensorChannels(0, PATIENCE_S * NS_PER_S)
    channels.of(record("Z"))
    for number in range(1000):
        channels.of(record(f"A{number}"))
    assert [len(one) for one in channels._kept_out.values()] == [8]


def test_windows_go_on_with_the_new_horizontals_and_hold_none_of_the_old_ones_samples() -> None:
    target = sensor()
    first = feed(
        target, [(code.translate({78: "1", 69: "2"}), a, b) for code, a, b in record_list(2000)]
    )
    assert offsets(first)[-1] == 1600
    cuts = []
    for code, begin, stop in record_list(12_000, first=2000):
        cut = target.accept(segment(code, begin, stop), now(stop))
        cuts += [] if cut is None else [cut]
    begun = [one for one in offsets(cuts) if one > 1700]  # up to there it is the old ones'
    assert 8000 <= begun[0] <= 8400
    assert begun == list(range(begun[0], 11_700, 100))
    (change,) = [one for cut in cuts for one in cut.changes if one.state == "online"]
    assert "components ZNE" in change.detail
