"""ahead.py: the same items in order, and errors where they belong."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from umamba_rt.ahead import ahead


def test_items_come_in_order_and_all() -> None:
    assert list(ahead(iter(range(1, 20)))) == list(range(1, 20))
    assert list(ahead(iter(()))) == []


def test_the_next_item_is_made_while_one_is_used() -> None:
    made = [threading.Event(), threading.Event()]

    def items() -> Iterator[int]:
        for k, event in enumerate(made):
            event.set()
            yield k + 1

    first = next(ahead(items()))
    assert first == 1
    assert made[1].wait(10)


def test_what_making_an_item_raises_comes_to_who_asks_for_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("no more")

    following = ahead(items())
    assert next(following) == 1
    with pytest.raises(OSError, match="no more"):
        next(following)
