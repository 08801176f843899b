"""A data set in SeisBench's format, read record by record.

A folder of ``metadata.csv`` and ``waveforms.hdf5``, or of several chunks of both. Waveforms lie
under ``data``, singly or many to a bucket, and ``data_format`` says how.

Source: seisbench 0.12.6, ``data/base.py``, read, not copied; a test reads with both.
"""

from __future__ import annotations

import csv
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from umamba_rt.errors import DatasetError, UnavailableError
from umamba_rt.training import metadata
from umamba_rt.training.metadata import FileDefaults, RecordHeader
from umamba_rt.training.record import LabelledRecord
from umamba_rt.training.split import SPLITS, events_in_several_splits, split_of_event
from umamba_rt.training.stored_trace import at_grid_rate, in_zne, slices_of

__all__ = ["LabelledRecord", "SeisBenchDataset"]

_SPLIT_NAMES = {"val": "dev", "valid": "dev", "validation": "dev", "development": "dev"}


class SeisBenchDataset:
    """The usable records of a data set: noise, and earthquakes with P onset and magnitude.

    Metadata are read at once, samples when asked for. May be pickled and forked: each process
    opens the files by itself.

    Attributes:
        folder: where it lies.
        headers: of the records, in the order of the files.
        unusable: rows left out since they tell no P onset or no magnitude.
        split_rule: ``file``; or ``event hash`` where the files tell no split or put an earthquake
            in two (STEAD's does): then ``split_of_event`` gives every record's.
    """

    def __init__(self, folder: Path) -> None:
        """Read the metadata.

        Args:
            folder: holds ``metadata*.csv`` and ``waveforms*.hdf5``.

        Raises:
            UnavailableError: the folder or one of its files is not there.
            DatasetError: a needed column is not there, or a cell cannot be read.
        """
        self.folder = folder
        self._files: dict[str, h5py.File] = {}
        self._dimension_orders: dict[str, str] = {}  # of each chunk's stored arrays
        self._files_of_process = os.getpid()
        rows = [header for chunk in _chunks(folder) for header in self._read_chunk(chunk)]
        usable = [header for header in rows if header.usable]
        self.unusable = len(rows) - len(usable)
        self.headers, self.split_rule = _with_splits(folder, usable)

    def __len__(self) -> int:
        return len(self.headers)

    def __iter__(self) -> Iterator[LabelledRecord]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> LabelledRecord:
        """Read one record's samples.

        Raises:
            IndexError: no such record.
            DatasetError: the waveform file has no such trace, or it is of another shape.
        """
        header = self.headers[index]
        stored = self._stored(header)
        samples, p_sample, s_sample = at_grid_rate(header, stored * header.unit_factor)
        return LabelledRecord(
            trace_name=header.trace_name,
            split=header.split,
            part=header.part,
            source_id=header.source_id,
            magnitude=header.magnitude,
            magnitude_type=header.magnitude_type,
            network=header.network,
            station=header.station,
            location=header.location,
            channel=header.channel,
            samples=samples,
            unit=header.unit,
            p_sample=p_sample,
            s_sample=s_sample,
            distance_km=header.distance_km,
            depth_km=header.depth_km,
            snr_db=header.snr_db,
            native_rate_hz=header.native_rate_hz,
            clipped=header.clipped,
            grade=header.grade,
        )

    def select(
        self, split: str | None = None, where: Callable[[RecordHeader], bool] | None = None
    ) -> SeisBenchDataset:
        """A view of some of the records.

        Args:
            split: ``train``, ``dev`` or ``test``; None or ``all``: every one.
            where: what a header must satisfy besides.

        Raises:
            ValueError: no such split.
        """
        if split not in (None, "all", *SPLITS):
            raise ValueError(f"split {split!r} is none of {', '.join(SPLITS)}, all")
        chosen = [
            header
            for header in self.headers
            if split in (None, "all", header.split) and (where is None or where(header))
        ]
        view = object.__new__(SeisBenchDataset)
        view.__setstate__({**self.__getstate__(), "headers": tuple(chosen)})
        return view

    def __getstate__(self) -> dict[str, object]:
        return {
            "folder": self.folder,
            "headers": self.headers,
            "unusable": self.unusable,
            "split_rule": self.split_rule,
            "_dimension_orders": self._dimension_orders,
        }

    def __setstate__(self, state: Mapping[str, object]) -> None:
        self.__dict__.update(state)
        self._files, self._files_of_process = {}, os.getpid()

    def _file(self, chunk: str) -> h5py.File:
        if self._files_of_process != os.getpid():  # HDF5's handles do not survive a fork
            self._files, self._files_of_process = {}, os.getpid()
        if chunk not in self._files:
            path = self.folder / f"waveforms{chunk}.hdf5"
            try:
                self._files[chunk] = h5py.File(path, "r")
            except OSError as error:
                raise UnavailableError(str(path), str(error)) from None
        return self._files[chunk]

    def _read_chunk(self, chunk: str) -> Iterator[RecordHeader]:
        defaults = self._defaults(chunk)
        path = self.folder / f"metadata{chunk}.csv"
        try:
            with path.open(encoding="utf-8-sig", newline="") as table:
                rows = csv.DictReader(table)
                _check_columns(path, rows.fieldnames or ())
                for number, cells in enumerate(rows, start=2):
                    yield metadata.parse_row(path, number, cells, chunk=chunk, defaults=defaults)
        except OSError as error:
            raise UnavailableError(str(path), error.strerror or str(error)) from None
        except UnicodeDecodeError as error:
            raise DatasetError(str(path), f"is not UTF-8: {error.reason}") from None
        except csv.Error as error:
            raise DatasetError(str(path), f"is no CSV: {error}") from None

    def _defaults(self, chunk: str) -> FileDefaults:
        file = self._file(chunk)
        if "data" not in file:
            raise DatasetError(file.filename, "has no group 'data'")
        told = {name: _scalar(value) for name, value in file.get("data_format", {}).items()}
        self._dimension_orders[chunk] = (told.get("dimension_order") or "CW").upper()
        rate = told.get("sampling_rate", "")
        try:
            rate_hz = float(rate or math.nan)
        except ValueError:
            rate_hz = math.nan
        return FileDefaults(told.get("component_order") or "ZNE", rate_hz, told.get("unit", ""))

    def _stored(self, header: RecordHeader) -> NDArray[np.float64]:
        """The trace as stored, brought to shape (3, n), order Z N E, its own rate."""
        file = self._file(header.chunk)
        name, _, place = header.trace_name.partition("$")
        try:
            block = file["data"][name]
            array = np.asarray(block[slices_of(place)], dtype=np.float64)
        except (KeyError, IndexError, ValueError, TypeError, OSError) as error:
            reason = f"trace {header.trace_name!r} cannot be read: {error}"
            raise DatasetError(file.filename, reason) from None
        order = self._dimension_orders[header.chunk].replace("N", "")
        if array.ndim != 2 or sorted(order) != ["C", "W"]:
            reason = f"trace {header.trace_name!r} is {array.shape}, dimension order {order!r}"
            raise DatasetError(file.filename, reason)
        by_component = (array if order == "CW" else array.T)[:, : header.npts]
        return in_zne(by_component, header, file.filename)


