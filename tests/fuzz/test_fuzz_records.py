"""20,000 damaged records; a million go through tools/fuzz_records.py by hand."""

from __future__ import annotations

import random
import secrets
import subprocess
import sys
from collections.abc import Callable

from tests.support import ROOT, records_of
from tools.fuzz_records import MAX_STATIONS, SLACK_BYTES, STATION_BYTES, fuzz
from tools.record_mutations import mutate


def test_damaged_records_raise_nothing_hang_nothing_and_lose_nothing(
    tell: Callable[[str], None],
) -> None:
    seed = secrets.randbelow(2**32)
    tell(f"fuzz_records.py --count 20000 --seed {seed}")
    report = fuzz(20_000, seed)
    assert report.records == 20_000
    assert report.decoded + report.refused == report.records + report.clean_records
    # Both ways are taken often, and the damage is of many kinds.
    assert min(report.decoded, report.refused) > 4000
    assert len(report.refusals) > 30
    assert report.clean_windows > 100
    # More stations are named than may be, and the memory is that of those that may.
    assert report.most_stations == MAX_STATIONS
    assert report.counts["segments_refused_station_limit"] > 500
    grown_mb = report.rss_after_mb - report.rss_before_mb
    assert grown_mb * 1e6 < MAX_STATIONS * STATION_BYTES + SLACK_BYTES


def test_the_same_seed_gives_the_same_damage() -> None:
    payloads = [record.payload for record in records_of(seconds=8)]

    def damaged(seed: int) -> list[bytes]:
        chooser = random.Random(seed)
        return [mutate(chooser, chooser.choice(payloads), payloads[0]) for _ in range(300)]

    assert damaged(7) == damaged(7)
    assert damaged(7) != damaged(8)
    assert sum(payload in payloads for payload in damaged(7)) < 30


def test_the_tool_prints_its_seed_and_a_report() -> None:
    command = [sys.executable, str(ROOT / "tools" / "fuzz_records.py"), "--count", "300"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.startswith("seed ")
    assert '"records": 300' in done.stdout
