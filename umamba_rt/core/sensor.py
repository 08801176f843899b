"""One sensor of a station: its channels, its ring, its windows and its state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from umamba_rt.core.channel import Channel, require_rate
from umamba_rt.core.compose import Origin, compose
from umamba_rt.core.gaps import find_gaps
from umamba_rt.core.grid_run import GridRun
from umamba_rt.core.headers import RecordHeaders
from umamba_rt.core.ids import GroupId, SourceId
from umamba_rt.core.inventory import EMPTY, ChannelEpoch, Inventory
from umamba_rt.core.preference import Roster
from umamba_rt.core.reasons import Reason
from umamba_rt.core.ring import N_COMPONENTS, Ring
from umamba_rt.core.rotate import Frame, frame_of, repeat_vertical
from umamba_rt.core.segment import Segment
from umamba_rt.core.sensor_facts import SensorFacts, recent_gaps
from umamba_rt.core.sensor_rules import SensorRules
from umamba_rt.core.state import StateChange, StateName, StationState
from umamba_rt.core.station import COMPONENT_ORDER, ComponentSet
from umamba_rt.core.timebase import RATE_HZ, index_ns, rfc3339
from umamba_rt.core.window import Window, WindowSchedule

_MOST_REFUSED = 8  # a peer that changes its rate with every record must not fill the memory


@dataclass(slots=True)
class Cut:
    """What one input led to at one sensor: windows, changes of state, and counts."""

    windows: list[Window] = field(default_factory=list)
    changes: list[StateChange] = field(default_factory=list)
    counts: Counter[Reason] = field(default_factory=Counter)


class Sensor:
    """Takes a sensor's segments and cuts its windows."""

    def __init__(
        self,
        group: GroupId,
        rules: SensorRules,
        inventory: Inventory = EMPTY,
        roster: Roster | None = None,
    ) -> None:
        """Prepare.

        Args:
            group: its name.
            rules: how it is treated.
            inventory: what is known of its channels.
            roster: those of its station of which only the best one is served; None: it always is.
        """
        self.group = group
        self.state = StationState(group)
        self.last_arrival_ns: int | None = None
        self.counts: Counter[str] = Counter()
        self._first_arrival_ns: int | None = None
        self._stop = 0  # grid index after the newest sample that came
        self._rules = rules
        self._components = ComponentSet()
        self._channels: dict[SourceId, tuple[int, Channel]] = {}
        self._headers = RecordHeaders(rules.capacity // RATE_HZ + 1)
        self._ring = Ring(rules.capacity)
        self._schedule = WindowSchedule(rules.window)
        self._inventory = inventory
        self._roster = roster
        self._refused: set[str] = set()
        self._epochs: list[ChannelEpoch | None] = []
        self._frame: Frame | None = None  # of these epochs

    @property
    def next_first(self) -> int | None:
        """Grid index of the next window's first sample, or None before any sample."""
        return self._schedule.next_first

    def resume_after(self, first: int) -> None:
        """Cut no window up to the one that starts at grid index ``first``: an earlier run did."""
        self._schedule.resume_after(first)

    def adopt(self, rules: SensorRules, inventory: Inventory, roster: Roster | None) -> None:
        """Go by other rules, of the same windows and the same ring."""
        self._rules, self._inventory, self._roster, self._frame = rules, inventory, roster, None
        self._schedule.adopt(rules.window)

    def accept(self, segment: Segment, now_ns: int) -> Cut | None:
        """Place a segment and cut what it makes due.

        Returns:
            None where the channel fills none of the sensor's three places.

        Raises:
            SampleRateError: see ``Channel.accept``.
        """
        known = self._channels.get(segment.source_id)
        if known is None:
            if self._components.admits(segment.source_id):
                require_rate(segment)  # a channel that cannot be used takes no place
            component = self._components.claim(segment.source_id)
            if component is None:
                return None
            known = component, Channel(segment.source_id, self._rules.reorder_ns)
            self._channels[segment.source_id] = known
        component, channel = known
        rate_changes = channel.rate_changes
        runs = channel.accept(segment, now_ns)
        self._headers.note(segment)
        self.last_arrival_ns = now_ns
        if self._first_arrival_ns is None:
            self._first_arrival_ns = now_ns
            if self._roster is not None:
                self._roster.prove(self.group, now_ns)
        cut = Cut()
        if channel.rate_changes != rate_changes:
            cut.counts[Reason.RATE_CHANGED] += channel.rate_changes - rate_changes
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
        if now_ns - self.last_arrival_ns > self._rules.stale_after_ns:
            detail = f"no data since {rfc3339(self.last_arrival_ns)}"
            self._enter("stale", detail, cut, now_ns)
        elif not self._rows(now_ns) and self._has_waited(now_ns):
            self._enter("incomplete", self._missing(), cut, now_ns)
        return cut

    def refuse(self, detail: str, now_ns: int) -> list[StateChange]:
        """Note that a channel cannot be used; once, where the sensor does without it."""
        latest = None if self.state.latest is None else self.state.latest.state
        if detail in self._refused and latest in {"online", "standby"}:
            return []
        if len(self._refused) < _MOST_REFUSED:
            self._refused.add(detail)
        return self.state.enter("refused", detail, now_ns)

    def facts(self) -> SensorFacts:
        """What there is to know now; looks through the whole ring (0.1 ms)."""
        ring = self._ring
        held = ring.read(0 if ring.is_empty else ring.start, ring.capacity)
        rates = {row: float(channel.rate_hz) for row, channel in self._channels.values()}
        rows = self._components.rows
        return SensorFacts(
            group=self.group,
            state=self.state.latest,
            components=self._components.codes,
            rate_hz=rates[rows[0]] if rows else None,
            last_sample_ns=None if ring.is_empty else index_ns(ring.stop - 1),
            last_arrival_ns=self.last_arrival_ns,
            gaps=recent_gaps(held),
            counts=self.counts,
        )

    def _place(self, component: int, run: GridRun, cut: Cut, now_ns: int) -> None:
        stop, count = run.stop, len(run.values)
        self._stop = max(self._stop, stop)
        self._make_room(run, cut, now_ns)
        placed = self._ring.put(component, run)
        if placed.too_old < count:
            self._schedule.saw(run.first + placed.too_old, stop, now_ns)
        if placed.written < count:  # seldom, and each count takes a microsecond
            cut.counts[Reason.DUPLICATE] += placed.duplicate
            cut.counts[Reason.CONFLICTING] += placed.conflicting
            cut.counts[Reason.TOO_OLD] += placed.too_old
            cut.counts[Reason.NOT_A_NUMBER] += int(np.count_nonzero(np.isnan(run.values)))
        if placed.span is not None and (late := self._schedule.decided_over(*placed.span)):
            cut.counts[Reason.LATE] += late

    def _make_room(self, run: GridRun, cut: Cut, now_ns: int) -> None:
        """Cut the windows whose samples the ring is about to lose; pass over a long silence."""
        limit = run.stop - self._ring.capacity
        next_first = self._schedule.next_first
        if next_first is None or next_first >= limit:
            return
        for first in self._schedule.before(limit):
            self._cut(first, cut, now_ns)
            if first >= self._ring.stop:
                break
        # Either every window before the limit was cut, or the next one lies past all samples.
        reach = min(limit, max(limit, run.first) - self._rules.window.max_gap)
        # Those that end before the run lie in silence: of one bad time, they are a million a year.
        self._schedule.skip_to(min(reach, run.first - self._rules.window.length + 1))
        if skipped := self._schedule.skip_to(reach):
            cut.counts[Reason.WITHHELD_GAP] += skipped

    def _cut_due(self, cut: Cut, now_ns: int) -> None:
        length = self._rules.window.length
        rows = self._rows(now_ns) or range(N_COMPONENTS)
        for first in self._schedule.due(
            lambda first: self._ring.missing_stop(first, length, rows), now_ns
        ):
            self._cut(first, cut, now_ns)

    def _cut(self, first: int, cut: Cut, now_ns: int) -> None:
        """Send a window, or count and say why not; one of silence is neither."""
        rows = self._rows(now_ns)
        held = self._ring.read(first, self._rules.window.length)
        if not rows:
            if not np.isnan(held).all():
                detail = self._missing()
                self._withhold(Reason.WITHHELD_COMPONENT, "incomplete", detail, cut, now_ns)
            return
        raw = held[list(rows)]
        gaps = find_gaps(raw)
        if gaps.worst > self._rules.window.max_gap:
            if np.isnan(held).all():
                return
            detail = f"{gaps.worst / RATE_HZ:g} s missing in {rfc3339(index_ns(first))} window"
            self._withhold(Reason.WITHHELD_GAP, "gap", detail, cut, now_ns)
            return
        frame = self._frame_of(rows, index_ns(first + raw.shape[1] - 1))
        if frame.orientation == "assumed" and self._components.needs_orientation:
            detail = f"components {self._components.codes}, and no azimuths and dips to turn them"
            self._withhold(Reason.WITHHELD_ORIENTATION, "unoriented", detail, cut, now_ns)
            return
        samples, quality = compose(raw, gaps, frame, self._origin(rows, first), self._rules.fill)
        verdict = self._rules.withhold.judge(quality)
        if verdict is not None:
            detail = f"{verdict.detail} in {rfc3339(index_ns(first))} window"
            self._withhold(verdict.reason, "withheld", detail, cut, now_ns)
            return
        self._serve(Window(self.group, first, samples, quality, now_ns, 0, frame.calibration), cut)

    def _serve(self, window: Window, cut: Cut) -> None:
        """Send a window that could be sent, unless a better sensor of the station works."""
        now_ns = window.arrival_ns
        if self._roster is not None:
            # A window from before a silence, which the first record after it ends, proves nothing.
            age_ns = index_ns(self._stop - 1) - window.end_ns
            if age_ns <= self._rules.window.max_wait_ns:
                self._roster.prove(self.group, now_ns)
            other = self._roster.serves_instead(self.group, window.first, now_ns)
            if other is not None:
                self._withhold(Reason.STANDBY, "standby", f"{other} is served", cut, now_ns)
                return
        cut.windows.append(window)
        cut.counts[Reason.CUT] += 1
        cut.counts[Reason.FILLED] += not window.quality.complete
        self._enter("online", f"components {self._components.codes}{self._instead()}", cut, now_ns)

    def _instead(self) -> str:
        first = self.group if self._roster is None else self._roster.first
        return "" if first == self.group else f", in place of {first}"

    def _withhold(
        self, reason: Reason, state: StateName, detail: str, cut: Cut, now_ns: int
    ) -> None:
        cut.counts[reason] += 1
        self._enter(state, detail, cut, now_ns)

    def _enter(self, state: StateName, detail: str, cut: Cut, now_ns: int) -> None:
        cut.changes.extend(self.state.enter(state, detail, now_ns))

    def _rows(self, now_ns: int) -> tuple[int, ...]:
        """Rows of the ring that make a window: three in Z N E, a vertical's alone, or none yet."""
        if not self._components.missing:
            return self._components.rows
        repeats = self._rules.vertical_only == "repeat-z" and self._components.is_vertical_only
        return self._components.rows if repeats and self._has_waited(now_ns) else ()

    def _has_waited(self, now_ns: int) -> bool:
        """Whether channels that have not come by now are not waited for any more."""
        first_ns = self._first_arrival_ns
        return first_ns is not None and now_ns - first_ns > self._rules.window.max_wait_ns

    def _frame_of(self, rows: Sequence[int], end_ns: int) -> Frame:
        """Of the epochs that a window's last sample lies in."""
        by_row = {row: source_id for source_id, (row, _) in self._channels.items()}
        epochs = [self._inventory.at(by_row[row], end_ns) for row in rows]
        if self._frame is None or epochs != self._epochs:
            self._epochs = epochs
            self._frame = frame_of(epochs) if len(epochs) > 1 else repeat_vertical(epochs[0])
        return self._frame

    def _origin(self, rows: Sequence[int], first: int) -> Origin:
        rates = {row: channel.rate_hz for row, channel in self._channels.values()}
        return Origin(
            components=self._components.codes,
            native_rate_hz=float(rates[rows[0]]),
            stated=self._headers.over(first, first + self._rules.window.length),
        )

    def _missing(self) -> str:
        return f"components {self._components.missing} of {COMPONENT_ORDER} have not come"
