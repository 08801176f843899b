"""web.py, scrape.py, metrics.py, health.py: what a real daemon answers over HTTP."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.support import ROOT, Daemon, free_port, records_of, running_daemon
from tests.test_daemon import collect, replay, wait_for_feed
from umamba_rt.core.reasons import Reason
from umamba_rt.feed import Subscriber

WINDOWS = 20
# Every second of three sensors; a fourth one is over the limit of sensors with their own metrics.
STATIONS = ("AA_ONE", "AA_TWO", "AA_TRE", "AA_VOR")


def get(address: str, page: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://{address}{page}", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def conditions(address: str, page: str) -> tuple[int, str, dict[str, tuple[bool, str]]]:
    status, text = get(address, page)
    body = json.loads(text)
    found = {one["name"]: (one["holds"], one["detail"]) for one in body["conditions"]}
    return status, body["status"], found


def scrape(address: str) -> dict[str, Metric]:
    status, text = get(address, "/metrics")
    assert status == 200
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(metrics: dict[str, Metric], name: str) -> dict[tuple[str, ...], float]:
    """Samples of a metric, by the values of their labels in the order of the labels' names."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in metrics.values()
        for sample in family.samples
        if sample.name == name
    }


def names_of(metrics: dict[str, Metric]) -> set[str]:
    """All that a query may name, of samples that there are or may come to be."""
    names = set()
    for family in metrics.values():
        names |= {sample.name for sample in family.samples}
        names.add(family.name + "_total" if family.type == "counter" else family.name)
    return names


@pytest.fixture(scope="module")
def daemon_with_data(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Daemon, str, dict[str, Metric]]]:
    """A daemon of both models that has worked off four stations, and what it said before data."""
    scratch = tmp_path_factory.mktemp("web")
    port, address, feed = free_port(), f"127.0.0.1:{free_port()}", f"ipc://{scratch}/feed"
    text = f"""
[[seedlink]]
server = "127.0.0.1:{port}"
streams = ["*_*"]
reconnect_min_s = 0.1
reconnect_max_s = 0.2
[[seedlink]]
server = "127.0.0.1:1"
streams = ["*_*"]
[[seedlink]]
server = "127.0.0.1:1"
streams = ["AA_TWICE"]
[publisher]
address = "{feed}"
[run]
mode = "replay"
heartbeat_s = 0.2
[model]
checkpoint = "untrained"
[model_v1]
enabled = true
checkpoint = "untrained"
[metrics]
max_stations = 3
"""
    records = [record for n, name in enumerate(STATIONS) for record in records_of(name, 50, seed=n)]
    records.sort(key=lambda record: (record.end_ns, str(record.source_id)))
    with running_daemon(scratch, text, UMAMBA_RT_METRICS__ADDRESS=address) as daemon:
        daemon.wait_notified("READY=1")
        before = scrape(address)
        status, _, found = conditions(address, "/readyz")
        assert status == 503
        assert found["stations"] == (False, "none has sent anything")
        with (
            Subscriber(address=feed, timeout_s=0.5) as subscriber,
            replay(scratch, records, port, "--speed", "max"),
        ):
            wait_for_feed(subscriber)
            collect(subscriber, windows=2 * WINDOWS * len(STATIONS))
            yield daemon, address, before
        assert daemon.end() == 0


Case = tuple[Daemon, str, dict[str, Metric]]


def test_metrics_are_the_figures_of_the_run(daemon_with_data: Case) -> None:
    _, address, _ = daemon_with_data
    metrics = scrape(address)
    total = WINDOWS * len(STATIONS)
    assert values(metrics, "umamba_rt_windows_estimated_total") == {(): total}
    assert values(metrics, "umamba_rt_estimates_sent_total") == {(): 2 * total}
    assert values(metrics, "umamba_rt_queue_windows") == {("v1",): 0, ("v2",): 0}
    assert values(metrics, "umamba_rt_stations")["online",] == len(STATIONS)
    for name in ("data_latency_seconds", "processing_latency_seconds"):
        counts = values(metrics, f"umamba_rt_{name}_count")
        assert counts == {("v1",): total, ("v2",): total}
        buckets = values(metrics, f"umamba_rt_{name}_bucket")
        assert buckets["+Inf", "v2"] == total
        rising = [n for (_, model), n in buckets.items() if model == "v2"]
        assert rising == sorted(rising)
    assert 0 < values(metrics, "umamba_rt_processing_latency_seconds_sum")["v2",] < 60 * total


def test_servers_have_metrics_of_their_own(daemon_with_data: Case) -> None:
    _, address, _ = daemon_with_data
    metrics = scrape(address)
    packets = values(metrics, "umamba_rt_server_packets_total")
    good = max(packets, key=lambda server: packets[server])
    assert packets.pop(good) > 0
    # The second block of a server has series of its own: twice the same make a scrape invalid.
    assert packets == {("127.0.0.1:1",): 0, ("127.0.0.1:1 (2)",): 0}
    connected = values(metrics, "umamba_rt_server_connected")
    assert connected == {good: 1} | packets
    failures = values(metrics, "umamba_rt_server_failures_total")
    assert all(failures[bad] > 0 for bad in packets)


