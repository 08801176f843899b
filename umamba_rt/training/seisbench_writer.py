"""Labelled records written as a data set in SeisBench's format."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import h5py
import numpy as np

from umamba_rt.core.timebase import RATE_HZ
from umamba_rt.errors import UnavailableError
from umamba_rt.training.record import LabelledRecord

_BUCKET = 64
_FORMAT: Mapping[str, object] = {
    "component_order": "ZNE",
    "dimension_order": "CW",
    "sampling_rate": RATE_HZ,
    "measurement": "see trace_unit",
    "unit": "see trace_unit",
    "instrument_response": "sensitivity removed",
}
_COLUMNS = (
    "trace_name",
    "split",
    "part",
    "source_id",
    "source_magnitude",
    "source_magnitude_type",
    "source_depth_km",
    "station_network_code",
    "station_code",
    "station_location_code",
    "trace_channel",
    "path_ep_distance_km",
    "trace_category",
    "trace_sampling_rate_hz",
    "trace_native_rate_hz",
    "trace_npts",
    "trace_p_arrival_sample",
    "trace_s_arrival_sample",
    "trace_snr_db",
    "trace_unit",
    "clipped",
    "grade",
    "trace_origin_name",
)


def write_dataset(folder: Path, records: Iterable[LabelledRecord]) -> int:
    """Write records; reading them gives the same ones but for their names.

    Args:
        folder: is made where it is not there; a data set in it is replaced.
        records: are read once, 64 at a time.

    Returns:
        How many were written.

    Raises:
        UnavailableError: the folder or its files cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            h5py.File(folder / "waveforms.hdf5", "w") as waveforms,
            (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as sink,
        ):
            for name, value in _FORMAT.items():
                waveforms[f"data_format/{name}"] = value
            waveforms.create_group("data")
            table = csv.DictWriter(sink, _COLUMNS, lineterminator="\n")
            table.writeheader()
            written = 0
            for number, some in enumerate(_groups(records)):
                table.writerows(_write_bucket(waveforms, f"bucket{number}", some))
                written += len(some)
    except OSError as error:
        raise UnavailableError(str(folder), error.strerror or str(error)) from error
    return written


def _groups(records: Iterable[LabelledRecord]) -> Iterator[list[LabelledRecord]]:
    source = iter(records)
    while some := list(islice(source, _BUCKET)):
        yield some


def _write_bucket(
    waveforms: h5py.File, name: str, records: Sequence[LabelledRecord]
) -> Iterator[dict[str, object]]:
    """Write records of one bucket, zeros behind the shorter ones; gives their rows."""
    longest = max(record.samples.shape[1] for record in records)
    bucket = np.zeros((len(records), 3, longest), np.float32)
    for row, record in zip(bucket, records, strict=True):
        row[:, : record.samples.shape[1]] = record.samples
    waveforms.create_dataset(
        f"data/{name}", data=bucket, chunks=(1, 3, longest), compression="gzip", shuffle=True
    )
    for number, record in enumerate(records):
        yield _row(record, f"{name}${number},:3,:{record.samples.shape[1]}")


def _row(record: LabelledRecord, trace_name: str) -> dict[str, object]:
    return {
        "trace_name": trace_name,
        "split": record.split,
        "part": record.part,
        "source_id": record.source_id,
        "source_magnitude": _cell(record.magnitude),
        "source_magnitude_type": record.magnitude_type,
        "source_depth_km": _cell(record.depth_km),
        "station_network_code": record.network,
        "station_code": record.station,
        "station_location_code": record.location,
        "trace_channel": record.channel,
        "path_ep_distance_km": _cell(record.distance_km),
        "trace_category": "noise" if record.is_noise else "earthquake",
        "trace_sampling_rate_hz": RATE_HZ,
        "trace_native_rate_hz": _cell(record.native_rate_hz),
        "trace_npts": record.samples.shape[1],
        "trace_p_arrival_sample": _cell(record.p_sample),
        "trace_s_arrival_sample": _cell(record.s_sample),
        "trace_snr_db": _cell(record.snr_db),
        "trace_unit": record.unit,
        "clipped": int(record.clipped),
        "grade": record.grade,
        "trace_origin_name": record.trace_name,
    }


def _cell(value: float) -> float | str:
    return "" if math.isnan(value) else value
