from __future__ import annotations

import pytest

from umamba_rt.core.ids import SourceId
from umamba_rt.core.station import ComponentSet, component_index


def channel(subsource: str) -> SourceId:
    return SourceId("CI", "CCC", "", "H", "H", subsource)


@pytest.mark.parametrize(
    ("subsource", "index"),
    [("Z", 0), ("N", 1), ("1", 1), ("E", 2), ("2", 2), ("3", None), ("", None), ("z", None)],
)
def test_a_subsource_has_its_place_in_z_n_e(subsource: str, index: int | None) -> None:
    assert component_index(channel(subsource)) == index


def test_1_and_2_stand_in_for_n_and_e() -> None:
    components = ComponentSet()
    assert (components.codes, components.missing) == ("", "ZNE")
    assert [components.claim(channel(code)) for code in "21Z"] == [2, 1, 0]
    assert (components.codes, components.missing) == ("Z12", "")


def test_the_first_channel_of_a_place_keeps_it() -> None:
    components = ComponentSet()
    assert [components.claim(channel(code)) for code in "N1N"] == [1, None, 1]
    assert (components.codes, components.missing) == ("N", "ZE")


def test_another_subsource_claims_nothing() -> None:
    components = ComponentSet()
    assert components.claim(channel("H")) is None
    assert components.codes == ""
