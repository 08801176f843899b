"""docs/migration.md: every block of code runs, in the order of the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from tests.models.legacy_files import legacy_state, write_pt
from tests.support import ROOT
from umamba_rt.models import UMambaV1

PAGE = ROOT / "docs" / "migration.md"


def test_code_of_the_migration_guide_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(1)
    write_pt(tmp_path / "best_v1.pt", legacy_state(UMambaV1()))
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 8
    names: dict[str, object] = {}
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"{PAGE.name}, block {number}", "exec"), names)
    assert "AA.ONE..HH" in capsys.readouterr().out
    assert (tmp_path / "v2.safetensors").is_file()
