from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymseed import DataEncoding, MS3Record

from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import SampleArray, Segment
from umamba_rt.errors import RecordError
from umamba_rt.wire.record import NS, RECORD_BYTES, pack_segment, pack_text, shift_payload

CCC = SourceId.parse("FDSN:CI_CCC__H_H_Z")
START_NS = 1562258999997986000  # Ridgecrest: 2.014 ms before the whole second


def segment(samples: SampleArray, *, start_ns: int = START_NS, rate_hz: float = 100.0) -> Segment:
    return Segment(CCC, start_ns, rate_hz, samples)


def noise(count: int) -> SampleArray:
    integers: SampleArray = np.random.default_rng(1).integers(-2000, 2000, count).astype(np.int32)
    return integers


def unpack(payloads: list[bytes]) -> SampleArray:
    pieces = [MS3Record.parse(p, unpack_data=True).np_datasamples.copy() for p in payloads]
    joined: SampleArray = np.concatenate(pieces)
    return joined


@pytest.mark.parametrize("rate_hz", [20.0, 31.25, 50.0, 100.0, 200.0, 200 / 3])
def test_record_times_do_not_drift_over_480000_samples(rate_hz: float) -> None:
    first = 0
    for record in pack_segment(segment(noise(480_000), rate_hz=rate_hz)):
        header = MS3Record.parse(record.payload)
        expected_ns = START_NS + round(first * NS / rate_hz)
        assert abs(record.start_ns - expected_ns) <= 500
        assert (header.starttime, header.endtime) == (record.start_ns, record.end_ns)
        first += header.samplecnt
    assert first == 480_000


def test_records_are_512_bytes_of_steim2_and_give_the_samples_back() -> None:
    samples = noise(5000)
    records = list(pack_segment(segment(samples)))
    assert {len(record.payload) for record in records} == {RECORD_BYTES}
    assert MS3Record.parse(records[0].payload).encoding == DataEncoding.STEIM2
    np.testing.assert_array_equal(unpack([r.payload for r in records]), samples)
    assert [r.source_id for r in records] == [CCC] * len(records)


@pytest.mark.parametrize("extreme", [[2**31 - 1, -(2**31), 0], [2**30, 2**30 + 5, 2**30]])
def test_differences_too_wide_for_steim2_still_come_back_exact(extreme: list[int]) -> None:
    samples: SampleArray = np.array(extreme * 300, dtype=np.int32)
    payloads = [record.payload for record in pack_segment(segment(samples))]
    np.testing.assert_array_equal(unpack(payloads), samples)


def test_floats_are_sent_as_float32() -> None:
    samples: SampleArray = np.linspace(-1, 1, 500)
    payloads = [record.payload for record in pack_segment(segment(samples))]
    np.testing.assert_array_equal(unpack(payloads), samples.astype(np.float32))


def test_start_is_rounded_to_the_microsecond() -> None:
    (record,) = pack_segment(segment(noise(10), start_ns=START_NS + 700))
    assert record.start_ns == START_NS + 1000


def test_rate_of_zero_is_refused_with_the_channel_named() -> None:
    with pytest.raises(RecordError, match=r"FDSN:CI_CCC__H_H_Z.*rate 0 Hz"):
        list(pack_segment(segment(noise(10), rate_hz=0.0)))


def test_code_too_long_for_miniseed_2_is_refused() -> None:
    odd = Segment(SourceId("CI", "CCC", "", "H", "H", "LONG"), START_NS, 100.0, noise(10))
    with pytest.raises(RecordError):
        list(pack_segment(odd))


@given(st.integers(-40 * 366 * 86400, 100 * 366 * 86400), st.integers(0, 10**6 - 1))
def test_shifted_record_reads_as_moved_by_whole_seconds(shift_s: int, micros: int) -> None:
    start_ns = START_NS // NS * NS + micros * 1000
    (record,) = pack_segment(segment(noise(50), start_ns=start_ns))
    moved = record.shifted(shift_s)
    header = MS3Record.parse(moved.payload, unpack_data=True)
    assert header.starttime == moved.start_ns == record.start_ns + shift_s * NS
    assert header.endtime == moved.end_ns
    np.testing.assert_array_equal(header.np_datasamples, noise(50))


def test_no_shift_gives_the_very_record() -> None:
    (record,) = pack_segment(segment(noise(50)))
    assert record.shifted(0) is record
    assert shift_payload(record.payload, 0) == record.payload


def test_text_goes_into_log_records() -> None:
    payloads = pack_text(SourceId("XX", "INFO", "", "I", "N", "F"), "x" * 1000, START_NS)
    texts = [MS3Record.parse(p, unpack_data=True).datasamples.tobytes() for p in payloads]
    assert b"".join(texts) == b"x" * 1000
    assert {len(p) for p in payloads} == {RECORD_BYTES}


def test_float_beyond_float32_is_refused_and_infinity_is_not() -> None:
    huge: SampleArray = np.array([1.0, 1e39], dtype=np.float64)
    with pytest.raises(RecordError, match="range of float32"):
        list(pack_segment(segment(huge)))
    infinite: SampleArray = np.array([1.0, np.inf, np.nan], dtype=np.float64)
    (record,) = pack_segment(segment(infinite))
    np.testing.assert_array_equal(unpack([record.payload]), infinite)
