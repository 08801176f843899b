import numpy as np
import pytest

from umamba_rt.training.synthetic.generate import LENGTH, P_SAMPLE, SyntheticRecord, generate
from umamba_rt.training.synthetic.noise import NoiseLibrary
from umamba_rt.training.synthetic.scenario import DEFAULT, ScenarioRanges


@pytest.fixture(scope="module")
def records() -> list[SyntheticRecord]:
    rng = np.random.default_rng(0)
    return [generate(rng) for _ in range(600)]


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = (
        [generate(rng) for _ in range(20)] for rng in map(np.random.default_rng, (7, 7))
    )
    for one, other in zip(first, second, strict=True):
        assert one.samples.tobytes() == other.samples.tobytes()
        assert (one.magnitude, one.unit, one.snr_db) == (other.magnitude, other.unit, other.snr_db)
    another = generate(np.random.default_rng(8))
    assert another.samples.tobytes() != first[0].samples.tobytes()


def test_records_are_whole(records: list[SyntheticRecord]) -> None:
    for record in records:
        assert record.samples.shape == (3, LENGTH)
        assert record.samples.dtype == np.float32
        assert np.isfinite(record.samples).all()
        assert record.samples.std() > 0.0
        assert record.unit in ("m/s", "m/s^2")


def test_earthquakes_tell_where_and_how_strong(records: list[SyntheticRecord]) -> None:
    for record in records:
        if record.p_sample < 0:
            continue
        assert record.p_sample == P_SAMPLE
        assert record.s_sample > P_SAMPLE + 30
        assert 0.0 <= record.magnitude <= 7.5
        assert 5.0 <= record.hypocentral_distance_km <= 300.0
        hypotenuse = np.hypot(record.epicentral_distance_km, record.depth_km)
        assert hypotenuse == pytest.approx(record.hypocentral_distance_km)


def test_noise_is_labelled_zero_and_as_frequent_as_asked(records: list[SyntheticRecord]) -> None:
    noise = [record for record in records if record.p_sample < 0]
    assert 0.06 < len(noise) / len(records) < 0.14
    assert all(record.magnitude == 0.0 and record.s_sample == -1 for record in noise)


def test_a_record_can_be_seen(records: list[SyntheticRecord]) -> None:
    events = [record for record in records if record.p_sample >= 0]
    assert np.mean([record.snr_db >= DEFAULT.min_snr_db for record in events]) > 0.99
    before = [r.samples[:, 1500:2900].std() for r in events if not r.clipped]
    after = [r.samples[:, 3000:5500].std() for r in events if not r.clipped]
    assert np.median(np.log10(after) - np.log10(before)) > 0.5


def test_some_records_are_clipped_and_are_the_strong_ones(records: list[SyntheticRecord]) -> None:
    clipped = [record for record in records if record.clipped]
    assert 0.02 < len(clipped) / len(records) < 0.3
    assert np.median([record.magnitude for record in clipped]) > 5.0
    for record in clipped:
        peak = np.abs(record.samples).max()
        assert (np.abs(record.samples) == peak).sum() >= 1


def test_every_magnitude_is_there(records: list[SyntheticRecord]) -> None:
    counts, _ = np.histogram(
        [record.magnitude for record in records if record.p_sample >= 0], np.arange(0.0, 8.0)
    )
    assert counts.min() > 15
    assert counts[4:].sum() > counts[:4].sum() * 0.7


def test_real_noise_is_used_where_the_unit_has_some() -> None:
    wave = np.sin(np.arange(9000) * 0.3) * 1e-3
    library = NoiseLibrary.of([("m/s", np.stack([wave, wave, wave]))])
    ranges = ScenarioRanges(
        accelerometer_share=0.0, real_noise_share=1.0, noise_share=1.0, disturbance_share=0.0
    )
    rng = np.random.default_rng(1)
    peaks = [np.fft.rfft(generate(rng, ranges, library).samples[0, :6600]) for _ in range(8)]
    at = round(0.3 / (2 * np.pi) * 6600)
    strongest = [int(np.abs(peak[50:]).argmax()) + 50 for peak in peaks]
    assert np.median(strongest) == pytest.approx(at, abs=2)


def test_ranges_are_kept() -> None:
    ranges = ScenarioRanges(
        magnitude=(5.0, 6.0), distance_km=(40.0, 80.0), noise_share=0.0, accelerometer_share=1.0
    )
    rng = np.random.default_rng(2)
    for record in (generate(rng, ranges) for _ in range(40)):
        assert 5.0 <= record.magnitude <= 6.0
        assert 40.0 <= record.hypocentral_distance_km <= 80.0
        assert record.unit == "m/s^2"
