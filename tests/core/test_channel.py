from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.channel import Channel, GridRun
from umamba_rt.core.ids import SourceId
from umamba_rt.core.resample import Resampler
from umamba_rt.core.segment import SampleArray, Segment
from umamba_rt.core.timebase import SAMPLE_NS, nearest_index
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


def grid(runs: list[GridRun]) -> dict[int, float]:
    """Grid samples as a ring keeps them: the first of a time wins."""
    kept: dict[int, float] = {}
    for run in runs:
        for index, value in enumerate(run.values.tolist(), run.first):
            kept.setdefault(index, value)
    return kept


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


@pytest.mark.parametrize("rate_hz", [1.0, 31.25, 99.0, 1000.0, 1e-300])
def test_another_rate_is_refused_and_changes_nothing(rate_hz: float) -> None:
    channel = Channel(HHZ)
    channel.accept(segment(0, 100))
    with pytest.raises(SampleRateError) as caught:
        channel.accept(segment(100 * SAMPLE_NS, 10, rate_hz))
    assert (caught.value.source_id, caught.value.found_hz) == (str(HHZ), rate_hz)
    assert channel.rate_hz == 100.0
    assert spans(channel.accept(segment(100 * SAMPLE_NS, 10))) == [(100, 110)]


@pytest.mark.parametrize("rate_hz", [20.0, 40.0, 50.0, 200.0, 250.0])
def test_packets_of_another_rate_give_the_resampled_run(rate_hz: float) -> None:
    samples = wave(2000)
    channel = Channel(HHZ)
    runs = []
    for start in range(0, 2000, 130):
        offset_ns = round(start * 1e9 / rate_hz)
        runs += channel.accept(segment(offset_ns, samples[start : start + 130], rate_hz))
    assert channel.rate_hz == rate_hz
    assert all(b.first == a.stop for a, b in pairwise(runs))
    plain = Resampler(rate_hz)
    expected = np.concatenate((plain.push(samples), plain.finish()))
    found = np.concatenate([run.values for run in runs])
    assert runs[0].first == FIRST
    assert len(expected) - 150 < len(found) < len(expected)
    np.testing.assert_allclose(found, expected[: len(found)], rtol=1e-6, atol=1e-3)


def test_a_packet_shorter_than_the_filter_waits_for_the_next() -> None:
    channel = Channel(HHZ)
    assert channel.accept(segment(0, 5, 50.0)) == []
    assert spans(channel.accept(segment(100_000_000, 95, 50.0)))[0][0] == 0


def test_a_gap_releases_what_the_resampler_held() -> None:
    channel = Channel(HHZ)
    first = spans(channel.accept(segment(0, 100, 50.0)))
    assert first[0][0] == 0
    assert first[0][1] < 199
    after = spans(channel.accept(segment(10 * 10**9, 100, 50.0)))
    assert after[0] == (first[0][1], 199)
    assert after[1][0] == 1000


@pytest.mark.parametrize("start", [40, 99, 60])
def test_of_an_overlapping_record_the_new_part_counts(start: int) -> None:
    samples = wave(400)
    channel = Channel(HHZ)
    runs = channel.accept(segment(0, samples[:100], 50.0))
    runs += channel.accept(segment(start * 20_000_000, samples[start:], 50.0))
    plain = Channel(HHZ).accept(segment(0, samples, 50.0))
    found = np.concatenate([run.values for run in runs])
    np.testing.assert_allclose(found, plain[0].values, rtol=1e-6, atol=1e-3)


def test_a_repeated_record_does_not_disturb_the_run() -> None:
    samples = wave(400)
    channel = Channel(HHZ)
    runs = channel.accept(segment(0, samples[:200], 50.0))
    assert channel.accept(segment(0, samples[:200], 50.0)) == []
    runs += channel.accept(segment(4 * 10**9, samples[200:], 50.0))
    plain = Channel(HHZ).accept(segment(0, samples, 50.0))
    found = np.concatenate([run.values for run in runs])
    np.testing.assert_allclose(found, plain[0].values, rtol=1e-6, atol=1e-3)


def test_an_overlap_that_ends_a_fraction_later_adds_no_sample() -> None:
    channel = Channel(HHZ)
    channel.accept(segment(0, 100, 50.0))
    assert channel.accept(segment(20_000_000 // 3, 100, 50.0)) == []


def test_a_late_record_of_another_rate_fills_its_gap() -> None:
    samples = wave(900)
    channel = Channel(HHZ)
    runs = channel.accept(segment(0, samples[:300], 50.0))
    runs += channel.accept(segment(12 * 10**9, samples[600:], 50.0))
    runs += channel.accept(segment(6 * 10**9, samples[300:600], 50.0))
    kept = grid(runs)
    # Between two inputs 20 ms apart that no run spans, one grid sample stays open.
    missing = [index - FIRST for index in range(FIRST, max(kept)) if index not in kept]
    assert missing == [599, 1199]
    (plain,) = Channel(HHZ).accept(segment(0, samples, 50.0))
    inner = range(700, 1100)  # half a filter from the edges
    expected = [plain.values[index] for index in inner]
    np.testing.assert_allclose([kept[FIRST + index] for index in inner], expected, atol=1e-3)


def test_a_late_record_of_one_sample_gives_one_sample() -> None:
    channel = Channel(HHZ)
    channel.accept(segment(0, 300, 50.0))
    (run,) = channel.accept(segment(20_000_000, 1, 50.0))
    assert spans([run]) == [(2, 3)]


def test_a_new_rate_ends_the_old_run_and_goes_on_in_place() -> None:
    channel = Channel(HHZ)
    held = channel.accept(segment(0, 300, 50.0))
    runs = channel.accept(segment(6 * 10**9, 500, 100.0))
    assert spans(held + runs) == [(0, spans(held)[0][1]), (spans(held)[0][1], 599), (600, 1100)]
    assert channel.rate_hz == 100.0
    (back,) = channel.accept(segment(11 * 10**9, 300, 200.0))
    assert spans([back])[0][0] == 1100
    assert channel.rate_hz == 200.0
    flushed, other = channel.accept(segment(12_500_000_000, 300, 50.0))
    assert spans([flushed])[0][1] == 1250
    assert spans([other])[0][0] == 1250


@pytest.mark.parametrize("drift_ns", [4_000_000, -4_000_000])
def test_time_stamps_that_drift_do_not_carry_a_resampled_run_away(drift_ns: int) -> None:
    channel = Channel(HHZ)
    for number in range(60):  # each record starts 4 ms later, or earlier, than the last one ended
        start = segment(number * (2 * 10**9 + drift_ns), 100, 50.0)
        for run in channel.accept(start):
            last = run
    # All but the filter's delay is out, and lies within a native sample of its time.
    delay = nearest_index(start.end_ns) - last.stop
    undisturbed = Channel(HHZ).accept(segment(0, 100, 50.0))[0]
    assert abs(delay - (198 - (undisturbed.stop - FIRST))) <= 2
