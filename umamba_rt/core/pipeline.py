"""Segments in, windows and changes of station state out: the whole core, put together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from umamba_rt.core.cut import Cut
from umamba_rt.core.gaps import Fill
from umamba_rt.core.ids import GroupId
from umamba_rt.core.inventory import EMPTY, Inventory
from umamba_rt.core.preference import SERVE_ALL, Preference, Roster
from umamba_rt.core.reasons import Reason
from umamba_rt.core.segment import Segment
from umamba_rt.core.sensor import Sensor
from umamba_rt.core.sensor_rules import SensorRules, VerticalOnly
from umamba_rt.core.state import StateChange
from umamba_rt.core.timebase import NS_PER_S, RATE_HZ
from umamba_rt.core.trigger_bank import TriggerBank
from umamba_rt.core.trigger_rules import TriggerRules
from umamba_rt.core.window import Window, WindowRules
from umamba_rt.core.withhold import NOTHING_WITHHELD, WithholdRules
from umamba_rt.errors import SampleRateError


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """What the core needs of the configuration.

    Attributes:
        length_s: window length, s; the window has one sample more than this times 100.
        hop_s: from one window to the next, s; a multiple of 0.01.
        max_wait_s: see ``WindowRules``.
        max_gap_s: see ``WindowRules``.
        reorder_s: how much later than its turn a record may come and be taken as if in its turn.
        slack_s: what the ring holds beyond a window and the wait, s: at least a record's length.
        stale_after_s: silence after which a station is called stale, s.
        max_future_s: how far past the clock a record may end, s; None for a clock that the data
            themselves drive.
        max_stations: most sensors; a peer that invents names must not fill the memory.
        fill: see ``SensorRules``; ``none``: a window with any gap is withheld.
        vertical_only: see ``SensorRules``.
        withhold: see ``SensorRules``.
        resend_late: see ``SensorRules``.
        preference: which of a station's sensors are served.
        trigger: when a window is flagged as holding an event; None: it is not looked at.
        scan: keep the newest samples of each window, too, for a stack over stations.
    """

    length_s: float = 30.0
    hop_s: float = 1.0
    max_wait_s: float = 10.0
    max_gap_s: float = 0.5
    reorder_s: float = 10.0
    slack_s: float = 20.0
    stale_after_s: float = 60.0
    max_future_s: float | None = 30.0
    max_stations: int = 2000
    fill: Fill = "linear"
    vertical_only: VerticalOnly = "skip"
    withhold: WithholdRules = NOTHING_WITHHELD
    resend_late: bool = False
    preference: Preference = SERVE_ALL
    trigger: TriggerRules | None = None
    scan: bool = False

    @property
    def rules(self) -> WindowRules:
        """The windows' part, in samples and ns."""
        max_gap_s = 0.0 if self.fill == "none" else self.max_gap_s
        return WindowRules(
            length=round(self.length_s * RATE_HZ) + 1,
            hop=round(self.hop_s * RATE_HZ),
            max_wait_ns=round(self.max_wait_s * NS_PER_S),
            max_gap=round(max_gap_s * RATE_HZ),
        )

    @property
    def capacity(self) -> int:
        """Samples that a ring holds of each component."""
        return self.rules.length + round((self.max_wait_s + self.slack_s) * RATE_HZ)

    @property
    def sensor_rules(self) -> SensorRules:
        """A sensor's part."""
        return SensorRules(
            window=self.rules,
            capacity=self.capacity,
            stale_after_ns=round(self.stale_after_s * NS_PER_S),
            reorder_ns=round(self.reorder_s * NS_PER_S),
            fill=self.fill,
            vertical_only=self.vertical_only,
            withhold=self.withhold,
            resend_late=self.resend_late,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an input led to."""

    windows: list[Window] = field(default_factory=list)
    changes: list[StateChange] = field(default_factory=list)


class Pipeline:
    """Rings and schedules of all sensors. Not thread-safe; time is an argument.

    The same segments in the same order, with the same clock values, give the same windows.
    """

    def __init__(self, settings: PipelineSettings, inventory: Inventory = EMPTY) -> None:
        self._settings = settings
        self._inventory = inventory
        self._sensors: dict[GroupId, Sensor] = {}
        self._resumed: dict[GroupId, int] = {}
        self._rosters: dict[tuple[str, ...], Roster] = {}
        self.triggers = TriggerBank(settings.trigger, settings.rules.hop if settings.scan else None)
        self.counts: Counter[Reason] = Counter()

    @property
    def sensors(self) -> dict[GroupId, Sensor]:
        """The sensors seen so far, by group; to be read only."""
        return self._sensors

    def resume_after(self, group: GroupId, first: int) -> None:
        """Cut no window of a sensor up to the one that starts at grid index ``first``.

        For the windows that an earlier run has handed out; see ``WindowSchedule.resume_after``.
        To be called before the sensor's first segment.
        """
        self._resumed[group] = max(first, self._resumed.get(group, first))

    def adopt(self, settings: PipelineSettings, inventory: Inventory) -> None:
        """Go by other settings from now on; sensors keep their rings, and windows their grid.

        Raises:
            ValueError: the windows' length, hop, wait or slack would change, or what the triggers
                compare.
        """
        if (settings.capacity, settings.length_s, settings.hop_s, settings.max_wait_s) != (
            self._settings.capacity,
            self._settings.length_s,
            self._settings.hop_s,
            self._settings.max_wait_s,
        ):
            raise ValueError("window length, hop, wait and slack are those of the start")
        self.triggers.adopt(settings.trigger)
        before = self._settings.preference, self._settings.stale_after_s
        ranks_anew = before != (settings.preference, settings.stale_after_s)
        self._settings, self._inventory = settings, inventory
        if ranks_anew:
            self._rosters = {}
        for group, sensor in self._sensors.items():
            roster = self._roster_of(group)
            if ranks_anew and roster is not None and sensor.last_arrival_ns is not None:
                roster.prove(group, sensor.last_arrival_ns)
            sensor.adopt(settings.sensor_rules, inventory, roster)

    def accept(self, segment: Segment, now_ns: int, latest_ns: int | None = None) -> Outcome:
        """Take one segment at a time of the clock.

        ``latest_ns`` is what is the future beyond, where it is not the same clock's.
        Nothing that a segment holds raises: what cannot be used is counted under its reason.
        """
        if self._is_future(segment, now_ns if latest_ns is None else latest_ns):
            self.refuse_future(1)
            return Outcome()
        self.counts[Reason.SEGMENTS] += 1
        sensor = self._sensor(segment.source_id.group)
        if sensor is None:
            self.counts[Reason.STATION_LIMIT] += 1
            return Outcome()
        try:
            cut = sensor.accept(segment, now_ns)
        except SampleRateError as error:
            self.counts[Reason.RATE] += 1
            return Outcome(changes=sensor.refuse(str(error), now_ns))
        if cut is None:
            self.counts[Reason.COMPONENT] += 1
            return Outcome()
        self._count(sensor, cut)
        return Outcome(self.triggers.watch(cut.windows), cut.changes)

    def refuse_future(self, count: int) -> None:
        """Count segments whose times cannot be right: nothing else is touched."""
        if count:
            self.counts[Reason.SEGMENTS] += count
            self.counts[Reason.FUTURE] += count

    def tick(self, now_ns: int) -> Outcome:
        """Let waits end and silence be noticed, as of ``now_ns``."""
        outcome = Outcome()
        for sensor in self._sensors.values():
            cut = sensor.tick(now_ns)
            self._count(sensor, cut)
            outcome.windows.extend(self.triggers.watch(cut.windows))
            outcome.changes.extend(cut.changes)
        return outcome

    def _is_future(self, segment: Segment, now_ns: int) -> bool:
        limit_s = self._settings.max_future_s
        return limit_s is not None and segment.end_ns > now_ns + limit_s * NS_PER_S

    def _sensor(self, group: GroupId) -> Sensor | None:
        sensor = self._sensors.get(group)
        if sensor is None and len(self._sensors) < self._settings.max_stations:
            roster = self._roster_of(group)
            sensor = Sensor(group, self._settings.sensor_rules, self._inventory, roster)
            if group in self._resumed:
                sensor.resume_after(self._resumed.pop(group))
            self._sensors[group] = sensor
        return sensor

    def _roster_of(self, group: GroupId) -> Roster | None:
        preference = self._settings.preference
        rivals = preference.rivals_of(group)
        if rivals is None:
            return None
        patience_ns = round(self._settings.stale_after_s * NS_PER_S)
        return self._rosters.setdefault(rivals, Roster(preference, patience_ns))

    def _count(self, sensor: Sensor, cut: Cut) -> None:
        # Not by Counter.update, which looks at its argument for 2 us: most records count nothing.
        for reason, n in cut.counts.items():
            if n:
                self.counts[reason] += n
                sensor.counts[reason] += n
