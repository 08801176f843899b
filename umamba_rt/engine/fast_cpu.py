"""The engine for CPUs: OpenVINO's convolutions around our scan, a window at a time on each core."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue

import numpy as np
import openvino

from umamba_rt.core.amplitude import N_AMPLITUDE, unknown_amplitude
from umamba_rt.core.estimate import BatchOutput, Float32Array
from umamba_rt.core.preprocess import ModelInput
from umamba_rt.engine.base import about, require
from umamba_rt.engine.openvino_graphs import AMPLITUDE, VALUES, WINDOW, Chain, Segment, chain_of
from umamba_rt.engine.output import output_of, width_of
from umamba_rt.engine.scan_lanes import bound_scan
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
        for lane in _lanes(chain_of(weights), self._threads, half=half):
            self._lanes.put(lane)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="engine")

    def run(self, batch: ModelInput) -> BatchOutput:
        """Estimate the magnitudes of preprocessed windows; see `Engine.run`."""
        count, samples = len(batch), batch.samples
        require("samples", samples, (count, self._components, self.in_samples))
        amplitude = batch.amplitude
        if not self.amplitude_features:
            amplitude = None
        elif amplitude is None:
            amplitude = unknown_amplitude(count)
        else:
            require("amplitude", amplitude, (count, N_AMPLITUDE))
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
            for k in range(*part):
                lane.run(samples[k], None if amplitude is None else amplitude[k], values[k])
        finally:
            self._lanes.put(lane)

    def warm_up(self) -> None:
        """Run windows of zeros on every thread."""
        zeros = np.zeros((self._threads, self._components, self.in_samples), np.float32)
        self.run(ModelInput(zeros))


class _Lane:
    """One thread's way through the chain: requests and arrays, all made once.

    Args:
        compiled: each segment with its compiled graph.
    """

    def __init__(self, compiled: list[tuple[Segment, openvino.CompiledModel]]) -> None:
        self._arrays: dict[str, Float32Array] = {}
        self._steps: list[Callable[[], object]] = []
        for segment, model in compiled:
            request = model.create_infer_request()
            outputs = {port.get_any_name(): request.get_tensor(port) for port in model.outputs}
            for port in model.inputs:
                array = self._array(port.get_any_name(), tuple(port.shape))
                request.set_tensor(port, openvino.Tensor(array, shared_memory=True))
            arrays = {name: tensor.data for name, tensor in outputs.items()}
            self._arrays |= arrays
            self._steps.append(request.infer)
            if segment.scan is not None:
                scan = segment.scan
                u, delta, gate, bc = (arrays[name] for name in ("u", "delta", "gate", "bc"))
                output = self._array(segment.output, (1, scan.tokens, scan.width))
                self._steps.append(bound_scan(u, delta, gate, bc, scan.rates, scan.direct, output))

    def _array(self, name: str, shape: tuple[int, ...]) -> Float32Array:
        return self._arrays.setdefault(name, np.zeros(shape, np.float32))

    def run(
        self, window: Float32Array, amplitude: Float32Array | None, values: Float32Array
    ) -> None:
        """Fill ``values`` with what the model says of one window."""
        self._arrays[WINDOW][0] = window
        if amplitude is not None:
            self._arrays[AMPLITUDE][0] = amplitude
        for step in self._steps:
            step()
        values[:] = self._arrays[VALUES][0]


def _lanes(chain: Chain, threads: int, *, half: bool) -> list[_Lane]:
    """Compile every graph for ``threads`` streams of one thread each.

    OpenVINO's own threads would split an operator; see ``docs/decisions/0004-threads.md``.
    """
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": threads,
        "ENABLE_CPU_PINNING": False,  # to a core that a neighbour may have taken
        "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
    }
    core = openvino.Core()
    compiled = [(part, core.compile_model(part.graph, "CPU", settings)) for part in chain]
    return [_Lane(compiled) for _ in range(threads)]
