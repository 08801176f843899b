"""The units, by systemd's own checkers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import ROOT

UNIT = ROOT / "systemd" / "umamba-rt.service"
TEMPLATE = ROOT / "systemd" / "umamba-rt@.service"
BACKOFF = ROOT / "systemd" / "backoff.conf"
MOST_EXPOSURE = 1.5
# What the template has other than the service: all that is an instance's own.
OWN = {
    "streams\n": "streams (%i)\n",
    "/umamba-rt.toml\n": "/%i.toml\n",
    "StateDirectory=umamba-rt\n": "StateDirectory=umamba-rt/%i\n",
    "/var/lib/umamba-rt\n": "/var/lib/umamba-rt/%i\n",
}
INSTALLED = "/opt/umamba-rt/bin/umamba-rt"
needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)
pytestmark = pytest.mark.systemd


@needs_analyze
@pytest.mark.parametrize("shipped", [UNIT, TEMPLATE], ids=lambda path: path.name)
def test_systemd_finds_nothing_to_say_about_the_unit(shipped: Path, tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "umamba-rt"
    text = shipped.read_text(encoding="utf-8")
    assert INSTALLED in text
    unit = tmp_path / shipped.name
    unit.write_text(text.replace(INSTALLED, str(program)), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout + done.stderr == ""


def version() -> int:
    """Systemd's here."""
    command = ["systemd-analyze", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return int(re.split(r"[ .~-]", done.stdout)[1])


@needs_analyze
@pytest.mark.parametrize("shipped", [UNIT, TEMPLATE], ids=lambda path: path.name)
def test_pauses_that_grow_are_known_from_254_on_and_else_ignored(
    shipped: Path, tmp_path: Path
) -> None:
    """Two keys are all that an older systemd does not know: so they stand in a file apart."""
    found = verify_with_backoff(shipped, tmp_path)
    keys = re.findall(r"^(\w+)=", BACKOFF.read_text(encoding="utf-8"), re.MULTILINE)
    assert keys == ["RestartSteps", "RestartMaxDelaySec"]
    if version() >= 254:
        assert found == ""
    else:
        lines = found.splitlines()
        assert len(lines) == len(keys)
        for line, key in zip(lines, keys, strict=True):
            assert re.search(rf"backoff\.conf:\d+: Unknown key (name )?'{key}' in section", line)


def verify_with_backoff(shipped: Path, folder: Path) -> str:
    """What systemd says of a unit with the drop-in; it must load it all the same."""
    unit = folder / shipped.name
    program = str(Path(sys.executable).parent / "umamba-rt")
    text = shipped.read_text(encoding="utf-8").replace(INSTALLED, program)
    unit.write_text(text, encoding="utf-8")
    beside = folder / f"{shipped.name}.d"
    beside.mkdir()
    shutil.copy(BACKOFF, beside)
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    return done.stdout + done.stderr


@needs_analyze
def test_checker_would_find_a_mistake(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text(encoding="utf-8") + "\n[Service]\nTypo=yes\n", encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Typo" in done.stderr


@needs_analyze
@pytest.mark.parametrize("shipped", [UNIT, TEMPLATE], ids=lambda path: path.name)
def test_exposure_is_little(shipped: Path, tell: Callable[[str], None]) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(shipped)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    found = re.search(r"Overall exposure level for (\S+): ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    tell(f"systemd-analyze security: {found[1]} {found[2]} (at most {MOST_EXPOSURE})")
    assert float(found[2]) <= MOST_EXPOSURE


@needs_analyze
def test_every_exposure_that_is_left_has_its_reason_in_the_unit() -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    left = set(re.findall(r"^✗ (\w+)=", done.stdout, re.MULTILINE))
    assert len(left) >= 5
    remarks = re.findall(r"^#(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for name in left if not any(name in remark for remark in remarks)} == set()


def test_template_is_the_service_with_what_is_an_instances_own() -> None:
    text = UNIT.read_text(encoding="utf-8")
    for shared, own in OWN.items():
        assert shared in text
        text = text.replace(shared, own)
    assert TEMPLATE.read_text(encoding="utf-8") == text
