"""commands/run.py, commands/check.py: station metadata that are there, missing and damaged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import RIDGECREST, needs_shared
from umamba_rt.commands.run import load_inventory
from umamba_rt.config.stations import StationsConfig
from umamba_rt.config.whole import Config
from umamba_rt.core.inventory import EMPTY
from umamba_rt.errors import InventoryError, UnavailableError

STATIONS = RIDGECREST.parent / "stations.xml"


def config(path: Path | str) -> Config:
    return Config(stations=StationsConfig(inventory=str(path)))


def test_without_a_path_nothing_is_known() -> None:
    assert load_inventory(Config()) is EMPTY


def test_a_path_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"none\.xml"):
        load_inventory(config(tmp_path / "none.xml"))
    (tmp_path / "bad.xml").write_text("<FDSNStationXML>", encoding="utf-8")
    with pytest.raises(InventoryError, match=r"bad\.xml"):
        load_inventory(config(tmp_path / "bad.xml"))


@needs_shared
def test_check_tells_what_the_inventory_holds_and_lacks(tmp_path: Path) -> None:
    path = tmp_path / "daemon.toml"
    path.write_text(
        f'[[seedlink]]\nserver = "127.0.0.1"\nstreams = ["*_*"]\n'
        f'[stations]\ninventory = "{STATIONS}"\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "umamba_rt", "check", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "inventory  39 channels of 13 stations" in done.stdout
    assert "CI.WBS..HHZ: no overall sensitivity; used as counts" in done.stdout
    path.write_text(path.read_text(encoding="utf-8").replace(".xml", ".gz"), encoding="utf-8")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 69
    assert "stations.gz: No such file or directory" in done.stderr
