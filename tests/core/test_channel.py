from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.channel import Channel
from umamba_rt.core.grid_run import GridRun
from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import RecordFlag, SampleArray, Segment
from umamba_rt.core.timebase import NS_PER_S, SAMPLE_NS
from umamba_rt.errors import SampleRateError

HHZ = SourceId.parse("FDSN:CI_CCC__H_H_Z")
START_NS = 1_562_258_999_997_986_000  # 2.014 ms before the whole second
FIRST = 156_225_900_000


def segment(
    offset_ns: int, samples: SampleArray | int, rate_hz: float = 100.0, start_ns: int = START_NS
) -> Segment:
    values = np.arange(samples, dtype=np.int32) if isinstance(samples, int) else samples
    return Segment(HHZ, start_ns + offset_ns, rate_hz, values)


def spans(runs: list[GridRun]) -> list[tuple[int, int]]:
    return [(run.first - FIRST, run.stop - FIRST) for run in runs]


def wave(count: int) -> SampleArray:
    values: SampleArray = np.random.default_rng(2).integers(-999, 999, count).astype(np.int32)
    return values


def test_samples_milliseconds_off_the_grid_go_to_the_nearest_index() -> None:
    channel = Channel(HHZ)
    assert spans(channel.accept(segment(0, 400))) == [(0, 400)]
    assert spans(channel.accept(segment(400 * SAMPLE_NS, 50))) == [(400, 450)]
    assert channel.rate_hz == 100.0


@given(st.lists(st.integers(-200_000, 200_000), min_size=2, max_size=30), st.integers(0, 4))
def test_time_stamps_jittering_around_half_a_sample_make_no_gap(
    jitter_ns: list[int], seconds: int
) -> None:
    channel = Channel(HHZ)
    half = 10**9 * seconds + SAMPLE_NS // 2
    stop = None
    for number, off in enumerate(jitter_ns):
        found = segment(half + number * 100 * SAMPLE_NS + off, 100, start_ns=FIRST * SAMPLE_NS)
        (run,) = channel.accept(found)
        assert stop in (None, run.first)
        stop = run.stop


