"""A daemon that is killed while the disk of its state is full."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import RIDGECREST, needs_shared
from tools.soak_archive import Slice
from tools.soak_disk import mounted
from tools.soak_scene import Scene, Setting
from tools.soak_trial import Step, Trial
from tools.soak_windows import Tally, direct
from umamba_rt.core.timebase import parse_rfc3339

pytestmark = needs_shared


def test_kill_on_a_full_disk_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """Marks are written over in place; positions only lie further back."""
    start_ns = parse_rfc3339("2019-07-04T17:33:00.000000Z")
    records = Slice([RIDGECREST], start_ns, start_ns + 80 * 10**9)
    archive = tmp_path / "archive.mseed"
    records.write(archive, 5, 80.0)
    setting = Setting((str(archive),), "5")
    tally = Tally(direct(tmp_path, setting))
    with mounted(tmp_path / "disk") as disk:
        if disk is None:
            pytest.skip("no file system can be mounted here")
        scene = Scene(tmp_path, setting, disk=disk)
        try:
            trial = Trial(scene, tally, [Step("fill", 1), Step("daemon", 2), Step("free", 1)])
            trial.run()
        finally:
            scene.close()
    assert trial.done == ["fill", "daemon", "free"]
    assert trial.full_failures > 0
    assert len(trial.recoveries_s) == len(trial.restarts_s) == 1
    figures = tally.figures()
    assert figures["windows"] == figures["windows_expected"] > 200
    assert figures["lost"] == figures["extra"] == figures["doubled"] == 0
