"""core/rise.py: onsets rise where they are, and each moment is told once."""

from __future__ import annotations

import numpy as np
import pytest

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.rise import BIN, RiseBands, rises_of

BANDS = RiseBands(12.0, 40.0)
FIRST = 156_226_000_000
N = 6000


def record(p: int = 3000, s: int = 3400) -> Float32Array:
    """Noise, a P on the vertical and an S on the horizontals, each twice as strong as before."""
    samples = np.random.default_rng(0).normal(0, 100, (3, N))
    samples[0, p:] *= 3.0
    samples[1:, s:] *= 3.0
    return samples.astype(np.float32)


def rises(samples: Float32Array, hop: int = 100) -> tuple[dict[int, float], dict[int, float]]:
    """P and S by moment, window by window; a moment that comes twice fails."""
    p: dict[int, float] = {}
    s: dict[int, float] = {}
    for begin in range(0, N - 3000, hop):
        one = rises_of(samples[:, begin : begin + 3001], FIRST + begin, hop, BANDS)
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
    one = rises_of(record()[:, :3001], FIRST, 60_000, BANDS)
    assert one is not None
    assert one.first * BIN >= FIRST + 370  # the filter settles, and something lies before
    assert one.first + len(one.p) == (FIRST + 3001 - 59) // BIN


def test_windows_too_short_or_with_infinity_tell_nothing() -> None:
    assert rises_of(record()[:, :400], FIRST, 100, BANDS) is None
    samples = record()[:, :3001]
    samples[1, 2990] = np.inf
    assert rises_of(samples, FIRST, 100, BANDS) is None
