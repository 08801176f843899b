"""tools/wheel_test.py: the package as a stranger installs it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT
from tools import wheel_test


def test_wheel_is_built_installed_and_runs_outside_the_checkout(tmp_path: Path) -> None:
    """``make wheel-test`` does the same for ten seconds with all dependencies installed anew."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "wheel_test.py"), "--run-s", "4"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "estimates in 4 s" in done.stdout


def test_wheel_that_lacks_the_weights_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheel_test, "NEEDED", ("umamba_rt/models/weights/v3.safetensors",))
    with pytest.raises(wheel_test.WheelTestError, match=r"lacks \['umamba_rt/models/weights/v3"):
        wheel_test.build(tmp_path)


def test_checkout_is_not_what_the_installed_program_imports(tmp_path: Path) -> None:
    """A wheel without the package would else go unnoticed: the checkout is installed, too."""
    wheel = tmp_path / "umamba_rt-0.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        place = "umamba_rt-0.0.0.dist-info"
        archive.writestr(
            f"{place}/METADATA", "Metadata-Version: 2.1\nName: umamba-rt\nVersion: 0.0.0\n"
        )
        archive.writestr(
            f"{place}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{place}/RECORD", "")
    with pytest.raises(wheel_test.WheelTestError, match="No module named 'umamba_rt'"):
        wheel_test.install(wheel, tmp_path, full=False)
