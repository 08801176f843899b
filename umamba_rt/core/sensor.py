"""One sensor of a station: its channels, its ring, its windows and its state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from umamba_rt.core.compose import Origin, compose
from umamba_rt.core.cut import Cut, Fault
from umamba_rt.core.gaps import find_gaps
from umamba_rt.core.grid_run import GridRun
from umamba_rt.core.headers import RecordHeaders
from umamba_rt.core.ids import GroupId
from umamba_rt.core.inventory import EMPTY, Inventory
from umamba_rt.core.preference import Roster
from umamba_rt.core.reasons import Reason
from umamba_rt.core.revisions import Revisions
from umamba_rt.core.ring import N_COMPONENTS, Ring
from umamba_rt.core.segment import Segment
from umamba_rt.core.sensor_channels import SensorChannels
from umamba_rt.core.sensor_facts import SensorFacts, recent_gaps
from umamba_rt.core.sensor_frame import SensorFrame
from umamba_rt.core.sensor_rules import SensorRules
from umamba_rt.core.state import StateChange, StateName, StationState
from umamba_rt.core.station import COMPONENT_ORDER
from umamba_rt.core.timebase import RATE_HZ, index_ns, rfc3339
from umamba_rt.core.window import Window, WindowSchedule

_MOST_REFUSED = 8  # a peer that changes its rate with every record must not fill the memory


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
        self._refused_ns = 0  # the latest arrival of a channel that cannot be used
        self._stop = 0  # grid index after the newest sample that came
        self._rules = rules
        self._channels = SensorChannels(rules.reorder_ns, rules.stale_after_ns)
        self._components = self._channels.components
        self._headers = RecordHeaders(rules.capacity // RATE_HZ + 1)
        self._ring = Ring(rules.capacity)
        self._schedule = WindowSchedule(rules.window)
        self._revisions = Revisions(rules.window.max_wait_ns)
        self._frame = SensorFrame(inventory)
        self._roster = roster
        self._refused: set[str] = set()

    @property
    def next_first(self) -> int | None:
        """Grid index of the next window's first sample, or None before any sample."""
        return self._schedule.next_first

    def resume_after(self, first: int) -> None:
        """Cut no window up to the one that starts at grid index ``first``: an earlier run did."""
        self._schedule.resume_after(first)

    def adopt(self, rules: SensorRules, inventory: Inventory, roster: Roster | None) -> None:
        """Go by other rules, of the same windows and the same ring."""
        self._rules, self._roster, self._frame = rules, roster, SensorFrame(inventory)
        self._schedule.adopt(rules.window)
        self._channels.patience_ns = rules.stale_after_ns

    def accept(self, segment: Segment, now_ns: int) -> Cut | None:
        """Place a segment and cut what it makes due.

        Returns:
            None where the channel fills none of the sensor's three places.

        Raises:
            SampleRateError: see ``Channel.accept``.
        """
        known = self._channels.of(segment)
        if known is None:
            return None
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
        for component, channel in self._channels:
            for run in channel.tick(now_ns):
                self._place(component, run, cut, now_ns)
        self._cut_due(cut, now_ns)
        if self.last_arrival_ns is None or self._first_arrival_ns is None:
            return cut
        if now_ns - max(self.last_arrival_ns, self._refused_ns) > self._rules.stale_after_ns:
            self._enter("stale", self._rules.silence, cut, now_ns)
        elif not self._rows(now_ns) and self._has_waited(now_ns):
            self._enter("incomplete", self._missing(), cut, now_ns)
        return cut

    def refuse(self, detail: str, now_ns: int) -> list[StateChange]:
        """Note that a channel cannot be used; once, where the sensor does without it."""
        self._refused_ns = now_ns
        if detail in self._refused and self.state.name in {"online", "standby"}:
            return []
        if len(self._refused) < _MOST_REFUSED:
            self._refused.add(detail)
        return self.state.enter("refused", detail, now_ns)

    def facts(self) -> SensorFacts:
        """What there is to know now; looks through the whole ring (0.1 ms)."""
        ring = self._ring
        held = ring.read(0 if ring.is_empty else ring.start, ring.capacity)
        rates, rows = self._channels.rates_hz, self._components.rows
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
            cut.counts[Reason.LATE] += len(late)
            if self._rules.resend_late:
                begin = self._ring.start  # a window that has begun to leave the ring stays as it is
                self._revisions.note_changed((one for one in late if one >= begin), now_ns)

    def _make_room(self, run: GridRun, cut: Cut, now_ns: int) -> None:
        """Cut the windows whose samples the ring is about to lose; pass over a long silence."""
        limit = run.stop - self._ring.capacity
        if self._rules.resend_late:
            for first in self._revisions.before(limit):
                self._cut_again(first, cut, now_ns)
        next_first = self._schedule.next_first
        if next_first is None or next_first >= limit:
            return
        for first in self._schedule.before(limit):
            self._cut(first, cut, now_ns)
            if first >= self._ring.stop:
                break
        if skipped := self._schedule.pass_silence(limit, run.first):
            cut.counts[Reason.WITHHELD_GAP] += skipped

    def _cut_due(self, cut: Cut, now_ns: int) -> None:
        length = self._rules.window.length
        rows = self._rows(now_ns) or range(N_COMPONENTS)
        for first in self._schedule.due(
            lambda first: self._ring.missing_stop(first, length, rows), now_ns
        ):
            self._cut(first, cut, now_ns)
        if self._rules.resend_late:
            for first in self._revisions.due(
                lambda first: self._ring.missing_stop(first, length, rows) == first, now_ns
            ):
                self._cut_again(first, cut, now_ns)

    def _cut(self, first: int, cut: Cut, now_ns: int) -> None:
        """Send a window, or count and say why not; one of silence is neither."""
        made = self._make(first, now_ns)
        if isinstance(made, Window):
            self._serve(made, cut)
        elif made is not None:
            self._withhold(made, cut, now_ns)

    def _cut_again(self, first: int, cut: Cut, now_ns: int) -> None:
        """Send a window that late samples have changed, unless another sensor stood in for it."""
        if self._roster is not None and not self._revisions.was_sent(first):
            return
        made = self._make(first, now_ns)
        if isinstance(made, Window):
            cut.windows.append(replace(made, revision=self._revisions.next_revision(first)))
            cut.counts[Reason.RESENT] += 1

    def _make(self, first: int, now_ns: int) -> Window | Fault | None:
        """A window, or why there is none; None for one of silence."""
        rows = self._rows(now_ns)
        held = self._ring.read(first, self._rules.window.length)
        if np.isnan(held).all():
            return None
        if not rows:
            return Fault(Reason.WITHHELD_COMPONENT, "incomplete", self._missing())
        raw = held[list(rows)]
        gaps = find_gaps(raw)
        where = f"in {rfc3339(index_ns(first))} window"
        if gaps.worst > self._rules.window.max_gap:
            detail = f"{gaps.worst / RATE_HZ:g} s missing {where}"
            return Fault(Reason.WITHHELD_GAP, "gap", detail)
        by_row = self._channels.by_row
        end_ns = index_ns(first + raw.shape[1] - 1)
        frame = self._frame.at([by_row[row] for row in rows], end_ns)
        if frame.orientation == "assumed" and self._components.needs_orientation:
            detail = f"components {self._components.codes}, and no azimuths and dips to turn them"
            return Fault(Reason.WITHHELD_ORIENTATION, "unoriented", detail)
        samples, quality = compose(raw, gaps, frame, self._origin(rows, first), self._rules.fill)
        verdict = self._rules.withhold.judge(quality)
        if verdict is not None:
            return Fault(verdict.reason, "withheld", f"{verdict.detail} {where}")
        return Window(self.group, first, samples, quality, now_ns, 0, frame.calibration)

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
                fault = Fault(Reason.STANDBY, "standby", f"{other} is served")
                self._withhold(fault, cut, now_ns)
                return
        cut.windows.append(window)
        if self._rules.resend_late:
            self._revisions.note_sent(window.first)
        cut.counts[Reason.CUT] += 1
        cut.counts[Reason.FILLED] += not window.quality.complete
        instead = "" if self._roster is None else self._roster.instead_of(self.group)
        self._enter("online", f"components {self._components.codes}{instead}", cut, now_ns)

    def _withhold(self, fault: Fault, cut: Cut, now_ns: int) -> None:
        cut.counts[fault.reason] += 1
        self._enter(fault.state, fault.detail, cut, now_ns)

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

    def _origin(self, rows: Sequence[int], first: int) -> Origin:
        return Origin(
            components=self._components.codes,
            native_rate_hz=self._channels.rates_hz[rows[0]],
            stated=self._headers.over(first, first + self._rules.window.length),
        )

    def _missing(self) -> str:
        return f"components {self._components.missing} of {COMPONENT_ORDER} have not come"
