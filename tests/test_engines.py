"""engines.py: the engine that the configuration asks for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from umamba_rt.config.file import parse
from umamba_rt.engines import make_engines

_WITHOUT_OPENVINO = """
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "openvino" else real(name, *rest)
from umamba_rt.config.file import parse
from umamba_rt.engines import make_engines
from umamba_rt.errors import ConfigError
try:
    make_engines(parse('[model]\\nengine = "{engine}"', {{}}, where="test"))
except ConfigError as error:
    print(error)
"""


@pytest.mark.parametrize("engine", ["torch", "fast-cpu"])
def test_configured_engine_runs_both_models_and_is_logged(engine: str) -> None:
    text = f'[model]\nengine = "{engine}"\nthreads = 1\n[model_v1]\nenabled = true\n'
    with capture_logs() as logs:
        engines = make_engines(parse(text, {}, where="test"))
    assert [made.identity.name for made in engines] == ["v2", "v1"]
    assert {made.backend for made in engines} == {engine}
    assert [entry["backend"] for entry in logs if entry["event"] == "model"] == [engine] * 2


def test_fast_cpu_without_openvino_is_a_mistake_that_says_how_to_install_it() -> None:
    command = [sys.executable, "-c", _WITHOUT_OPENVINO.format(engine="fast-cpu")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "model.engine: found fast-cpu" in said
    assert "pip install 'umamba-rt[fast]'" in said


def test_auto_without_openvino_says_what_would_be_faster() -> None:
    command = [sys.executable, "-c", _WITHOUT_OPENVINO.format(engine="auto")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "backend=torch" in said.replace("\x1b[0m", "").replace("\x1b[36m", "").replace(
        "\x1b[35m", ""
    )
    assert "engine_slow" in said
