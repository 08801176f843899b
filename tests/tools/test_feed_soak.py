"""tools/feed_soak.py in its short form: fifty subscribers, twenty of them slow or stopped."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support import ROOT


def test_fifty_subscribers_end_with_all_messages_whatever_they_did() -> None:
    """Marks of 100 messages: who falls seconds behind is cut off, and asks for what it lost."""
    command = [sys.executable, str(ROOT / "tools" / "feed_soak.py"), "--seconds", "24"]
    command += ["--stations", "300", "--high-water-mark", "100", "--memory-mb", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    figures = json.loads(done.stdout)
    assert figures["messages"] == 24 * 600
    for kind, subscribers in (("healthy", 10), ("bare", 20), ("slow", 10), ("stopped", 10)):
        found = figures[kind]
        assert found["subscribers"] == subscribers
        # Bare ones cannot ask for what they lost, as they may where nobody has time for them.
        lost = 0 if kind == "bare" else found["lost"] + found["missed"]
        assert (lost, found["twice"]) == (0, 0), kind
    assert figures["slow"]["recovered"] > 1000
    assert figures["stopped"]["recovered"] > 1000
