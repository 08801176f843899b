"""rate_limit.py: a flood is a line an interval, and news are told at once."""

from __future__ import annotations

import pytest

from umamba_rt import rate_limit
from umamba_rt.rate_limit import RateLimit


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(rate_limit, "time", made)
    return made


def test_one_event_an_interval_says_how_many_there_were(clock: Clock) -> None:
    limit = RateLimit(10.0)
    assert [limit.passes() for _ in range(4)] == [1, None, None, None]
    clock.now_s += 10
    assert [limit.passes(), limit.passes()] == [4, None]


def test_another_event_than_before_passes_at_once(clock: Clock) -> None:
    limit = RateLimit(10.0)
    assert [limit.passes_as(what) for what in "aaabba"] == [1, None, None, 3, None, 2]
    clock.now_s += 10
    assert limit.passes_as("a") == 1


def test_begun_anew_it_lets_the_same_event_through_again(clock: Clock) -> None:
    limit = RateLimit(10.0)
    assert [limit.passes_as("a"), limit.passes_as("a")] == [1, None]
    limit.begin_anew()
    assert limit.passes_as("a") == 1
    assert clock.now_s == 1000
