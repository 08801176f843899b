"""What is known of a window besides its samples: the quality fields of the feed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from umamba_rt.core.calibration import Unit
from umamba_rt.core.defects import Float64Array, levels_of
from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.gaps import Fill
from umamba_rt.core.rotate import Orientation

# Levels below this share of the loudest are rounding, not noise.
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Quality:
    """Quality of one window; the fields are those of the feed.

    What concerns single samples (clipping to steps) is measured on the raw counts, before
    anything is rotated, over all three components.

    Attributes:
        gap_s: missing time of the component that misses most, s.
        gap_count: number of separate gaps, all components together.
        filled_s: time filled in the component that misses most, s.
        clipped: see ``clipping.is_clipped``; or a record of it says so.
        snr_db: see ``snr_of_seconds``; of the vertical.
        native_rate_hz: rate of the channel in the vertical's place before resampling, Hz.
        components: subsource codes used, in the places Z N E, as in ``ZNE`` or ``Z12``; ``Z``
            where the vertical stands for all three.
        complete: no sample was missing.
        unit: ground motion that the samples are proportional to; ``counts``: not known.
        orientation: see ``rotate.Frame``.
        fill: how missing samples were filled; ``none`` where none was missing.
        flat_s: see ``defects.flat_s``.
        spikes: see ``defects.count_spikes``.
        dc_step: see ``defects.has_step``.
        timing_quality: the lowest that the window's records state, per cent (blockette 1001);
            None where none states any. To whole seconds: a record that ends in the second in
            which the window begins counts, too.
        record_flags: what else headers of these records state, as in ``time_questionable``.
        triggered: the trigger went on in the window, or had not gone off when it began.
    """

    gap_s: float
    gap_count: int
    filled_s: float
    clipped: bool
    snr_db: float | None
    native_rate_hz: float
    components: str
    complete: bool
    unit: Unit = "counts"
    orientation: Orientation = "assumed"
    fill: Fill = "none"
    flat_s: float = 0.0
    spikes: int = 0
    dc_step: bool = False
    timing_quality: int | None = None
    record_flags: tuple[str, ...] = ()
    triggered: bool = False


def snr_db(trace: Float32Array) -> float | None:
    """Loudest second over the quiet second of a window, dB; see ``snr_of_seconds``.

    Args:
        trace: shape ``(n,)``, the vertical, finite; n >= 1 s.
    """
    return snr_of_seconds(levels_of(trace[np.newaxis]).deviation[0])


def snr_of_seconds(deviation: Float64Array) -> float | None:
    """Loudest second over the quiet second of a window, dB.

    The signal is the loudest whole second of the window, the noise the second that a tenth of all
    are quieter than, each without its own mean, so that an offset or a slow drift counts as
    neither. A window within a long coda has no quiet second and a low ratio.

    Args:
        deviation: shape ``(s,)``, standard deviation of each second, s >= 1.

    Returns:
        20 log10 of the ratio; None where the quiet second is constant.
    """
    levels = np.sort(deviation)
    noise, signal = float(levels[len(levels) // 10]), float(levels[-1])
    if noise <= _TINY * max(1.0, signal):
        return None
    return 20.0 * float(np.log10(signal / noise))
