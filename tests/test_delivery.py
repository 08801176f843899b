"""delivery.py: each window once over all runs; what is in doubt comes again and says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.io.test_publisher import subscribed
from tests.wire.test_message import GROUP, START_NS, V1, V2, WINDOW
from umamba_rt.core.estimate import BatchOutput, ModelIdentity
from umamba_rt.core.timebase import nearest_index
from umamba_rt.core.window import Window
from umamba_rt.delivery import Delivery
from umamba_rt.feed import Subscriber
from umamba_rt.io.ledger import Ledger, Mark
from umamba_rt.io.publisher import Publisher
from umamba_rt.wire.message import Magnitude, magnitudes_of

FIRST = nearest_index(START_NS)
SENSOR = str(GROUP)
HOP = 100


def window(number: int) -> Window:
    return replace(WINDOW, first=FIRST + number * HOP)


def estimate(number: int, model: ModelIdentity = V2) -> Magnitude:
    curve = np.zeros((1, 3001), np.float32) if model is V1 else None
    output = BatchOutput(np.array([4.25], np.float32), curve)
    (message,) = magnitudes_of([window(number)], output, model)
    return message


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    feed = Publisher("tcp://127.0.0.1:*")
    yield feed
    feed.close()


@pytest.fixture
def feed(publisher: Publisher) -> Iterator[Subscriber]:
    with subscribed(publisher, ["magnitude."]) as reader:
        yield reader


def run_of(publisher: Publisher, folder: Path, *models: str) -> Delivery:
    """A run that takes up what is in the folder, as after a kill."""
    ledger = Ledger(folder / "ledger")
    ledger.load()
    ledger.sync()
    return Delivery(publisher, ledger, models or ("v2",))


def received(feed: Subscriber) -> list[tuple[int, bool]]:
    """Numbers of the windows that came, and whether each was said to be a repeat."""
    found = []
    for message in feed:
        if message.topic.startswith("magnitude."):
            start = message.body["window_start"]
            number = int(start[17:19]) + 60 * (int(start[14:16]) - 34)
            found.append((number, message.body.get("repeat", False)))
    return found


def test_window_that_has_left_is_not_sent_by_the_next_run(
    publisher: Publisher, feed: Subscriber, tmp_path: Path
) -> None:
    first = run_of(publisher, tmp_path)
    first.hand([window(0), window(1)])
    for number in (0, 1):
        first.departed(first.send_magnitude(estimate(number), 0))
    second = run_of(publisher, tmp_path)
    assert second.decided() == {GROUP: FIRST + HOP}
    second.hand([window(1), window(2)])
    assert second.send_magnitude(estimate(1), 0) == 0
    assert second.send_magnitude(estimate(2), 0) > 0
    assert second.already_sent == 1
    assert received(feed) == [(0, False), (1, False), (2, False)]


def test_window_in_doubt_is_sent_again_and_says_so(
    publisher: Publisher, feed: Subscriber, tmp_path: Path
) -> None:
    first = run_of(publisher, tmp_path)
    first.hand([window(number) for number in range(4)])
    first.departed(first.send_magnitude(estimate(0), 0))
    first.send_magnitude(estimate(1), 0)
    first.send_magnitude(estimate(2), 0)
    assert first.in_doubt == 2
    second = run_of(publisher, tmp_path)
    assert second.decided() == {GROUP: FIRST}
    second.hand([window(number) for number in (1, 2, 3)])
    for number in (1, 2, 3):
        second.send_magnitude(estimate(number), 0)
    assert received(feed) == [(0, False), (1, False), (2, False), (3, False)]
    assert feed.repeated == 2  # they had arrived: the subscriber hands them out once


def test_subscriber_without_the_first_one_takes_the_repeat(
    publisher: Publisher, tmp_path: Path
) -> None:
    first = run_of(publisher, tmp_path)
    first.hand([window(0)])
    first.send_magnitude(estimate(0), 0)
    with subscribed(publisher, ["magnitude."]) as late:
        second = run_of(publisher, tmp_path)
        second.hand([window(0)])
        second.send_magnitude(estimate(0), 0)
        assert received(late) == [(0, True)]
        assert late.repeated == 0


def test_window_is_begun_on_the_ledger_before_it_is_sent(
    publisher: Publisher, tmp_path: Path
) -> None:
    one = run_of(publisher, tmp_path)
    one.hand([window(0)])
    seen: list[Mark | None] = []

    class Watching(Publisher):
        """Looks into the file at the moment of sending."""

        def send_magnitude(self, message: Magnitude, arrived_ns: int) -> int:
            ledger = Ledger(tmp_path / "ledger")
            ledger.load()
            seen.append(ledger.get(SENSOR, "v2"))
            return super().send_magnitude(message, arrived_ns)

    watching = Watching("tcp://127.0.0.1:*")
    try:
        one._publisher = watching
        one.send_magnitude(estimate(0), 0)
    finally:
        watching.close()
    assert seen == [Mark(FIRST, FIRST - 1)]


def test_kill_between_two_models_loses_neither_ones_first_window(
    publisher: Publisher, feed: Subscriber, tmp_path: Path
) -> None:
    first = run_of(publisher, tmp_path, "v2", "v1")
    first.hand([window(0)])
    first.departed(first.send_magnitude(estimate(0), 0))
    second = run_of(publisher, tmp_path, "v2", "v1")
    assert second.decided() == {GROUP: FIRST - 1}
    assert second.send_magnitude(estimate(0), 0) == 0
    assert second.send_magnitude(estimate(0, V1), 0) > 0
    assert len(received(feed)) == 2


def test_model_that_is_new_takes_part_from_where_the_other_is(
    publisher: Publisher, tmp_path: Path
) -> None:
    first = run_of(publisher, tmp_path)
    first.hand([window(0)])
    first.departed(first.send_magnitude(estimate(0), 0))
    assert run_of(publisher, tmp_path, "v2", "v1").decided() == {GROUP: FIRST}


def test_samples_are_needed_from_the_oldest_window_that_has_not_left(
    publisher: Publisher, tmp_path: Path
) -> None:
    one = run_of(publisher, tmp_path)
    assert one.needed_from(GROUP, HOP, None) is None
    assert one.needed_from(GROUP, HOP, FIRST) == FIRST
    one.hand([window(0), window(1)])
    assert one.needed_from(GROUP, HOP, FIRST + 2 * HOP) == FIRST
    seq = one.send_magnitude(estimate(0), 0)
    assert one.needed_from(GROUP, HOP, FIRST + 2 * HOP) == FIRST
    one.departed(seq)
    assert one.needed_from(GROUP, HOP, FIRST + 2 * HOP) == FIRST + 1
    one.departed(one.send_magnitude(estimate(1), 0))
    assert one.needed_from(GROUP, HOP, FIRST + 2 * HOP) == FIRST + 2 * HOP


def test_withheld_windows_are_decided_once_what_was_handed_out_has_left(
    publisher: Publisher, tmp_path: Path
) -> None:
    one = run_of(publisher, tmp_path)
    one.hand([window(0)])
    one.departed(one.send_magnitude(estimate(0), 0))
    one.needed_from(GROUP, HOP, FIRST + 6 * HOP)  # five windows were withheld since
    assert run_of(publisher, tmp_path).decided() == {GROUP: FIRST + 5 * HOP}


def test_nothing_is_decided_before_this_runs_first_window(
    publisher: Publisher, tmp_path: Path
) -> None:
    """After a restart the first samples seen may be later ones than those that come next."""
    first = run_of(publisher, tmp_path)
    first.hand([window(0)])
    first.departed(first.send_magnitude(estimate(0), 0))
    second = run_of(publisher, tmp_path)
    assert second.needed_from(GROUP, HOP, FIRST + 9 * HOP) == FIRST + 1
    assert second.decided() == {GROUP: FIRST}


def test_window_is_taken_for_departed_where_no_echo_is_heard(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = run_of(publisher, tmp_path)
    one.hand([window(0)])
    one.send_magnitude(estimate(0), 0)
    one.settle()
    assert one.in_doubt == 1
    monkeypatch.setattr("umamba_rt.delivery._DEPARTED_AFTER_NS", -1)
    one.settle()
    assert one.in_doubt == 0
    assert run_of(publisher, tmp_path).decided() == {GROUP: FIRST}


def test_revision_of_a_window_is_sent_whatever_the_ledger_says(
    publisher: Publisher, feed: Subscriber, tmp_path: Path
) -> None:
    one = run_of(publisher, tmp_path)
    one.hand([window(0)])
    one.departed(one.send_magnitude(estimate(0), 0))
    assert one.send_magnitude(replace(estimate(0), revision=1), 0) > 0
    assert len(received(feed)) == 2


def test_revision_on_its_way_is_none_that_a_later_run_waits_for(
    publisher: Publisher, tmp_path: Path
) -> None:
    one = run_of(publisher, tmp_path, "v2")
    one.hand([window(0), window(1)])
    numbers = [one.send_magnitude(estimate(number), 0) for number in (0, 1)]
    one.departed(max(numbers))
    following = window(2).first
    one.hand([replace(window(0), revision=1)])
    assert one.needed_from(window(0).group, 100, following) == following