def test_a_drifting_clock_moves_one_sample_at_three_quarters() -> None:
    channel = Channel(HHZ)
    firsts = []
    for number in range(20):  # each record starts 0.1 sample later than the last one ended
        start = number * (100 * SAMPLE_NS + SAMPLE_NS // 10)
        (run,) = channel.accept(segment(start, 100, start_ns=FIRST * SAMPLE_NS))
        firsts.append(run.first - FIRST - 100 * number)
    assert firsts == [0] * 8 + [1] * 10 + [2] * 2


def test_after_a_gap_and_when_late_a_segment_takes_its_nearest_index() -> None:
    channel = Channel(HHZ)
    channel.accept(segment(0, 100))
    assert spans(channel.accept(segment(300 * SAMPLE_NS, 100))) == [(300, 400)]
    assert spans(channel.accept(segment(100 * SAMPLE_NS, 200))) == [(100, 300)]
    assert spans(channel.accept(segment(400 * SAMPLE_NS, 10))) == [(400, 410)]


VALUES = [1.5, np.nan, np.inf, -np.inf, 2.5]


@pytest.mark.parametrize("samples", [np.array(VALUES, np.float32), np.array(VALUES, np.float64)])
def test_what_is_no_finite_number_becomes_missing(samples: SampleArray) -> None:
    (run,) = Channel(HHZ).accept(Segment(HHZ, START_NS, 100.0, samples))
    np.testing.assert_array_equal(run.values, np.array([1.5, np.nan, np.nan, np.nan, 2.5]))
    assert run.values.dtype == np.float32


def test_a_double_beyond_float32_becomes_missing() -> None:
    (run,) = Channel(HHZ).accept(Segment(HHZ, START_NS, 100.0, np.array([1e300, 1.0])))
    np.testing.assert_array_equal(run.values, np.array([np.nan, 1.0]))


def test_24_bit_counts_stay_exact() -> None:
    samples = np.array([2**23 - 1, -(2**23), 1], np.int32)
    (run,) = Channel(HHZ).accept(segment(0, samples))
    np.testing.assert_array_equal(run.values, samples)


@st.composite
def orders(draw: st.DrawFn) -> list[int]:
    """Records 0 to 29, each up to 9 records later than its turn."""
    delays = draw(st.lists(st.integers(0, 9), min_size=30, max_size=30))
    return [number for _, number in sorted((n + late, n) for n, late in enumerate(delays))]


@given(orders(), st.integers(0, SAMPLE_NS), st.lists(st.integers(-9000, 9000), min_size=30))
def test_records_out_of_order_take_the_places_of_those_in_order(
    order: list[int], phase_ns: int, jitter_ns: list[int]
) -> None:
    def place(numbers: list[int]) -> list[int]:
        channel = Channel(HHZ)
        places = dict.fromkeys(range(30), 0)
        for number in numbers:
            off = phase_ns + number * 100 * SAMPLE_NS + jitter_ns[number]
            places[number] = channel.accept(segment(off, 100))[0].first
        return list(places.values())

    in_order, found = place(sorted(order)), place(order)
    # The first record decides to which side of a half all go.
    shift = found[0] - in_order[0]
    assert abs(shift) <= 1
    assert [index - shift for index in found] == in_order
    assert {b - a for a, b in pairwise(in_order)} == {100}


def test_far_from_the_newest_record_the_nearest_index_counts() -> None:
    channel = Channel(HHZ, 10 * NS_PER_S)
    for number in range(8):  # drifts to 0.7 of a sample
        start = number * (100 * SAMPLE_NS + SAMPLE_NS // 10)
        channel.accept(segment(start, 100, start_ns=FIRST * SAMPLE_NS))
    late = 7 * SAMPLE_NS // 10
    (near,) = channel.accept(segment(9 * NS_PER_S + late, 100, start_ns=FIRST * SAMPLE_NS))
    (far,) = channel.accept(segment(30 * NS_PER_S + late, 100, start_ns=FIRST * SAMPLE_NS))
    (past,) = channel.accept(segment(late, 100, start_ns=FIRST * SAMPLE_NS))
    assert [run.first - FIRST for run in (near, far, past)] == [900, 3001, 1]


@pytest.mark.parametrize("rate_hz", [1.0, 19.9, 501.0, 1000.0, 1e-300])
def test_another_rate_is_refused_and_changes_nothing(rate_hz: float) -> None:
    channel = Channel(HHZ)
    channel.accept(segment(0, 100))
    with pytest.raises(SampleRateError, match="not 20 to 500 Hz") as caught:
        channel.accept(segment(100 * SAMPLE_NS, 10, rate_hz))
    assert (caught.value.source_id, caught.value.found_hz) == (str(HHZ), rate_hz)
    assert channel.rate_hz == 100.0
    assert spans(channel.accept(segment(100 * SAMPLE_NS, 10))) == [(100, 110)]


@pytest.mark.parametrize("rate_hz", [99.9998, 100.0002, 99.9951, 99.9901])
def test_a_header_rate_that_wanders_is_no_new_rate(rate_hz: float) -> None:
    channel = Channel(HHZ)
    for number in range(10):
        found = segment(number * 100 * SAMPLE_NS, 100, (100.0, rate_hz)[number % 2])
        assert spans(channel.accept(found)) == [(100 * number, 100 * number + 100)]
    assert (channel.rate_changes, channel.rate_hz) == (0, 100.0)


def test_a_new_rate_ends_the_old_run_goes_on_in_place_and_is_counted() -> None:
    channel = Channel(HHZ)
    assert channel.rate_hz == 0.0
    assert channel.tick(0) == []
    (held,) = channel.accept(segment(0, 300, 50.0))
    flushed, straight = channel.accept(segment(6 * 10**9, 500, 100.0))
    assert spans([held, flushed, straight]) == [(-1, 540), (540, 599), (600, 1100)]
    assert (channel.rate_hz, channel.rate_changes) == (100.0, 1)
    assert channel.tick(10**18) == []
    (back,) = channel.accept(segment(11 * 10**9, 300, 200.0))
    assert spans([back])[0][0] == 1100
    flushed, other = channel.accept(segment(12_500_000_000, 300, 50.0))
    assert spans([flushed])[0][1] == 1250
    assert spans([other])[0][0] in (1249, 1250)
    assert (channel.rate_hz, channel.rate_changes) == (50.0, 3)


MONTH = 1_483_228_800 * 100  # 2017-01-01T00:00:00, behind the last leap second, as a grid index


@pytest.mark.parametrize("rate_hz", [100.0, 50.0, 200.0, 200 / 3])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_leap_second_opens_no_gap_and_gives_no_sample_twice(rate_hz: float, sign: int) -> None:
    flag = RecordFlag.LEAP_ADDED if sign == 1 else RecordFlag.LEAP_REMOVED
    channel = Channel(HHZ)
    runs = []
    count, length_ns = 400, round(400 * 1e9 / rate_hz)
    # The sixth record holds the leap second: 335 ms before an added one, or a removed one, begins.
    leap_ns = MONTH * SAMPLE_NS - (0 if sign == 1 else NS_PER_S)
    begin_ns = leap_ns - 5 * length_ns - 335_000_000
    for number in range(12):
        start_ns = begin_ns + number * length_ns - (sign * NS_PER_S if number > 5 else 0)
        flags = flag if number == 5 else RecordFlag(0)
        runs += channel.accept(Segment(HHZ, start_ns, rate_hz, wave(count), flags=flags))
    assert all(b.first == a.stop for a, b in pairwise(runs))
    assert runs[-1].stop * SAMPLE_NS > start_ns


def test_a_record_that_lies_in_the_added_second_gives_nothing() -> None:
    inside = Segment(HHZ, MONTH * SAMPLE_NS, 50.0, wave(40), flags=RecordFlag.LEAP_ADDED)
    assert Channel(HHZ).accept(inside) == []
