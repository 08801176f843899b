from __future__ import annotations

from umamba_rt.core.revisions import Revisions


def never(_first: int) -> bool:
    return False


def always(_first: int) -> bool:
    return True


def test_a_changed_window_is_due_when_it_is_whole() -> None:
    revisions = Revisions(max_wait_ns=10)
    revisions.note_changed(range(300, 0, -100), now_ns=5)
    assert revisions.due(never, 5) == []
    assert revisions.due(lambda first: first != 200, 5) == [100, 300]
    assert revisions.due(always, 6) == [200]
    assert revisions.due(always, 99) == []


def test_a_changed_window_is_due_when_its_wait_is_over_since_the_first_change() -> None:
    revisions = Revisions(max_wait_ns=10)
    revisions.note_changed([100], now_ns=5)
    revisions.note_changed([100, 200], now_ns=9)
    assert revisions.due(never, 14) == []
    assert revisions.due(never, 15) == [100]
    assert revisions.due(never, 19) == [200]


def test_windows_whose_data_must_go_are_due_at_once_and_forgotten() -> None:
    revisions = Revisions(max_wait_ns=10)
    revisions.note_sent(100)
    revisions.note_sent(200)
    revisions.note_changed([100, 200], now_ns=5)
    assert revisions.before(200) == [100]
    assert (revisions.was_sent(100), revisions.was_sent(200)) == (False, True)
    assert revisions.due(always, 5) == [200]


def test_revisions_count_up() -> None:
    revisions = Revisions(max_wait_ns=10)
    revisions.note_sent(100)
    assert [revisions.next_revision(100), revisions.next_revision(100)] == [1, 2]
    assert revisions.next_revision(200) == 1  # withheld before
