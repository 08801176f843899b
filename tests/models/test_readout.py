"""models/readout.py: the mean of the curve, or of its last second."""

from __future__ import annotations

import numpy as np

from umamba_rt.models.readout import magnitude_of


def test_mean_is_over_the_window_and_end_over_its_last_second() -> None:
    curve = np.zeros((2, 3001), np.float32)
    curve[0, -100:] = 5.0
    curve[1] = 3.0
    np.testing.assert_allclose(magnitude_of(curve, "mean"), [500 / 3001, 3.0], rtol=1e-6)
    assert magnitude_of(curve, "end").tolist() == [5.0, 3.0]
    assert magnitude_of(curve, "end").dtype == np.float32


def test_a_curve_of_few_samples_has_an_end() -> None:
    assert magnitude_of(np.array([[1.0, 2.0]]), "end").tolist() == [2.0]
