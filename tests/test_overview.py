"""overview.py: rows of stations by pages, and the daemon's figures."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.io.test_publisher import ESTIMATE
from umamba_rt.config.seedlink import SeedLinkConfig
from umamba_rt.core.ids import SourceId
from umamba_rt.core.pipeline import Pipeline, PipelineSettings
from umamba_rt.core.segment import Segment
from umamba_rt.ingest import DataClock, Ingest
from umamba_rt.io.seedlink import SeedLinkReader
from umamba_rt.overview import MAX_ROWS, Overview
from umamba_rt.wire.query import QueryError, Request

NS = 10**9
START_NS = 1_600_000_000 * NS
NOW_NS = START_NS + 45 * NS


def pipeline_of(*stations: str, seconds: float = 40.0) -> Pipeline:
    pipeline = Pipeline(PipelineSettings())
    samples = np.random.default_rng(0).normal(0, 999, round(seconds * 100)).astype(np.int32)
    for station in stations:
        for component in "ZNE":
            source_id = SourceId("AA", station, "", "H", "H", component)
            pipeline.accept(Segment(source_id, START_NS, 100.0, samples), NOW_NS)
    return pipeline


def overview_of(pipeline: Pipeline, *readers: SeedLinkReader) -> Overview:
    figures = {"uptime_s": 7.5}
    ingest = Ingest(pipeline, DataClock())
    return Overview("session", ingest, readers, ["v2", "v1"], lambda: NOW_NS, lambda: figures)


def answer(overview: Overview, name: str, **arguments: object) -> dict[str, Any]:
    """The answer as a client reads it."""
    content = overview.handlers[name](Request(name, None, arguments))
    return dict(json.loads(msgspec.json.encode(content)))


def test_row_tells_what_an_operator_asks_for() -> None:
    pipeline = pipeline_of("ONE")
    overview = overview_of(pipeline)
    (group,) = pipeline.sensors
    overview.received("a:18000", group)
    (row,) = answer(overview, "stations")["stations"]
    assert row == {
        "station": {"network": "AA", "station": "ONE", "location": "--", "band_source": "HH"},
        "state": "online",
        "since": "2020-09-13T12:27:25.000000Z",
        "detail": "components ZNE",
        "components": "ZNE",
        "native_rate_hz": 100.0,
        "last_sample": "2020-09-13T12:27:19.990000Z",
        "data_latency_s": 5.01,
        "last_arrival": "2020-09-13T12:27:25.000000Z",
        "gaps": {"span_s": 39.99, "count": 0, "missing_s": 0.0},
        "servers": ["a:18000"],
        "windows_sent": {"v2": 0, "v1": 0},
        "windows_withheld": {},
        "counts": {"windows_cut": 10},
    }


def test_times_are_the_machines_though_its_clock_was_set_since_the_start() -> None:
    """The core's clock makes no step; a row says when it was by the clock that ``now`` is of."""
    pipeline, clock = pipeline_of("ONE"), DataClock()
    clock.step_ns = 3 * 86_400 * NS
    overview = Overview(
        "session", Ingest(pipeline, clock), [], ["v2"], lambda: NOW_NS + clock.step_ns, dict
    )
    body = answer(overview, "stations")
    (row,) = body["stations"]
    assert body["now"] == row["since"] == row["last_arrival"] == "2020-09-16T12:27:25.000000Z"
    assert row["last_sample"] == "2020-09-13T12:27:19.990000Z"


def test_withheld_windows_are_told_by_their_reason() -> None:
    pipeline = pipeline_of("ONE", seconds=20)
    samples = np.zeros(4000, np.int32)
    for component in "ZNE":
        source_id = SourceId("AA", "ONE", "", "H", "H", component)
        pipeline.accept(Segment(source_id, START_NS + 22 * NS, 100.0, samples), NOW_NS)
    pipeline.tick(NOW_NS + 60 * NS)
    (row,) = answer(overview_of(pipeline), "stations")["stations"]
    assert row["windows_withheld"]["gap"] == row["counts"]["windows_withheld_gap"] > 10
    assert row["gaps"]["count"] == 3
    assert row["gaps"]["missing_s"] == 2.0


