"""Small data sets in SeisBench's format, written by the tests."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

Rows = Sequence[Mapping[str, object]]
FORMAT: Mapping[str, object] = {
    "component_order": "ZNE",
    "dimension_order": "CW",
    "sampling_rate": 100,
    "measurement": "velocity",
    "unit": "m/s",
    "instrument_response": "sensitivity removed",
}


def write_folder(
    folder: Path,
    rows: Rows,
    arrays: Mapping[str, np.ndarray],
    data_format: Mapping[str, object] = FORMAT,
    chunk: str = "",
) -> Path:
    """Write one chunk: a table of ``rows``, the ``arrays`` under ``data``, and ``data_format``."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    path = folder / f"metadata{chunk}.csv"
    with path.open("w", encoding="utf-8", newline="") as sink:
        table = csv.DictWriter(sink, columns)
        table.writeheader()
        table.writerows(rows)
    with h5py.File(folder / f"waveforms{chunk}.hdf5", "w") as file:
        for name, array in arrays.items():
            file[f"data/{name}"] = array
        for name, value in data_format.items():
            file[f"data_format/{name}"] = value
    return folder


def row(trace_name: str, **cells: object) -> dict[str, object]:
    """A usable row; ``cells`` add to it or replace what it says."""
    return {
        "trace_name": trace_name,
        "source_id": "ev1",
        "source_magnitude": 4.5,
        "trace_p_arrival_sample": 100,
        **cells,
    }


def ramp(samples: int = 400, rows: int = 3) -> np.ndarray:
    """Shape (rows, samples), each sample a value of its own."""
    return np.arange(rows * samples, dtype=np.float32).reshape(rows, samples)
