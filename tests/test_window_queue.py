"""window_queue.py: the drop rule, and how long is waited."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.queued import task
from umamba_rt import window_queue
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.window_queue import Task, WindowQueue


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.booleans()), max_size=80))
def test_full_queue_keeps_the_newest_of_each_station_and_counts_the_rest(
    steps: list[tuple[str, bool]],
) -> None:
    queue = WindowQueue(size=5)
    newest: dict[str, int] = {}
    put = 0
    taken: dict[str, list[int]] = defaultdict(list)
    for number, (station, also_take) in enumerate(steps):
        queue.put(task(station, number, samples=2))
        put += 1
        newest[station] = number
        assert len(queue) <= 5
        if also_take:
            for one in queue.take(2, 0):
                taken[one.window.group.station].append(one.window.first // 100)
    for one in queue.take(100, 0):
        taken[one.window.group.station].append(one.window.first // 100)
    assert sum(map(len, taken.values())) + queue.dropped == put
    for station, number in newest.items():
        assert taken[station][-1] == number
        assert taken[station] == sorted(taken[station])


def test_window_that_waited_too_long_is_dropped_if_a_newer_one_of_its_station_waits() -> None:
    queue = WindowQueue(size=100, max_age_s=2.0)
    aged_ns = time.monotonic_ns() - 3 * 10**9
    for station, number, arrived_ns in (
        ("a", 1, aged_ns),
        ("b", 1, aged_ns),
        ("a", 2, aged_ns),
        ("a", 3, time.monotonic_ns()),
        ("b", 2, aged_ns),
    ):
        queue.put(Task(task(station, number, samples=2).window, arrived_ns))
    taken = [(one.window.group.station, one.window.first // 100) for one in queue.take(10, 0)]
    assert taken == [("a", 3), ("b", 2)]
    assert queue.dropped == 3


def test_turn_of_a_window_that_waited_too_long_goes_to_the_newest_of_its_station() -> None:
    queue = WindowQueue(size=100, max_age_s=2.0)
    aged_ns = time.monotonic_ns() - 3 * 10**9
    for number in range(3):
        for station in "abc":
            queue.put(Task(task(station, number, samples=2).window, aged_ns))
    taken = [(one.window.group.station, one.window.first // 100) for one in queue.take(2, 0)]
    assert taken == [("a", 2), ("b", 2)]
    assert queue.dropped == 4
    assert len(queue) == 3
    assert [one.window.first // 100 for one in queue.take(9, 0)] == [2]


@pytest.mark.parametrize("burst", [1, 4])
def test_overload_is_shared_by_all_stations_though_their_windows_come_in_bursts(burst: int) -> None:
    """Thirty stations, a window a second each; ten can be done a second, for ten minutes."""
    queue = WindowQueue(size=1024, max_age_s=1.0)
    stations = [f"S{number:02d}" for number in range(30)]
    served, oldest_s = Counter[str](), 0.0
    real_ns = time.monotonic_ns()
    for tenth in range(6000):
        # The queue reads the real clock: it is told a limit as long after as this time is ahead.
        time_ns = real_ns + tenth * NS_PER_S // 10
        for number, station in enumerate(stations):
            if (tenth + number * 7) % (10 * burst) == 0:
                for _ in range(burst):
                    queue.put(Task(task(station, tenth, samples=2).window, time_ns))
        queue._max_age_ns = NS_PER_S - (time_ns - time.monotonic_ns())
        for one in queue.take(1, 0):
            served[one.window.group.station] += 1
            oldest_s = max(oldest_s, (time_ns - one.arrived_ns) / NS_PER_S)
    mean = served.total() / len(stations)
    assert mean > 195
    assert max(abs(served[station] - mean) for station in stations) < 0.1 * mean
    assert oldest_s < 2 * burst


def test_stations_take_turns_live_however_many_windows_one_of_them_brings() -> None:
    brought = "aaaabbc"
    for max_age_s, expected in ((60.0, "abcabaa"), (math.inf, brought)):
        queue = WindowQueue(size=100, max_age_s=max_age_s)
        for number, station in enumerate(brought):
            queue.put(task(station, number, samples=2))
        taken = [one for _ in range(4) for one in queue.take(2, 0)]
        assert "".join(one.window.group.station for one in taken) == expected
        numbers = [one.window.first for one in taken if one.window.group.station == "a"]
        assert numbers == sorted(numbers)


def test_overload_does_not_make_estimates_older_and_older() -> None:
    """Thirteen stations, a window a second each; the model takes ten a second, for five minutes."""
    queue = WindowQueue(size=1024, max_age_s=2.0)
    start_ns = time.monotonic_ns() - 400 * 10**9
    oldest_s = 0.0
    for second in range(300):
        # The queue reads the real clock: the past is moved along instead.
        shift_ns = time.monotonic_ns() - (start_ns + second * 10**9)
        for station in "abcdefghijklm":
            queue.put(Task(task(station, second, samples=2).window, start_ns + second * 10**9))
        queue._max_age_ns = 2.0 * 1e9 + shift_ns
        for one in queue.take(10, 0):
            oldest_s = max(oldest_s, (start_ns + second * 10**9 - one.arrived_ns) / 1e9)
    assert oldest_s <= 4
    assert queue.dropped > 800


@pytest.mark.parametrize("size", [2, 4])
def test_queue_that_nothing_is_taken_from_stands_still_though_its_windows_stay_young(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock_ns = [0]
    monkeypatch.setattr(window_queue, "now_ns", lambda: clock_ns[0])

    def fill(seconds: int) -> None:
        for _ in range(seconds):
            clock_ns[0] += NS_PER_S
            for station in "ab":
                queue.put(Task(task(station, clock_ns[0] // NS_PER_S, 2).window, clock_ns[0]))

    queue = WindowQueue(size, max_age_s=2.0)
    clock_ns[0] += 100 * NS_PER_S
    assert queue.still_s == 0
    fill(61)
    assert queue.oldest_wait_s == size / 2 - 1
    assert queue.still_s == 60
    queue.take(1, 0)
    assert queue.still_s == 0
    fill(1)
    assert queue.still_s == 1
    queue.take(9, 0)
    clock_ns[0] += 100 * NS_PER_S
    assert queue.still_s == 0
    fill(1)
    assert queue.still_s == 0  # since the first of them came


def revised(one: Task) -> Task:
    return Task(replace(one.window, revision=1), one.arrived_ns)


def test_full_queue_takes_no_window_that_is_sent_again() -> None:
    queue = WindowQueue(size=2)
    for number in (1, 2):
        queue.put(task("a", number, samples=2))
    queue.put(revised(task("b", 0, samples=2)))
    assert [one.window.revision for one in queue.take(10, 0)] == [0, 0]
    assert queue.dropped == 1


def test_newest_window_takes_the_turn_though_an_older_one_is_sent_again_behind_it() -> None:
    queue = WindowQueue(size=10, max_age_s=1.0)
    old_ns = time.monotonic_ns() - 5 * 10**9
    for number in (1, 2):
        queue.put(Task(task("a", number, samples=2).window, old_ns))
    queue.put(revised(Task(task("a", 1, samples=2).window, old_ns)))
    (one,) = queue.take(10, 0)
    assert (one.window.first, one.window.revision) == (200, 0)
    assert queue.dropped == 2


def test_taking_waits_for_a_window_and_tells_of_room() -> None:
    told = threading.Event()
    queue = WindowQueue(size=1, on_room=told.set)
    threading.Timer(0.05, lambda: queue.put(task("a", 1, samples=2))).start()
    (one,) = queue.take(1, 10.0)
    assert one.window.first == 100
    assert told.is_set()


def test_empty_queue_gives_nothing_after_its_time() -> None:
    queue = WindowQueue(size=1, on_room=lambda: pytest.fail("there was room all along"))
    assert queue.take(1, 0.01) == []


def put_after(queue: WindowQueue, delay_s: float, stations: str, number: int) -> threading.Timer:
    def put() -> None:
        for station in stations:
            queue.put(task(station, number, samples=2))

    timer = threading.Timer(delay_s, put)
    timer.start()
    return timer


def test_lone_station_is_taken_at_once() -> None:
    queue = WindowQueue(size=10)
    begun_ns = time.monotonic_ns()
    for number in range(20):
        queue.put(task("a", number, samples=2))
        queue.take(64, 10.0)
    # A dense feed would wait 25 ms for each.
    assert (time.monotonic_ns() - begun_ns) / 20 < 10e6


def test_tick_of_all_stations_is_one_batch() -> None:
    queue = WindowQueue(size=100)
    stations = "abcdefghijklm"
    for station in stations:
        queue.put(task(station, 0, samples=2))
    queue.take(100, 0)
    for number in range(1, 6):  # a busy machine may stop the one that puts in the midst of it
        timer = put_after(queue, 0.2, stations, number)
        batch = queue.take(64, 10.0)
        timer.join()
        left = queue.take(64, 0.01)
        assert len(batch) + len(left) == len(stations)
        if not left:
            return
    pytest.fail("each tick came in several batches")


def test_batch_size_bounds_a_batch() -> None:
    queue = WindowQueue(size=100)
    for number in range(10):
        queue.put(task("a", number, samples=2))
    assert len(queue.take(4, 10.0)) == 4
    assert len(queue.take(4, 10.0)) == 4
    assert len(queue.take(4, 10.0)) == 2
