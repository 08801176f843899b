"""4,000 damaged requests to a real daemon; 100,000 go through tools/fuzz_queries.py by hand."""

from __future__ import annotations

import json
import random
import secrets
import subprocess
import sys

from tests.support import ROOT
from tools.query_mutations import garbage, mutate

COUNT = 4000


def test_damaged_requests_are_answered_or_refused_and_leave_nothing() -> None:
    command = [sys.executable, str(ROOT / "tools" / "fuzz_queries.py"), "--count", str(COUNT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    seed, _, text = done.stdout.partition("\n")
    assert seed.startswith("seed ")
    report = json.loads(text)
    assert report["requests"] == report["answered"] == COUNT
    # Both ways are taken often, and requests are refused for every reason of their own.
    assert 0.2 < sum(report["refused"].values()) / COUNT < 0.9
    assert {"malformed", "bad-argument", "unknown-request", "too-large"} <= report["refused"].keys()
    assert report["sound_answered"] > 3
    assert report["descriptors_before"]["socket"] > 3
    assert report["rss_before_mb"] > 20


def test_the_same_seed_gives_the_same_damage() -> None:
    def damaged(seed: int) -> list[object]:
        chooser = random.Random(seed)
        return [(mutate(chooser, "s"), garbage(chooser)) for _ in range(300)]

    seed = secrets.randbelow(2**32)
    assert damaged(seed) == damaged(seed)
    assert damaged(seed) != damaged(seed + 1)
