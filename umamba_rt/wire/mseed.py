"""miniSEED 2 and 3 records to segments, by pymseed (libmseed)."""

from __future__ import annotations

import numpy as np
from pymseed import MiniSEEDError, MS3Record

from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import SampleArray, Segment
from umamba_rt.errors import RecordError

# libmseed allocates what a header claims; no real record of a seismic channel is longer.
MAX_RECORD_SAMPLES = 1_000_000
# A header may claim a period of 1e308 s. 2,000 samples at 1e-4 Hz, the longest sold, take 231 days.
MAX_RECORD_S = 366 * 86_400
_DTYPES = {"i": np.int32, "f": np.float32, "d": np.float64}


def decode_record(payload: bytes, *, source: str) -> Segment:
    """Decode one record: Steim 1 and 2, 16 and 32 bit integers, 32 and 64 bit floats.

    Args:
        payload: one whole miniSEED 2 or 3 record.
        source: what to call its origin in an error, as in ``host:18000 CI_CCC 1234``.

    Returns:
        The record's samples with their channel, time and rate.

    Raises:
        RecordError: the bytes are no record, are cut short, carry text or no samples, or name
            no channel.
    """
    try:
        record = MS3Record.parse(payload)
        if not 0 < record.samplecnt <= MAX_RECORD_SAMPLES:
            raise RecordError(source, f"{record.sourceid}: {record.samplecnt} samples")
        rate_hz = record.samprate
        if not (np.isfinite(rate_hz) and rate_hz > 0):
            raise RecordError(source, f"{record.sourceid}: sampling rate {rate_hz} Hz")
        if record.samplecnt > MAX_RECORD_S * rate_hz:
            raise RecordError(
                source, f"{record.sourceid}: {record.samplecnt} samples, {rate_hz} Hz"
            )
        record.unpack_data()
        return Segment(
            source_id=SourceId.parse(record.sourceid),
            start_ns=int(record.starttime),
            rate_hz=float(rate_hz),
            samples=_samples(record, source),
            timing_quality=_timing_quality(record),
        )
    except (MiniSEEDError, ValueError) as error:
        raise RecordError(source, str(error)) from error


def _samples(record: MS3Record, source: str) -> SampleArray:
    dtype = _DTYPES.get(record.sampletype or "")
    if dtype is None:
        raise RecordError(source, f"{record.sourceid}: samples of type {record.sampletype!r}")
    # A copy: pymseed's array is a view of memory that goes with the record.
    return np.array(record.np_datasamples, dtype=dtype)


def _timing_quality(record: MS3Record) -> int | None:
    # pymseed puts blockette 1001's per cent where miniSEED 3 keeps it.
    quality = record.get_extra_header("/FDSN/Time/Quality")
    if isinstance(quality, int | float) and 0 <= quality <= 100:
        return int(quality)
    return None
