"""The engine for CPUs: OpenVINO's convolutions around our scan, a window at a time on each core."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue

import numpy as np

from umamba_rt.core.amplitude import N_AMPLITUDE, unknown_amplitude
from umamba_rt.core.estimate import BatchOutput, Float32Array
from umamba_rt.core.preprocess import ModelInput
from umamba_rt.engine.base import about, require
from umamba_rt.engine.call_table import Call, CallTable, copy_call
from umamba_rt.engine.openvino_calls import Graphs, Request, infer_address, require_success
from umamba_rt.engine.openvino_graphs import AMPLITUDE, VALUES, WINDOW, Chain, chain_of
from umamba_rt.engine.openvino_mamba import Scan
from umamba_rt.engine.output import output_of, width_of
from umamba_rt.engine.scan_lanes import scan_call
from umamba_rt.engine.weights import Weights
from umamba_rt.models.config import V1Config
from umamba_rt.models.threads import ranges

# A thread takes a few windows at a time, so that one held up by a busy neighbour leaves the rest.
_PARTS_A_THREAD = 4


class FastCpuEngine:
    """Inference without torch; satisfies `umamba_rt.engine.base.Engine`.

    A window's numbers do not depend on what it is batched with, to the last bit.

    Args:
        weights: of a model.
        threads: how many windows are worked on at once; None: as many as cores.
        half: convolutions and projections in bfloat16 where the CPU has it.

    Raises:
        UnsuitableError: the tensors do not fit the config.
    """

    backend = "fast-cpu"

    def __init__(self, weights: Weights, *, threads: int | None = None, half: bool = False) -> None:
        config = weights.config
        self.identity = about(weights.identity, self.backend)
        self.errors = weights.errors
        self.norm = config.norm
        self.amplitude_features = config.amplitude_features
        self.in_samples = config.in_samples
        self.rate_hz = config.sampling_rate
        self._components = config.in_channels
        self._readout = config.readout if isinstance(config, V1Config) else None
        self._width = width_of(config)
        self._threads = threads or len(os.sched_getaffinity(0))
        self._lanes: SimpleQueue[_Lane] = SimpleQueue()
        chain = chain_of(weights)
        for _ in range(self._threads):
            self._lanes.put(_Lane(chain, half=half))
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="engine")

    def run(self, batch: ModelInput) -> BatchOutput:
        """Estimate the magnitudes of preprocessed windows; see `Engine.run`."""
        count = len(batch)
        require("samples", batch.samples, (count, self._components, self.in_samples))
        samples = np.ascontiguousarray(batch.samples)
        amplitude = batch.amplitude
        if not self.amplitude_features:
            amplitude = None
        elif amplitude is None:
            amplitude = unknown_amplitude(count)
        else:
            require("amplitude", amplitude, (count, N_AMPLITUDE))
            amplitude = np.ascontiguousarray(amplitude)
        values = np.empty((count, self._width), np.float32)
        if count:
            work = partial(self._work, samples, amplitude, values)
            list(self._pool.map(work, ranges(count, _PARTS_A_THREAD * self._threads)))
        return output_of(values, self._readout)

    def _work(
        self,
        samples: Float32Array,
        amplitude: Float32Array | None,
        values: Float32Array,
        part: tuple[int, int],
    ) -> None:
        lane = self._lanes.get()
        try:
            lane.run(samples, amplitude, values, part)
        finally:
            self._lanes.put(lane)

    def warm_up(self) -> None:
        """Run windows of zeros on every thread."""
        zeros = np.zeros((self._threads, self._components, self.in_samples), np.float32)
        self.run(ModelInput(zeros))


class _Lane:
    """One thread's way through the chain: graphs, arrays and calls, all made once.

    With one stream OpenVINO computes in the thread that asks; with several it hands each graph to
    a thread of its own. See ``docs/decisions/0012-no-hand-overs.md``.

    Args:
        chain: of the model.
        half: see ``FastCpuEngine``.
    """

    def __init__(self, chain: Chain, *, half: bool) -> None:
        self._graphs = Graphs(
            {
                "INFERENCE_NUM_THREADS": "1",
                "NUM_STREAMS": "1",
                "ENABLE_CPU_PINNING": "NO",  # to a core that a neighbour may have taken
                "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
            }
        )
        requests = [self._graphs.add(segment.graph) for segment in chain]
        steps: list[Call] = []
        for number, (segment, request) in enumerate(zip(chain, requests, strict=True)):
            steps.append(Call(infer_address(), (request.address,), gives_status=True))
            if segment.scan is not None:
                y = requests[number + 1].arrays[segment.output]
                steps.append(_scan(segment.scan, request, y))
        arrays = {name: array for request in requests for name, array in request.arrays.items()}
        # What comes from a batch, and what goes back to it.
        self._inputs = [name for name in (WINDOW, AMPLITUDE) if name in arrays]
        copies = [
            copy_call(_address(arrays[name]), 0, arrays[name].nbytes) for name in self._inputs
        ]
        copy_back = copy_call(0, _address(arrays[VALUES]), arrays[VALUES].nbytes)
        self._calls = CallTable([*copies, *steps, copy_back])
        self._last = len(copies) + len(steps)

    def run(
        self,
        samples: Float32Array,
        amplitude: Float32Array | None,
        values: Float32Array,
        part: tuple[int, int],
    ) -> None:
        """Fill ``values`` with what the model says of some of a batch's windows.

        Raises:
            RuntimeError: OpenVINO failed.
        """
        given = {WINDOW: samples, AMPLITUDE: amplitude}
        for call, name in enumerate(self._inputs):
            array = given[name]
            assert array is not None
            self._calls.move(call, 1, _address(array), array.strides[0])
        self._calls.move(self._last, 0, _address(values), values.strides[0])
        require_success(self._calls.run(*part))


def _scan(scan: Scan, request: Request, y: Float32Array) -> Call:
    u, delta, gate, bc = (request.arrays[name] for name in ("u", "delta", "gate", "bc"))
    return scan_call(u, delta, gate, bc, scan.rates, scan.direct, y)


def _address(array: Float32Array) -> int:
    return int(array.ctypes.data)
