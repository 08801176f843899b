"""tools/soak_trial.py: from a restart to the first new window."""

from __future__ import annotations

from pathlib import Path

from tests.support import RIDGECREST, needs_shared
from tools.soak_archive import Slice
from tools.soak_scene import Scene, Setting
from tools.soak_trial import Step, Trial
from tools.soak_windows import Tally, direct
from umamba_rt.core.timebase import parse_rfc3339

pytestmark = needs_shared
SPEED = 5.0


def test_restart_behind_that_of_the_server_waits_for_the_past_at_the_replays_speed(
    tmp_path: Path,
) -> None:
    """A server that is begun anew has no past to fill the rings from."""
    start_ns = parse_rfc3339("2019-07-04T17:33:00.000000Z")
    records = Slice([RIDGECREST], start_ns, start_ns + 160 * 10**9)
    archive = tmp_path / "archive.mseed"
    records.write(archive, 5, 160.0)
    setting = Setting((str(archive),), f"{SPEED:g}")
    tally = Tally(direct(tmp_path, setting))
    scene = Scene(tmp_path, setting)
    try:
        trial = Trial(scene, tally, [Step("server", 1), Step("daemon", 0.1), Step("daemon", 15)])
        trial.run()
    finally:
        scene.close()
    assert tally.is_clean
    assert trial.done == ["server", "daemon", "daemon"]
    (of_both_s,), (alone_s,) = trial.restarts_of_both_s, trial.restarts_s
    assert alone_s < of_both_s
    assert of_both_s > 30 / SPEED
    assert trial.is_prompt(SPEED) == (of_both_s < 10 + 40 / SPEED and alone_s < 10)
    trial.restarts_s, trial.restarts_of_both_s = [9.9], [17.9]
    assert trial.is_prompt(SPEED)
    assert not trial.is_prompt(2 * SPEED)
    trial.restarts_s = [10.1]
    assert not trial.is_prompt(SPEED)
