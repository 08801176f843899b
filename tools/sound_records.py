"""Records to damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import obspy
from pymseed import DataEncoding, MS3Record

from umamba_rt.core.timebase import NS_PER_S


def sound_records(start_ns: int) -> list[bytes]:
    """Sound records: both versions, all encodings, many rates and lengths, obspy's odd files.

    Args:
        start_ns: of the first ones; later ones begin up to 40 s later.
    """
    rng = np.random.default_rng(2)
    encodings = [
        (DataEncoding.STEIM1, "i", np.int32),
        (DataEncoding.STEIM2, "i", np.int32),
        (DataEncoding.INT16, "i", np.int32),
        (DataEncoding.INT32, "i", np.int32),
        (DataEncoding.FLOAT32, "f", np.float32),
        (DataEncoding.FLOAT64, "d", np.float64),
    ]
    found: list[bytes] = []
    for number in range(240):
        encoding, kind, dtype = encodings[number % 6]
        record = MS3Record(reclen=(256, 512, 512, 4096)[number % 4], encoding=encoding)
        record.formatversion = 2 + number % 5 // 3
        record.sourceid = f"FDSN:XX_S{number // 12:02}__H_H_{'ZNE'[number % 3]}"
        record.samprate = (100.0, 50.0, 200.0, 200 / 3, 20.0, 100.0, 31.25)[number % 7]
        record.starttime = start_ns + number // 3 % 40 * NS_PER_S
        samples = rng.normal(0, 900, 3000).astype(dtype)
        found += list(record.generate(samples, kind))[:3]
    folder = Path(obspy.__file__).parent / "io/mseed/tests/data"
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found.append(path.read_bytes()[:4096])
    return found
