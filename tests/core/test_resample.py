from __future__ import annotations

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.rate import nominal_rate
from umamba_rt.core.resample import Resampler

START_NS = 1_562_258_999_997_986_000  # 2.014 ms before a whole second
SOME = [20.0, 31.25, 66.67, 99.9, 125.0, 333.33, 500.0]
RATES = [*SOME, 40.0, 50.0, 62.5, 80.0, 120.0, 128.0, 133.33, 200.0, 250.0, 499.97]
# A run's phase is rounded to 1/256 of a sample.
PHASE_ERROR = 0.5 / 256


def rate(rate_hz: float) -> Fraction:
    meant = nominal_rate(rate_hz)
    assert meant is not None
    return meant


def resample(
    rate_hz: float, samples: NDArray[np.generic], cuts: list[int], start_ns: int = START_NS
) -> tuple[int, Float32Array]:
    stream = Resampler(rate(rate_hz), start_ns)
    first = stream.next_index
    pieces = [stream.push(piece) for piece in np.split(samples, sorted(cuts))]
    return first, np.concatenate([*pieces, stream.finish()])


def input_s(rate_hz: float, count: int) -> NDArray[np.float64]:
    """Times of the inputs, s after the first."""
    return np.arange(count) / float(rate(rate_hz))


def grid_s(first: int, count: int) -> NDArray[np.float64]:
    """Times of the outputs, s after the first input."""
    return ((first + np.arange(count)) * 10**7 - START_NS) / 1e9


def fitted(
    frequency_hz: float, time_s: NDArray[np.float64], found: Float32Array
) -> tuple[float, float, float]:
    """Amplitude, phase and the rest's root mean square of a sine in ``found``."""
    angle = 2 * np.pi * frequency_hz * time_s
    basis = np.stack([np.sin(angle), np.cos(angle), np.ones_like(angle)], axis=1)
    weights = np.linalg.lstsq(basis, found.astype(np.float64), rcond=None)[0]
    rest = found - basis @ weights
    amplitude = float(np.hypot(weights[0], weights[1]))
    return amplitude, float(np.arctan2(weights[1], weights[0])), float(np.sqrt(np.mean(rest**2)))


@pytest.mark.parametrize("rate_hz", RATES)
@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 1500), max_size=30), phase_ns=st.integers(0, 10**8))
def test_packet_cuts_do_not_change_a_bit(rate_hz: float, cuts: list[int], phase_ns: int) -> None:
    samples = np.random.default_rng(5).integers(-(2**23), 2**23, 1500)
    first, whole = resample(rate_hz, samples, [], START_NS + phase_ns)
    assert abs(len(whole) - 1500 * 100 / float(rate(rate_hz))) <= 1
    again, found = resample(rate_hz, samples, cuts, START_NS + phase_ns)
    assert again == first
    np.testing.assert_array_equal(found, whole, strict=True)


@pytest.mark.parametrize("rate_hz", SOME)
def test_samples_one_at_a_time_give_the_same_bits(rate_hz: float) -> None:
    samples = np.random.default_rng(6).normal(size=900)
    _, found = resample(rate_hz, samples, list(range(900)))
    np.testing.assert_array_equal(found, resample(rate_hz, samples, [])[1])


