from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.resample import NATIVE_RATES_HZ, Resampler, supported_rate

RATES = [rate for rate in NATIVE_RATES_HZ if rate != 100.0]


def resample(rate_hz: float, samples: NDArray[np.generic], cuts: list[int]) -> Float32Array:
    stream = Resampler(rate_hz)
    pieces = [stream.push(piece) for piece in np.split(samples, sorted(cuts))]
    return np.concatenate([*pieces, stream.finish()])


def sine(rate_hz: float, frequency_hz: float, count: int) -> NDArray[np.float64]:
    phase = 2 * np.pi * frequency_hz * np.arange(count, dtype=np.float64) / rate_hz
    return np.asarray(np.sin(phase + 0.3), np.float64)


@pytest.mark.parametrize("rate_hz", RATES)
@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 1500), max_size=30))
def test_packet_cuts_do_not_change_a_sample(rate_hz: float, cuts: list[int]) -> None:
    samples = np.random.default_rng(5).integers(-(2**23), 2**23, 1500)
    whole = resample(rate_hz, samples, [])
    assert len(whole) == int((1499) * Fraction(100) / Fraction(rate_hz)) + 1
    found = resample(rate_hz, samples, cuts)
    # The same sums over the same taps; only a padded tap's zero may change their order.
    np.testing.assert_allclose(found, whole, rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize("rate_hz", RATES)
def test_samples_one_at_a_time_give_the_same(rate_hz: float) -> None:
    samples = np.random.default_rng(6).normal(size=700)
    found = resample(rate_hz, samples, list(range(700)))
    np.testing.assert_allclose(found, resample(rate_hz, samples, []), atol=1e-6)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.8])
@pytest.mark.parametrize("rate_hz", RATES)
def test_a_sine_in_the_pass_band_comes_out_in_phase_and_within_a_tenth_of_a_db(
    rate_hz: float, share: float
) -> None:
    frequency_hz = share * min(rate_hz, 100) / 2
    found = resample(rate_hz, sine(rate_hz, frequency_hz, int(rate_hz * 40)), [333, 1000])
    middle = slice(500, 3400)
    expected = sine(100, frequency_hz, len(found))[middle]
    np.testing.assert_allclose(found[middle], expected, atol=1 - 10 ** (-0.1 / 20))


@pytest.mark.parametrize("rate_hz", [200.0, 250.0])
@pytest.mark.parametrize("over", [1.0, 1.3, 1.8])
def test_what_lies_above_50_hz_does_not_fold(rate_hz: float, over: float) -> None:
    found = resample(rate_hz, sine(rate_hz, over * 50, int(rate_hz * 20)), [])
    assert np.abs(found[300:-300]).max() < 10 ** (-80 / 20)


@pytest.mark.parametrize("rate_hz", [20.0, 40.0, 50.0])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_images_are_80_db_down(rate_hz: float, share: float) -> None:
    frequency_hz = share * rate_hz / 2
    found = resample(rate_hz, sine(rate_hz, frequency_hz, int(rate_hz * 40)), [])[500:3500]
    time_s = np.arange(500, 3500) / 100
    basis = np.stack(
        [np.sin(2 * np.pi * frequency_hz * time_s), np.cos(2 * np.pi * frequency_hz * time_s)]
    )
    weights = np.linalg.lstsq(basis.T, found, rcond=None)[0]
    rest = found - weights @ basis
    assert np.sqrt(np.mean(rest**2)) < 10 ** (-80 / 20) * np.sqrt(0.5)


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_stream_is_held_back_by_less_than_its_bound(rate_hz: float) -> None:
    stream = Resampler(rate_hz)
    out = stream.push(np.zeros(int(rate_hz * 20)))
    held_back_s = (20 - 1 / rate_hz) - (len(out) - 1) / 100
    assert 0.2 < held_back_s <= {20.0: 1.44, 40.0: 0.72, 50.0: 0.59}.get(rate_hz, 0.3)


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_constant_stays_constant_to_both_ends(rate_hz: float) -> None:
    found = resample(rate_hz, np.full(900, 8_000_000), [1, 400])
    np.testing.assert_allclose(found, 8_000_000, rtol=2e-5)


@pytest.mark.parametrize("rate_hz", RATES)
def test_the_inputs_kept_do_not_grow(rate_hz: float) -> None:
    stream = Resampler(rate_hz)
    kept = []
    for _ in range(100):
        stream.push(np.zeros(400))
        kept.append(len(stream._pending))
    assert max(kept[50:]) <= max(kept[:10])


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_missing_number_spoils_its_neighbourhood_only(rate_hz: float) -> None:
    samples = np.random.default_rng(6).normal(size=2000)
    broken = samples.copy()
    broken[1000] = np.nan
    whole, found = (resample(rate_hz, values, [700, 990, 1100]) for values in (samples, broken))
    spoilt = np.flatnonzero(np.isnan(found))
    place = 1000 * 100 / rate_hz
    assert place - 150 < spoilt[0] < place < spoilt[-1] < place + 150
    np.testing.assert_array_equal(np.delete(found, spoilt), np.delete(whole, spoilt))


def test_an_empty_run_gives_nothing() -> None:
    stream = Resampler(50.0)
    assert len(stream.push(np.zeros(0))) == 0
    assert len(stream.finish()) == 0


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_single_sample_gives_itself(rate_hz: float) -> None:
    np.testing.assert_allclose(resample(rate_hz, np.array([123.0]), []), [123.0], rtol=2e-5)


@pytest.mark.parametrize(
    ("found_hz", "meant_hz"),
    [
        (100.0, 100.0),
        (99.9951, 100.0),
        (20.001, 20.0),
        (250.02, 250.0),
        (100.02, None),
        (1.0, None),
    ],
)
def test_a_rounded_rate_is_the_one_meant(found_hz: float, meant_hz: float | None) -> None:
    assert supported_rate(found_hz) == meant_hz
