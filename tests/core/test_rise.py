"""core/rise.py: onsets rise where they are, and each moment is told once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.rise import BIN, RiseBands, Rises, tail_of
from umamba_rt.core.rise_filter import rises_of

BANDS = RiseBands(12.0, 40.0)
FIRST = 156_226_000_000
N = 6000
SLOW = RiseBands(3.0, 8.0)


def record(p: int = 3000, s: int = 3400) -> Float32Array:
    """Noise, a P on the vertical and an S on the horizontals, each twice as strong as before."""
    samples = np.random.default_rng(0).normal(0, 100, (3, N))
    samples[0, p:] *= 3.0
    samples[1:, s:] *= 3.0
    return samples.astype(np.float32)


def one_of(samples: Float32Array, first: int, hop: int, bands: RiseBands = BANDS) -> Rises | None:
    """What a window alone tells."""
    tail = tail_of(samples, first, hop, bands)
    return None if tail is None else rises_of([tail])[0]


def plain(samples: Float32Array, first: int, hop: int, bands: RiseBands) -> Rises | None:
    """The same sample by sample, as the definition has it."""
    stop = first + samples.shape[1]
    end, begin = (stop - 59) // BIN, (stop - hop - 59) // BIN
    while begin * BIN - 370 < first:
        begin += 1
    rest = samples[:, begin * BIN - 370 - first :].astype(np.float64)
    if begin >= end or not np.isfinite(rest).all():
        return None
    rest -= rest[:, :1]
    powers, told = [], []
    for row, share in zip(rest, (1.0, 0.5, 0.5), strict=True):
        band_hz = bands.low_hz * share, bands.high_hz * share
        sections = butter(4, band_hz, "bandpass", output="sos", fs=100)
        powers.append(sosfilt(sections, row) ** 2)
    for power, between in ((powers[0], 10), (powers[1] + powers[2], 20)):
        values = []
        for at in range(370, 370 + (end - begin) * BIN):
            ahead = max(power[at : at + 60].mean(), 1e-30)
            before = max(power[at - between - 150 : at - between].mean(), 1e-30)
            values.append(min(max(np.log10(ahead / before), 0.0), 1.0))
        told.append(tuple(max(values[k : k + BIN]) for k in range(0, len(values), BIN)))
    return Rises(begin, *told)


def rises(samples: Float32Array, hop: int = 100) -> tuple[dict[int, float], dict[int, float]]:
    """P and S by moment, window by window; a moment that comes twice fails."""
    p: dict[int, float] = {}
    s: dict[int, float] = {}
    for begin in range(0, N - 3000, hop):
        one = one_of(samples[:, begin : begin + 3001], FIRST + begin, hop)
        assert one is not None
        for offset, pair in enumerate(zip(one.p, one.s, strict=True)):
            assert one.first + offset not in p
            p[one.first + offset], s[one.first + offset] = pair
    return p, s


def test_p_rises_on_the_vertical_and_s_on_the_horizontals() -> None:
    p, s = rises(record())
    first = FIRST // BIN
    assert max(p, key=p.__getitem__) == pytest.approx(first + 300, abs=2)
    assert max(s, key=s.__getitem__) == pytest.approx(first + 340, abs=2)
    assert max(p.values()) > 0.6
    assert max(s.values()) > 0.6
    quiet = [v for moment, v in (p | s).items() if moment < first + 290]
    assert max(quiet) < 0.5


@pytest.mark.parametrize("hop", [10, 25, 50, 100, 300])
def test_each_moment_is_told_once_whatever_the_hop(hop: int) -> None:
    p, _ = rises(record(), hop)
    assert sorted(p) == list(range(min(p), max(p) + 1))
    # 0.6 s behind a moment must have come; the windows' last sample is the 5,900th or later.
    assert max(p) == (FIRST + (N - 3001) // hop * hop + 3001 - 60 + 1) // BIN - 1
    one_by_one, _ = rises(record(), 100)
    both = sorted(set(p) & set(one_by_one))
    assert [p[m] for m in both] == pytest.approx([one_by_one[m] for m in both], abs=0.02)


def test_a_single_station_says_no_more_than_a_factor_of_ten() -> None:
    samples = record()
    samples[:, 3000:] *= 10_000
    p, s = rises(samples)
    assert max(p.values()) == max(s.values()) == 1.0
    assert min(p.values()) >= 0.0


def test_digital_silence_and_offsets_are_numbers() -> None:
    p, s = rises(np.zeros((3, N), np.float32))
    assert set(p.values()) == set(s.values()) == {0.0}
    far, _ = rises(record() + np.float32(8_000_000))
    near, _ = rises(record())
    assert list(far.values()) == pytest.approx(list(near.values()), abs=0.02)


def test_a_hop_longer_than_the_window_tells_what_the_window_holds() -> None:
    one = one_of(record()[:, :3001], FIRST, 60_000)
    assert one is not None
    assert one.first * BIN >= FIRST + 370  # the filter settles, and something lies before
    assert one.first + len(one.p) == (FIRST + 3001 - 59) // BIN


def test_windows_too_short_or_with_infinity_tell_nothing() -> None:
    assert tail_of(record()[:, :400], FIRST, 100, BANDS) is None
    samples = record()[:, :3001]
    samples[1, 2990] = np.inf
    assert one_of(samples, FIRST, 100) is None


def test_many_sensors_at_once_tell_what_each_tells_alone_and_what_the_definition_has() -> None:
    """Of mixed hops and bands, more of a kind than one call takes; one with infinity, one short."""
    rng = np.random.default_rng(1)
    asked = []
    for number in range(60):
        begin = int(rng.integers(0, N - 3001))
        samples = record() * np.float32(10.0 ** rng.uniform(-3, 5))
        samples = samples[:, begin : begin + (300 if number == 7 else 3001)].copy()
        if number == 9:
            samples[2, -1] = np.inf
        first = FIRST + (begin if number % 3 else begin // BIN * BIN)
        asked.append(
            (samples, first, 250 if number % 5 == 0 else 100, BANDS if number % 4 else SLOW)
        )
    expected = [plain(*one) for one in asked]
    tails = [tail_of(*one) for one in asked]
    assert [k for k, tail in enumerate(tails) if tail is None] == [7]
    told = rises_of([tail for tail in tails if tail is not None])
    assert told == [one_of(*one) for k, one in enumerate(asked) if k != 7]
    for one, other in zip(told, expected[:7] + expected[8:], strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert one.first == other.first
            np.testing.assert_allclose([one.p, one.s], [other.p, other.s], atol=1e-9)
    assert [k for k, one in enumerate(expected) if one is None] == [7, 9]
    assert rises_of([]) == []


def test_a_tail_keeps_neither_its_window_nor_more_than_it_needs() -> None:
    samples = record()[:, :3001]
    tail = tail_of(samples, FIRST, 100, BANDS)
    assert tail is not None
    assert tail.samples.base is None
    assert tail.samples.nbytes < 6500
    before = rises_of([tail])
    samples[:] = 0.0
    assert rises_of([tail]) == before
