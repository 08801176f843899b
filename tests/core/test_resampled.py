from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from umamba_rt.core.grid_run import GridRun
from umamba_rt.core.ids import SourceId
from umamba_rt.core.rate import nominal_rate
from umamba_rt.core.resampled import ResampledPlacer
from umamba_rt.core.segment import SampleArray, Segment
from umamba_rt.core.timebase import NS_PER_S, SAMPLE_NS

HHZ = SourceId.parse("FDSN:CI_CCC__B_H_Z")
START_NS = 1_562_258_999_997_986_000  # 2.014 ms before the whole second
FIRST = 156_225_900_000
RATES = [20.0, 31.25, 40.0, 66.67, 99.9, 125.0, 250.0, 333.33, 500.0]
REORDER_NS = 10 * NS_PER_S
TRUTH = np.random.default_rng(2).integers(-9999, 9999, 20_000).astype(np.int32)


def placer(rate_hz: float, start_ns: int = START_NS) -> ResampledPlacer:
    rate = nominal_rate(rate_hz)
    assert rate is not None
    return ResampledPlacer(rate, start_ns, REORDER_NS)


def segment(rate_hz: float, begin: int, end: int, samples: SampleArray = TRUTH) -> Segment:
    """Samples ``begin`` to ``end`` - 1 of the truth, stamped to the microsecond."""
    rate = nominal_rate(rate_hz)
    assert rate is not None
    offset_ns = round(begin * 10**6 / rate) * 1000
    return Segment(HHZ, START_NS + offset_ns, rate_hz, samples[begin:end])


def spans(runs: list[GridRun]) -> list[tuple[int, int]]:
    return [(run.first - FIRST, run.stop - FIRST) for run in runs]


def grid(runs: list[GridRun]) -> dict[int, float]:
    """Grid samples as a ring keeps them: the first of a time wins."""
    kept: dict[int, float] = {}
    for run in runs:
        for index, value in enumerate(run.values.tolist(), run.first):
            kept.setdefault(index, value)
    return kept


def whole(rate_hz: float, stop: int, begin: int = 0) -> dict[int, float]:
    plain = placer(rate_hz, segment(rate_hz, begin, stop).start_ns)
    return grid([*plain.accept(segment(rate_hz, begin, stop), 0), *plain.finish()])


