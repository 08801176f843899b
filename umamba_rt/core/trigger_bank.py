"""The triggers of all sensors, and what they say of windows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from umamba_rt.core.ids import GroupId
from umamba_rt.core.rise import RiseBands, tail_of
from umamba_rt.core.timebase import RATE_HZ
from umamba_rt.core.trigger import Trigger, TriggerState
from umamba_rt.core.trigger_rules import TriggerRules
from umamba_rt.core.trigger_span import TriggerSpan
from umamba_rt.core.window import Window

# An earlier run's trigger may have seen windows that were on their way when it was killed; one
# that is a minute ahead has a time that was never right.
MOST_AHEAD = 60 * RATE_HZ
# A sensor that is so far behind the newest one has left; when it comes back a gap lies behind it.
_MOST_BEHIND = 6 * 3600 * RATE_HZ


@dataclass(frozen=True, slots=True)
class SavedTrigger:
    """What a trigger is made anew from: its rules, with the band that its rate allows."""

    rules: TriggerRules
    state: TriggerState


@dataclass(frozen=True, slots=True)
class SavedTriggers:
    """Those of all sensors, by name, and the rules that they were made by."""

    rules: TriggerRules
    sensors: dict[str, SavedTrigger]


def require_usable(saved: SavedTriggers) -> None:
    """Whether triggers can go on from it: each one takes a sample.

    Raises:
        ValueError: a name, a rule or a state is none.
    """
    for name, one in saved.sensors.items():
        GroupId.parse(name)
        if one.state.is_on and not one.state.spans:
            raise ValueError(f"{name}: on, and without an onset")
        try:
            Trigger(one.rules, one.state).feed(one.state.following or 0, np.zeros(1, np.float32))
        except (ValueError, ArithmeticError) as error:
            raise ValueError(f"{name}: {error}") from error


class TriggerBank:
    """Runs a trigger over the samples that each window of a sensor holds beyond the one before.

    So a trigger sees every sample once, as the models see it: rotated, resampled, small gaps
    filled; in an order that does not depend on the packets'. It knows no sooner than the window
    is cut, and behind a gap that withholds windows not before the first whole one.
    """

    def __init__(self, rules: TriggerRules | None, scan_hop: int | None = None) -> None:
        """Prepare.

        Args:
            rules: None: nothing triggers, and no tail is kept.
            scan_hop: samples from one window to the next, where a scan wants their tails.
        """
        self._rules = rules
        self._scan_hop = scan_hop
        self._triggers: dict[GroupId, tuple[TriggerRules, Trigger]] = {}

    @property
    def is_on(self) -> bool:
        """Whether anything triggers."""
        return self._rules is not None

    @property
    def reached(self) -> dict[GroupId, int | None]:
        """The sample that each sensor's trigger expects next; None where it begins anew."""
        return {group: trigger.following for group, (_, trigger) in self._triggers.items()}

    @property
    def saved(self) -> SavedTriggers | None:
        """What ``resume`` goes on from; None where nothing triggers."""
        if self._rules is None:
            return None
        sensors = {
            str(group): SavedTrigger(rules, trigger.state)
            for group, (rules, trigger) in self._triggers.items()
        }
        return SavedTriggers(self._rules, _present(sensors))

    def resume(self, saved: SavedTriggers | None) -> None:
        """Go on with an earlier run's triggers, unless it went by other rules.

        The first windows hold again the latest samples that they have seen; where they do not,
        that is a gap to the trigger.

        Raises:
            ValueError: see ``require_usable``.
        """
        if saved is not None and saved.rules == self._rules:
            for name, one in _present(saved.sensors).items():
                trigger = Trigger(one.rules, one.state)
                self._triggers[GroupId.parse(name)] = one.rules, trigger

    def adopt(self, rules: TriggerRules | None) -> None:
        """Go by other thresholds from the next sample on; the averages go on.

        Raises:
            ValueError: what is compared would change, or whether anything triggers.
        """
        if rules == self._rules:
            return
        if rules is None or self._rules is None or rules.average != self._rules.average:
            raise ValueError("what the triggers compare is that of the start")
        self._rules = rules
        for group, (former, trigger) in self._triggers.items():
            own = replace(rules, average=former.average)
            self._triggers[group] = own, Trigger(own, trigger.state)

    def watch(self, windows: list[Window]) -> list[Window]:
        """The same windows with what the triggers say of them."""
        if self._rules is None:
            return windows
        return [self._watch(self._rules, window) for window in windows]

    def _watch(self, base: TriggerRules, window: Window) -> Window:
        stop = window.first + window.samples.shape[1]
        known = self._triggers.get(window.group)
        if window.revision:  # the samples of its time are past
            return _flagged(window, known[1].within(window.first, stop) if known else ())
        if known is None or known[1].is_ahead(stop + MOST_AHEAD):
            rules = replace(base, average=base.average.at(window.quality.native_rate_hz))
            known = self._triggers[window.group] = rules, Trigger(rules)
        rules, trigger = known
        trigger.feed(window.first, window.samples[0])
        if self._scan_hop is not None:
            bands = RiseBands(rules.average.low_hz, rules.average.high_hz)
            tail = tail_of(window.samples, window.first, self._scan_hop, bands)
            window = replace(window, tail=tail)
        return _flagged(window, trigger.within(window.first, stop))


def _present(sensors: dict[str, SavedTrigger]) -> dict[str, SavedTrigger]:
    """Those of sensors that have not left, by the data's time."""
    reached = {name: _reached(one.state) for name, one in sensors.items()}
    newest = max((index for index in reached.values() if index is not None), default=0)
    return {
        name: one
        for name, one in sensors.items()
        if (index := reached[name]) is not None and newest - index <= _MOST_BEHIND
    }


def _reached(state: TriggerState) -> int | None:
    """About the latest sample that says something of what comes; None where none does."""
    if state.following is not None or not state.spans:
        return state.following
    return state.spans[-1].off or state.spans[-1].on


def _flagged(window: Window, spans: tuple[TriggerSpan, ...]) -> Window:
    if not spans:
        return window
    return replace(window, quality=replace(window.quality, triggered=True), triggers=spans)
