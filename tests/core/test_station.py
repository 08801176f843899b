"""core/station.py: which channels make a sensor, and in which places."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.ids import SourceId
from umamba_rt.core.station import SCHEMES, ComponentSet


def channel(subsource: str) -> SourceId:
    return SourceId("CI", "CCC", "", "H", "H", subsource)


def claimed(codes: str) -> tuple[ComponentSet, list[int | None]]:
    components = ComponentSet()
    rows = [
        components.claim(channel(code)) if components.admits(channel(code)) else None
        for code in codes
    ]
    return components, rows


@pytest.mark.parametrize("scheme", SCHEMES)
def test_channels_of_a_scheme_make_a_sensor_in_whatever_order_they_come(scheme: str) -> None:
    for order in permutations(scheme):
        components, rows = claimed("".join(order))
        assert rows == [0, 1, 2]
        assert (components.codes, components.missing) == (scheme, "")
        assert [order[row] for row in components.rows] == list(scheme)
        assert components.needs_orientation is (scheme in {"123", "UVW"})


@pytest.mark.parametrize(
    ("codes", "found", "missing"),
    [
        ("", "", "ZNE"),
        ("Z", "Z", "NE"),
        ("EZ", "ZE", "N"),
        ("2", "2", "ZN"),
        ("Z2", "Z2", "N"),
        ("3Z", "Z3", "N"),
        ("13", "13", "N"),
        ("WU", "UW", "N"),
        ("Y", "Y", "ZN"),
    ],
)
def test_places_still_empty_are_named(codes: str, found: str, missing: str) -> None:
    components, _ = claimed(codes)
    assert (components.codes, components.missing) == (found, missing)
    assert components.is_vertical_only is (codes == "Z")


@pytest.mark.parametrize(
    ("codes", "surplus"),
    [("ZN1", "1"), ("Z1N", "N"), ("ZNE12", "12"), ("UZ", "Z"), ("Z12H", "H"), ("z", "z")],
)
def test_the_first_channels_decide_and_others_are_surplus(codes: str, surplus: str) -> None:
    _, rows = claimed(codes)
    assert "".join(c for c, row in zip(codes, rows, strict=True) if row is None) == surplus


@given(st.text("ZNE123XYUVW?", max_size=20))
def test_a_channel_keeps_its_row_and_there_are_never_more_than_three(codes: str) -> None:
    components, rows = claimed(codes)
    first: dict[str, int | None] = {}
    for code, row in zip(codes, rows, strict=True):
        # Once refused a channel may not come in later, and once in it keeps its row.
        assert row == first.setdefault(code, row)
    assert sorted(row for row in first.values() if row is not None) == list(
        range(len(components.codes))
    )
    assert len(components.codes) <= 3
    assert set(components.codes) == {code for code, row in first.items() if row is not None}


def test_a_channel_that_has_no_place_cannot_claim_one() -> None:
    components, _ = claimed("ZNE")
    with pytest.raises(ValueError, match=r"1 has no place beside ZNE"):
        components.claim(channel("1"))


def test_a_released_row_is_the_next_ones() -> None:
    components, _ = claimed("Z12")
    assert not components.admits(channel("N"))
    assert components.would_admit(channel("N"), without=[channel("1"), channel("2")])
    components.release(channel("1"))
    assert not components.admits(channel("N"))
    components.release(channel("2"))
    assert (components.codes, components.missing) == ("Z", "NE")
    assert [components.claim(channel(code)) for code in "EN"] == [1, 2]
    assert components.rows == (0, 2, 1)
