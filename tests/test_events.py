"""events.py: estimates of made-up earthquakes become event messages, the same in any order."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from tests.core.test_association import EPICENTRE, ORIGIN_NS, STATIONS
from tests.support import START_NS
from umamba_rt.config.events import EventsConfig, event_contradictions
from umamba_rt.config.whole import Config
from umamba_rt.core.association import Place, Source
from umamba_rt.core.estimate import BatchOutput, ModelIdentity
from umamba_rt.core.ids import GroupId, SourceId
from umamba_rt.core.inventory import EMPTY, ChannelEpoch, Inventory
from umamba_rt.core.quality import Quality
from umamba_rt.core.rise import RiseBands, tail_of
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S, nearest_index
from umamba_rt.core.trigger_span import TriggerSpan
from umamba_rt.core.window import Window
from umamba_rt.direct import run_direct
from umamba_rt.engine import load_engine
from umamba_rt.events import EventMessage, Events
from umamba_rt.readings import notes_of, unread
from umamba_rt.wire.event_message import NetworkEventMessage, StationEventMessage
from umamba_rt.wire.message import Magnitude, magnitudes_of
from umamba_rt.wire.record import ReplayRecord, pack_segment
from umamba_rt.wire.schemas import schema

V2 = ModelIdentity("v2", "1", "ab" * 32, True)
QUALITY = Quality(0.0, 0, 0.0, False, 20.0, 100.0, "ZNE", True, unit="m/s")
CONFIG = EventsConfig(min_stations=4)
BANDS = RiseBands(12.0, 40.0)


def epoch(source_id: SourceId, place: Place) -> ChannelEpoch:
    return ChannelEpoch(
        source_id, None, None, 0, -90, "m/s", 1.0, place.latitude_deg, place.longitude_deg, 0.0
    )


INVENTORY = Inventory(
    tuple(
        epoch(SourceId("XX", name.removeprefix("XX_"), "", "H", "H", "Z"), place)
        for name, place in STATIONS.items()
    )
)


def estimate(name: str, end_ns: int, onset: int | None, magnitude: float = 3.0) -> Magnitude:
    """A station's message of a window that ends at a time; ``onset`` is its trigger's index."""
    first = nearest_index(end_ns) - 3000
    spans = (TriggerSpan(onset, None),) if onset is not None and onset < first + 3001 else ()
    window = Window(
        group=GroupId("XX", name.removeprefix("XX_"), "", "HH"),
        first=first,
        samples=np.zeros((3, 3001), np.float32),
        quality=replace(QUALITY, triggered=bool(spans)),
        arrival_ns=end_ns,
        triggers=spans,
    )
    (message,) = magnitudes_of([window], BatchOutput(np.array([magnitude], np.float32), None), V2)
    return message


def estimates(seconds: int = 75) -> Iterator[Magnitude]:
    """All stations' messages of an earthquake, second by second."""
    source = Source(EPICENTRE, ORIGIN_NS)
    onsets = {name: nearest_index(source.p_ns(place)) for name, place in STATIONS.items()}
    for second in range(-2, seconds):
        for name, onset in onsets.items():
            yield estimate(name, ORIGIN_NS + second * NS_PER_S, onset)


def taken(messages: list[Magnitude], config: EventsConfig = CONFIG) -> list[EventMessage]:
    events = Events(config, INVENTORY)
    return [*read(events, messages), *events.finish()]


def read(events: Events, messages: Iterable[Magnitude]) -> Iterator[EventMessage]:
    """What estimates make due, one by one, as a run without a process tells it."""
    for message in messages:
        for note in notes_of([one for one in [unread(message, "v2")] if one]):
            yield from events.read(note)


def network_of(told: list[EventMessage]) -> list[NetworkEventMessage]:
    return [one for one in told if isinstance(one, NetworkEventMessage)]


