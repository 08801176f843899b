"""cadence.py: how long a window waits for others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.cadence import LINGER_NS, PAUSE_NS, Cadence
from umamba_rt.core.ids import GroupId

MS, S = 10**6, 10**9


def group(number: int) -> GroupId:
    return GroupId("AA", f"S{number}", "", "HH")


def after(times_ns: list[tuple[int, int]]) -> Cadence:
    """A cadence that has noted windows, given as sensor and time."""
    cadence = Cadence()
    for number, now_ns in times_ns:
        cadence.note(group(number), now_ns)
    return cadence


def test_lone_sensor_waits_for_nobody() -> None:
    cadence = after([(0, second * S) for second in range(5)])
    assert cadence.sensors == 1
    assert cadence.wait_ns(1, 4 * S, 4 * S) == 0


def test_few_sensors_wait_for_the_rest_of_a_tick_alone() -> None:
    seconds = [(number, second * S) for second in range(5) for number in range(13)]
    cadence = after([*seconds, (0, 5 * S), (1, 5 * S + MS)])
    assert cadence.sensors == 13
    assert cadence.wait_ns(2, 5 * S, 5 * S + MS) == PAUSE_NS
    assert cadence.wait_ns(2, 5 * S, 5 * S + 2 * MS) == PAUSE_NS - MS
    assert cadence.wait_ns(2, 5 * S, 5 * S + MS + PAUSE_NS) == 0
    assert cadence.wait_ns(13, 5 * S, 5 * S + MS) == 0


def test_dense_windows_are_gathered_until_the_oldest_is_old() -> None:
    dense = [(number % 300, number * S // 300) for number in range(900)]
    cadence = after(dense)
    newest_ns = dense[-1][1]
    assert cadence.sensors == 300
    assert cadence.wait_ns(1, newest_ns, newest_ns) == LINGER_NS
    assert cadence.wait_ns(4, newest_ns - LINGER_NS + MS, newest_ns) == MS
    assert cadence.wait_ns(4, newest_ns - LINGER_NS, newest_ns) == 0


def test_sensors_that_fell_silent_are_not_waited_for() -> None:
    busy = [(number % 50, number * S // 50) for number in range(100)]
    cadence = after([*busy, (0, 9 * S)])
    assert cadence.sensors == 1
    assert cadence.wait_ns(1, 9 * S, 9 * S) == 0


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2 * S)), min_size=1, max_size=50),
    st.integers(1, 10),
    st.integers(0, S),
    st.integers(0, S),
)
def test_age_of_the_oldest_bounds_every_wait(
    steps: list[tuple[int, int]], waiting: int, age_ns: int, pause_ns: int
) -> None:
    now_ns, times = 0, []
    for number, step_ns in steps:
        now_ns += step_ns
        times.append((number, now_ns))
    now_ns += min(age_ns, pause_ns)
    wait_ns = after(times).wait_ns(waiting, now_ns - age_ns, now_ns)
    assert 0 <= wait_ns <= max(0, LINGER_NS - age_ns)
