"""feed/: an outage's times."""

from __future__ import annotations

from umamba_rt.feed.patience import LEAST_REST_S, PATIENCE_S, REST_S, Patience


def test_history_is_asked_again_after_a_rest_and_sooner_after_a_sign_of_life() -> None:
    patience = Patience()
    assert patience.may_ask(0.0)
    patience.unanswered(100.0)
    assert not patience.may_ask(100.0 + REST_S - 0.1)
    assert patience.may_ask(100.0 + REST_S)
    patience.hasten()
    assert not patience.may_ask(100.0 + LEAST_REST_S - 0.1)
    assert patience.may_ask(100.0 + LEAST_REST_S)
    patience.answered()
    assert patience.may_ask(0.0)


def test_patience_is_counted_from_the_first_that_waits() -> None:
    patience = Patience()
    assert not patience.is_over(0.0)
    assert patience.wait(10.0)
    assert not patience.wait(20.0)
    assert not patience.is_over(10.0 + PATIENCE_S - 0.1)
    assert patience.is_over(10.0 + PATIENCE_S)


def test_patience_is_spent_once_an_outage() -> None:
    patience = Patience(5.0)
    patience.give_up()
    assert patience.is_over(0.0)
    patience.answered()
    assert not patience.is_over(100.0)
    assert patience.wait(100.0)
