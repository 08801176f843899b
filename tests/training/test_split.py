from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.training.split import SPLITS, events_in_several_splits, split_of_event


@given(st.text())
def test_an_event_always_gets_the_same_split(name: str) -> None:
    assert split_of_event(name) == split_of_event(name)
    assert split_of_event(name) in SPLITS


def test_splits_have_the_stated_shares() -> None:
    found = Counter(split_of_event(f"event{number}") for number in range(20_000))
    shares = {name: found[name] / 20_000 for name in SPLITS}
    assert abs(shares["train"] - 0.6) < 0.02
    assert abs(shares["dev"] - 0.1) < 0.02
    assert abs(shares["test"] - 0.3) < 0.02


def test_split_of_known_names_never_changes() -> None:
    # Written down once: a change would move earthquakes between training and test.
    names = ["nc73213800", "us7000m9g4", "ci38443183", "a"]
    assert [split_of_event(name) for name in names] == ["train", "dev", "dev", "test"]


def test_events_in_several_splits_are_named() -> None:
    pairs = [("a", "train"), ("a", "test"), ("b", "dev"), ("b", "dev"), ("c", "test")]
    assert events_in_several_splits(pairs) == {"a": frozenset({"train", "test"})}