def _with_splits(
    folder: Path, headers: Sequence[RecordHeader]
) -> tuple[tuple[RecordHeader, ...], str]:
    """Each record's split by the files where they are fit for it, else by the event's hash."""
    named = [
        replace(header, split=_SPLIT_NAMES.get(header.split.lower(), header.split.lower()))
        for header in headers
    ]
    strange = next((header for header in named if header.split not in ("", *SPLITS)), None)
    if strange is not None:
        reason = f"trace {strange.trace_name!r}: {strange.split!r} is none of {', '.join(SPLITS)}"
        raise DatasetError(str(folder / f"metadata{strange.chunk}.csv"), reason, column="split")
    pairs = [(header.source_id, header.split) for header in named]
    if all(header.split for header in named) and not events_in_several_splits(pairs):
        return tuple(named), "file"
    hashed = [replace(header, split=split_of_event(header.source_id)) for header in named]
    return tuple(hashed), "event hash"


def _chunks(folder: Path) -> list[str]:
    """Names of the chunks; one empty name where the folder is not cut into any."""
    if not folder.is_dir():
        raise UnavailableError(str(folder), "no such folder")
    listed = folder / "chunks"
    if listed.is_file():
        names = [line.strip() for line in listed.read_text(encoding="utf-8").splitlines()]
        if found := sorted(name for name in names if name):
            return found
    if all((folder / name).is_file() for name in ("metadata.csv", "waveforms.hdf5")):
        return [""]  # other tables beside them are no chunks
    tables = {path.name[8:-4] for path in folder.glob("metadata*.csv")}
    waveforms = {path.name[9:-5] for path in folder.glob("waveforms*.hdf5")}
    if not tables:
        raise UnavailableError(str(folder), "holds no metadata.csv")
    if lonely := sorted(tables ^ waveforms):
        lacking = [
            f"waveforms{name}.hdf5" if name in tables else f"metadata{name}.csv" for name in lonely
        ]
        raise UnavailableError(str(folder), f"holds no {', '.join(lacking)}")
    return sorted(tables)


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    """A table of noise alone needs names only; any other, P onsets and magnitudes as well."""
    present = Counter(columns)
    if "trace_name" not in present:
        raise DatasetError(str(path), "is not there", column="trace_name")
    needs = (metadata.P_COLUMNS, metadata.MAGNITUDE_COLUMNS)
    if not any(name in present for group in (*needs, metadata.EVENT_COLUMNS) for name in group):
        return
    for group in needs:
        if not any(name in present for name in group):
            others = f", nor {', '.join(group[1:])}" if len(group) > 1 else ""
            raise DatasetError(str(path), f"is not there{others}", column=group[0])


def _scalar(value: object) -> str:
    content = value[()] if isinstance(value, h5py.Dataset) else value
    return content.decode() if isinstance(content, bytes) else str(content)
