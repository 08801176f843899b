"""Weights in a file, and what the daemon's own path says of the same records."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from obspy import Stream, Trace, UTCDateTime

from tests.models.legacy_files import shake
from umamba_rt.config.whole import Config
from umamba_rt.core.estimate import ModelName
from umamba_rt.core.inventory import EMPTY, Inventory
from umamba_rt.direct import run_direct
from umamba_rt.engine import load_engine
from umamba_rt.io.archive import Archive
from umamba_rt.models import checkpoint
from umamba_rt.models.config import CONFIGS
from umamba_rt.models.facts import CheckpointFacts, Preprocessing
from umamba_rt.models.state import build
from umamba_rt.wire.mseed import decode_record


def write_weights(folder: Path, name: ModelName, **config: object) -> Path:
    """A checkpoint with random weights whose numbers differ from window to window."""
    wanted = CONFIGS[name].from_dict(config)
    torch.manual_seed(3)
    model = shake(build(wanted))
    if name == "v2":
        # As drawn, windows differ by 1e-5 only: a wrong window would pass for the right one.
        with torch.no_grad():
            for key, value in model.named_parameters():
                if key.endswith("weight") and ("conv" in key or "head" in key):
                    value.mul_(3.0)
    path = folder / f"{name}.safetensors"
    checkpoint.save(path, model, CheckpointFacts(name, "t", False, Preprocessing.of(wanted)))
    return path


def fed(
    archive: Archive, path: Path, name: ModelName, inventory: Inventory = EMPTY
) -> dict[int, float]:
    """Magnitudes that the daemon's core and engine give, by the windows' ends."""
    output = io.BytesIO()
    engine = load_engine(path, name=name, threads=1)
    run_direct(archive.records, Config(), [engine], output, inventory)
    bodies = [json.loads(line) for line in output.getvalue().splitlines()]
    return {UTCDateTime(body["window_end"]).ns: body["magnitude"] for body in bodies}


def stream_of(archive: Archive) -> Stream:
    """The same records as obspy's traces."""
    stream = Stream()
    for record in archive.records:
        segment = decode_record(record.payload, source="test")
        source = segment.source_id
        header = {
            "network": source.network,
            "station": source.station,
            "location": source.location,
            "channel": source.channel,
            "sampling_rate": segment.rate_hz,
            "starttime": UTCDateTime(ns=segment.start_ns),
        }
        stream.append(Trace(np.array(segment.samples), header))
    stream.merge()
    return stream


def by_end(annotations: Sequence[Trace]) -> dict[int, float]:
    """One number for each window, by the windows' ends."""
    return {
        (trace.stats.starttime + k * float(trace.stats.delta)).ns: float(value)
        for trace in annotations
        for k, value in enumerate(trace.data)
    }


def differences(one: dict[int, float], other: dict[int, float]) -> list[float]:
    """How far the daemon's answers (the second) and others to the same windows lie apart.

    The daemon also fills the samples that the first and the last window may lack.
    """
    common = list(one)
    more = [end for end in other if end not in one]
    assert set(common) <= set(other)
    assert len(more) <= 2
    assert all(end < common[0] or end > common[-1] for end in more)
    return [abs(one[end] - other[end]) for end in common]
