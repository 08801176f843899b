"""What the configuration says of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from umamba_rt.config.table import key, show
from umamba_rt.core.network_rules import NetworkRules
from umamba_rt.core.source_scan import ScanRules
from umamba_rt.core.station_event import EventRules
from umamba_rt.core.timebase import NS_PER_S, RATE_HZ
from umamba_rt.core.trigger_rules import StaLtaRules, TriggerRules
from umamba_rt.errors import ConfigProblem

# Windows that an earlier run had cut and not sent are told of their triggers once more.
_LATE_S = 60.0


@dataclass(frozen=True, slots=True)
class EventsConfig:
    """When a station sees an earthquake, and when the network does."""

    enabled: bool = key("flag windows with triggers, and send event messages", True)
    average: Literal["recursive", "classic"] = key(
        "STA/LTA on the band-passed vertical: forgetting averages, or running means", "recursive"
    )
    low_hz: float = key(
        "lower corner of the band. A high band leaves an earlier earthquake's coda out; for\n"
        "stations beyond 100 km take 1 to 3 Hz. Channels of lower rates get a lower band",
        12.0,
        low=0.1,
        high=40,
    )
    high_hz: float = key("upper corner", 40.0, low=0.5, high=45)
    sta_s: float = key("short average", 0.2, low=0.05, high=10, step=0.01)
    lta_s: float = key(
        "long average; nothing triggers for so long behind a gap", 6.0, low=1, high=300
    )
    on: float = key("ratio at which an event begins", 4.0, low=1, high=1000)
    off: float = key("ratio below which the trigger ends", 2.0, low=0.1, high=1000)
    refractory_s: float = key(
        "after an onset, time in which another is the same event's", 2.0, low=1, high=300
    )
    follow_s: float = key(
        "after the onset, time for which windows are estimates of the event", 25.0, low=1, high=300
    )
    min_stations: int = key(
        "stations that make a network event; with few stations fewer", 6, low=2, high=1000
    )
    min_share: float = key(
        "and their share of the working stations that are no farther from the source",
        0.3,
        low=0,
        high=1,
    )
    reach_km: float = key(
        "how far from the last of these stations a source is sought", 150.0, low=5, high=500
    )
    tolerance_s: float = key(
        "how far origin times of a new event's onsets may differ", 0.4, low=0.1, high=10
    )
    apart_s: float = key("origins that lie closer are one earthquake", 1.5, low=0.1, high=60)
    window_s: float = key(
        "stations without coordinates: longest time between the first onset and the last",
        20.0,
        low=1,
        high=300,
    )
    close_after_s: float = key(
        "after the origin, when a network event is closed", 60.0, low=5, high=600
    )
    min_magnitude: float = key(
        "a network event is told of from when its magnitude reaches this. A dense network may\n"
        "want smaller ones",
        1.5,
        low=-5,
        high=10,
    )
    scan: bool = key(
        "stack the stations' rises of power along travel times, too: it finds earthquakes in the\n"
        "coda of others, half a minute late. For stations within some 80 km of each other",
        True,
    )
    scan_score: float = key(
        "how far a stack must stand out, in standard deviations. Lower: more earthquakes, more\n"
        "that no catalogue knows",
        6.25,
        low=4,
        high=100,
    )
    scan_magnitude: float = key(
        "smallest earthquake that the stack alone shows and that is told of", 2.0, low=-5, high=10
    )
    wait_s: float = key(
        "stations that lag by up to this are waited for, so that the order of packets changes no\n"
        "network event; one that lags by more joins when it comes",
        2.0,
        low=0,
        high=60,
    )

    def trigger(self, length_s: float) -> TriggerRules | None:
        """The core's part, for windows of a length; None where events are off."""
        if not self.enabled:
            return None
        sta, lta = round(self.sta_s * RATE_HZ), round(self.lta_s * RATE_HZ)
        average = StaLtaRules(self.average, self.low_hz, self.high_hz, sta=sta, lta=lta)
        refractory, keep = (round(s * RATE_HZ) for s in (self.refractory_s, length_s + _LATE_S))
        return TriggerRules(average, self.on, self.off, refractory, keep)

    @property
    def station(self) -> EventRules:
        """A sensor's events' part."""
        return EventRules(round(self.follow_s * NS_PER_S))

    @property
    def network(self) -> NetworkRules:
        """The network events' part."""
        return NetworkRules(
            min_stations=self.min_stations,
            min_share=self.min_share,
            tolerance_s=self.tolerance_s,
            reach_km=self.reach_km,
            apart_s=self.apart_s,
            window_s=self.window_s,
            close_after_s=self.close_after_s,
            min_magnitude=self.min_magnitude,
            hidden_magnitude=self.scan_magnitude,
        )

    @property
    def scan_rules(self) -> ScanRules:
        """The stack's part."""
        return ScanRules(min_stations=self.min_stations, score=self.scan_score)


def event_contradictions(events: EventsConfig) -> list[ConfigProblem]:
    """What is wrong between keys of ``[events]`` that are each right."""
    problems = []
    if events.high_hz <= events.low_hz:
        problems.append(ConfigProblem("events.high_hz", show(events.high_hz), "more than low_hz"))
    if events.lta_s <= events.sta_s:
        problems.append(ConfigProblem("events.lta_s", show(events.lta_s), "more than sta_s"))
    if events.off > events.on:
        problems.append(ConfigProblem("events.off", show(events.off), "on or less"))
    return problems
