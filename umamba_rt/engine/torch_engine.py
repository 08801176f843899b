"""The engine that runs the torch model itself on the CPU: the plain one."""

from __future__ import annotations

import numpy as np
import torch

from umamba_rt.core.amplitude import N_AMPLITUDE, unknown_amplitude
from umamba_rt.core.estimate import BatchOutput, Float32Array, ModelIdentity
from umamba_rt.core.preprocess import ModelInput, Norm
from umamba_rt.engine.base import about, require
from umamba_rt.engine.batch_threads import one_torch_thread_each, part_size
from umamba_rt.engine.fold import folded
from umamba_rt.engine.output import output_of, width_of
from umamba_rt.errors import ModelError
from umamba_rt.models.config import V1Config
from umamba_rt.models.state import Model, values_of


class TorchEngine:
    """Inference with PyTorch; satisfies `umamba_rt.engine.base.Engine`.

    Args:
        model: with an identity; it is copied, and the copy put into eval mode.
        threads: how many windows are worked on at once; torch's own number if None.

    Raises:
        ModelError: the model has no identity.
    """

    backend = "torch"

    def __init__(self, model: Model, *, threads: int | None = None) -> None:
        if model.identity is None:
            raise ModelError("a model without identity: neither loaded nor seeded")
        self.identity: ModelIdentity = about(model.identity, self.backend)
        self.errors = model.errors
        self.norm: Norm = model.config.norm
        self.amplitude_features = model.config.amplitude_features
        self.in_samples = model.config.in_samples
        self.rate_hz = model.config.sampling_rate
        self._readout = model.config.readout if isinstance(model.config, V1Config) else None
        self._width = width_of(model.config)
        self._components = model.config.in_channels
        self._model = folded(model)
        self._threads = torch.get_num_threads() if threads is None else threads
        self._pool = one_torch_thread_each(self._threads)

    def run(self, batch: ModelInput) -> BatchOutput:
        """Estimate the magnitudes of preprocessed windows; see `Engine.run`."""
        require("samples", batch.samples, (len(batch), self._components, self.in_samples))
        if not len(batch):
            return output_of(np.zeros((0, self._width), np.float32), self._readout)
        # Copies: torch warns of arrays that cannot be written to, and 36 kB a window is nothing.
        inputs = [torch.tensor(batch.samples)]
        if self.amplitude_features and batch.amplitude is not None:
            require("amplitude", batch.amplitude, (len(batch), N_AMPLITUDE))
            inputs.append(torch.tensor(batch.amplitude))
        size = part_size(len(batch), self._threads)
        parts = [torch.split(x, size) for x in inputs]
        values = np.concatenate(list(self._pool.map(self._infer, *parts)))
        return output_of(values, self._readout)

    def _infer(self, *inputs: torch.Tensor) -> Float32Array:
        with torch.inference_mode():  # a setting of the thread, not of the process
            values: Float32Array = values_of(self._model, *inputs).numpy()
        return values

    def warm_up(self) -> None:
        """Run a window of zeros: compiles the scan or takes it from the cache."""
        zeros = np.zeros((1, self._components, self.in_samples), np.float32)
        self.run(ModelInput(zeros, unknown_amplitude(1)))
