"""A scrape as Prometheus metrics; ``docs/operations.md`` says what to do about each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from umamba_rt import __version__
from umamba_rt.latencies import Histogram
from umamba_rt.scrape import Scrape

_PREFIX = "umamba_rt_"
# Counts of one kind become one metric; what follows in their names is a label's value.
_FAMILIES = (
    ("windows_withheld_", "reason", "Windows that were not sent, by what was wrong with them."),
    ("windows_dropped_", "reason", "Windows that were cut and never estimated."),
    ("segments_refused_", "reason", "Stretches of samples that cannot be used."),
    ("queries_", "outcome", "Questions to the query endpoint."),
)
# Each server and each model has these of its own.
_ELSEWHERE = frozenset({"server_connects", "server_failures"})
_WAITING = "windows_waiting_"


class DaemonCollector(Collector):
    """Collects a running daemon's metrics.

    Args:
        take: gives a scrape; called in the thread that serves the request.
    """

    def __init__(self, take: Callable[[], Scrape]) -> None:
        self._take = take

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: a registry would else ask for a scrape before there is a daemon."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics, as of now."""
        scrape = self._take()
        yield InfoMetricFamily(
            _PREFIX + "build", "The daemon.", {"version": __version__, "mode": scrape.mode}
        )
        yield _models(scrape)
        yield from _counts(scrape.counts)
        yield from _gauges(scrape)
        yield from _servers(scrape)
        yield from _sensors(scrape)
        latencies = scrape.latencies
        text = "From a window's end to the arrival of its last sample."
        yield _histogram("data_latency_seconds", text, latencies.data)
        text = "From the arrival of a window's last sample to sending its estimate."
        yield _histogram("processing_latency_seconds", text, latencies.processing)


def _models(scrape: Scrape) -> Metric:
    info = InfoMetricFamily(_PREFIX + "model", "The models that run.", labels=["name"])
    for model in scrape.models:
        facts = {
            "version": model.version,
            "sha256": model.sha256,
            "backend": model.backend,
            "trained": str(model.trained).lower(),
        }
        info.add_metric([model.name], facts)
    return info


def _counts(counts: Mapping[str, int]) -> Iterator[Metric]:
    left = {
        name: n
        for name, n in counts.items()
        if name not in _ELSEWHERE and not name.startswith(_WAITING)
    }
    for start, label, text in _FAMILIES:
        family = CounterMetricFamily(_PREFIX + start.rstrip("_"), text, labels=[label])
        for name in [name for name in left if name.startswith(start)]:
            family.add_metric([name.removeprefix(start)], left.pop(name))
        yield family
    for name, n in left.items():
        text = f"The heartbeat's {name}; docs/operations.md says more."
        yield CounterMetricFamily(_PREFIX + name, text, n)


def _gauges(scrape: Scrape) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        _PREFIX + "queue_windows", "Windows that wait for a model.", labels=["model"]
    )
    first = scrape.models[0].name
    waiting.add_metric([first], scrape.queue_depth)
    for name, n in scrape.counts.items():
        if name.startswith(_WAITING):
            waiting.add_metric([name.removeprefix(_WAITING)], n)
    yield waiting
    text = "Most windows that may wait for a model."
    yield GaugeMetricFamily(_PREFIX + "queue_limit_windows", text, scrape.queue_size)
    text = "How long the oldest window has been waiting."
    yield GaugeMetricFamily(_PREFIX + "queue_oldest_window_age_seconds", text, scrape.oldest_wait_s)
    text = "For how long windows have been waiting without one being taken."
    yield GaugeMetricFamily(_PREFIX + "queue_still_seconds", text, scrape.queue_still_s)
    stations = GaugeMetricFamily(
        _PREFIX + "stations", "Sensors of stations, by state.", labels=["state"]
    )
    for state, n in ({"online": 0} | dict(scrape.states)).items():
        stations.add_metric([state], n)
    yield stations


def _servers(scrape: Scrape) -> Iterator[Metric]:
    connected = GaugeMetricFamily(
        _PREFIX + "server_connected", "1 while a SeedLink server is connected.", labels=["server"]
    )
    packets, connects, failures = (
        CounterMetricFamily(_PREFIX + name, text, labels=["server"])
        for name, text in (
            ("server_packets", "Packets of a SeedLink server."),
            ("server_connects", "Connections to a SeedLink server."),
            ("server_failures", "Connections to a SeedLink server that failed or broke."),
        )
    )
    blocks: Counter[str] = Counter()
    for server in scrape.servers:
        blocks[server.server] += 1
        number = blocks[server.server]
        # Several blocks may name one server, and a series has to be of one of them.
        labels = [server.server if number == 1 else f"{server.server} ({number})"]
        connected.add_metric(labels, server.connected)
        packets.add_metric(labels, server.packets)
        connects.add_metric(labels, server.connects)
        failures.add_metric(labels, server.failures)
    return iter((connected, packets, connects, failures))


def _sensors(scrape: Scrape) -> Iterator[Metric]:
    online = GaugeMetricFamily(
        _PREFIX + "station_online", "1 while a sensor's windows are sent.", labels=["station"]
    )
    arrival = GaugeMetricFamily(
        _PREFIX + "station_last_arrival_timestamp_seconds",
        "When a sensor's latest record came, since 1970 UTC.",
        labels=["station"],
    )
    sent = CounterMetricFamily(
        _PREFIX + "station_estimates_sent",
        "Estimates of a sensor that were sent.",
        labels=["station", "model"],
    )
    withheld = CounterMetricFamily(
        _PREFIX + "station_windows_withheld",
        "Windows of a sensor that were not sent, whatever was wrong with them.",
        labels=["station"],
    )
    for sensor in scrape.sensors:
        online.add_metric([sensor.name], sensor.online)
        withheld.add_metric([sensor.name], sensor.withheld)
        if sensor.last_arrival_s is not None:
            arrival.add_metric([sensor.name], sensor.last_arrival_s)
        for model, n in sensor.sent.items():
            sent.add_metric([sensor.name, model], n)
    return iter((online, arrival, sent, withheld))


def _histogram(name: str, text: str, by_model: Mapping[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(_PREFIX + name, text, labels=["model"])
    for model, histogram in by_model.items():
        buckets, total = [], 0
        for edge_s, n in zip([*histogram.edges_s, None], list(histogram.counts), strict=True):
            total += n
            buckets.append(("+Inf" if edge_s is None else str(edge_s), float(total)))
        family.add_metric([model], buckets, histogram.sum_s)
    return family
