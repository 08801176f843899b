from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pymseed import MS3Record

from umamba_rt.core.ids import SourceId
from umamba_rt.core.pipeline import Outcome, Pipeline, PipelineSettings
from umamba_rt.core.reasons import Reason
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.core.window import Window
from umamba_rt.errors import RecordError
from umamba_rt.ingest import DataClock, Ingest
from umamba_rt.wire.record import pack_segment, shift_payload

SDS = Path(__file__).parents[2] / "shared/data/ridgecrest/sds/2019"
START_NS = 1562258999997986000
MINUTES = 3


class StandingClock:
    """A wall clock that a test moves."""

    follows_data = False
    step_ns = 0

    def __init__(self, now_ns: int) -> None:
        self.time_ns = now_ns

    def observe(self, end_ns: int) -> None:
        pass

    def now_ns(self) -> int:
        return self.time_ns

    latest_ns = utc_ns = now_ns


def replayed() -> Ingest:
    settings = PipelineSettings(max_future_s=None, stale_after_s=5)
    return Ingest(Pipeline(settings), DataClock())


def run(ingest: Ingest, payloads: list[bytes]) -> list[Window]:
    return [w for payload in payloads for w in ingest.record(payload, source="test").windows]


def contents(windows: list[Window]) -> list[tuple[str, int, bytes, str]]:
    return [(str(w.group), w.first, w.samples.tobytes(), repr(w.quality)) for w in windows]


def packed(
    channel: str, seconds: float, start_ns: int = START_NS, station: str = "CCC"
) -> list[bytes]:
    random = np.random.default_rng(sum(channel.encode()))
    samples = random.integers(-2000, 2000, round(seconds * 100)).astype(np.int32)
    source_id = SourceId.from_nslc("CI", station, "", channel)
    return [r.payload for r in pack_segment(Segment(source_id, start_ns, 100.0, samples))]


@pytest.fixture(scope="module")
def ridgecrest() -> list[bytes]:
    """Three minutes of three stations, in the order of their ends, as a server sends them."""
    if not SDS.is_dir():
        pytest.skip("the Ridgecrest archive is not at ../shared/data/ridgecrest")
    found = []
    for station in ("CI/CCC", "CI/WRV2", "PB/*"):
        for path in sorted(SDS.glob(f"{station}/*/*"))[:3]:
            with path.open("rb") as file:
                while payload := file.read(512):
                    header = MS3Record.parse(payload)
                    if header.endtime > START_NS + MINUTES * 60 * NS_PER_S:
                        break
                    found.append((header.endtime, header.sourceid, payload))
    return [payload for _, _, payload in sorted(found)]


def test_the_same_bytes_give_the_same_windows_in_the_same_order(ridgecrest: list[bytes]) -> None:
    first, second = replayed(), replayed()
    windows = run(first, ridgecrest)
    assert contents(windows) == contents(run(second, ridgecrest))
    assert [w.arrival_ns for w in windows] == sorted(w.arrival_ns for w in windows)
    assert first.pipeline.counts == second.pipeline.counts
    assert first.records == len(ridgecrest)
    assert first.records_refused == 0
    # Two and a half minutes of whole windows of each of three stations, all complete.
    assert len(windows) > 3 * (MINUTES * 60 - 30 - 12)
    assert all(w.quality.complete for w in windows)
    for group in first.pipeline.sensors:
        starts = [w.start_ns for w in windows if w.group == group]
        assert {b - a for a, b in pairwise(starts)} == {NS_PER_S}


def test_a_later_start_and_another_order_give_the_same_windows(ridgecrest: list[bytes]) -> None:
    full = set(contents(run(replayed(), ridgecrest)))
    later = [p for p in ridgecrest if MS3Record.parse(p).starttime > START_NS + 40 * NS_PER_S]
    joined = [w for w in run(replayed(), later) if w.quality.complete]
    assert len(joined) > 3 * (MINUTES * 60 - 40 - 30 - 24)
    assert full.issuperset(contents(joined))
    random = np.random.default_rng(8)
    ends_ns = [MS3Record.parse(p).endtime + random.integers(0, 5 * NS_PER_S) for p in ridgecrest]
    shuffled = [ridgecrest[i] for i in np.argsort(ends_ns)]
    assert shuffled != ridgecrest
    assert set(contents(run(replayed(), shuffled))) == full


