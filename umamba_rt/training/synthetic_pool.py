"""Synthetic records made once and kept on disk, to be drawn from epoch after epoch."""

from __future__ import annotations

import hashlib
import math
import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np

from umamba_rt.core.calibration import Unit
from umamba_rt.core.estimate import Float32Array
from umamba_rt.errors import UnavailableError
from umamba_rt.training.record import LabelledRecord
from umamba_rt.training.synthetic import generate as generator
from umamba_rt.training.synthetic.generate import LENGTH, SyntheticRecord, generate
from umamba_rt.training.synthetic.noise import NoiseLibrary
from umamba_rt.training.synthetic.scenario import DEFAULT

_UNITS: tuple[Unit, ...] = ("m/s", "m/s^2")
_META = np.dtype([
    ("unit", "i1"), ("p", "i4"), ("s", "i4"), ("magnitude", "f8"), ("distance_km", "f8"),
    ("depth_km", "f8"), ("snr_db", "f8"), ("clipped", "?"),
])  # fmt: skip
_CHUNK = 250
# Noise of at least so many samples before an onset is worth keeping.
_LEAST_NOISE = 1500
_ONSET_MARGIN = 100

_library: NoiseLibrary | None = None


class SyntheticPool(Sequence[LabelledRecord]):
    """Records in a file, read as they are asked for.

    Args:
        folder: as `make_pool` left it.
    """

    def __init__(self, folder: Path) -> None:
        self._samples = np.load(folder / "samples.npy", mmap_mode="r")
        self._meta = np.load(folder / "meta.npy")

    def __len__(self) -> int:
        return len(self._meta)

    @overload
    def __getitem__(self, index: int) -> LabelledRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[LabelledRecord]: ...
    def __getitem__(self, index: int | slice) -> LabelledRecord | Sequence[LabelledRecord]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        row = self._meta[index]
        is_noise = row["p"] < 0
        return LabelledRecord(
            trace_name=f"synthetic{index}",
            split="train",
            part="synthetic",
            source_id=f"synthetic{index}",
            magnitude=math.nan if is_noise else float(row["magnitude"]),
            magnitude_type="Mw",
            network="",
            station="",
            location="",
            channel="",
            samples=np.array(self._samples[index]),
            unit=_UNITS[row["unit"]],
            p_sample=math.nan if is_noise else float(row["p"]),
            s_sample=math.nan if is_noise else float(row["s"]),
            distance_km=float(row["distance_km"]),
            depth_km=float(row["depth_km"]),
            snr_db=float(row["snr_db"]),
            native_rate_hz=100.0,
            clipped=bool(row["clipped"]),
            grade="",
        )


def noise_library(records: Sequence[LabelledRecord]) -> NoiseLibrary | None:
    """What stands before the onsets of real records, 15 s or more; None where nothing does."""
    parts: list[tuple[Unit, Float32Array]] = []
    for record in records:
        if record.unit == "counts":
            continue
        stop = record.samples.shape[1] if record.is_noise else int(record.p_sample) - _ONSET_MARGIN
        noise = record.samples[:, : max(0, stop)]
        if noise.shape[1] >= _LEAST_NOISE and noise.std(axis=1).all():
            parts.append((record.unit, noise))
    return NoiseLibrary.of(parts) if parts else None


def make_pool(
    folder: Path, count: int, seed: int, library: NoiseLibrary | None, *, workers: int = 0
) -> SyntheticPool:
    """The pool in ``folder / NAME``, made first where it is not there yet.

    Record k depends on seed, k and the library alone, not on the number of workers. The name
    holds count, seed and a hash of the generator's source and of the library.

    Args:
        folder: where pools are kept.
        count: records; 79 kB each.
        seed: of the records.
        library: real noise.
        workers: processes; 0: as many as cores.

    Raises:
        UnavailableError: the folder cannot be written.
    """
    home = folder / f"{count}-{seed}-{_fingerprint(library)}"
    if not (home / "meta.npy").exists():
        try:
            _fill(home, count, seed, library, workers or os.cpu_count() or 1)
        except OSError as error:
            raise UnavailableError(str(home), f"cannot keep synthetic records: {error}") from error
    return SyntheticPool(home)


def _fill(home: Path, count: int, seed: int, library: NoiseLibrary | None, workers: int) -> None:
    home.mkdir(parents=True, exist_ok=True)
    shape = (count, 3, LENGTH)
    samples = np.lib.format.open_memmap(home / "samples.npy", "w+", dtype=np.float32, shape=shape)
    meta = np.zeros(count, _META)
    jobs = [(seed, k, min(k + _CHUNK, count)) for k in range(0, count, _CHUNK)]
    context = multiprocessing.get_context("fork" if os.name == "posix" else "spawn")
    with context.Pool(workers, _remember, (library,)) as pool:
        for first, made in pool.imap_unordered(_generate_chunk, jobs):
            for k, record in enumerate(made, first):
                samples[k] = record.samples
                meta[k] = _row(record)
    samples.flush()
    np.save(home / "meta.npy", meta)  # last: its presence says that the rest is whole


def _remember(library: NoiseLibrary | None) -> None:
    global _library
    _library = library


def _generate_chunk(job: tuple[int, int, int]) -> tuple[int, list[SyntheticRecord]]:
    seed, first, stop = job
    made = [
        generate(np.random.default_rng((seed, k)), DEFAULT, _library) for k in range(first, stop)
    ]
    return first, made


def _row(record: SyntheticRecord) -> tuple[object, ...]:
    return (
        _UNITS.index(record.unit),
        record.p_sample,
        record.s_sample,
        record.magnitude,
        record.epicentral_distance_km,
        record.depth_km,
        record.snr_db,
        record.clipped,
    )


def _fingerprint(library: NoiseLibrary | None) -> str:
    """Twelve digits that change with the generator's source and with the noise."""
    digest = hashlib.sha256()
    for path in sorted(Path(generator.__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    for unit, arrays in () if library is None else library.parts:
        digest.update(unit.encode())
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:12]
