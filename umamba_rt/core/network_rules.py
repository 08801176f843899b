"""When station events are one earthquake, and when the network tells of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """When station events are one earthquake.

    Attributes:
        min_stations: fewer are none.
        min_share: of the working stations that are no farther from the source than the farthest
            one of a new event, so many must have triggered.
        tolerance_s: how far origin times of a new event's arrivals may differ.
        join_s: how far a later arrival may lie from its predicted P; grows by ``join_share``.
        join_share: share of the travel time, added to ``join_s``.
        s_before_s: how long before the predicted S of a known event an onset is taken for it; the
            depth is taken for 8 km.
        s_after_s: how long after it.
        s_members: share of a new event's onsets that are S of a known one, from which it is none.
        reach_km: see ``find_source``.
        apart_s: a source whose origin lies closer to another's is taken for the same one.
        window_s: of stations without coordinates: from the first onset to the last.
        close_after_s: after the origin, when an event is closed.
        min_magnitude: nothing is told of an event before it reaches this.
        hidden_magnitude: of an earthquake that the stack alone shows, least.
        hidden_apart_s: one whose P fits an event's onsets to this is that event.
    """

    min_stations: int = 6
    min_share: float = 0.3
    tolerance_s: float = 0.4
    join_s: float = 1.5
    join_share: float = 0.05
    s_before_s: float = 1.5
    s_after_s: float = 3.0
    s_members: float = 0.5
    reach_km: float = 150.0
    apart_s: float = 1.5
    window_s: float = 20.0
    close_after_s: float = 60.0
    min_magnitude: float = 1.5
    hidden_magnitude: float = 2.0
    hidden_apart_s: float = 2.5