@pytest.mark.parametrize("rate_hz", [20.0, 40.0, 66.67, 250.0, 99.9])
def test_a_run_joined_later_gives_the_same_bits_behind_its_edge(rate_hz: float) -> None:
    samples = np.random.default_rng(8).normal(size=4000)
    first, whole = resample(rate_hz, samples, [])
    for joined_at in (1, 7, 333):
        # As a record says it: rounded to the microsecond.
        start_ns = START_NS + round(joined_at * 1e6 / rate(rate_hz)) * 1000
        stream = Resampler(rate(rate_hz), start_ns)
        begin, edge_stop = stream.next_index, stream.edge_stop
        found = np.concatenate((stream.push(samples[joined_at:]), stream.finish()))
        assert 0 < edge_stop - begin < 160
        np.testing.assert_array_equal(found[edge_stop - begin :], whole[edge_stop - first :])


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.8])
@pytest.mark.parametrize("rate_hz", RATES)
def test_a_tone_of_the_pass_band_keeps_its_size_and_time_and_gets_no_image(
    rate_hz: float, share: float
) -> None:
    frequency_hz = share * min(rate_hz, 100) / 2
    tone = np.sin(2 * np.pi * frequency_hz * input_s(rate_hz, int(rate_hz * 40)) + 0.3)
    first, found = resample(rate_hz, tone, [333, 1000])
    inner = slice(300, -300)
    time_s = grid_s(first, len(found))[inner]
    amplitude, phase, rest = fitted(frequency_hz, time_s, found[inner])
    assert abs(20 * np.log10(amplitude)) < 0.01  # 0.1 dB are asked for
    assert abs(phase - 0.3) < 2 * np.pi * frequency_hz / rate_hz * PHASE_ERROR * 1.01
    assert rest < 10 ** (-80 / 20) * np.sqrt(0.5)


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_sweep_through_the_pass_band_comes_out_as_it_is(rate_hz: float) -> None:
    def sweep(time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        top_hz, length_s = 0.4 * min(rate_hz, 100), 60.0
        return np.asarray(np.cos(np.pi * top_hz / length_s * time_s**2), np.float64)

    first, found = resample(rate_hz, sweep(input_s(rate_hz, int(rate_hz * 60))), [17, 5000 % 999])
    inner = slice(200, -200)
    expected = sweep(grid_s(first, len(found)))[inner]
    # All of it is the rounded phase: 0.4 of a turn at the top, of 1/512 sample.
    bound = 2 * np.pi * 0.4 * PHASE_ERROR * 1.05 + 1e-4
    np.testing.assert_allclose(found[inner], expected, atol=bound)


@pytest.mark.parametrize("rate_hz", [rate_hz for rate_hz in RATES if rate_hz > 101])
def test_a_sweep_above_50_hz_does_not_fold(rate_hz: float) -> None:
    time_s = input_s(rate_hz, int(rate_hz * 60))
    slope = (rate_hz / 2 - 50) / 60
    sweep = np.cos(2 * np.pi * (50 * time_s + slope / 2 * time_s**2))
    _, found = resample(rate_hz, sweep, [])
    assert np.abs(found[200:-200]).max() < 10 ** (-80 / 20)


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_stream_is_held_back_by_less_than_its_bound(rate_hz: float) -> None:
    stream = Resampler(rate(rate_hz), START_NS)
    stream.push(np.zeros(int(rate_hz * 20)))
    held_back_s = (stream.expected_ns - stream.next_index * 10**7) / 1e9
    assert 0.2 < held_back_s <= 30.5 / min(rate_hz, 100) + 0.02


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_constant_stays_constant_to_both_ends(rate_hz: float) -> None:
    _, found = resample(rate_hz, np.full(900, 8_000_000), [1, 400])
    np.testing.assert_array_equal(found, np.float32(8_000_000))


@pytest.mark.parametrize("rate_hz", RATES)
def test_the_inputs_kept_do_not_grow(rate_hz: float) -> None:
    stream = Resampler(rate(rate_hz), START_NS)
    kept = []
    for _ in range(100):
        stream.push(np.zeros(400))
        kept.append(sum(map(len, stream._pieces)))
    assert max(kept[50:]) <= max(kept[:10])


@pytest.mark.parametrize("rate_hz", SOME)
def test_a_missing_number_spoils_its_neighbourhood_only(rate_hz: float) -> None:
    samples = np.random.default_rng(6).normal(size=2000)
    broken = samples.copy()
    broken[1000] = np.nan
    (_, whole), (_, found) = (resample(rate_hz, values, [700, 990]) for values in (samples, broken))
    spoilt = np.flatnonzero(np.isnan(found))
    place = 1000 * 100 / rate_hz
    assert place - 155 < spoilt[0] < place < spoilt[-1] < place + 155
    np.testing.assert_array_equal(np.delete(found, spoilt), np.delete(whole, spoilt))


@pytest.mark.parametrize("rate_hz", RATES)
def test_two_runs_that_abut_leave_no_instant_open_and_none_twice(rate_hz: float) -> None:
    count = 700
    stop_ns = START_NS + round(count * 10**9 / rate(rate_hz))
    first, values = resample(rate_hz, np.ones(count), [])
    following = Resampler(rate(rate_hz), stop_ns)
    assert first + len(values) == following.next_index


def test_an_empty_run_gives_nothing() -> None:
    stream = Resampler(Fraction(50), START_NS)
    assert len(stream.push(np.zeros(0))) == 0
    assert len(stream.finish()) == 0


@pytest.mark.parametrize("rate_hz", SOME)
def test_a_single_sample_stands_for_its_period(rate_hz: float) -> None:
    _, found = resample(rate_hz, np.array([123.0]), [])
    np.testing.assert_array_equal(found, 123.0)
    assert abs(len(found) - 100 / rate_hz) < 1


@pytest.mark.parametrize("deviation", [-0.5, -0.3, 0.3, 0.5])
@pytest.mark.parametrize("rate_hz", SOME)
def test_a_shift_moves_what_follows_and_opens_no_gap(rate_hz: float, deviation: float) -> None:
    stream = Resampler(rate(rate_hz), START_NS)
    first = stream.next_index
    ramp = input_s(rate_hz, 2000)
    values = [stream.push(ramp[:1000])]
    due_ns = stream.expected_ns
    shift_ns = round(deviation * 1e9 / rate_hz)
    stream.shift(shift_ns)
    assert abs(stream.expected_ns - due_ns - shift_ns) <= 1e9 / rate_hz / 500
    values += [stream.push(ramp[start : start + 10]) for start in range(1000, 2000, 10)]
    values.append(stream.finish())
    found = np.concatenate(values)
    assert first + len(found) == stream.next_index
    time_s = grid_s(first, len(found))
    lateness_s = time_s - found
    bound = PHASE_ERROR * 2.1 / rate_hz + 1e-6
    begin, end = len(found) // 4, len(found) * 3 // 4
    np.testing.assert_allclose(lateness_s[begin], 0, atol=bound)
    np.testing.assert_allclose(lateness_s[end], shift_ns / 1e9, atol=bound)


def test_a_long_record_takes_bounded_memory() -> None:
    samples = np.zeros(200_000, np.int32)
    stream = Resampler(Fraction(500), START_NS)
    tracemalloc.start()
    stream.push(samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * len(samples)
