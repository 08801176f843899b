"""A window of a labelled record that ends a given time after P, as the daemon would cut it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.calibration import COUNTS, Calibration, Unit
from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.timebase import RATE_HZ
from umamba_rt.training.record import LabelledRecord

WINDOW_SAMPLES = 3001
# A digitiser's step: the daemon normalises counts. In metres the 1e-10 beside the standard
# deviation would take a tenth off a quiet broadband's 1e-9 m/s.
COUNTS_PER_UNIT = 1e9
# Onsets of grade B are good to 2 s.
NOISE_ENDS_AFTER_P_S = -2.0
NOISE_BEFORE_P_S = 30.0
# The mirror needs noise to repeat, and none of the onset, whose pick may be late: it keeps half a
# second away from it, or half of what there is.
_NOISE_MARGIN = RATE_HZ // 2
_MIN_NOISE = RATE_HZ // 10


@dataclass(frozen=True, slots=True)
class CutWindow:
    """One window and how it came to be.

    Attributes:
        samples: shape ``(3, 3001)``, order Z N E, counts at 100 Hz, finite.
        calibration: what a count stands for.
        ends_after_p_s: time from P to the last sample; NaN in a record of noise.
        mirrored: samples at its front that repeat the record's own noise.
        p_sample: P onset as an index into ``samples``; beyond them, or NaN, where none is in it.
    """

    samples: Float32Array
    calibration: Calibration
    ends_after_p_s: float
    mirrored: int
    p_sample: float


def cut_window(record: LabelledRecord, seconds_after_p: float) -> CutWindow | None:
    """The window that ends ``seconds_after_p`` after P.

    A record that ends sooner gives its last window: nothing is made up behind its end. What a
    record lacks at the front is its own noise before P, mirrored back and forth.

    Args:
        record: an earthquake's.
        seconds_after_p: below 0 for a window of the noise before P.

    Returns:
        None where there is less than 0.1 s of noise to mirror, or where the record ends before P
        or, for noise, before the window's end.
    """
    available = record.samples.shape[1]
    wanted = round(record.p_sample + seconds_after_p * RATE_HZ) + 1
    stop = min(wanted, available)
    if stop <= 0 or record.p_sample >= available or (seconds_after_p < 0 and stop < wanted):
        return None
    start = stop - WINDOW_SAMPLES
    samples: NDArray[np.floating] = record.samples[:, max(0, start) : stop]
    mirrored = max(0, -start)
    if mirrored:
        before_p = math.ceil(record.p_sample)
        noise_stop = min(before_p - min(_NOISE_MARGIN, before_p // 2), stop)
        if noise_stop < _MIN_NOISE:
            return None
        samples = np.concatenate((_mirrored(record.samples[:, :noise_stop], mirrored), samples), 1)
    return CutWindow(
        _counts(samples, record.unit),
        calibration_of_unit(record.unit),
        (stop - 1 - record.p_sample) / RATE_HZ,
        mirrored,
        record.p_sample - start,
    )


def cut_noise(record: LabelledRecord) -> list[CutWindow]:
    """Windows that hold no earthquake's onset.

    A record of noise gives as many as fit side by side; an earthquake's with 30 s before P gives
    the one that ends 2 s before P, whose first 2 s are mirrored where there are just 30.
    """
    if record.is_noise:
        stops = range(WINDOW_SAMPLES, record.samples.shape[1] + 1, WINDOW_SAMPLES)
        calibration = calibration_of_unit(record.unit)
        return [
            CutWindow(
                _counts(record.samples[:, stop - WINDOW_SAMPLES : stop], record.unit),
                calibration,
                math.nan,
                0,
                math.nan,
            )
            for stop in stops
        ]
    if record.p_sample < NOISE_BEFORE_P_S * RATE_HZ:
        return []
    window = cut_window(record, NOISE_ENDS_AFTER_P_S)
    return [] if window is None else [window]


def calibration_of_unit(unit: Unit) -> Calibration:
    """The calibration of windows that were cut from a record in ``unit``."""
    if unit == "counts":
        return COUNTS
    return Calibration(unit, (COUNTS_PER_UNIT, COUNTS_PER_UNIT, COUNTS_PER_UNIT))


def _counts(samples: NDArray[np.floating], unit: Unit) -> Float32Array:
    scale = 1.0 if unit == "counts" else COUNTS_PER_UNIT
    return np.asarray(samples * np.float32(scale), dtype=np.float32)


def _mirrored(noise: Float32Array, count: int) -> Float32Array:
    """What comes ``count`` samples long before ``noise``, running back and forth over it."""
    length = noise.shape[1]
    steps = np.arange(count, 0, -1) % (2 * (length - 1))
    return noise[:, np.where(steps < length, steps, 2 * (length - 1) - steps)]
