"""core/preference.py: ranks of a station's sensors, and who stands in for whom."""

from __future__ import annotations

import pytest

from umamba_rt.core.ids import GroupId
from umamba_rt.core.preference import SERVE_ALL, Preference, Roster

PREFER = ("HH", "00.B?", "BH", "--.HN", "*.EH")


def group(band_source: str, location: str = "", station: str = "CCC") -> GroupId:
    return GroupId("CI", station, location, band_source)


def test_sensors_rank_by_the_first_entry_that_names_them() -> None:
    sensors = [
        group("HN", "20"),
        group("BH", "10"),
        group("EH", "10"),
        group("HN"),
        group("HH", "10"),
        group("BH", "00"),
        group("LH"),
        group("HH"),
    ]
    ranked = sorted(sensors, key=Preference("preferred", PREFER).rank)
    assert [str(one)[7:] for one in ranked] == [
        "--.HH",
        "10.HH",
        "00.BH",
        "10.BH",
        "--.HN",
        "10.EH",
        "--.LH",
        "20.HN",
    ]


@pytest.mark.parametrize(
    ("preference", "rivals"),
    [
        (SERVE_ALL, (None, None, None)),
        (Preference("preferred"), (("CI_CCC",), ("CI_CCC",), ("CI_CCC",))),
        (Preference("per-instrument"), (("CI_CCC", "H"), ("CI_CCC", "H"), ("CI_CCC", "N"))),
        (Preference("preferred", serve_all=("CI_C*",)), (None, None, None)),
        (Preference("preferred", serve_all=("XX_*",)), (("CI_CCC",),) * 3),
    ],
)
def test_who_stands_back_for_whom(
    preference: Preference, rivals: tuple[tuple[str, ...] | None, ...]
) -> None:
    found = tuple(preference.rivals_of(group(code)) for code in ("HH", "BH", "HN"))
    assert found == rivals


def test_the_best_sensor_that_works_is_served() -> None:
    roster = Roster(Preference("preferred", PREFER), patience_ns=60)
    best, second, third = group("HH"), group("BH"), group("HN")
    roster.prove(third, 0)
    assert roster.better_than(third, 0) is None
    roster.prove(best, 10)
    roster.prove(second, 20)
    assert [roster.better_than(one, 20) for one in (best, second, third)] == [None, best, best]
    roster.prove(second, 65)
    assert [roster.better_than(one, 70) for one in (best, second, third)] == [None, best, best]
    # 60 after its last proof, and not before, the best one is replaced by the next.
    assert [roster.better_than(one, 71) for one in (best, second, third)] == [None, None, second]
    assert roster.better_than(third, 126) is None
    roster.prove(best, 200)
    assert roster.better_than(second, 200) == best