def test_stations_with_metrics_of_their_own_are_bounded_in_number(daemon_with_data: Case) -> None:
    _, address, _ = daemon_with_data
    metrics = scrape(address)
    online = values(metrics, "umamba_rt_station_online")
    assert len(online) == 3
    assert set(online.values()) == {1}
    sent = values(metrics, "umamba_rt_station_estimates_sent_total")
    assert len(sent) == 6
    assert set(sent.values()) == {WINDOWS}
    arrivals = values(metrics, "umamba_rt_station_last_arrival_timestamp_seconds")
    assert all(1_600_000_000 < value < 1_600_000_100 for value in arrivals.values())


def test_models_and_build_are_told(daemon_with_data: Case) -> None:
    _, address, _ = daemon_with_data
    metrics = scrape(address)
    models = metrics["umamba_rt_model_info"].samples
    assert {sample.labels["name"] for sample in models} == {"v1", "v2"}
    assert all(sample.labels["trained"] == "false" for sample in models)
    assert all(sample.labels["backend"] for sample in models)
    assert metrics["umamba_rt_build_info"].samples[0].labels["mode"] == "replay"
    assert values(metrics, "process_resident_memory_bytes")[()] > 50e6


def test_every_reason_is_there_before_it_occurs(daemon_with_data: Case) -> None:
    _, _, before = daemon_with_data
    counted = {
        re.sub(r"_total$", "", sample.name.removeprefix("umamba_rt_")) + "_" + label
        for family in before.values()
        for sample in family.samples
        for label in (*sample.labels.values(), "")
    }
    for reason in Reason:
        assert reason in counted or reason + "_" in counted


def test_healthy_daemon_says_what_holds(daemon_with_data: Case) -> None:
    _, address, _ = daemon_with_data
    status, word, found = conditions(address, "/readyz")
    assert (status, word) == (200, "ok")
    assert found["stations"] == (True, "4 online")
    holds, detail = found["servers"]
    assert holds
    assert detail.startswith("1 of 3 connected; 127.0.0.1:1: ")
    status, word, found = conditions(address, "/healthz")
    assert (status, word) == (200, "ok")
    assert set(found) == {"event_loop", "worker"}


def test_other_pages_are_not_found_and_the_first_one_names_all(daemon_with_data: Case) -> None:
    _, address, _ = daemon_with_data
    assert get(address, "/etc/passwd")[0] == 404
    status, text = get(address, "/")
    assert status == 200
    for page in text.split():
        assert get(address, page)[0] == 200


def test_runbook_tells_of_every_metric_and_of_no_other(daemon_with_data: Case) -> None:
    _, address, before = daemon_with_data
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(umamba_rt_\w+)` \|", text, re.MULTILINE))
    families = [*before.values(), *scrape(address).values()]
    names = {name + "_total" * (kind == "counter") for name, kind in map(name_and_type, families)}
    assert {name for name in names if name.startswith("umamba_rt_")} == told


def name_and_type(family: Metric) -> tuple[str, str]:
    return family.name, family.type


def expressions(tree: Any) -> Iterator[str]:
    """Every ``expr`` of a tree of JSON."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == "expr":
                yield value
            else:
                yield from expressions(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from expressions(value)


def test_dashboard_and_alerts_name_only_metrics_that_there_are(daemon_with_data: Case) -> None:
    _, address, before = daemon_with_data
    names = names_of(before) | names_of(scrape(address)) | {"up"}
    dashboard = json.loads((ROOT / "config/grafana-dashboard.json").read_text(encoding="utf-8"))
    rules = (ROOT / "config/prometheus-alerts.yml").read_text(encoding="utf-8")
    alerts = re.findall(r"^ +expr: (.+)$", rules, re.MULTILINE)
    assert len(alerts) == rules.count("- alert: ") >= 8
    for expression in [*alerts, *expressions(dashboard)]:
        bare = re.sub(r'"[^"]*"', "", expression)
        bare = re.sub(r"\b(?:by|on|without|group_left)\b *\([^)]*\)", "", bare)
        bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", bare)
        used = set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*\b(?! *\()", bare))
        used -= {"and", "or", "unless", "bool", "by", "on"}
        assert used, expression
        assert used <= names, (expression, used - names)


def test_stopped_daemon_is_unhealthy_and_well_again(daemon_with_data: Case) -> None:
    """Last of all: a daemon that was stopped for long answers when it goes on."""
    daemon, address, _ = daemon_with_data
    daemon.process.send_signal(signal.SIGSTOP)
    begun_s = time.monotonic()
    with pytest.raises(TimeoutError):
        urlopen(f"http://{address}/healthz", timeout=0.5)
    assert time.monotonic() - begun_s < 5
    daemon.process.send_signal(signal.SIGCONT)
    assert conditions(address, "/healthz")[0] == 200