def test_an_earthquake_is_told_by_each_station_and_by_the_network() -> None:
    told = taken(list(estimates()))
    by_station = [one for one in told if isinstance(one, StationEventMessage)]
    network = network_of(told)
    assert len({one.event_id for one in by_station}) == len(STATIONS)
    assert {one.event_id for one in network} == {"20190704T173350-XX_0"}
    assert [one.revision for one in network] == list(range(len(network)))
    assert [network[0].state, network[1].state, network[-1].state] == ["open", "updated", "closed"]
    assert network[-1].n_stations == len(STATIONS)
    assert network[-1].magnitude == pytest.approx(3.0)
    assert {share.event_id for share in network[-1].stations} == {o.event_id for o in by_station}
    # No sooner than four stations have seen it, and within a hop of that.
    fourth = sorted(share.onset for share in network[-1].stations)[3]
    assert fourth < network[0].window_end <= fourth[:17] + f"{int(fourth[17:19]) + 2}"


def hidden_estimates() -> list[Magnitude]:
    """An earthquake that no trigger sees: all stations' power rises sevenfold at P and at S."""
    source, rng = Source(EPICENTRE, ORIGIN_NS), np.random.default_rng(0)
    begin = nearest_index(ORIGIN_NS - 70 * NS_PER_S)
    records = {}
    for name, place in STATIONS.items():
        records[name] = rng.normal(0, 100, (3, 15_000)).astype(np.float32)
        for rows, onset_ns in (
            (slice(0, 1), source.p_ns(place)),
            (slice(1, 3), source.s_ns(place)),
        ):
            onset = nearest_index(onset_ns) - begin
            records[name][rows, onset : onset + 100] *= np.sqrt(7.0)
    messages = []
    for second in range(-30, 75):
        for name, samples in records.items():
            message = estimate(name, ORIGIN_NS + second * NS_PER_S, None)
            first = nearest_index(ORIGIN_NS + second * NS_PER_S) - 3000
            window = samples[:, first - begin : first - begin + 3001]
            messages.append(replace(message, tail=tail_of(window, first, 100, BANDS)))
    return messages


def test_an_earthquake_that_no_trigger_sees_is_told_by_the_network_alone() -> None:
    told = taken(hidden_estimates())
    opened, closed = network_of(told)
    assert len(told) == 2
    assert (opened.state, closed.state) == ("open", "closed")
    assert opened.origin_time is not None
    assert opened.origin_time.startswith("2019-07-04T17:33:4")
    assert opened.n_stations >= 8
    assert "2019-07-04T17:34:15" <= opened.window_end <= "2019-07-04T17:34:25"
    assert all(share.onset < opened.window_end for share in opened.stations)


def test_sensors_without_a_place_take_no_part_in_the_stack() -> None:
    events = Events(CONFIG, Inventory(INVENTORY.epochs[:3]))
    assert list(read(events, hidden_estimates())) == []
    assert list(events.finish()) == []


def test_a_hidden_earthquake_is_the_same_in_another_order() -> None:
    straight = hidden_estimates()
    known, rest = straight[: len(STATIONS)], straight[len(STATIONS) :]
    late = {name: number % 3 for number, name in enumerate(STATIONS)}
    mixed = sorted(
        enumerate(rest),
        key=lambda pair: (
            pair[0] // len(STATIONS) + late[f"XX_{pair[1].station.station}"],
            pair[0],
        ),
    )
    assert taken(known + [one for _, one in mixed]) == taken(straight) != []


