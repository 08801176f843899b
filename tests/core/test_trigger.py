"""core/trigger.py beside obspy's, over any cutting, over gaps and late data."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from obspy.signal.trigger import trigger_onset

from tests.support import needs_shared, ridgecrest
from umamba_rt.core.sta_lta import StaLta
from umamba_rt.core.trigger import Trigger
from umamba_rt.core.trigger_rules import StaLtaRules, TriggerRules
from umamba_rt.core.trigger_span import TriggerSpan

AVERAGE = StaLtaRules(sta=30, lta=400)
RULES = TriggerRules(AVERAGE, on=3.0, off=1.5, refractory=0, keep=10**6)
FIRST = 5_000_000
END = 10**9


def bursts(seed: int, count: int = 6000) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    samples = rng.normal(0, 100, count)
    for start in rng.integers(600, count - 200, 6):
        length = min(150, count - start)
        samples[start : start + length] += rng.normal(0, 2000, length)
    return samples.astype(np.float32)


def spans(trigger: Trigger) -> list[tuple[int, int | None]]:
    return [(span.on - FIRST, span.off and span.off - FIRST) for span in trigger.within(0, END)]


def fed(samples: NDArray[np.float32], rules: TriggerRules = RULES) -> Trigger:
    trigger = Trigger(rules)
    trigger.feed(FIRST, samples)
    return trigger


@given(seed=st.integers(0, 1000), on=st.sampled_from([2.0, 3.0, 5.0]), off=st.floats(0.5, 2.0))
def test_spans_are_obspys(seed: int, on: float, off: float) -> None:
    rules = TriggerRules(AVERAGE, on=on, off=off, refractory=0, keep=10**6)
    samples = bursts(seed)
    expected = trigger_onset(StaLta(AVERAGE).ratios(samples), on, off)
    found = spans(fed(samples, rules))
    assert len(found) == len(expected) > 0
    for (begin, end), (begins, ends) in zip(found, expected, strict=True):
        assert begin == begins
        assert (len(samples) if end is None else end) == ends + 1


@given(seed=st.integers(0, 20), cuts=st.lists(st.integers(1, 5999), max_size=10))
def test_any_cutting_gives_the_same_spans(seed: int, cuts: list[int]) -> None:
    samples, whole, pieces = bursts(seed), fed(bursts(seed)), Trigger(RULES)
    for begin, end in pairwise([0, *sorted(set(cuts)), len(samples)]):
        pieces.feed(FIRST + begin, samples[begin:end])
    assert pieces.state == whole.state


@given(cut=st.integers(1, 5999))
def test_a_trigger_goes_on_from_its_state(cut: int) -> None:
    samples, before = bursts(3), Trigger(RULES)
    before.feed(FIRST, samples[:cut])
    after = Trigger(RULES, before.state)
    after.feed(FIRST + cut, samples[cut:])
    assert after.state == fed(samples).state


def test_samples_that_came_already_are_passed_over() -> None:
    samples, trigger = bursts(4), Trigger(RULES)
    for begin in range(0, 3000, 100):  # windows overlap by all but a hop
        trigger.feed(FIRST + begin, samples[begin : begin + 3001])
    trigger.feed(FIRST, samples[:50])
    assert trigger.state == fed(samples[:5901]).state


def test_behind_a_gap_the_averages_start_anew() -> None:
    samples, trigger = bursts(5), fed(bursts(5)[:3000])
    trigger.feed(FIRST + 3100, samples[3100:])
    alone = Trigger(RULES)
    alone.feed(FIRST + 3100, samples[3100:])
    assert trigger.within(FIRST + 3100, END) == alone.within(FIRST + 3100, END)
    assert all(span.on >= FIRST + 3500 for span in alone.within(0, END))


def test_a_span_that_is_on_ends_where_its_data_end() -> None:
    quiet = np.random.default_rng(0).normal(0, 100, 1000)
    loud = np.concatenate([quiet, quiet[:20] * 100]).astype(np.float32)
    trigger = fed(loud)
    assert spans(trigger)[0][1] is None
    trigger.feed(FIRST + 5000, loud)
    assert spans(trigger)[0][1] == 1020


def test_an_infinite_sample_is_a_gap() -> None:
    samples, trigger = bursts(6), fed(bursts(6)[:2000])
    trigger.feed(FIRST + 2000, np.array([np.inf], np.float32))
    trigger.feed(FIRST + 2001, samples[2001:])
    alone = Trigger(RULES)
    alone.feed(FIRST + 2001, samples[2001:])
    assert trigger.within(FIRST + 2001, END) == alone.within(FIRST + 2001, END)


def test_going_on_within_the_refractory_time_is_no_new_onset() -> None:
    rng = np.random.default_rng(1)
    samples = rng.normal(0, 100, 3000)
    for start in (1000, 1300, 1700):
        samples[start : start + 40] *= 80
    plain = spans(fed(samples.astype(np.float32)))
    assert [begin // 100 for begin, _ in plain] == [10, 13, 17]
    rules = TriggerRules(AVERAGE, on=3.0, off=1.5, refractory=500, keep=10**6)
    merged = spans(fed(samples.astype(np.float32), rules))
    assert merged == [(plain[0][0], plain[1][1]), plain[2]]


def test_spans_are_forgotten_but_the_latest_onset() -> None:
    samples = bursts(7)
    trigger = fed(np.concatenate([samples, samples * 0]), TriggerRules(AVERAGE, keep=100))
    (latest,) = trigger.within(0, END)
    assert latest == fed(samples, TriggerRules(AVERAGE, keep=10**6)).within(0, END)[-1]


@pytest.mark.parametrize("index", [9, 10])
def test_spans_that_ended_before_an_index_are_not_told(index: int) -> None:
    state = Trigger(RULES).state
    spans_known = (TriggerSpan(5, 10), TriggerSpan(50, None))
    trigger = Trigger(RULES, type(state)(None, True, spans_known, state.average))
    assert trigger.within(index, END) == spans_known[index - 9 :]
    assert trigger.within(0, 50) == spans_known[:1]


@needs_shared
def test_real_records_trigger_where_obspys_trigger_does() -> None:
    vertical = ridgecrest("CCC", 720.0, 300.0)[2]  # the M3.98 of 17:02:55
    expected = trigger_onset(StaLta(AVERAGE).ratios(vertical), 3.0, 1.5)
    trigger = Trigger(RULES)
    for begin in range(0, len(vertical), 100):
        trigger.feed(FIRST + begin, vertical[begin : begin + 100])
    assert [begin for begin, _ in spans(trigger)] == [int(begin) for begin, _ in expected]
    assert len(expected) > 0
