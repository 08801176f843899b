"""core/inventory.py: epochs by channel and time, and the calibration of three of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from umamba_rt.core.calibration import COUNTS, Calibration, Unit
from umamba_rt.core.ids import SourceId
from umamba_rt.core.inventory import EMPTY, ChannelEpoch, Inventory, calibration_of

Z = SourceId.from_nslc("CI", "CCC", "", "HHZ")


def epoch(
    start_ns: int | None = None,
    end_ns: int | None = None,
    *,
    unit: Unit = "m/s",
    gain: float = 6e8,
    source_id: SourceId = Z,
) -> ChannelEpoch:
    return ChannelEpoch(source_id, start_ns, end_ns, 0.0, -90.0, unit, gain, 35.5, -117.4, 670.0)


def test_an_epoch_begins_with_its_start_and_ends_before_its_end() -> None:
    inventory = Inventory((epoch(100, 200),))
    assert [inventory.at(Z, at) is not None for at in (99, 100, 199, 200)] == [
        False,
        True,
        True,
        False,
    ]


def test_an_epoch_without_bounds_covers_all_times() -> None:
    inventory = Inventory((epoch(),))
    assert inventory.at(Z, -(2**62)) is inventory.at(Z, 2**62) is inventory.epochs[0]


def test_each_time_has_its_own_epoch_and_of_two_the_later_one_rules() -> None:
    first, second, third = epoch(None, 100), epoch(100, 300), epoch(200, None)
    inventory = Inventory((second, third, first))
    found = [inventory.at(Z, at) for at in (50, 100, 199, 200, 300)]
    assert found == [first, second, second, third, third]
    # The rule holds whatever order the files came in.
    assert Inventory((third, first, second)).at(Z, 250) == third


def test_another_channel_is_not_known() -> None:
    inventory = Inventory((epoch(),))
    assert inventory.at(replace(Z, subsource="N"), 0) is None
    assert inventory.at(replace(Z, location="00"), 0) is None
    assert EMPTY.at(Z, 0) is None


def test_three_sensitivities_of_one_unit_are_a_calibration_in_z_n_e() -> None:
    epochs = [epoch(unit="m/s^2", gain=gain) for gain in (1.0, 2.0, 3.0)]
    assert calibration_of(epochs) == Calibration("m/s^2", (1.0, 2.0, 3.0))


@pytest.mark.parametrize(
    "third", [None, epoch(unit="counts", gain=1.0), epoch(unit="m/s^2", gain=1.0)]
)
def test_anything_less_than_three_of_one_unit_is_counts(third: ChannelEpoch | None) -> None:
    assert calibration_of([epoch(), epoch(), third]) is COUNTS
    assert calibration_of([third, third, third]) is COUNTS or third is not None
    assert calibration_of([epoch(unit="counts", gain=1.0)] * 3) is COUNTS