def test_servers_of_a_station_come_latest_first_and_once() -> None:
    pipeline = pipeline_of("ONE")
    overview = overview_of(pipeline)
    (group,) = pipeline.sensors
    for server in ("a:1", "b:1", "b:1", "a:1", "c:1"):
        overview.received(server, group)
    (row,) = answer(overview, "stations")["stations"]
    assert row["servers"] == ["c:1", "a:1", "b:1"]


def test_sensors_that_the_core_does_not_keep_are_not_kept_here() -> None:
    overview = overview_of(pipeline_of("ONE"))
    for number in range(1000):
        overview.received("a:1", SourceId("XX", f"S{number}", "", "H", "H", "Z").group)
    assert len(overview._servers) == 0


def test_sent_estimates_are_counted_by_sensor_and_model_and_repeats_are_not() -> None:
    pipeline = pipeline_of("ONE")
    overview = overview_of(pipeline)
    numbers = iter([1, 2, 0])
    send = overview.counting(lambda _message, _arrived_ns: next(numbers))
    where = replace(ESTIMATE.station, network="AA", station="ONE")
    message = replace(ESTIMATE, station=where)
    assert [send(message, 0) for _ in range(3)] == [1, 2, 0]
    (row,) = answer(overview, "stations")["stations"]
    assert row["windows_sent"] == {"v2": 2, "v1": 0}


def test_pages_hold_every_station_once_and_in_order() -> None:
    names = [f"S{number:03d}" for number in range(2 * MAX_ROWS + 5)]
    overview = overview_of(pipeline_of(*reversed(names), seconds=1))
    seen: list[str] = []
    after: str | None = ""
    pages = 0
    while after is not None:
        page = answer(overview, "stations", after=after)
        seen += [row["station"]["station"] for row in page["stations"]]
        assert len(page["stations"]) <= MAX_ROWS
        after, pages = page["next"], pages + 1
    assert (seen, pages) == (names, 3)
    few = answer(overview, "stations", after="AA.S002.--.HH", limit=2)
    assert [row["station"]["station"] for row in few["stations"]] == ["S003", "S004"]
    assert few["next"] == "AA.S004.--.HH"
    assert answer(overview, "stations", after="ZZ")["stations"] == []


def test_stations_that_come_later_are_told_too() -> None:
    pipeline = pipeline_of("ONE")
    overview = overview_of(pipeline)
    assert len(answer(overview, "stations")["stations"]) == 1
    samples = np.zeros(100, np.int32)
    pipeline.accept(
        Segment(SourceId("AA", "A", "", "H", "H", "Z"), START_NS, 100.0, samples), NOW_NS
    )
    rows = answer(overview, "stations")["stations"]
    assert [row["station"]["station"] for row in rows] == ["A", "ONE"]
    assert rows[0]["state"] is None


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("stations", {"limit": 0}),
        ("stations", {"limit": MAX_ROWS + 1}),
        ("stations", {"after": 3}),
        ("stations", {"befor": "x"}),
        ("stats", {"limit": 1}),
    ],
)
def test_argument_that_is_none_is_refused(name: str, arguments: dict[str, object]) -> None:
    with pytest.raises(QueryError, match="bad-argument"):
        overview_of(pipeline_of("ONE")).handlers[name](Request(name, None, arguments))


def test_stats_tell_figures_and_servers() -> None:
    reader = SeedLinkReader(SeedLinkConfig(server="a:18000", streams=("*_*",)))
    reader.counts.failures = 3
    told = answer(overview_of(pipeline_of(), reader), "stats")
    assert (told["session"], told["uptime_s"]) == ("session", 7.5)
    (server,) = told["servers"]
    assert (server["server"], server["connected"], server["failures"]) == ("a:18000", False, 3)


def test_a_page_takes_the_event_loop_no_longer_than_a_tick() -> None:
    """Full rings; 8 ms of processor time here, the 50 ms are for slower machines."""
    overview = overview_of(pipeline_of(*(f"S{n:03d}" for n in range(MAX_ROWS)), seconds=70))
    took_s = []
    for _ in range(5):
        began_s = time.thread_time()
        msgspec.json.encode(overview.stations(Request("stations")))
        took_s.append(time.thread_time() - began_s)
    assert min(took_s) < 0.05
