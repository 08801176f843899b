"""Absolute amplitudes: against published relations, and against the real train records."""

import numpy as np
import pytest

from tests.support import SHARED
from umamba_rt.training.seisbench_format import SeisBenchDataset
from umamba_rt.training.synthetic.checks import (
    RecordResidual,
    local_magnitude_residuals,
    record_residuals,
    relation_residuals,
)
from umamba_rt.training.synthetic.relations import Measure

REAL = SHARED / "data" / "real"
MAGNITUDES = (4.5, 5.5, 6.5, 7.2)
DISTANCES_KM = (15.0, 50.0, 120.0)


@pytest.mark.parametrize(("measure", "tolerance"), [("pga_g", 0.3), ("pgv_cm_s", 0.15)])
def test_peaks_agree_with_boore_et_al_2014(measure: Measure, tolerance: float) -> None:
    rng = np.random.default_rng(0)
    cells = np.array(
        [[relation_residuals(rng, measure, m, r, 30) for r in DISTANCES_KM] for m in MAGNITUDES]
    )
    assert abs(np.median(cells)) < tolerance
    # PGA of M5.5 is the farthest off: -0.4 (docs/synthetics.md).
    assert (np.abs(np.median(cells, axis=(1, 2))) < tolerance + 0.25).all()
    assert 0.18 < np.mean(cells.std(axis=2)) < 0.4


def test_local_magnitudes_of_synthetics_are_their_labels() -> None:
    rng = np.random.default_rng(1)
    by_magnitude = {
        m: np.concatenate([local_magnitude_residuals(rng, m, r, 25) for r in (30.0, 80.0, 150.0)])
        for m in (1.5, 2.5, 3.5, 4.5, 6.0)
    }
    medians = {m: float(np.median(found)) for m, found in by_magnitude.items()}
    assert all(abs(median) < 0.35 for median in medians.values()), medians
    assert abs(np.median(list(medians.values()))) < 0.2
    assert all(0.15 < found.std() < 0.4 for found in by_magnitude.values())


@pytest.fixture(scope="module")
def residuals() -> list[RecordResidual]:
    if not (REAL / "metadata.csv").is_file():
        pytest.skip(f"the shared real records are not there: {REAL}")
    train = SeisBenchDataset(REAL).select("train")
    return record_residuals(np.random.default_rng(2), train, draws=3)


def test_real_records_are_as_strong_as_synthetics(residuals: list[RecordResidual]) -> None:
    assert len(residuals) > 300
    std = np.array([r.std for r in residuals])
    assert abs(np.median(std)) < 0.1
    assert 0.25 < std.std() < 0.5
    assert abs(np.median([r.peak for r in residuals])) < 0.15
    assert abs(np.median([r.onset for r in residuals])) < 0.25


@pytest.mark.parametrize("low", range(1, 8))
def test_no_magnitude_is_off_by_more_than_the_labels_are(
    residuals: list[RecordResidual], low: int
) -> None:
    some = [r.std for r in residuals if low <= r.magnitude < low + 1]
    assert len(some) >= 10
    assert abs(np.median(some)) < 0.25


@pytest.mark.parametrize("unit", ["m/s", "m/s^2"])
def test_neither_unit_is_off(residuals: list[RecordResidual], unit: str) -> None:
    assert abs(np.median([r.std for r in residuals if r.unit == unit])) < 0.15
