"""commands/listen.py: a message as one line for a person."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from umamba_rt.commands.feed_line import as_line
from umamba_rt.core.estimate import BatchOutput, ModelIdentity
from umamba_rt.core.ids import GroupId
from umamba_rt.core.quality import Quality
from umamba_rt.core.window import Window
from umamba_rt.feed import FeedMessage
from umamba_rt.wire.envelope import Envelope, encode
from umamba_rt.wire.message import magnitudes_of

GOOD = Quality(0.0, 0, 0.0, False, 12.0, 100.0, "ZNE", True)
BAD = Quality(
    0.2, 1, 0.2, True, None, 100.0, "Z", False, flat_s=2.5, spikes=3, dc_step=True,
    record_flags=("time_questionable",),
)  # fmt: skip


def message(quality: Quality) -> FeedMessage:
    window = Window(GroupId("CI", "CCC", "", "HH"), 0, np.zeros((3, 3001), np.float32), quality, 0)
    identity = ModelIdentity("v2", "1.0", "ab" * 32, True)
    (found,) = magnitudes_of([window], BatchOutput(np.array([2.5], np.float32), None), identity)
    return FeedMessage(found.topic, msgspec.json.decode(encode(found, Envelope("s", 1, 1, 0))))


@pytest.mark.parametrize(
    ("quality", "marks"),
    [(GOOD, "ms"), (BAD, "ms  clipped filled 0.2 s flat 2.5 s 3 spikes step time_questionable")],
)
def test_faults_of_a_window_stand_at_the_end_of_its_line(quality: Quality, marks: str) -> None:
    assert as_line(message(quality)).endswith(marks)


def test_a_feed_of_an_older_daemon_is_printed_too() -> None:
    found = message(GOOD)
    for name in ("flat_s", "spikes", "dc_step", "record_flags"):
        del found.body["quality"][name]
    assert as_line(found).endswith("ms")
