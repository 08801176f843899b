"""From a sensor's raw rows to a window's samples, with all that is to be said of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from umamba_rt.core.clipping import is_clipped
from umamba_rt.core.defects import count_spikes, flat_s, has_step, levels_of
from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.gaps import Fill, Gaps, fill_linear, fill_mean
from umamba_rt.core.headers import Stated
from umamba_rt.core.quality import Quality, snr_of_seconds
from umamba_rt.core.rotate import Frame
from umamba_rt.core.timebase import RATE_HZ


@dataclass(frozen=True, slots=True)
class Origin:
    """What a sensor knows of the channels that a window is made of.

    Attributes:
        components: their subsource codes in the places Z N E.
        native_rate_hz: rate of the one in the vertical's place, Hz.
        stated: what the headers of the window's records say.
    """

    components: str
    native_rate_hz: float
    stated: Stated


def compose(
    raw: Float32Array, gaps: Gaps, frame: Frame, origin: Origin, fill: Fill
) -> tuple[Float32Array, Quality]:
    """Fill, judge and turn a window.

    Args:
        raw: shape ``(c, n)``, the channels in the places Z N E, or a vertical alone, counts; NaN
            where a sample is missing, but not a whole row.
        gaps: of ``raw``.
        frame: of these channels.
        origin: of these channels.
        fill: how gaps are filled; ``none`` only where there is no gap.

    Returns:
        Shape ``(3, n)``, Z N E, counts, without NaN; and its quality.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # a float record may hold 3e38
        return _compose(raw, gaps, frame, origin, fill)


def _compose(
    raw: Float32Array, gaps: Gaps, frame: Frame, origin: Origin, fill: Fill
) -> tuple[Float32Array, Quality]:
    whole = raw if gaps.worst == 0 else fill_linear(raw)
    chosen = fill_mean(raw) if gaps.worst and fill == "zero" else whole
    samples = frame.turn(chosen)
    levels = levels_of(whole)
    vertical = levels if frame.matrix is None else levels_of(samples[:1])
    quality = Quality(
        gap_s=gaps.worst / RATE_HZ,
        gap_count=gaps.count,
        filled_s=gaps.worst / RATE_HZ,
        clipped=origin.stated.is_clipped or is_clipped(whole),
        snr_db=snr_of_seconds(vertical.deviation[0]),
        native_rate_hz=origin.native_rate_hz,
        components=origin.components,
        complete=gaps.worst == 0,
        unit=frame.calibration.unit,
        orientation=frame.orientation,
        fill=fill if gaps.worst else "none",
        flat_s=flat_s(raw),
        spikes=count_spikes(whole),
        dc_step=has_step(levels),
        timing_quality=origin.stated.timing_quality,
        record_flags=origin.stated.names,
    )
    return samples, quality
