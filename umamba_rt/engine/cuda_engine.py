"""The engine for NVIDIA GPUs: CUDA graphs of a few batch sizes on several streams.

Launching the kernels of a batch one by one costs more than they take; a graph launches all at once.
Windows go to and fro through page-locked memory, so that one stream copies while another computes.
The scans are mamba-ssm's kernels where that is installed, and always float32.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from umamba_rt.core.amplitude import N_AMPLITUDE, unknown_amplitude
from umamba_rt.core.estimate import BatchOutput, Float32Array
from umamba_rt.core.preprocess import ModelInput
from umamba_rt.engine.base import about, require
from umamba_rt.engine.fold import folded
from umamba_rt.engine.output import output_of, width_of
from umamba_rt.errors import ModelError
from umamba_rt.models.config import V1Config
from umamba_rt.models.state import Model, values_of

BATCH_SIZES = (1, 4, 16, 64, 256)
_STREAMS = 3  # one copies in, one computes, one copies out
_WARM_UPS = 3  # before a capture: cuDNN chooses its algorithms, allocations settle


@dataclass(frozen=True, slots=True)
class Piece:
    """Windows ``first..end`` of a batch, run in a graph for ``size`` windows."""

    first: int
    end: int
    size: int


def pieces(count: int, sizes: tuple[int, ...] = BATCH_SIZES) -> Iterator[Piece]:
    """Split a batch into graphs: as many of the largest as are full, then one that holds the rest.

    Args:
        count: windows.
        sizes: rising.
    """
    first = 0
    while first < count:
        rest = count - first
        size = next((size for size in sizes if size >= rest), sizes[-1])
        end = min(count, first + size)
        yield Piece(first, end, size)
        first = end


class CudaEngine:
    """Inference on a GPU; satisfies `umamba_rt.engine.base.Engine`.

    Args:
        model: with an identity; it is copied.
        half: convolutions in float16; the Mamba layers and the heads stay float32.

    Raises:
        ModelError: the model has no identity.
    """

    backend = "cuda"

    def __init__(self, model: Model, *, half: bool = False) -> None:
        if model.identity is None:
            raise ModelError("a model without identity: neither loaded nor seeded")
        config = model.config
        self.identity = about(model.identity, self.backend)
        self.errors = model.errors
        self.norm = config.norm
        self.amplitude_features = config.amplitude_features
        self.in_samples = config.in_samples
        self.rate_hz = config.sampling_rate
        self._components = config.in_channels
        self._readout = config.readout if isinstance(config, V1Config) else None
        self._width = width_of(config)
        on_device = folded(model).to("cuda")
        if half:
            _halve_convolutions(on_device)
        self._streams = [_Stream(on_device) for _ in range(_STREAMS)]
        self._lock = threading.Lock()

    def run(self, batch: ModelInput) -> BatchOutput:
        """Estimate the magnitudes of preprocessed windows; see `Engine.run`."""
        count = len(batch)
        require("samples", batch.samples, (count, self._components, self.in_samples))
        arrays = [batch.samples]
        if self.amplitude_features:
            levels = unknown_amplitude(count) if batch.amplitude is None else batch.amplitude
            require("amplitude", levels, (count, N_AMPLITUDE))
            arrays.append(levels)
        values = np.empty((count, self._width), np.float32)
        with self._lock:
            self._fill(values, arrays)
        return output_of(values, self._readout)

    def _fill(self, values: Float32Array, arrays: list[Float32Array]) -> None:
        """Keep every stream busy; the oldest piece is waited for when none is free."""
        under_way: deque[tuple[_Stream, Piece]] = deque()
        free = deque(self._streams)
        for piece in pieces(len(values)):
            if not free:
                free.append(_collected(*under_way.popleft(), values))
            stream = free.popleft()
            stream.submit(piece.size, [array[piece.first : piece.end] for array in arrays])
            under_way.append((stream, piece))
        while under_way:
            _collected(*under_way.popleft(), values)

    def warm_up(self) -> None:
        """Capture every graph on every stream."""
        for stream in self._streams:
            for size in BATCH_SIZES:
                stream.prepare(size)


def _collected(stream: _Stream, piece: Piece, values: Float32Array) -> _Stream:
    values[piece.first : piece.end] = stream.result(piece.size, piece.end - piece.first)
    return stream


@dataclass(frozen=True, slots=True)
class _Captured:
    """A graph with its memory on both sides; the host's is page-locked."""

    graph: torch.cuda.CUDAGraph
    inputs: list[Tensor]
    output: Tensor
    host_inputs: list[Tensor]
    host_output: Tensor


class _Stream:
    """A CUDA stream and its graphs, which share one pool of memory: only one runs at a time."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()
        self._graphs: dict[int, _Captured] = {}

    def prepare(self, size: int) -> _Captured:
        """The graph for ``size`` windows, captured on first use."""
        if size not in self._graphs:
            self._graphs[size] = self._capture(size)
        return self._graphs[size]

    def submit(self, size: int, arrays: list[Float32Array]) -> None:
        """Start on windows, at most ``size``; returns at once."""
        captured = self.prepare(size)
        for host, array in zip(captured.host_inputs, arrays, strict=True):
            host.numpy()[: len(array)] = array
        with torch.cuda.stream(self._stream):
            for there, host in zip(captured.inputs, captured.host_inputs, strict=True):
                there.copy_(host, non_blocking=True)
            captured.graph.replay()
            captured.host_output.copy_(captured.output, non_blocking=True)
            self._done.record(self._stream)

    def result(self, size: int, count: int) -> Float32Array:
        """Wait for the windows that were submitted last; a view that the next ones overwrite."""
        self._done.synchronize()
        values: Float32Array = self._graphs[size].host_output.numpy()[:count]
        return values

    def _capture(self, size: int) -> _Captured:
        config = self._model.config
        shapes: list[tuple[int, ...]] = [(size, config.in_channels, config.in_samples)]
        if config.amplitude_features:
            shapes.append((size, N_AMPLITUDE))
        inputs = [torch.zeros(shape, device="cuda") for shape in shapes]
        # TF32 has ten bits of mantissa, too few for 1e-4 magnitude units.
        exact = torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False)
        with torch.inference_mode(), exact:
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                for _ in range(_WARM_UPS):
                    self._forward(inputs)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                output = self._forward(inputs)
        self._stream.synchronize()
        host_inputs = [torch.zeros(shape).pin_memory() for shape in shapes]
        return _Captured(graph, inputs, output, host_inputs, torch.zeros(output.shape).pin_memory())

    def _forward(self, inputs: list[Tensor]) -> Tensor:
        return values_of(self._model, *inputs).float()


def _halve_convolutions(model: Model) -> None:
    """Let encoder and decoder compute in float16; the Mamba layers take themselves out."""
    # Without the cache of cast weights: it is emptied when the block ends, under the graph's feet.
    automatic = torch.autocast("cuda", torch.float16, cache_enabled=False)
    for name in ("encoder", "decoder"):
        part = getattr(model, name, None)
        if part is not None:
            part.forward = automatic(part.forward)