def test_packets_that_come_in_another_order_change_no_network_event() -> None:
    straight, rng = list(estimates()), random.Random(0)
    known, rest = straight[: len(STATIONS)], straight[len(STATIONS) :]
    lags = {name: rng.randrange(3) for name in STATIONS}  # each station lags by up to 2 s
    shuffled = sorted(
        enumerate(rest),
        key=lambda pair: (pair[0] // len(STATIONS) + lags[f"XX_{pair[1].station.station}"], pair),
    )
    assert network_of(taken(known + [one for _, one in shuffled])) == network_of(taken(straight))


def test_other_models_and_windows_sent_again_make_no_events() -> None:
    others = [
        replace(one, model=replace(V2, name="v1")) if number % 2 else replace(one, revision=1)
        for number, one in enumerate(estimates())
    ]
    assert taken(others) == []


def test_lost_windows_lose_no_onset() -> None:
    some = [one for one in estimates() if random.Random(one.window_end).random() < 0.5]
    whole, thinned = taken(list(estimates())), taken(some)
    names = {one.event_id for one in whole}
    assert {one.event_id for one in thinned} == names


def test_a_station_that_has_fallen_silent_is_not_expected_to_see_anything() -> None:
    near, far = ["XX_0", "XX_1", "XX_2", "XX_3", "XX_4"], ["XX_5", "XX_6", "XX_7", "XX_8"]
    config = replace(CONFIG, min_share=0.9)
    # The near ones' windows hold no onset; then the same without any windows of theirs.
    deaf = [
        replace(one, triggers=None) if f"XX_{one.station.station}" in near else one
        for one in estimates()
    ]
    absent = [one for one in estimates() if f"XX_{one.station.station}" in far]
    assert not network_of(taken(deaf, config))
    assert network_of(taken(absent, config))


def bursts(station: str, onset_s: float) -> list[ReplayRecord]:
    """Noise with a decaying burst, 80 s."""
    network, code = station.split("_")
    rng, records = np.random.default_rng(hash(onset_s) % 1000), []
    for component in "ZNE":
        samples = rng.normal(0, 100, 8000)
        begin = round(onset_s * 100)
        samples[begin:] += rng.normal(0, 9000, 8000 - begin) * np.exp(
            -np.arange(8000 - begin) / 300
        )
        source_id = SourceId(network, code, "", "H", "H", component)
        records += list(pack_segment(Segment(source_id, START_NS, 100.0, samples.astype(np.int32))))
    return records


def test_a_replay_writes_the_same_events_each_time() -> None:
    records = [r for n, name in enumerate(("A", "B", "C")) for r in bursts(f"XX_{name}", 45.5 + n)]
    records.sort(key=lambda record: (record.end_ns, str(record.source_id)))
    engines = [load_engine(None, name="v2", engine="torch")]
    # An untrained model's magnitudes are anything.
    config = replace(Config(), events=EventsConfig(min_stations=3, min_magnitude=-5.0))

    def run() -> list[dict[str, Any]]:
        output, events_output = io.BytesIO(), io.BytesIO()
        summary = run_direct(records, config, engines, output, EMPTY, events_output)
        assert summary.written == len(output.getvalue().splitlines())
        triggered = [json.loads(line) for line in output.getvalue().splitlines()]
        assert {body["quality"]["triggered"] for body in triggered} == {False, True}
        assert all(body["quality"]["triggered"] == ("triggers" in body) for body in triggered)
        return [json.loads(line) for line in events_output.getvalue().splitlines()]

    def lasting(bodies: list[dict[str, Any]]) -> str:
        return json.dumps(
            [{k: v for k, v in one.items() if k not in {"session", "sent_at"}} for one in bodies]
        )

    first = run()
    assert lasting(first) == lasting(run())
    for body in first:
        Draft202012Validator(schema(body["schema"].split("/")[1])).validate(body)
    names = sorted({body["event_id"] for body in first if "n_windows" in body})
    assert names == [f"XX.{n}.--.HH.20200913T1227{25 + k}" for k, n in enumerate("ABC")]
    network = [body for body in first if "n_stations" in body]
    assert {body["event_id"] for body in network} == {"20200913T122725-XX_A"}
    assert network[-1]["n_stations"] == 3


def test_events_that_are_off_flag_nothing() -> None:
    config = replace(Config(), events=EventsConfig(enabled=False))
    assert config.pipeline.trigger is None
    assert Config().pipeline.trigger is not None


def test_windows_are_scanned_unless_that_is_off() -> None:
    assert Config().pipeline.scan
    assert not replace(Config(), events=EventsConfig(scan=False)).pipeline.scan
    config = EventsConfig(scan_score=5.0, min_stations=7, scan_magnitude=2.5, min_magnitude=0.5)
    assert (config.scan_rules.score, config.scan_rules.min_stations) == (5.0, 7)
    assert (config.network.hidden_magnitude, config.network.min_magnitude) == (2.5, 0.5)


def test_keys_that_contradict_each_other_are_told() -> None:
    wrong = EventsConfig(low_hz=20.0, high_hz=10.0, sta_s=2.0, lta_s=1.0, on=2.0, off=3.0)
    keys = [problem.key for problem in event_contradictions(wrong)]
    assert keys == ["events.high_hz", "events.lta_s", "events.off"]
    assert event_contradictions(EventsConfig()) == []
