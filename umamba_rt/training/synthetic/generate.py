"""One synthetic record from a random number generator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from umamba_rt.core.calibration import Unit
from umamba_rt.core.estimate import Float32Array
from umamba_rt.training.synthetic import damage
from umamba_rt.training.synthetic.arrival import Arrival, draw_arrival, expected_snr_db
from umamba_rt.training.synthetic.grid import RATE_HZ, Float64Array, fine_grid
from umamba_rt.training.synthetic.instrument import Instrument, draw_instrument
from umamba_rt.training.synthetic.noise import (
    NoiseLibrary,
    coloured_noise,
    cut_noise,
    draw_noise_psd,
    psd_of,
)
from umamba_rt.training.synthetic.path import draw_path
from umamba_rt.training.synthetic.phases import displacement_spectrum
from umamba_rt.training.synthetic.scenario import (
    DEFAULT,
    ScenarioRanges,
    draw_magnitude,
    draw_place,
)
from umamba_rt.training.synthetic.site import Site, draw_site
from umamba_rt.training.synthetic.source import draw_radiation, draw_rupture, moment_magnitude

P_SAMPLE = 3000
LENGTH = 6601
# Transforms of 82, 123 and 164 s by magnitude, so that a long source does not come round.
_SIZES = ((4.5, 8192), (6.7, 12288), (9.9, 16384))
_MOST_TRIES = 60


@dataclass(frozen=True, slots=True)
class SyntheticRecord:
    """One labelled synthetic record.

    Attributes:
        samples: shape ``(3, 6601)``, order Z N E, 100 Hz, in ``unit``: counts over the nominal
            sensitivity, 30 s before P to 36 s after it.
        unit: ``m/s`` or ``m/s^2``.
        p_sample: index of the P onset; -1 without an earthquake.
        s_sample: index of the S onset, may lie past the end; -1 without an earthquake.
        magnitude: the label: Mw, or ML below 3.5 (see ``moment_magnitude``); 0 for noise.
        hypocentral_distance_km, epicentral_distance_km, depth_km: 0 for noise.
        snr_db: expected, S or P, in the best band; 0 for noise.
        clipped: whether samples were cut at the full scale.
    """

    samples: Float32Array
    unit: Unit
    p_sample: int
    s_sample: int
    magnitude: float
    hypocentral_distance_km: float
    epicentral_distance_km: float
    depth_km: float
    snr_db: float
    clipped: bool


def generate(
    rng: np.random.Generator,
    scenario: ScenarioRanges = DEFAULT,
    noise: NoiseLibrary | None = None,
) -> SyntheticRecord:
    """Draw one record.

    Args:
        rng: source of all randomness; the same state gives the same bytes.
        scenario: what is drawn how often.
        noise: real noise, used in ``real_noise_share`` of the records whose unit it has.

    Source: the stochastic method of Boore (2003), Pure Appl. Geophys. 160: noise windowed in
    time and shaped to a spectrum, here with causal phases so that nothing precedes its onset.
    """
    instrument = draw_instrument(rng, scenario.accelerometer_share)
    samples, psd = _ground_noise(rng, scenario, noise, instrument)
    if rng.random() < scenario.noise_share:
        return _noise_record(rng, samples, instrument)
    site = draw_site(rng)
    arrival, snr_db = _visible(rng, scenario, site, instrument, psd)
    samples += ground_motion(rng, arrival, site, instrument)[:, :LENGTH]
    if rng.random() < scenario.second_event_share:
        _add_second(rng, samples, arrival, site, instrument)
    if rng.random() < scenario.disturbance_share:
        damage.disturb(rng, samples)
    clipped = _digitise(rng, samples, instrument)
    place, path = arrival.place, arrival.path
    return SyntheticRecord(
        samples=samples,
        unit=instrument.unit,
        p_sample=P_SAMPLE,
        s_sample=P_SAMPLE + round((path.s_s - path.p_s) * RATE_HZ),
        magnitude=place.magnitude,
        hypocentral_distance_km=place.hypocentral_km,
        epicentral_distance_km=place.epicentral_km,
        depth_km=place.depth_km,
        snr_db=snr_db,
        clipped=clipped,
    )


def _ground_noise(
    rng: np.random.Generator,
    scenario: ScenarioRanges,
    library: NoiseLibrary | None,
    instrument: Instrument,
) -> tuple[Float32Array, Float64Array]:
    """Noise of the record's length, and its power density on the coarse grid."""
    records = () if library is None else library.of_unit(instrument.unit)
    if records and rng.random() < scenario.real_noise_share:
        samples = cut_noise(rng, records, LENGTH)
        return samples, psd_of(samples)
    psd = draw_noise_psd(rng, instrument)
    return np.ascontiguousarray(coloured_noise(rng, psd, _SIZES[0][1])[:, :LENGTH]), psd


