"""core/coincidence.py: station events of made-up earthquakes become one network event each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from tests.core.test_association import EPICENTRE, ORIGIN_NS, STATIONS
from umamba_rt.core.association import Place, Source
from umamba_rt.core.coincidence import Coincidence
from umamba_rt.core.ids import GroupId
from umamba_rt.core.network_event import NetworkEvent
from umamba_rt.core.network_rules import NetworkRules
from umamba_rt.core.source_scan import Hidden
from umamba_rt.core.station_event import StationEvent
from umamba_rt.core.timebase import NS_PER_S

GROUPS = {name: GroupId("XX", name.removeprefix("XX_"), "", "HH") for name in STATIONS}
PLACES = {group: STATIONS[name] for name, group in GROUPS.items()}
RULES = NetworkRules(min_stations=4)


def event(group: GroupId, onset_ns: int, magnitude: float = 3.0, revision: int = 0) -> StationEvent:
    return StationEvent(
        group=group,
        event_id=f"{group}.{onset_ns}",
        state="updated" if revision else "open",
        revision=revision,
        onset_ns=onset_ns,
        end_ns=onset_ns + (1 + revision) * NS_PER_S,
        magnitude=magnitude,
        uncertainty=None,
        peak_magnitude=magnitude,
        since_onset_s=1.0 + revision,
        estimates=(),
        duration_s=None,
        n_windows=1 + revision,
        snr_db=25.0,
        clipped=False,
        unit="m/s",
    )


def earthquake(
    after_s: float = 0.0, place: Place = EPICENTRE, magnitude: float = 3.0, *, with_s: bool = False
) -> list[StationEvent]:
    source = Source(place, ORIGIN_NS + round(after_s * NS_PER_S))
    events = [event(group, source.p_ns(PLACES[group]), magnitude) for group in PLACES]
    if with_s:
        events += [event(group, source.s_ns(PLACES[group]), magnitude) for group in PLACES]
    return events


class Network:
    """Takes events in the order of their onsets, and tells after each."""

    def __init__(self, rules: NetworkRules = RULES, *, placed: bool = True) -> None:
        places = PLACES if placed else {}
        self.coincidence = Coincidence(
            rules,
            lambda group, _: places.get(group),
            lambda: STATIONS if placed else {},
        )
        self.told: list[NetworkEvent] = []

    def take(self, events: Iterable[StationEvent]) -> Network:
        for one in sorted(events, key=lambda e: (e.onset_ns, e.group)):
            self.coincidence.accept(one)
            self.told += self.coincidence.tell(one.end_ns)
        return self

    @property
    def last(self) -> dict[str, NetworkEvent]:
        return {one.event_id: one for one in self.told}


def test_an_earthquake_opens_at_its_fourth_station_and_grows() -> None:
    network = Network().take(earthquake())
    assert [one.state for one in network.told] == ["open", *["updated"] * 6]
    assert [one.revision for one in network.told] == list(range(7))
    assert [len(one.stations) for one in network.told] == list(range(4, 11))
    assert set(network.last) == {"20190704T173350-XX_0"}
    last = network.told[-1]
    assert last.magnitude == pytest.approx(3.0)
    assert last.source is not None
    assert last.source.distance_km(EPICENTRE) < 5
    assert abs(last.source.origin_ns - ORIGIN_NS) < NS_PER_S
    assert sum(share.weight for share in last.stations) == pytest.approx(1.0)
    assert [share.event.group.station for share in last.stations] == [str(n) for n in range(10)]


def test_s_waves_make_no_second_earthquake() -> None:
    assert len(Network().take(earthquake(with_s=True)).last) == 1


@pytest.mark.parametrize("after_s", [3.0, 6.0, 10.0, 20.0])
def test_neighbours_stay_two(after_s: float) -> None:
    near = Place(35.65, -117.58)
    both = earthquake(magnitude=4.0) + earthquake(after_s, near, magnitude=2.0)
    first, second = Network().take(both).last.values()
    assert (len(first.stations), len(second.stations)) == (10, 10)
    assert first.magnitude == pytest.approx(4.0)
    assert second.magnitude == pytest.approx(2.0)


def test_earthquakes_at_the_same_time_far_apart_are_two() -> None:
    rules, far = NetworkRules(min_stations=4), Place(45.0, -100.0)
    places = dict(PLACES)
    events = earthquake()
    source = Source(far, ORIGIN_NS)
    for number in range(6):
        group = GroupId("YY", f"S{number}", "", "HH")
        places[group] = Place(45.0 + 0.1 * number, -100.0 + 0.17 * (number % 3))
        events.append(event(group, source.p_ns(places[group])))
    coincidence = Coincidence(rules, lambda group, _: places.get(group), dict)
    for one in sorted(events, key=lambda e: e.onset_ns):
        coincidence.accept(one)
    told = coincidence.tell(ORIGIN_NS + 20 * NS_PER_S)
    assert sorted(len(one.stations) for one in told) == [6, 10]


def test_three_stations_and_onsets_of_no_source_are_no_earthquake() -> None:
    assert Network().take(earthquake()[:3]).told == []
    wild = [replace(e, onset_ns=e.onset_ns + k * 9 * NS_PER_S) for k, e in enumerate(earthquake())]
    assert Network().take(wild).told == []


def test_far_stations_alone_are_no_earthquake_while_near_ones_are_silent() -> None:
    far = [e for e in earthquake() if int(e.group.station) >= 6]
    assert Network(NetworkRules(min_stations=4, min_share=0.0)).take(far).told
    assert Network(NetworkRules(min_stations=4, min_share=0.9)).take(far).told == []


def test_revisions_of_a_station_reach_the_network() -> None:
    network = Network().take(earthquake())
    grown = replace(earthquake()[0], revision=5, magnitude=4.0, since_onset_s=6.0)
    network.coincidence.accept(grown)
    (told,) = network.coincidence.tell(ORIGIN_NS + 15 * NS_PER_S)
    assert told.revision == 7
    assert told.stations[0].event == grown
    assert told.magnitude > 3.0
    assert network.coincidence.tell(ORIGIN_NS + 16 * NS_PER_S) == []


def test_an_event_closes_once_and_tells_no_more() -> None:
    network = Network().take(earthquake())
    (closed,) = network.coincidence.tell(ORIGIN_NS + 61 * NS_PER_S)
    assert (closed.state, closed.revision) == ("closed", 7)
    network.coincidence.accept(replace(earthquake()[0], revision=9))
    assert network.coincidence.tell(ORIGIN_NS + 62 * NS_PER_S) == []


def test_an_onset_that_comes_late_joins() -> None:
    events = sorted(earthquake(), key=lambda e: e.onset_ns)
    network = Network().take(events[1:])
    network.coincidence.accept(events[0])
    (told,) = network.coincidence.tell(ORIGIN_NS + 20 * NS_PER_S)
    assert len(told.stations) == 10
    assert told.stations[0].event == events[0]
    assert told.event_id == network.told[0].event_id  # though the first onset is another now


def test_two_sensors_of_a_station_count_once_and_the_better_one_weighs() -> None:
    events = earthquake()
    group = replace(events[0].group, band_source="HN")
    clipped = replace(events[0], clipped=True, magnitude=5.0)
    second = replace(event(group, events[0].onset_ns + NS_PER_S // 10), magnitude=3.0)
    places = PLACES | {group: PLACES[events[0].group]}
    coincidence = Coincidence(RULES, lambda name, _: places.get(name), dict)
    for one in sorted([clipped, second, *events[1:]], key=lambda e: e.onset_ns):
        coincidence.accept(one)
    (told,) = coincidence.tell(ORIGIN_NS + 15 * NS_PER_S)
    assert len(told.stations) == 10
    assert told.stations[0].event == second


def test_without_coordinates_onsets_within_the_window_are_one() -> None:
    network = Network(placed=False).take(earthquake() + earthquake(40.0))
    first, second = network.last.values()
    assert (len(first.stations), len(second.stations)) == (10, 10)
    assert first.source is None
    assert first.stations[0].distance_km is None


def test_a_station_without_coordinates_joins_by_its_time() -> None:
    events = earthquake()
    stranger = GroupId("ZZ", "NEW", "", "HH")
    network = Network().take([*events, event(stranger, ORIGIN_NS + 9 * NS_PER_S)])
    (last,) = network.last.values()
    assert len(last.stations) == 11
    assert [s.distance_km for s in last.stations if s.event.group == stranger] == [None]


def test_what_nothing_explains_is_forgotten() -> None:
    coincidence = Network().coincidence
    for number in range(3000):  # a station that triggers without end
        coincidence.accept(event(GROUPS["XX_0"], ORIGIN_NS + number * NS_PER_S))
        coincidence.tell(ORIGIN_NS + number * NS_PER_S)
    assert len(coincidence._loose) <= 61


def test_onsets_that_wait_go_by_the_places_of_now() -> None:
    places: dict[GroupId, Place] = {}
    rules = replace(RULES, window_s=0.0)
    coincidence = Coincidence(rules, lambda group, _: places.get(group), lambda: STATIONS)
    *before, last = sorted(earthquake()[:5], key=lambda e: e.onset_ns)
    for one in before:
        coincidence.accept(one)
    places |= PLACES
    coincidence.look_up_places()
    coincidence.accept(last)
    (told,) = coincidence.tell(ORIGIN_NS + 20 * NS_PER_S)
    assert len(told.stations) == 5
    assert told.source is not None


def test_another_onset_of_the_same_name_is_kept_with_its_own_time() -> None:
    """Two triggers of one sensor within a second."""
    *others, early = earthquake()[:4]
    early = replace(early, onset_ns=early.onset_ns - 9 * NS_PER_S // 10, event_id="same")
    late = replace(earthquake()[3], event_id="same")
    coincidence = Network().coincidence
    for one in (early, late, *others):
        coincidence.accept(one)
    (told,) = coincidence.tell(ORIGIN_NS + 20 * NS_PER_S)
    assert late in [share.event for share in told.stations]


def hidden(after_s: float = 0.0) -> Hidden:
    return Hidden(Source(EPICENTRE, ORIGIN_NS + round(after_s * NS_PER_S)), (), 7.0)


def members(after_s: float = 0.0, magnitude: float = 3.0) -> dict[GroupId, StationEvent]:
    return {
        one.group: replace(one, state="closed") for one in earthquake(after_s, EPICENTRE, magnitude)
    }


LATER_NS = ORIGIN_NS + 35 * NS_PER_S


def test_an_earthquake_of_the_stack_alone_is_told_and_closes() -> None:
    coincidence = Network().coincidence
    coincidence.reveal(hidden(), members(), LATER_NS)
    (opened,) = coincidence.tell(LATER_NS)
    assert (opened.state, opened.revision, len(opened.stations)) == ("open", 0, 10)
    assert opened.source == hidden().source
    assert opened.end_ns == LATER_NS
    assert opened.magnitude == pytest.approx(3.0)
    (closed,) = coincidence.tell(ORIGIN_NS + 61 * NS_PER_S)
    assert (closed.event_id, closed.state) == (opened.event_id, "closed")


@pytest.mark.parametrize(("after_s", "events"), [(0.0, 1), (2.4, 1), (-2.4, 1), (2.8, 2)])
def test_the_stack_tells_no_known_earthquake_again(after_s: float, events: int) -> None:
    network = Network().take(earthquake())
    network.coincidence.reveal(hidden(after_s), members(after_s), LATER_NS)
    network.told += network.coincidence.tell(LATER_NS)
    network.coincidence.reveal(hidden(after_s), members(after_s), LATER_NS)
    network.told += network.coincidence.tell(LATER_NS)
    assert len(network.last) == events


def test_the_stack_alone_tells_no_small_earthquake_and_none_of_few_stations() -> None:
    coincidence = Network().coincidence
    coincidence.reveal(hidden(), members(magnitude=1.9), LATER_NS)
    coincidence.reveal(hidden(), dict(list(members().items())[:3]), LATER_NS)
    assert coincidence.tell(LATER_NS) == []
    coincidence.reveal(hidden(), dict(list(members().items())[:4]), LATER_NS)
    assert len(coincidence.tell(LATER_NS)) == 1


def test_what_a_trigger_saw_of_it_stands_for_its_station() -> None:
    seen, other = earthquake(magnitude=3.4)[:2]
    other = replace(other, onset_ns=other.onset_ns + NS_PER_S)  # no P of it
    stranger = event(GroupId("ZZ", "NEW", "", "HH"), seen.onset_ns)
    network = Network().take([seen, other, stranger])
    network.coincidence.reveal(hidden(), members(), LATER_NS)
    (told,) = network.coincidence.tell(LATER_NS)
    assert [share.event for share in told.stations if share.event.group == seen.group] == [seen]
    assert other not in [share.event for share in told.stations]
    grown = replace(seen, revision=3, magnitude=3.6)
    network.coincidence.accept(grown)
    (told,) = network.coincidence.tell(LATER_NS)
    assert grown in [share.event for share in told.stations]


def test_nothing_is_told_of_an_event_before_it_is_large_enough() -> None:
    rules = replace(RULES, min_magnitude=2.0)
    network = Network(rules).take(earthquake(magnitude=1.0))
    assert network.told == []
    for one in earthquake(magnitude=2.5):
        network.coincidence.accept(replace(one, revision=1))
    (told,) = network.coincidence.tell(ORIGIN_NS + 20 * NS_PER_S)
    assert (told.state, told.revision, len(told.stations)) == ("open", 0, 10)
    for one in earthquake(magnitude=1.0):  # and from then on whatever becomes of it
        network.coincidence.accept(replace(one, revision=2))
    (told,) = network.coincidence.tell(ORIGIN_NS + 21 * NS_PER_S)
    assert (told.state, told.revision) == ("updated", 1)
    assert told.magnitude == pytest.approx(1.0)


def test_an_event_that_stayed_small_is_never_told() -> None:
    network = Network(replace(RULES, min_magnitude=2.0)).take(earthquake(magnitude=1.0))
    for second in (30, 61, 62, 100):
        assert network.coincidence.tell(ORIGIN_NS + second * NS_PER_S) == []
    network.coincidence.accept(replace(earthquake()[0], revision=9, magnitude=9.0))
    assert network.coincidence.tell(ORIGIN_NS + 101 * NS_PER_S) == []


def test_where_no_station_has_a_place_the_stack_finds_an_event_unknown() -> None:
    network = Network(placed=False).take(earthquake())
    network.coincidence.reveal(hidden(), members(), LATER_NS)
    assert len({one.event_id for one in network.coincidence.tell(LATER_NS)}) <= 1


def test_how_large_it_is_follows_from_its_own_windows_not_from_the_next_earthquakes() -> None:
    grown = [replace(one, magnitude=5.0) for one in earthquake()[:3]]
    network = Network().take(grown)
    network.coincidence.reveal(hidden(), members(magnitude=1.9), LATER_NS)
    assert network.coincidence.tell(LATER_NS) == []
    network.coincidence.reveal(hidden(), members(magnitude=2.1), LATER_NS)
    (told,) = network.coincidence.tell(LATER_NS)
    assert {share.event.event_id for share in told.stations} >= {one.event_id for one in grown}
