"""io/takeover.py: where a stream of another selection goes on."""

from __future__ import annotations

import pytest

from umamba_rt.io.takeover import origin_of


@pytest.mark.parametrize(
    ("station", "former", "found"),
    [
        ("AA_ONE", {"AA_ONE": 5, "AA_*": 3}, "AA_ONE"),
        ("AA_ONE", {"AA_*": 3, "*_*": 7}, "AA_*"),
        ("AA_*", {"AA_ONE": 5, "AA_TWO": 4, "BB_ONE": 1}, "AA_TWO"),
        ("AA_ONE", {"BB_*": 3}, None),
        ("AA_ONE", {"AA_ONE": None, "*_*": 3}, None),
        ("AA_ONE", {"AA_*": None}, None),
    ],
)
def test_stream_goes_on_behind_its_own_else_behind_the_one_furthest_back(
    station: str, former: dict[str, int | None], found: str | None
) -> None:
    assert origin_of(station, former) == found
