"""io/trigger_file.py: what is saved is loaded, and what is damaged is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.core.test_trigger_bank import RULES, windows
from umamba_rt.core.trigger_bank import SavedTriggers, TriggerBank
from umamba_rt.io.trigger_file import TriggerFile


def saved() -> SavedTriggers:
    bank = TriggerBank(RULES)
    bank.watch(windows()[:30])
    assert bank.saved is not None
    return bank.saved


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    file = TriggerFile(tmp_path / "triggers")
    assert file.load() is None
    file.save(saved())
    file.save(saved())
    assert file.load() == saved()
    assert [path.name for path in tmp_path.iterdir()] == ["triggers"]


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"rules": 3}', b"\xff\xff"])
def test_a_damaged_file_is_told_and_left(tmp_path: Path, damage: bytes) -> None:
    file = TriggerFile(tmp_path / "triggers")
    file.path.write_bytes(damage)
    with capture_logs() as logs:
        assert file.load() is None
    assert [entry["event"] for entry in logs] == ["triggers_unreadable"]
    file.save(saved())
    assert file.load() == saved()


@pytest.mark.parametrize(
    ("found", "spoilt"),
    [
        (b'"CI.CCC.--.HH":', b'"CI.CCC":'),
        (b'"sections":[[', b'"sections":[[0.0,0.0],['),
        (b'"high_hz":40.0', b'"high_hz":4.0'),
        (b'"is_on":false,"spans":[', b'"is_on":true,"spans":[],"others":['),
    ],
)
def test_a_file_that_no_trigger_goes_on_from_is_told_and_ends_no_start(
    tmp_path: Path, found: bytes, spoilt: bytes
) -> None:
    """It is read, and then is not what it should be."""
    file = TriggerFile(tmp_path / "triggers")
    file.save(saved())
    whole = file.path.read_bytes()
    before, found, behind = whole.rpartition(found)
    assert found
    file.path.write_bytes(before + spoilt + behind)
    with capture_logs() as logs:
        assert file.load() is None
    assert [(one["event"], one["file"]) for one in logs] == [
        ("triggers_unreadable", str(file.path))
    ]
    file.save(saved())
    assert file.load() == saved()


def test_a_folder_that_cannot_be_written_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        TriggerFile(tmp_path / "nowhere" / "triggers").save(saved())