@pytest.mark.parametrize("rate_hz", RATES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_records_out_of_order_give_the_bits_of_those_in_order(
    rate_hz: float, data: st.DataObject
) -> None:
    length = int(rate_hz)  # records of a second
    numbers = range(25)
    # Each but the first up to 9 s later than its turn, and some of them twice.
    delays = data.draw(st.lists(st.integers(0, 9), min_size=25, max_size=25))
    turns = [(number + (late if number else 0), number) for number, late in enumerate(delays)]
    turns += [(n + 5, n) for n in data.draw(st.lists(st.sampled_from(numbers), max_size=3))]
    shuffled = placer(rate_hz)
    runs: list[GridRun] = []
    for turn, number in sorted(turns):
        begin = number * length
        runs += shuffled.accept(segment(rate_hz, begin, begin + length), turn * NS_PER_S)
    runs += shuffled.finish()
    assert grid(runs) == whole(rate_hz, 25 * length)
    # What came twice has the same numbers.
    known = grid(runs)
    for run in runs:
        assert run.values.tolist() == [known[index] for index in range(run.first, run.stop)]


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_gap_is_waited_for_and_then_left_open(rate_hz: float) -> None:
    length = int(rate_hz)
    target = placer(rate_hz)
    runs = target.accept(segment(rate_hz, 0, 4 * length), 0)
    stop = runs[-1].stop
    for second in range(6, 16):
        begin = second * length
        assert target.accept(segment(rate_hz, begin, begin + length), 0) == []
    begin = 16 * length
    ended, *begun = target.accept(segment(rate_hz, begin, begin + length), 0)
    assert ended.first == stop
    runs = [ended, *begun, *target.finish()]
    before, behind = whole(rate_hz, 4 * length), whole(rate_hz, 17 * length, 6 * length)
    assert grid(runs) == {index: v for index, v in (before | behind).items() if index >= stop}
    assert min(behind) > max(before) + 150


def test_the_end_of_a_wait_gives_what_was_held() -> None:
    target = placer(50.0)
    target.accept(segment(50.0, 0, 100), 0)
    assert target.accept(segment(50.0, 200, 400), 3 * NS_PER_S) == []
    assert target.tick(13 * NS_PER_S - 1) == []
    ended, begun = target.tick(13 * NS_PER_S)
    assert (ended.stop - FIRST, begun.first - FIRST) == (199, 399)


def test_a_new_rate_ends_the_run_and_gives_what_was_held() -> None:
    target = placer(50.0)
    runs = target.accept(segment(50.0, 0, 100), 0)
    for begin, end in ((300, 400), (350, 450), (600, 700)):
        assert target.accept(segment(50.0, begin, end), 0) == []
    runs += target.finish()
    assert grid(runs) == whole(50.0, 100) | whole(50.0, 450, 300) | whole(50.0, 700, 600)


def test_a_packet_shorter_than_the_filter_waits_for_the_next() -> None:
    target = placer(50.0)
    assert target.accept(segment(50.0, 0, 5), 0) == []
    assert spans(target.accept(segment(50.0, 5, 100), 0))[0][0] == -1


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("start", [140, 1, 299, 60])
def test_of_an_overlapping_record_the_new_part_counts(rate_hz: float, start: int) -> None:
    target = placer(rate_hz)
    runs = target.accept(segment(rate_hz, 0, 300), 0)
    runs += target.accept(segment(rate_hz, start, 900), 0)
    runs += target.finish()
    assert grid(runs) == whole(rate_hz, 900)
    assert all(b.first == a.stop for a, b in pairwise(runs))


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_repeated_record_gives_its_numbers_again_and_no_others(rate_hz: float) -> None:
    length = 8 * int(rate_hz)
    target = placer(rate_hz)
    runs = target.accept(segment(rate_hz, 0, 2 * length), 0)
    (again,) = target.accept(segment(rate_hz, 0, length), 0)
    runs += target.accept(segment(rate_hz, 2 * length, 3 * length), 0)
    assert grid(runs) == {
        index: v for index, v in whole(rate_hz, 3 * length).items() if index < runs[-1].stop
    }
    # All but half a filter on each side.
    assert 800 - 320 <= len(again.values) <= 800 - 2 * 28
    assert again.values.tolist() == [grid(runs)[i] for i in range(again.first, again.stop)]
    changed = segment(rate_hz, 0, length, TRUTH + 1)
    (other,) = target.accept(changed, 0)
    assert (other.first, other.stop) == (again.first, again.stop)
    assert not np.any(other.values == again.values)


def test_a_short_repeated_record_gives_nothing() -> None:
    target = placer(50.0)
    target.accept(segment(50.0, 0, 300), 0)
    assert target.accept(segment(50.0, 20, 60), 0) == []
    assert target.accept(segment(50.0, 299, 300), 0) == []


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_record_that_comes_too_late_fills_its_gap_by_itself(rate_hz: float) -> None:
    length = 6 * int(rate_hz)
    target = placer(rate_hz)
    runs = target.accept(segment(rate_hz, 0, length), 0)
    for number in (2, 3, 4):
        runs += target.accept(segment(rate_hz, number * length, (number + 1) * length), 0)
    runs += target.accept(segment(rate_hz, length, 2 * length), 0)
    runs += target.finish()
    kept, expected = grid(runs), whole(rate_hz, 5 * length)
    assert kept.keys() == expected.keys()  # no instant between the runs stays open
    # Half a filter from the edges all numbers are those of one run.
    edge = 30.5 / min(rate_hz, 100) * 100 + 2
    for index, value in kept.items():
        off = [abs(index - FIRST - number * length * 100 / rate_hz) for number in (1, 2)]
        if min(off) > edge:
            assert value == expected[index]
    # Once filled, the same record again is a repeated one.
    again = target.accept(segment(rate_hz, length, 2 * length), 0)
    assert all(kept[i] == v for i, v in grid(again).items())


@pytest.mark.parametrize("drift_ns", [4_000_000, -4_000_000])
def test_time_stamps_that_drift_move_the_samples_along_and_open_no_gap(drift_ns: int) -> None:
    target = placer(50.0)
    runs: list[GridRun] = []
    for number in range(60):  # each record starts 4 ms later, or earlier, than the last one ended
        start_ns = START_NS + number * (2 * NS_PER_S + drift_ns)
        ramp = start_ns - START_NS + 20_000_000 * np.arange(100, dtype=np.float64)
        runs += target.accept(Segment(HHZ, start_ns, 50.0, ramp / 1e6), 0)
    assert all(b.first == a.stop for a, b in pairwise(runs))
    for index, value in list(grid(runs).items())[60:-60]:
        # Within a quarter of a sample, 5 ms, and what two records differ by.
        assert abs(index * SAMPLE_NS - START_NS - value * 1e6) < 10_000_000


@pytest.mark.parametrize("rate_hz", RATES)
def test_one_sample_a_record_costs_bounded_memory(rate_hz: float) -> None:
    target = placer(rate_hz)
    for number in range(0, 4000, 2):
        target.accept(segment(rate_hz, number, number + 1), 0)
        assert len(target._held) <= 64
        assert len(target._spans) <= 32


def test_runs_on_both_sides_of_a_gap_stay_two_where_the_grid_lacks_a_sample_between() -> None:
    plain = placer(50.0)
    runs = plain.accept(segment(50.0, 0, 500), 0)
    runs += plain.accept(segment(50.0, 600, 1100), 0)
    after = plain.tick(REORDER_NS)
    assert [second.first - first.stop for first, second in pairwise(after)] == [200]
    assert grid([*runs, *after]).keys() < whole(50.0, 1100).keys()


def test_runs_that_leave_no_instant_of_the_grid_between_them_come_as_one() -> None:
    plain = placer(200.0)
    plain.accept(segment(200.0, 0, 401), 0)
    plain.accept(segment(200.0, 402, 800), 0)  # what is missing lies between two instants
    assert spans(plain.tick(REORDER_NS)) == [(171, 370)]
