import numpy as np
import pytest

from umamba_rt.training.synthetic.relations import (
    Measure,
    bssa14_log10,
    bssa14_sigma_log10,
    hutton_boore_ml,
)


def test_ten_millimetres_at_17_km_and_one_at_100_are_magnitude_3() -> None:
    assert hutton_boore_ml(1.0, 100.0) == pytest.approx(3.0)
    assert hutton_boore_ml(10.0, 17.0) == pytest.approx(3.0, abs=0.02)


@pytest.mark.parametrize(
    ("measure", "at_1_km"), [("pga_g", np.exp(0.4473)), ("pgv_cm_s", np.exp(5.037))]
)
def test_on_rock_at_the_hinge_the_reference_level_remains(measure: Measure, at_1_km: float) -> None:
    hinge, c1, c2, c3, h = {
        "pga_g": (5.5, -1.134, 0.1917, -0.008088, 4.5),
        "pgv_cm_s": (6.2, -1.243, 0.1489, -0.00344, 5.3),
    }[measure]
    spread = (c1 + c2 * (hinge - 4.5)) * np.log(h) + c3 * (h - 1.0)
    found = bssa14_log10(measure, hinge, np.zeros(1), vs30_m_s=760.0)[0]
    assert found == pytest.approx((np.log(at_1_km) + spread) / np.log(10.0))


def test_a_magnitude_7_at_10_km_shakes_with_a_few_tenths_of_g() -> None:
    peak = 10 ** bssa14_log10("pga_g", 7.0, np.array([10.0]), vs30_m_s=760.0)[0]
    assert 0.15 < peak < 0.4


def test_peaks_fall_with_distance_and_grow_with_magnitude() -> None:
    distance = np.array([1.0, 10.0, 100.0, 300.0])
    for magnitude in (3.5, 5.5, 7.0):
        assert (np.diff(bssa14_log10("pga_g", magnitude, distance)) < 0).all()
    low, high = (bssa14_log10("pgv_cm_s", m, distance) for m in (4.0, 6.5))
    assert (high > low).all()
    assert 0.2 < bssa14_sigma_log10("pgv_cm_s") < 0.35
