"""One sensor of a station: its channels, its ring, its windows and its state."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from umamba_rt.core.calibration import Calibration, Unit
from umamba_rt.core.channel import REORDER_NS, Channel, require_rate
from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.grid_run import GridRun
from umamba_rt.core.ids import GroupId, SourceId
from umamba_rt.core.inventory import EMPTY, Inventory, calibration_of
from umamba_rt.core.quality import Quality, fill_linear, find_gaps, is_clipped, snr_db
from umamba_rt.core.ring import Ring
from umamba_rt.core.segment import Segment
from umamba_rt.core.state import StateChange, StationState
from umamba_rt.core.station import COMPONENT_ORDER, ComponentSet
from umamba_rt.core.timebase import RATE_HZ, index_ns, rfc3339
from umamba_rt.core.window import Window, WindowRules, WindowSchedule

_VERTICAL = 0


@dataclass(slots=True)
class Cut:
    """What one input led to at one sensor: windows, changes of state, and counts."""

    windows: list[Window] = field(default_factory=list)
    changes: list[StateChange] = field(default_factory=list)
    duplicate: int = 0
    conflicting: int = 0
    too_old: int = 0
    not_a_number: int = 0
    rate_changes: int = 0
    withheld_gap: int = 0
    withheld_component: int = 0
    late: int = 0


class Sensor:
    """Takes a sensor's segments and cuts its windows."""

    def __init__(
        self,
        group: GroupId,
        rules: WindowRules,
        capacity: int,
        stale_after_ns: int,
        inventory: Inventory = EMPTY,
        reorder_ns: int = REORDER_NS,
    ) -> None:
        self.group = group
        self.state = StationState(group)
        self.last_arrival_ns: int | None = None
        self._first_arrival_ns: int | None = None
        self._rules = rules
        self._stale_after_ns = stale_after_ns
        self._components = ComponentSet()
        self._channels: dict[SourceId, tuple[int, Channel]] = {}
        self._ring = Ring(capacity)
        self._schedule = WindowSchedule(rules)
        self._inventory = inventory
        self._reorder_ns = reorder_ns

    @property
    def next_first(self) -> int | None:
        """Grid index of the next window's first sample, or None before any sample."""
        return self._schedule.next_first

    def resume_after(self, first: int) -> None:
        """Cut no window up to the one that starts at grid index ``first``: an earlier run did."""
        self._schedule.resume_after(first)

    def accept(self, segment: Segment, now_ns: int) -> Cut | None:
        """Place a segment and cut what it makes due.

        Returns:
            None where the channel fills none of the sensor's three places.

        Raises:
            SampleRateError: see ``Channel.accept``.
        """
        known = self._channels.get(segment.source_id)
        if known is None:
            require_rate(segment)  # a channel that cannot be used takes no place
            component = self._components.claim(segment.source_id)
            if component is None:
                return None
            known = component, Channel(segment.source_id, self._reorder_ns)
            self._channels[segment.source_id] = known
        component, channel = known
        rate_changes = channel.rate_changes
        runs = channel.accept(segment, now_ns)
        self.last_arrival_ns = now_ns
        if self._first_arrival_ns is None:
            self._first_arrival_ns = now_ns
        cut = Cut(rate_changes=channel.rate_changes - rate_changes)
        for run in runs:
            self._place(component, run, cut, now_ns)
        self._cut_due(cut, now_ns)
        return cut

    def tick(self, now_ns: int) -> Cut:
        """Cut what a wait's end makes due, and notice silence and missing components."""
        cut = Cut()
        for component, channel in self._channels.values():
            for run in channel.tick(now_ns):
                self._place(component, run, cut, now_ns)
        self._cut_due(cut, now_ns)
        if self.last_arrival_ns is None or self._first_arrival_ns is None:
            return cut
        if now_ns - self.last_arrival_ns > self._stale_after_ns:
            detail = f"no data since {rfc3339(self.last_arrival_ns)}"
            cut.changes.extend(self.state.enter("stale", detail, now_ns))
        elif self._components.missing and now_ns - self._first_arrival_ns > self._rules.max_wait_ns:
            cut.changes.extend(self.state.enter("incomplete", self._missing(), now_ns))
        return cut

    def refuse(self, detail: str, now_ns: int) -> list[StateChange]:
        """Note that a channel cannot be used."""
        return self.state.enter("refused", detail, now_ns)

    def _place(self, component: int, run: GridRun, cut: Cut, now_ns: int) -> None:
        self._make_room(run, cut, now_ns)
        placed = self._ring.put(component, run)
        if placed.too_old < len(run.values):
            self._schedule.saw(run.first + placed.too_old, run.stop, now_ns)
        cut.duplicate += placed.duplicate
        cut.conflicting += placed.conflicting
        cut.too_old += placed.too_old
        cut.not_a_number += int(np.count_nonzero(np.isnan(run.values)))
        if placed.span is not None:
            cut.late += self._schedule.decided_over(*placed.span)

    def _make_room(self, run: GridRun, cut: Cut, now_ns: int) -> None:
        """Cut the windows whose samples the ring is about to lose; pass over a long silence."""
        if self._ring.is_empty:
            return
        limit = run.stop - self._ring.capacity
        for first in self._schedule.before(limit):
            self._cut(first, cut, now_ns)
            if first >= self._ring.stop:
                break
        # Either every window before the limit was cut, or the next one lies past all samples.
        reach = min(limit, max(limit, run.first) - self._rules.max_gap)
        cut.withheld_gap += self._schedule.skip_to(reach)

    def _cut_due(self, cut: Cut, now_ns: int) -> None:
        for first in self._schedule.due(self._missing_stop, now_ns):
            self._cut(first, cut, now_ns)

    def _missing_stop(self, first: int) -> int:
        return self._ring.missing_stop(first, self._rules.length)

    def _cut(self, first: int, cut: Cut, now_ns: int) -> None:
        samples = self._ring.read(first, self._rules.length)
        gaps = find_gaps(samples)
        if self._components.missing:
            cut.withheld_component += 1
            cut.changes.extend(self.state.enter("incomplete", self._missing(), now_ns))
        elif gaps.worst > self._rules.max_gap:
            cut.withheld_gap += 1
            detail = f"{gaps.worst / RATE_HZ:g} s missing in {rfc3339(index_ns(first))} window"
            cut.changes.extend(self.state.enter("gap", detail, now_ns))
        else:
            filled = fill_linear(samples) if gaps.worst else samples
            calibration = self._calibration(index_ns(first + self._rules.length - 1))
            quality = self._quality(filled, gaps.worst, gaps.count, calibration.unit)
            cut.windows.append(
                Window(self.group, first, filled, quality, now_ns, calibration=calibration)
            )
            detail = f"components {self._components.codes}"
            cut.changes.extend(self.state.enter("online", detail, now_ns))

    def _calibration(self, end_ns: int) -> Calibration:
        """Of the epochs that the window's last sample lies in."""
        places = sorted((place, source_id) for source_id, (place, _) in self._channels.items())
        return calibration_of([self._inventory.at(source_id, end_ns) for _, source_id in places])

    def _quality(self, samples: Float32Array, worst: int, count: int, unit: Unit) -> Quality:
        rates = {component: channel.rate_hz for component, channel in self._channels.values()}
        return Quality(
            gap_s=worst / RATE_HZ,
            gap_count=count,
            filled_s=worst / RATE_HZ,
            clipped=is_clipped(samples),
            snr_db=snr_db(samples[_VERTICAL]),
            native_rate_hz=rates[_VERTICAL],
            components=self._components.codes,
            complete=worst == 0,
            unit=unit,
        )

    def _missing(self) -> str:
        return f"components {self._components.missing} of {COMPONENT_ORDER} have not come"
