"""core/sta_lta.py beside obspy's filter and averages, whole and in pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from obspy.signal.filter import bandpass
from obspy.signal.trigger import classic_sta_lta, recursive_sta_lta

from umamba_rt.core.sta_lta import StaLta
from umamba_rt.core.trigger_rules import AverageKind, StaLtaRules

KINDS = ("recursive", "classic")


def noise_and_wave(seed: int = 0, count: int = 3000) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    samples = rng.normal(8e6, 100, count)  # counts ride on a digitiser's offset
    samples[count // 2 :] += rng.normal(0, 5000, count - count // 2) * np.exp(
        -np.arange(count - count // 2) / 300
    )
    return samples.astype(np.float32)


def obspys(samples: NDArray[np.float32], rules: StaLtaRules) -> NDArray[np.float64]:
    whole = samples.astype(np.float64)
    filtered = bandpass(whole - whole[0], rules.low_hz, rules.high_hz, 100.0, rules.corners)
    average = recursive_sta_lta if rules.kind == "recursive" else classic_sta_lta
    return np.asarray(average(filtered, rules.sta, rules.lta))


@pytest.mark.parametrize("kind", KINDS)
def test_ratios_are_obspys(kind: AverageKind) -> None:
    rules, samples = StaLtaRules(kind, sta=40, lta=700), noise_and_wave()
    ratios, expected = StaLta(rules).ratios(samples), obspys(samples, rules)
    assert expected.max() > 10
    assert not ratios[: rules.lta - 1].any()
    np.testing.assert_allclose(ratios, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@given(cuts=st.lists(st.integers(1, 2999), max_size=12))
def test_any_cutting_gives_the_same_bits(kind: AverageKind, cuts: list[int]) -> None:
    rules, samples = StaLtaRules(kind, sta=20, lta=300), noise_and_wave(1)
    whole, stream = StaLta(rules).ratios(samples), StaLta(rules)
    pieces = np.split(samples, sorted(set(cuts)))
    assert np.concatenate([stream.ratios(piece) for piece in pieces]).tobytes() == whole.tobytes()


@pytest.mark.parametrize("kind", KINDS)
@given(cut=st.integers(1, 2999))
def test_a_stream_goes_on_from_its_state(kind: AverageKind, cut: int) -> None:
    rules, samples = StaLtaRules(kind, sta=20, lta=300), noise_and_wave(2)
    whole, before = StaLta(rules).ratios(samples), StaLta(rules)
    before.ratios(samples[:cut])
    after = StaLta(rules, before.state).ratios(samples[cut:])
    assert after.tobytes() == whole[cut:].tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_silence_divides_by_nothing(kind: AverageKind) -> None:
    ratios = StaLta(StaLtaRules(kind)).ratios(np.full(3000, 7, np.float32))
    assert np.isfinite(ratios).all()
    assert not ratios.any()


@pytest.mark.parametrize(
    ("native_rate_hz", "band"),
    [(100.0, (12.0, 40.0)), (40.0, (16 / 3, 16.0)), (20.0, (8 / 3, 8.0))],
)
def test_a_lower_native_rate_has_a_lower_band(
    native_rate_hz: float, band: tuple[float, float]
) -> None:
    rules = StaLtaRules().at(native_rate_hz)
    assert (rules.low_hz, rules.high_hz) == band
    wide = StaLtaRules(low_hz=1.0, high_hz=10.0)
    assert wide.at(40.0) == wide
