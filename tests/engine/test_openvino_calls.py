"""engine/openvino_calls.py: graphs through OpenVINO's C interface."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Mapping

import numpy as np
import pytest

from tests.support import ROOT
from umamba_rt.engine.call_table import Call, CallTable
from umamba_rt.engine.openvino_calls import Graphs, Request, infer_address, require_success
from umamba_rt.engine.openvino_library import Model, opset13

SETTINGS = {"NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": "1"}


def times(factor: float, source: str, result: str) -> Model:
    given = opset13.parameter([1, 4], np.float32)
    product = opset13.multiply(given, opset13.constant(np.float32(factor)))
    given.output(0).get_tensor().set_names({source})
    product.output(0).get_tensor().set_names({result})
    return Model([product], [given])


def infer(*requests: Request) -> int:
    calls = [Call(infer_address(), (one.address,), gives_status=True) for one in requests]
    return CallTable(calls).run(0, 1)


def test_what_one_graph_gives_is_what_the_next_one_takes() -> None:
    graphs = Graphs(SETTINGS)
    first, second = graphs.add(times(2, "x", "y")), graphs.add(times(-3, "y", "z"))
    first.arrays["x"][0] = [1, 2, 3, 4]
    assert infer(first, second) == 0
    assert first.arrays["y"].tolist() == second.arrays["y"].tolist() == [[2, 4, 6, 8]]
    assert second.arrays["z"].tolist() == [[-6, -12, -18, -24]]


def test_array_of_an_earlier_graph_stays_when_its_name_comes_again() -> None:
    graphs = Graphs(SETTINGS)
    requests = [graphs.add(times(2, a, b)) for a, b in (("x", "u"), ("u", "y"), ("y", "u"))]
    requests[0].arrays["x"][0] = 1
    assert infer(*requests) == 0
    assert requests[0].arrays["u"].tolist() == requests[1].arrays["u"].tolist() == [[2] * 4]
    assert requests[2].arrays["u"].tolist() == [[8] * 4]


@pytest.mark.parametrize("settings", [{"NUM_STREAMS": "many"}, {"NO_SUCH_SETTING": "1"}])
def test_what_openvino_refuses_is_told_in_its_words(settings: Mapping[str, str]) -> None:
    graphs = Graphs({**SETTINGS, **settings})
    with pytest.raises(RuntimeError, match=r"OpenVINO: status -\d+: .*(many|NO_SUCH_SETTING)"):
        graphs.add(times(2, "x", "y"))


def test_failed_inference_has_a_status() -> None:
    Graphs(SETTINGS)
    assert infer(Request(0, {})) != 0
    with pytest.raises(RuntimeError, match="OpenVINO: status -14"):
        require_success(-14)


def test_graphs_that_nothing_holds_any_more_leave_nothing_behind() -> None:
    graphs = Graphs(SETTINGS)
    held = graphs._held
    request = graphs.add(times(2, "x", "y"))
    assert len(held) == 5  # model, compiled model, request and two tensors
    del graphs, request
    gc.collect()
    assert not held


_FREED_ELSEWHERE = """
import gc, os, signal, threading
from tests.engine.test_openvino_calls import SETTINGS, times
from umamba_rt.engine.openvino_calls import Graphs

taken = []
signal.signal(signal.SIGUSR1, lambda *_: taken.append(1))
held = [Graphs(SETTINGS)]
held[0].add(times(2, 'x', 'y'))
freeing = threading.Thread(target=held.clear)
freeing.start()
freeing.join()
gc.collect()
os.kill(os.getpid(), signal.SIGUSR1)
print(len(taken))
"""


def test_signals_are_taken_though_another_thread_has_freed_what_this_one_compiled() -> None:
    command = [sys.executable, "-c", _FREED_ELSEWHERE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
