"""Synthetics beside published relations and beside real records."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfilt

from umamba_rt.core.calibration import Unit
from umamba_rt.core.estimate import Float32Array
from umamba_rt.training.record import LabelledRecord
from umamba_rt.training.synthetic.arrival import Arrival, draw_arrival
from umamba_rt.training.synthetic.generate import P_SAMPLE, ground_motion
from umamba_rt.training.synthetic.grid import RATE_HZ, Float64Array
from umamba_rt.training.synthetic.instrument import Instrument
from umamba_rt.training.synthetic.path import draw_path
from umamba_rt.training.synthetic.relations import Measure, bssa14_log10, hutton_boore_ml
from umamba_rt.training.synthetic.scenario import Earthquake
from umamba_rt.training.synthetic.site import draw_site
from umamba_rt.training.synthetic.source import draw_radiation, draw_rupture, moment_magnitude
from umamba_rt.training.wood_anderson import wood_anderson

WOOD_ANDERSON_GAIN = 2080.0
WINDOW = 2500  # samples after P
_HIGH_PASS = butter(2, 0.3, "highpass", fs=RATE_HZ, output="sos")
_LEAST_RATIO = 3.0
_ASSUMED_DEPTH_KM = 12.0


def perfect(unit: Unit, native_rate_hz: float = 100.0) -> Instrument:
    """An instrument that adds nothing: no noise, no gain error, no clipping."""
    corner = 0.0 if unit == "m/s^2" else 1.0 / 120.0
    return Instrument(unit, corner, native_rate_hz, None, -250.0, math.inf, (1.0, 1.0, 1.0))


def simulate(
    rng: np.random.Generator,
    magnitude: float,
    epicentral_km: float,
    depth_km: float,
    instrument: Instrument,
) -> tuple[Float32Array, Arrival]:
    """One earthquake of a label magnitude at a place, seen by a random site.

    Returns:
        Ground motion, shape ``(3, n)``, P at ``P_SAMPLE``, and what was drawn.
    """
    hypocentral = math.hypot(epicentral_km, depth_km)
    place = Earthquake(magnitude, hypocentral, epicentral_km, depth_km)
    path = draw_path(rng, epicentral_km, depth_km)
    rupture = draw_rupture(rng, moment_magnitude(magnitude), path.beta_m_s)
    site = draw_site(rng)
    arrival = draw_arrival(rng, place, path, rupture, draw_radiation(rng), site)
    return ground_motion(rng, arrival, site, instrument), arrival


def relation_residuals(
    rng: np.random.Generator,
    measure: Measure,
    magnitude: float,
    epicentral_km: float,
    count: int,
    depth_km: float = 9.0,
) -> Float64Array:
    """log10 of synthetic peaks over those of Boore et al. (2014).

    The peak is the geometric mean of both horizontals; the distance that of the nearest
    subevent, the Joyner-Boore distance of a point.

    Returns:
        Shape ``(count,)``.
    """
    instrument = perfect("m/s^2" if measure == "pga_g" else "m/s")
    per_unit = 1.0 / 9.80665 if measure == "pga_g" else 100.0
    found = np.empty(count)
    for index in range(count):
        motion, arrival = simulate(rng, magnitude, epicentral_km, depth_km, instrument)
        peaks = np.abs(motion[1:]).max(axis=1) * per_unit
        nearest = arrival.place.hypocentral_km + float(arrival.shift_km.min())
        distance = np.array([math.sqrt(max(nearest**2 - depth_km**2, 0.0))])
        expected = bssa14_log10(measure, magnitude, distance)
        found[index] = np.log10(peaks).mean() - expected[0]
    return found


def local_magnitude_residuals(
    rng: np.random.Generator, magnitude: float, epicentral_km: float, count: int
) -> Float64Array:
    """Hutton and Boore's ML of synthetics less their label; depth 9 km; shape ``(count,)``."""
    found = np.empty(count)
    for index in range(count):
        motion, arrival = simulate(rng, magnitude, epicentral_km, 9.0, perfect("m/s"))
        mass_m = wood_anderson(motion[1:].astype(np.float64), "m/s")
        peak_mm = float(np.abs(mass_m).max(axis=1).mean()) * WOOD_ANDERSON_GAIN * 1e3
        found[index] = hutton_boore_ml(peak_mm, arrival.place.hypocentral_km) - magnitude
    return found


@dataclass(frozen=True, slots=True)
class RecordResidual:
    """One real record less synthetics of its magnitude, distance, depth and unit.

    Attributes:
        std: log10 of the standard deviation over 25 s after P, three components together, above
            0.3 Hz; real less the median of the synthetics.
        peak: the same of the largest absolute value.
        onset: the same of the vertical's standard deviation in the first 3 s.
        spread: standard deviation of log10 ``std`` among the synthetics.
    """

    source_id: str
    part: str
    unit: Unit
    magnitude: float
    distance_km: float
    std: float
    peak: float
    onset: float
    spread: float


def record_residuals(
    rng: np.random.Generator, records: Iterable[LabelledRecord], draws: int = 3
) -> list[RecordResidual]:
    """Compare real records with synthetics.

    Left out: noise, other units, unknown distances, records of less than 25 s after P or 5 s
    before it, and those whose signal stands less than three times above the noise.

    Args:
        rng: source of randomness.
        records: real ones.
        draws: synthetics for each; at least 2.
    """
    found = []
    for record in records:
        if record.is_noise or record.unit == "counts" or math.isnan(record.distance_km):
            continue
        onset = round(record.p_sample)
        if onset < 500 or record.samples.shape[1] - onset < WINDOW:
            continue
        real = _amplitudes(record.samples, onset)
        if real[0] >= real[3] + math.log10(_LEAST_RATIO):
            found.append(_residual(rng, record, real, draws))
    return found


def _residual(
    rng: np.random.Generator, record: LabelledRecord, real: Float64Array, draws: int
) -> RecordResidual:
    """One record's residual; ``real`` are its amplitudes."""
    depth = _ASSUMED_DEPTH_KM if math.isnan(record.depth_km) else max(record.depth_km, 2.0)
    instrument = perfect(record.unit, record.native_rate_hz)
    table = np.empty((draws, real.size))
    for draw in range(draws):
        motion, _ = simulate(rng, record.magnitude, record.distance_km, depth, instrument)
        table[draw] = _amplitudes(motion, P_SAMPLE)
    std, peak, first, _ = real - np.median(table, axis=0)
    return RecordResidual(
        source_id=record.source_id,
        part=record.part,
        unit=record.unit,
        magnitude=record.magnitude,
        distance_km=math.hypot(record.distance_km, depth),
        std=float(std),
        peak=float(peak),
        onset=float(first),
        spread=float(table[:, 0].std(ddof=1)),
    )


def _amplitudes(samples: Float32Array, onset: int) -> Float64Array:
    """log10 of standard deviation, peak, first 3 s of the vertical, and noise before P."""
    centred = samples - samples[:, : onset - 50].mean(axis=1, keepdims=True)
    motion = sosfilt(_HIGH_PASS, centred.astype(np.float64))
    window = motion[:, onset : onset + WINDOW]
    before = motion[:, max(0, onset - 1500) : onset - 50]
    values = [window.std(), np.abs(window).max(), window[0, :300].std(), before.std()]
    return np.log10(np.maximum(values, 1e-30))
