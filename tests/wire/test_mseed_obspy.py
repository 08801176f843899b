"""The decoder on every miniSEED file that obspy installs, sample by sample against obspy."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import obspy
import pytest
from pymseed import MiniSEEDError, MS3Record

from umamba_rt.core.segment import Segment
from umamba_rt.errors import RecordError
from umamba_rt.wire.mseed import MAX_RECORD_SAMPLES, decode_record

FOLDER = Path(obspy.__file__).parent / "io/mseed/tests/data"
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())
MOST = 60  # records of one file
STEP = 64

# Files with records that are refused: the number of usable records, and why the others are not.
REFUSED = {
    "fullASCII_bigEndian.mseed": (0, "samples of type 't'"),
    "fullASCII_littleEndian.mseed": (0, "samples of type 't'"),
    "gecko_non_ascii_header.ms": (0, "not an FDSN source identifier: 'FDSN:_GECKO__C_N_Z'"),
    "infinite-loop.mseed": (0, "Steim ends at|only decoded 184 samples of 185"),
    "mseed_data_offset_0.mseed": (2, "0 samples"),
    "mseed_no_blkt_1000.mseed": (0, "no blockette 1000"),
    "nan_float32.mseed": (0, "not an FDSN source identifier: 'FDSN:_____'"),
    "nan_float64.mseed": (0, "not an FDSN source identifier: 'FDSN:_____'"),
    "rt130_sr0_cropped.mseed": (0, "sampling rate 0.0 Hz"),
    "smallASCII_bigEndian.mseed": (0, "samples of type 't'"),
    "smallASCII_littleEndian.mseed": (0, "samples of type 't'"),
    "three_records_zero_data_in_middle.mseed": (2, "0 samples"),
}
# Files that hold no record, or none whose header can be read, and why.
UNREADABLE = {
    "emptyfile.mseed": "detected",
    "microsecond_wrap.mseed": "nanosecond .1000000000. is out of range",
    "mseed_not_a_single_blkt_48byte_data_offset.mseed": "no blockette 1000",
    "not.mseed": "detected",
    "not2.mseed": "detected",
    "not3.mseed": "detected",
    "not4.mseed": "detected",
}


def payloads(content: bytes) -> Iterator[bytes]:
    """Every stretch that libmseed takes for a record, as a server would send it."""
    offset, found = 0, 0
    while offset < len(content) and found < MOST:
        try:
            length = MS3Record.parse(memoryview(content)[offset:]).reclen
        except (MiniSEEDError, ValueError):
            offset += STEP
            continue
        yield content[offset : offset + length]
        offset, found = offset + length, found + 1


def read_by_obspy(payload: bytes) -> obspy.Trace:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (trace,) = obspy.read(io.BytesIO(payload), format="MSEED")
    return trace


def assert_same(segment: Segment, trace: obspy.Trace) -> None:
    assert 0 < len(segment.samples) <= MAX_RECORD_SAMPLES
    np.testing.assert_array_equal(segment.samples, trace.data)
    assert segment.start_ns == trace.stats.starttime.ns
    assert segment.rate_hz == pytest.approx(trace.stats.sampling_rate, rel=1e-6)
    source_id = segment.source_id
    names = (source_id.network, source_id.station, source_id.location, source_id.channel)
    assert ".".join(names) == trace.id


def test_all_of_obspys_files_are_there() -> None:
    assert len(FILES) == 75
    assert {path.name for path in FILES} >= REFUSED.keys() | UNREADABLE.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_obspys_is_decoded_as_obspy_does_or_refused_by_name(path: Path) -> None:
    content = path.read_bytes()
    reasons: list[str] = []
    decoded = 0
    for payload in payloads(content):
        try:
            segment = decode_record(payload, source="obspy")
        except RecordError as error:
            reasons.append(str(error))
        else:
            decoded += 1
            assert_same(segment, read_by_obspy(payload))
    if path.name in UNREADABLE:
        assert (decoded, reasons) == (0, [])
        with pytest.raises(RecordError, match=UNREADABLE[path.name]):
            decode_record(content[:4096], source="obspy")
    elif path.name in REFUSED:
        usable, why = REFUSED[path.name]
        assert decoded == usable
        assert reasons
        assert all(re.search(why, reason) for reason in reasons)
    else:
        assert (decoded > 0, reasons) == (True, [])
