"""io/server_buffer.py: what INFO says, of servers of both protocols and of none."""

from __future__ import annotations

from typing import Any

import pytest

from umamba_rt.io.server_buffer import Extent, extents_v3, extents_v4, misplaced
from umamba_rt.io.statefile import Position

# What ringserver 4.5.3 answered to INFO STATIONS.
V4 = {
    "software": "SeedLink v4.0 (RingServer/4.5.3)",
    "station": [
        {"id": "CI_CCC", "description": "x", "start_seq": 1, "end_seq": 13624},
        {"id": "CI_WBM", "description": "x", "start_seq": 301, "end_seq": 12471},
    ],
}
V3 = {
    "seedlink": {
        "station": [
            {"name": "CCC", "network": "CI", "begin_seq": "1", "end_seq": "13624"},
            {"name": "WBM", "network": "CI", "begin_seq": "00012D", "end_seq": "0030B7"},
        ]
    }
}
EXTENTS = [Extent("CI_CCC", 1, 13624), Extent("CI_WBM", 301, 12471)]


def test_both_protocols_say_the_same() -> None:
    assert extents_v4(V4) == EXTENTS
    assert extents_v3(V3) == EXTENTS


def test_digits_that_can_be_read_in_two_ways_are() -> None:
    one = {"name": "A", "network": "XX", "begin_seq": "000100", "end_seq": "000200"}
    found = extents_v3({"seedlink": {"station": [one]}})
    assert found == [Extent("XX_A", 100, 200), Extent("XX_A", 256, 512)]


def test_numbers_that_v3_packets_do_not_carry_are_left_out() -> None:
    one = {"name": "A", "network": "XX", "begin_seq": "1", "end_seq": str(2**24)}
    assert extents_v3({"seedlink": {"station": [one]}}) == []


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "text",
        {},
        {"station": 3, "seedlink": []},
        {"station": [3, None, {}], "seedlink": {"station": [3, None, {}]}},
        {"station": [{"id": 1, "start_seq": 1, "end_seq": 1}]},
        {"station": [{"id": "A", "start_seq": "1", "end_seq": 1}]},
    ],
)
def test_document_of_another_form_says_nothing(document: Any) -> None:
    assert extents_v4(document) == []
    assert extents_v3(document) == []


@pytest.mark.parametrize(
    ("sequence", "why"),
    [(299, "beyond-buffer"), (300, None), (5000, None), (12471, None), (12472, "future")],
)
def test_position_lies_in_the_buffer_or_not(sequence: int, why: str | None) -> None:
    assert misplaced(Position(sequence, None), EXTENTS[1:]) == why


def test_wildcard_spans_all_its_stations() -> None:
    assert misplaced(Position(0, None), EXTENTS) is None
    assert misplaced(Position(13624, None), EXTENTS) is None


def test_nothing_is_known_of_no_station_or_where_numbers_have_begun_anew() -> None:
    assert misplaced(Position(5, None), []) is None
    assert misplaced(Position(5, None), [Extent("A", 2**24 - 5, 3)]) is None
