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

    def instead(first: int, now_ns: int) -> list[GroupId | None]:
        # The last one first: one that is not served leaves no trace.
        asked = (third, second, best)
        return [roster.serves_instead(one, first, now_ns) for one in asked][::-1]

    roster.prove(third, 0)
    assert roster.serves_instead(third, 1, 0) is None
    roster.prove(best, 10)
    roster.prove(second, 20)
    assert instead(2, 20) == [None, best, best]
    roster.prove(second, 65)
    assert instead(3, 70) == [None, best, best]
    # 60 after its last proof, and not before, the best one is replaced by the next.
    assert roster.serves_instead(third, 4, 71) == second
    assert roster.serves_instead(second, 4, 71) is None
    assert roster.serves_instead(third, 5, 126) is None
    assert roster.first == best


def test_no_time_is_served_twice() -> None:
    roster = Roster(Preference("preferred", PREFER), patience_ns=60)
    best, other = group("HH"), group("HN")
    roster.prove(best, 0)
    roster.prove(other, 100)
    assert roster.serves_instead(other, 8, 100) is None
    roster.prove(best, 110)
    assert [roster.serves_instead(best, first, 110) for first in (7, 8, 9)] == [other, other, None]
    assert roster.serves_instead(other, 9, 180) == best
    assert roster.serves_instead(other, 10, 180) is None
