"""The triggers' state on disk: written now and then, and before windows go far ahead of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from umamba_rt.core.timebase import RATE_HZ
from umamba_rt.core.trigger_bank import TriggerBank
from umamba_rt.core.window import Window
from umamba_rt.io.trigger_file import TriggerFile

# The first window of the next run holds 30 s behind the last one that was sent; what its trigger
# has not seen must lie within. Twice this, as windows go on while the disk takes a state.
_MOST_AHEAD = 10 * RATE_HZ


class TriggerSaves:
    """What the last run left of the triggers, and what this one leaves.

    Where data come as fast as they can, a second holds minutes of them: a state that is a second
    old would then be of no use to a run that takes the place of a killed one.
    """

    def __init__(self, file: TriggerFile, bank: TriggerBank) -> None:
        """Have the triggers go on from where the last run's were; see ``TriggerBank.resume``."""
        self._file, self._bank = file, bank
        left = file.load()
        bank.resume(left)
        self._reached = {
            name: one.state.following or 0 for name, one in (left.sensors if left else {}).items()
        }
        self._saved = dict(self._reached)

    def are_due(self, windows: Sequence[Window]) -> bool:
        """Whether these, which the triggers have seen, are too far ahead of what was saved."""
        due = False
        for window in windows:
            name = str(window.group)
            reached = max(self._reached.get(name, 0), window.first + window.samples.shape[1])
            self._reached[name] = reached
            due |= reached > self._saved.get(name, 0) + _MOST_AHEAD
        return due

    def begin(self) -> Callable[[], None]:
        """Take the triggers as they are; gives what writes them, for another thread.

        That raises OSError where the file cannot be written; the next one is due as if it had been.
        """
        self._saved = dict(self._reached)
        saved = self._bank.saved
        return partial(self._file.save, saved) if saved is not None else _nothing


def _nothing() -> None:
    """Nothing triggers."""
