from __future__ import annotations

import math

import pytest

from tests.training.evaluated import window
from umamba_rt.training.groups import grouped


def names(by: str, *windows: object) -> list[str]:
    return list(grouped(windows, by))  # type: ignore[arg-type]


def test_magnitudes_lie_in_bins_of_one_unit_in_order() -> None:
    found = names("magnitude", *(window(magnitude=m) for m in (4.0, -0.3, 3.99, 7.2)))
    assert found == ["-1 to 0", "3 to 4", "4 to 5", "7 to 8"]


@pytest.mark.parametrize(
    ("km", "name"),
    [(0, "0 to 10 km"), (10, "10 to 30 km"), (299, "200 to 300 km"), (1e3, ">= 300 km")],
)
def test_distances_lie_in_half_open_bins(km: float, name: str) -> None:
    assert names("distance", window(distance_km=km)) == [name]


def test_what_is_not_known_is_a_group_of_its_own_and_last() -> None:
    found = names("snr", *(window(snr_db=db) for db in (math.nan, 45, 5, 12)))
    assert found == ["< 10 dB", "10 to 20 dB", ">= 40 dB", "unknown"]
    assert names("network", window(network="")) == ["unknown"]


def test_every_window_is_in_one_group() -> None:
    windows = [window(unit=unit) for unit in ("m/s", "m/s^2", "m/s")]
    found = grouped(windows, "unit")
    assert {name: len(members) for name, members in found.items()} == {"m/s": 2, "m/s^2": 1}
