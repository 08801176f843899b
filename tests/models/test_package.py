"""models/__init__.py: what the package exports."""

from __future__ import annotations

import subprocess
import sys

import pytest

from umamba_rt import models


def test_every_export_is_there_and_no_other_name_is() -> None:
    for name in models._HOME:
        assert getattr(models, name).__name__ == name
        assert name in dir(models)
    with pytest.raises(AttributeError, match="no attribute 'UMamba'"):
        models.UMamba  # noqa: B018


def test_load_is_a_function_whatever_was_imported_before() -> None:
    code = "import umamba_rt.models.loading, umamba_rt.models as m; assert callable(m.load)"
    subprocess.run([sys.executable, "-c", code], check=True)