def test_a_damaged_record_is_counted_and_touches_nothing_else() -> None:
    ingest = replayed()
    payloads = packed("HHZ", 20)
    run(ingest, payloads)
    before = ingest.pipeline.counts.copy()
    with pytest.raises(RecordError, match="server X: record refused"):
        ingest.record(payloads[0][:300], source="server X")
    assert (ingest.records, ingest.records_refused) == (len(payloads) + 1, 1)
    assert ingest.pipeline.counts == before


def merged(*streams: list[bytes]) -> list[bytes]:
    """Records of several channels in the order of their ends."""
    records = [(MS3Record.parse(p).endtime, n, p) for n, ps in enumerate(streams) for p in ps]
    return [payload for _, _, payload in sorted(records, key=lambda record: record[:2])]


def station(name: str, seconds: float, start_ns: int = START_NS) -> list[bytes]:
    channels = ("HHZ", "HHN", "HHE")
    return merged(*(packed(channel, seconds, start_ns, station=name) for channel in channels))


def test_one_record_years_ahead_changes_no_window_of_a_replay() -> None:
    stream = merged(station("CCC", 60), station("WRV2", 60))
    corrupt = shift_payload(stream[20], 30 * 365 * 86_400)
    undisturbed, disturbed = replayed(), replayed()
    expected = contents(run(undisturbed, stream))
    for place in (0, 3, 20, 70):
        disturbed = replayed()
        windows = run(disturbed, [*stream[:place], corrupt, *stream[place:]])
        assert contents(windows) == expected
        assert disturbed.pipeline.counts[Reason.FUTURE] == 1
    assert len(expected) > 50


