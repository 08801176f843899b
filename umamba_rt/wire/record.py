"""512-byte miniSEED 2 records: packing samples and text, and moving a record in time."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from pymseed import DataEncoding, MiniSEEDError, MS3Record

from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import SampleArray, Segment
from umamba_rt.errors import RecordError
from umamba_rt.wire.mseed_header import write_header

RECORD_BYTES = 512
NS = 1_000_000_000
# Steim2 holds differences of 30 bits (SEED 2.4, appendix B); wider ones go out as plain integers.
_STEIM2_LIMIT = 1 << 29
_BTIME = struct.Struct(">HHBBBxH")  # year, day of year, h, min, s, 0.1 ms
_BTIME_OFFSET = 20


@dataclass(frozen=True, slots=True)
class ReplayRecord:
    """A packed record and what the replay needs to know of it.

    Attributes:
        source_id: the channel.
        start_ns: time of the first sample, ns since 1970 UTC, whole microseconds.
        end_ns: time of the last sample, ns since 1970 UTC: when a datalogger would let it go.
        payload: the record, 512 bytes, miniSEED 2, big-endian.
    """

    source_id: SourceId
    start_ns: int
    end_ns: int
    payload: bytes

    def shifted(self, shift_s: int) -> ReplayRecord:
        """The same record ``shift_s`` whole seconds later."""
        if shift_s == 0:
            return self
        return replace(
            self,
            start_ns=self.start_ns + shift_s * NS,
            end_ns=self.end_ns + shift_s * NS,
            payload=shift_payload(self.payload, shift_s),
        )


def pack_segment(segment: Segment) -> Iterator[ReplayRecord]:
    """Pack a run of samples to records, in time order, each with the run's flags and quality.

    Each record's start is the run's start plus its first sample's number over the rate, to the
    microsecond: libmseed counts from the run's start, so nothing drifts (test over 480,000
    samples). Integers go out as Steim2 (as INT32 where a difference takes over 30 bits), floats
    as FLOAT32.

    Args:
        segment: samples of shape ``(n,)``; int32, float32 or float64.

    Raises:
        RecordError: libmseed refuses the run, the rate is not above 0, or a sample is beyond the
            range of float32.
    """
    name = str(segment.source_id)
    if not segment.rate_hz > 0:
        raise RecordError(name, f"sampling rate {segment.rate_hz:g} Hz")
    samples, kind, encoding = _encodable(segment.samples)
    if kind == "f" and not np.array_equal(np.isinf(samples), np.isinf(segment.samples)):
        raise RecordError(name, "samples beyond the range of float32")
    packer = _packer(name, segment.start_ns, encoding)
    packer.samprate = segment.rate_hz
    write_header(packer, segment.flags, segment.timing_quality)
    try:
        for payload in packer.generate(samples, kind):
            packed = MS3Record.parse(payload)
            start_ns = packed.starttime
            end_ns = start_ns + round((packed.samplecnt - 1) * NS / segment.rate_hz)
            yield ReplayRecord(segment.source_id, start_ns, end_ns, payload)
    except (MiniSEEDError, ValueError) as error:
        raise RecordError(name, str(error)) from error


def pack_text(source_id: SourceId, text: str, now_ns: int) -> list[bytes]:
    """Pack ASCII text to log records, as v3 servers send INFO; 448 characters a record."""
    packer = _packer(str(source_id), now_ns, DataEncoding.TEXT)
    packer.samprate = 0
    return list(packer.generate(text, "t"))


def shift_payload(payload: bytes, shift_s: int) -> bytes:
    """Move a miniSEED 2 record by whole seconds.

    Only the header's BTIME changes: the fraction of a second and blockette 1001's microseconds
    stay, and so does every sample's phase.

    Args:
        payload: a big-endian miniSEED 2 record.
        shift_s: seconds, either sign.
    """
    year, day, hour, minute, second, fraction = _BTIME.unpack_from(payload, _BTIME_OFFSET)
    moment = datetime(year, 1, 1, hour, minute, second, tzinfo=UTC)
    moment += timedelta(days=day - 1, seconds=shift_s)
    stamp = _BTIME.pack(
        moment.year,
        moment.timetuple().tm_yday,
        moment.hour,
        moment.minute,
        moment.second,
        fraction,
    )
    return payload[:_BTIME_OFFSET] + stamp + payload[_BTIME_OFFSET + _BTIME.size :]


def _packer(name: str, start_ns: int, encoding: DataEncoding) -> MS3Record:
    packer = MS3Record(reclen=RECORD_BYTES, encoding=encoding)
    packer.formatversion = 2
    packer.pubversion = 1
    packer.sourceid = name
    packer.starttime = _whole_us(start_ns)
    return packer


def _whole_us(time_ns: int) -> int:
    """Round to microseconds, miniSEED 2's finest step; libmseed alone would cut."""
    return (time_ns + 500) // 1000 * 1000


def _encodable(samples: SampleArray) -> tuple[SampleArray, str, DataEncoding]:
    if samples.dtype != np.int32:
        with np.errstate(over="ignore"):  # `pack_segment` looks for it
            floats: SampleArray = np.ascontiguousarray(samples, dtype=np.float32)
        return floats, "f", DataEncoding.FLOAT32
    steps = np.abs(np.diff(samples.astype(np.int64)))
    first = abs(int(samples[0]))  # libmseed writes the first difference against zero
    wide = first >= _STEIM2_LIMIT or (steps.size and int(steps.max()) >= _STEIM2_LIMIT)
    encoding = DataEncoding.INT32 if wide else DataEncoding.STEIM2
    integers: SampleArray = np.ascontiguousarray(samples, dtype=np.int32)
    return integers, "i", encoding
