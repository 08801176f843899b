import numpy as np

from umamba_rt.training.synthetic.scenario import (
    DEFAULT,
    ScenarioRanges,
    draw_magnitude,
    draw_place,
    farthest_km,
)


def test_magnitudes_are_flat_with_weight_on_the_large() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([draw_magnitude(rng, DEFAULT) for _ in range(8000)])
    assert drawn.min() >= 0.0
    assert drawn.max() <= 7.5
    assert abs(np.mean(drawn > 4.5) - (0.2 + 0.8 * 0.4)) < 0.03


def test_a_narrow_range_of_magnitudes_is_kept() -> None:
    rng = np.random.default_rng(1)
    for low, high in ((1.0, 2.0), (6.0, 7.0)):
        ranges = ScenarioRanges(magnitude=(low, high))
        drawn = [draw_magnitude(rng, ranges) for _ in range(200)]
        assert low <= min(drawn)
        assert max(drawn) <= high


def test_places_are_triangles_within_the_ranges() -> None:
    rng = np.random.default_rng(2)
    for magnitude in (0.0, 2.0, 7.0):
        for _ in range(500):
            place = draw_place(rng, DEFAULT, magnitude)
            assert 5.0 <= place.hypocentral_km <= farthest_km(magnitude, DEFAULT) + 1e-9
            assert np.isclose(np.hypot(place.epicentral_km, place.depth_km), place.hypocentral_km)
            assert 0.0 < place.depth_km <= 150.0


def test_small_earthquakes_are_not_looked_for_far_away() -> None:
    assert farthest_km(0.0, DEFAULT) < 15.0
    assert farthest_km(4.0, DEFAULT) == 300.0
