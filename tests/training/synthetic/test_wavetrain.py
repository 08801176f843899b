import numpy as np
import pytest

from umamba_rt.training.synthetic.arrival import Arrival, path_duration_s
from umamba_rt.training.synthetic.checks import perfect, simulate
from umamba_rt.training.synthetic.wavetrain import p_train, s_train


def arrival(epicentral_km: float) -> Arrival:
    return simulate(np.random.default_rng(0), 3.0, epicentral_km, 9.0, perfect("m/s"))[1]


@pytest.mark.parametrize("train", [p_train, s_train])
@pytest.mark.parametrize("epicentral_km", [10.0, 100.0, 250.0])
def test_a_train_keeps_the_energy_of_its_spectrum(train: object, epicentral_km: float) -> None:
    assert callable(train)
    for seed in range(10):
        made = train(np.random.default_rng(seed), arrival(epicentral_km), 5000)
        total = sum(energy for _, energy in made.direct) + made.power.sum()
        assert total == pytest.approx(1.0, rel=0.01)
        assert (made.power >= 0).all()


def test_onsets_grow_emergent_with_distance() -> None:
    def direct(epicentral_km: float) -> float:
        place = arrival(epicentral_km)
        trains = [p_train(np.random.default_rng(seed), place, 5000) for seed in range(30)]
        return float(np.median([train.direct[0][1] for train in trains]))

    assert direct(10.0) > 5 * direct(150.0)


def test_path_durations_are_those_of_boore_and_thompson() -> None:
    assert path_duration_s(7.0) == pytest.approx(2.4)
    assert path_duration_s(125.0) == pytest.approx(10.9)
