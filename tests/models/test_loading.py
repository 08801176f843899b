"""models/loading.py: formats told apart by content, and a bound on the size."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.legacy_files import write_pt
from umamba_rt.errors import CheckpointError
from umamba_rt.models import UMambaV2
from umamba_rt.models.loading import load_checkpoint


def test_format_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    path = write_pt(tmp_path / "m.safetensors", UMambaV2().state_dict())
    assert load_checkpoint(path).format == "pt"


def test_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2**40)  # sparse: takes no space
    with pytest.raises(CheckpointError, match="at most"):
        load_checkpoint(path)


def test_empty_file_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load_checkpoint(tmp_path / "empty")
