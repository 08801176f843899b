"""miniSEED 2 and 3 records to segments, by pymseed (libmseed)."""

from __future__ import annotations

import struct
import sys

import numpy as np
from pymseed import DataEncoding, MiniSEEDError, MS3Record

from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import SampleArray, Segment
from umamba_rt.errors import RecordError
from umamba_rt.wire.mseed_header import record_flags, timing_quality

# libmseed allocates what a header claims; no real record of a seismic channel is longer.
MAX_RECORD_SAMPLES = 1_000_000
# A header may claim a period of 1e308 s. 2,000 samples at 1e-4 Hz, the longest sold, take 231 days.
MAX_RECORD_S = 366 * 86_400
_STEIM = (DataEncoding.STEIM1, DataEncoding.STEIM2)
_DTYPES = {"i": np.int32, "f": np.float32, "d": np.float64}
_V2_QUALITY = (b"D", b"R", b"Q", b"M")
_NO_BLOCKETTE = "no blockette 1000, so neither its length nor its encoding is known"


def decode_record(payload: bytes, *, source: str) -> Segment:
    """Decode one record: Steim 1 and 2, 16 and 32 bit integers, 32 and 64 bit floats.

    Args:
        payload: one whole miniSEED 2 or 3 record.
        source: what to call its origin in an error, as in ``host:18000 CI_CCC 1234``.

    Returns:
        The record's samples with their channel, time and rate.

    Raises:
        RecordError: the bytes are no record, are cut short, carry text or no samples, contradict
            themselves, or name no channel.
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
        samples = _samples(record, source)
        if record.encoding in _STEIM:
            _check_steim(payload, record, samples, source)
        return Segment(
            source_id=SourceId.parse(record.sourceid),
            start_ns=int(record.starttime),
            rate_hz=float(rate_hz),
            samples=samples,
            timing_quality=timing_quality(record),
            flags=record_flags(record),
        )
    except (MiniSEEDError, ValueError, struct.error) as error:
        reason = _NO_BLOCKETTE if _lacks_blockettes(payload) else str(error)
        raise RecordError(source, reason) from error


def _lacks_blockettes(payload: bytes) -> bool:
    """Whether a miniSEED 2 record has no blockette at all (SEED 2.4, fixed section, field 15)."""
    return payload[6:7] in _V2_QUALITY and payload[:6].isdigit() and payload[39:40] == b"\0"


def _samples(record: MS3Record, source: str) -> SampleArray:
    dtype = _DTYPES.get(record.sampletype or "")
    if dtype is None:
        raise RecordError(source, f"{record.sourceid}: samples of type {record.sampletype!r}")
    # A copy: pymseed's array is a view of memory that goes with the record.
    return np.array(record.np_datasamples, dtype=dtype)


def _check_steim(payload: bytes, record: MS3Record, samples: SampleArray, source: str) -> None:
    """Compare first and last sample with the integration constants that Steim frames carry.

    libmseed only warns of a mismatch; but differences that were damaged on their way decode to
    steps of any size, which a model takes for an earthquake.

    Source: SEED manual 2.4, appendix B: words 1 and 2 of the first frame, X0 and Xn.
    """
    begin = _data_offset(payload, record)
    words = payload[begin + 4 : begin + 12]
    ends = (int(samples[0]), int(samples[-1]))
    found = [struct.unpack(order + "ii", words) for order in "><"]
    if ends not in found:
        x0, xn = found[0]
        reason = f"Steim ends at {ends[1]}, its frame says {xn} (from {x0})"
        raise RecordError(source, f"{record.sourceid}: {reason}")


def _data_offset(payload: bytes, record: MS3Record) -> int:
    if record.formatversion == 3:
        return 40 + payload[33] + int.from_bytes(payload[34:36], "little")
    swapped = bool(record.swapflag & 1)  # libmseed's MSSWAP_HEADER
    little = swapped != (sys.byteorder == "little")
    return int.from_bytes(payload[44:46], "little" if little else "big")
