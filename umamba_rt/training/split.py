"""Which earthquakes are for training, which for choosing, which for the last measurement."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable

SPLITS = ("train", "dev", "test")
TRAIN_SHARE = 0.6
DEV_SHARE = 0.1


def split_of_event(source_id: str) -> str:
    """The split of an earthquake, by a hash of its name alone.

    60 % train, 10 % dev, 30 % test. A new record or a new earthquake moves no other one, and two
    data sets that name an earthquake alike put it on the same side.
    """
    digest = hashlib.sha256(source_id.encode()).digest()
    share = int.from_bytes(digest[:8]) / 2**64
    if share < TRAIN_SHARE:
        return "train"
    return "dev" if share < TRAIN_SHARE + DEV_SHARE else "test"


def events_in_several_splits(pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """The earthquakes whose records stand in more than one split.

    Args:
        pairs: source_id and split of each record.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    for source_id, split in pairs:
        found[source_id].add(split)
    return {source_id: frozenset(splits) for source_id, splits in found.items() if len(splits) > 1}