def _noise_record(
    rng: np.random.Generator, samples: Float32Array, instrument: Instrument
) -> SyntheticRecord:
    if rng.random() < 0.5:
        damage.disturb(rng, samples)
    clipped = _digitise(rng, samples, instrument)
    return SyntheticRecord(samples, instrument.unit, -1, -1, 0.0, 0.0, 0.0, 0.0, 0.0, clipped)


def _visible(
    rng: np.random.Generator,
    scenario: ScenarioRanges,
    site: Site,
    instrument: Instrument,
    psd: Float64Array,
) -> tuple[Arrival, float]:
    """An earthquake that stands out of the noise, and by how much in dB.

    The distance is drawn again, ever nearer; after ten times the magnitude, too, so that a
    noisy site sees fewer small earthquakes, as in life.
    """
    log_response = instrument.log_from_acceleration()
    for attempt in range(_MOST_TRIES):
        if attempt % 10 == 0:
            magnitude = draw_magnitude(rng, scenario)
        arrival = _draw(rng, scenario, magnitude, site, nearer=0.8 ** (attempt % 10))
        p_db, s_db = expected_snr_db(arrival, log_response, psd)
        if max(p_db, s_db) >= scenario.min_snr_db and p_db >= scenario.min_snr_db - 5.0:
            break
    return arrival, float(max(p_db, s_db))


def _draw(
    rng: np.random.Generator,
    scenario: ScenarioRanges,
    magnitude: float,
    site: Site,
    nearer: float,
) -> Arrival:
    place = draw_place(rng, scenario, magnitude, nearer)
    path = draw_path(rng, place.epicentral_km, place.depth_km)
    mw = moment_magnitude(magnitude) + rng.normal(0.0, scenario.magnitude_scatter)
    rupture = draw_rupture(rng, mw, path.beta_m_s)
    return draw_arrival(rng, place, path, rupture, draw_radiation(rng), site)


def ground_motion(
    rng: np.random.Generator, arrival: Arrival, site: Site, instrument: Instrument
) -> Float32Array:
    """An earthquake as an instrument puts it out, without noise, gain error or clipping.

    Returns:
        Shape ``(3, n)``, order Z N E, in the instrument's unit, P at ``P_SAMPLE``; n is 8192,
        12288 above M4.5, 16384 above M6.7.
    """
    magnitude = arrival.place.magnitude
    grid = fine_grid(next(size for most, size in _SIZES if magnitude <= most))
    spectrum = displacement_spectrum(rng, arrival, site, grid, P_SAMPLE)
    spectrum *= instrument.response(grid) * np.float32(RATE_HZ)
    waves = np.asarray(fft.irfft(spectrum, grid.size), dtype=np.float32)
    # Nothing real precedes P but the ringing of linear-phase filters, 0.2 s of it at 20 Hz.
    waves[:, : P_SAMPLE - 50] = 0.0
    waves[:, P_SAMPLE - 50 : P_SAMPLE - 20] *= np.linspace(0.0, 1.0, 30, dtype=np.float32)
    return instrument.through_corner(waves)


def _add_second(
    rng: np.random.Generator,
    samples: Float32Array,
    first: Arrival,
    site: Site,
    instrument: Instrument,
) -> None:
    """Add a smaller earthquake from about the same place anywhere in the record."""
    place = first.place
    magnitude = max(place.magnitude - rng.uniform(0.3, 2.0), -0.5)
    rupture = draw_rupture(rng, moment_magnitude(magnitude), first.path.beta_m_s)
    arrival = draw_arrival(rng, place, first.path, rupture, draw_radiation(rng), site)
    waves = ground_motion(rng, arrival, site, instrument)[:, :LENGTH]
    shift = int(rng.integers(-P_SAMPLE, LENGTH - P_SAMPLE))
    if shift >= 0:
        samples[:, shift:] += waves[:, : LENGTH - shift]
    else:
        samples[:, :shift] += waves[:, -shift:]


def _digitise(rng: np.random.Generator, samples: Float32Array, instrument: Instrument) -> bool:
    """Gain, offset, clipping and a gap, in place; says whether values were cut."""
    samples *= np.array(instrument.gain, dtype=np.float32)[:, None]
    damage.offset(rng, samples, instrument.full_scale)
    clipped = damage.clip(samples, instrument.full_scale)
    damage.gap(rng, samples)
    return clipped