def test_a_station_an_hour_ahead_disturbs_no_other_one() -> None:
    good = [station("CCC", 60), station("WRV2", 60)]
    ahead = [shift_payload(payload, 3600) for payload in station("BAD", 60)]
    mixed: list[bytes] = []
    for number, payload in enumerate(merged(*good)):
        mixed += [payload, *ahead[number // 2 : number // 2 + 1 - number % 2]]
    expected = contents(run(replayed(), merged(*good)))
    target = replayed()
    assert contents(run(target, mixed)) == expected
    assert target.pipeline.counts[Reason.FUTURE] > len(ahead) // 2
    live = Ingest(Pipeline(PipelineSettings()), StandingClock(START_NS + 61 * NS_PER_S))
    assert contents(run(live, mixed)) == expected
    assert live.pipeline.counts[Reason.FUTURE] == sum(p in ahead for p in mixed)


@pytest.mark.parametrize("rate_hz", [100.0, 50.0])
def test_a_burst_of_a_day_ago_is_counted_and_disturbs_nothing(rate_hz: float) -> None:
    stream = records(60, rate_hz)
    burst = [shift_payload(payload, -86_400) for payload in records(20, rate_hz)]
    expected = contents(run(replayed(), stream))
    target = replayed()
    assert contents(run(target, [*stream[:40], *burst, *stream[40:]])) == expected
    counts = target.pipeline.counts
    assert counts[Reason.TOO_OLD] == pytest.approx(3 * 2000, abs=20)
    assert counts[Reason.WITHHELD_GAP] == counts[Reason.LATE] == 0
    assert len(expected) > 25


def records(seconds: float, rate_hz: float) -> list[bytes]:
    random = np.random.default_rng(3)
    found = []
    for code in "ZNE":
        samples = random.integers(-2000, 2000, round(seconds * rate_hz)).astype(np.int32)
        source_id = SourceId("CI", "CCC", "", "H", "H", code)
        found.append(
            [r.payload for r in pack_segment(Segment(source_id, START_NS, rate_hz, samples))]
        )
    return merged(*found)


def test_a_gap_of_a_day_is_crossed_and_the_short_end_behind_it_is_used() -> None:
    later = START_NS + 86_400 * NS_PER_S
    stream = station("CCC", 40) + station("CCC", 40, later)
    target = replayed()
    starts = [w.start_ns for w in run(target, stream)]
    # Ten of each, and one whose last sample never came: the jump ends its wait.
    assert [s < later for s in starts] == [True] * 11 + [False] * 10
    assert target.finish() == Outcome()
    short = station("CCC", 40) + station("CCC", 8, later)[:5]
    target = replayed()
    run(target, short)
    before = target.pipeline.counts[Reason.SEGMENTS]
    assert before == len(short) - 5
    target.finish()
    assert target.pipeline.counts[Reason.SEGMENTS] == len(short)


def test_a_rate_that_changes_is_counted_and_costs_no_window() -> None:
    cut_ns = START_NS + 40 * NS_PER_S
    before, after = records(40, 100.0), records(60, 50.0)
    after = [shift_payload(payload, 40) for payload in after]
    assert MS3Record.parse(after[0]).starttime == cut_ns
    target = replayed()
    windows = run(target, [*before, *after])
    counts = target.pipeline.counts
    assert counts[Reason.RATE_CHANGED] == 3
    assert counts[Reason.WITHHELD_GAP] == 0
    assert len(windows) > 65
    assert {w.quality.native_rate_hz for w in windows} == {100.0, 50.0}
    assert all(w.quality.complete for w in windows)


MONTH_NS = 1_514_764_800 * NS_PER_S  # 2018-01-01: no leap second that libmseed knows of
LEAP_BITS = {1: 0x10, -1: 0x20}  # SEED 2.4, activity flags


@pytest.mark.parametrize("rate_hz", [100.0, 50.0, 200.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_leap_second_withholds_no_window_and_gives_none_twice(rate_hz: float, sign: int) -> None:
    begin_ns = MONTH_NS - 45 * NS_PER_S + 4_000_000
    leap_ns = MONTH_NS - (NS_PER_S if sign < 0 else 0)
    channels = []
    for code in "ZNE":
        random = np.random.default_rng(ord(code))
        samples = random.integers(-900, 900, round(90 * rate_hz)).astype(np.int32)
        segment = Segment(SourceId("CI", "CCC", "", "H", "H", code), begin_ns, rate_hz, samples)
        payloads = []
        for record in pack_segment(segment):
            payload = bytearray(record.payload)
            # A record that begins in the added second is stamped 23:59:60, here as 00:00:00.
            if record.start_ns >= leap_ns + (NS_PER_S if sign > 0 else 0):
                payload = bytearray(shift_payload(record.payload, -sign))
            elif record.end_ns >= leap_ns:
                payload[36] |= LEAP_BITS[sign]
            payloads.append(bytes(payload))
        channels.append(payloads)
    target = replayed()
    windows = run(target, merged(*channels))
    firsts = [window.first for window in windows]
    assert firsts == list(range(firsts[0], firsts[0] + 100 * len(firsts), 100))
    assert len(firsts) in range(58 - 2 * sign, 63)
    assert all(window.quality.complete for window in windows[1:])
    counts = target.pipeline.counts
    assert counts[Reason.WITHHELD_GAP] == counts[Reason.CONFLICTING] == counts[Reason.LATE] == 0


def test_a_header_that_claims_a_slow_rate_does_not_move_the_clock() -> None:
    stream = station("CCC", 40)
    slow = bytearray(packed("HHZ", 4, START_NS + 20 * NS_PER_S)[0])
    slow[32:36] = struct.pack(">hh", -1000, 1)  # one sample in 1,000 s
    target = replayed()
    expected = contents(run(replayed(), stream))
    assert contents(run(target, [*stream[:20], bytes(slow), *stream[20:]])) == expected
    assert target.pipeline.counts[Reason.RATE] == 1


def test_the_data_clock_never_goes_back() -> None:
    clock = DataClock()
    assert clock.now_ns() == 0
    clock.observe(5)
    clock.observe(3)
    assert clock.now_ns() == 5


def test_the_data_themselves_end_waits_in_a_replay() -> None:
    ingest = replayed()
    run(ingest, packed("HHZ", 10))
    outcomes = [ingest.record(p, source="test") for p in packed("HHZ", 60, station="WRV2")]
    changes = [change for outcome in outcomes for change in outcome.changes]
    assert ("CI.CCC.--.HH", "stale") in {(str(c.group), c.state) for c in changes}


def test_a_wall_clock_alone_ends_waits_live() -> None:
    clock = StandingClock(START_NS + 40 * NS_PER_S)
    ingest = Ingest(Pipeline(PipelineSettings()), clock)
    for channel in ("HHZ", "HHN"):
        run(ingest, packed(channel, 35))
    run(ingest, packed("HHE", 30.9))
    assert ingest.tick() == Outcome()
    clock.time_ns += 10 * NS_PER_S
    (window,) = ingest.tick().windows
    assert 0 < window.quality.gap_s <= 0.2
    assert window.arrival_ns == clock.time_ns
