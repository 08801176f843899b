from __future__ import annotations

import resource

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymseed import DataEncoding, MS3Record

from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import NO_FLAGS, RecordFlag, SampleArray, Segment
from umamba_rt.errors import RecordError
from umamba_rt.wire.mseed import MAX_RECORD_SAMPLES, decode_record

CCC = SourceId.parse("FDSN:CI_CCC__H_H_Z")
START_NS = 1562258999997986000
WHOLE = np.random.default_rng(9).integers(-900, 900, 50).astype(np.int32)
ENCODINGS: list[tuple[DataEncoding, SampleArray]] = [
    (DataEncoding.STEIM1, WHOLE),
    (DataEncoding.STEIM2, WHOLE),
    (DataEncoding.INT16, WHOLE),
    (DataEncoding.INT32, WHOLE),
    (DataEncoding.FLOAT32, (WHOLE / 7).astype(np.float32)),
    (DataEncoding.FLOAT64, WHOLE / 7),
]


def pack(
    samples: SampleArray | str,
    encoding: DataEncoding = DataEncoding.STEIM2,
    *,
    version: int = 2,
    name: str = str(CCC),
    rate_hz: float = 100.0,
    extra: str = "",
) -> bytes:
    record = MS3Record(reclen=512, encoding=encoding)
    record.formatversion = version
    record.sourceid = name
    record.starttime = START_NS
    record.samprate = rate_hz
    if extra:
        record.extra = extra
    if isinstance(samples, str):
        return next(iter(record.generate(samples, "t")))
    return next(
        iter(record.generate(samples, {"i4": "i", "f4": "f", "f8": "d"}[samples.dtype.str[1:]]))
    )


def counts(count: int = 100) -> SampleArray:
    values: SampleArray = np.random.default_rng(9).integers(-900, 900, count).astype(np.int32)
    return values


def decode(payload: bytes) -> Segment:
    return decode_record(payload, source="host CI_CCC 12")


def assert_sound(segment: Segment) -> None:
    assert 0 < len(segment.samples) <= MAX_RECORD_SAMPLES
    assert segment.samples.dtype in (np.int32, np.float32, np.float64)
    assert segment.rate_hz > 0
    assert segment.end_ns < 2**64
    assert str(segment.source_id).isascii()
    assert segment.timing_quality is None or 0 <= segment.timing_quality <= 100


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(("encoding", "samples"), ENCODINGS)
def test_every_encoding_gives_its_samples_back(
    version: int, encoding: DataEncoding, samples: SampleArray
) -> None:
    segment = decode(pack(samples, encoding, version=version))
    assert segment.source_id == CCC
    assert (segment.start_ns, segment.rate_hz) == (START_NS, 100.0)
    np.testing.assert_array_equal(segment.samples, samples, strict=True)


def test_samples_outlive_the_record() -> None:
    segments = [decode(pack(counts() + offset)) for offset in range(50)]
    for offset, segment in enumerate(segments):
        np.testing.assert_array_equal(segment.samples, counts() + offset)
    assert all(segment.samples.flags.owndata for segment in segments)


@pytest.mark.parametrize(
    ("quality", "found"), [("87", 87), ("100.0", 100), ("-1", None), ("1e300", None), ('"x"', None)]
)
def test_timing_quality_is_a_per_cent_or_unknown(quality: str, found: int | None) -> None:
    extra = f'{{"FDSN":{{"Time":{{"Quality":{quality}}}}}}}'
    assert decode(pack(counts(), version=3, extra=extra)).timing_quality == found
    assert decode(pack(counts(), version=3)).timing_quality is None


FIXED_FLAGS = [  # byte of the fixed header, bit, what it means: SEED 2.4, fields 12 to 14
    (36, 4, RecordFlag.LEAP_ADDED),
    (36, 5, RecordFlag.LEAP_REMOVED),
    (37, 5, RecordFlag.CLOCK_LOCKED),
    (38, 0, RecordFlag.AMPLIFIER_SATURATED),
    (38, 1, RecordFlag.DIGITIZER_CLIPPED),
    (38, 2, RecordFlag.SPIKES),
    (38, 3, RecordFlag.GLITCHES),
    (38, 4, RecordFlag.MISSING_PADDED),
    (38, 5, RecordFlag.TELEMETRY_ERROR),
    (38, 6, RecordFlag.FILTER_CHARGING),
    (38, 7, RecordFlag.TIME_QUESTIONABLE),
]


@pytest.mark.parametrize(("byte", "bit", "flag"), FIXED_FLAGS)
def test_the_flags_of_a_miniseed_2_header_are_told(byte: int, bit: int, flag: RecordFlag) -> None:
    payload = bytearray(pack(counts()))
    assert decode(bytes(payload)).flags == NO_FLAGS
    payload[byte] |= 1 << bit
    assert decode(bytes(payload)).flags == flag


def test_every_flag_has_its_test() -> None:
    assert {flag for _, _, flag in FIXED_FLAGS} == set(RecordFlag)


@pytest.mark.parametrize(
    ("extra", "found"),
    [
        ('{"Time":{"LeapSecond":1}}', RecordFlag.LEAP_ADDED),
        ('{"Time":{"LeapSecond":-1}}', RecordFlag.LEAP_REMOVED),
        ('{"Time":{"LeapSecond":2}}', NO_FLAGS),
        ('{"Time":{"LeapSecond":true}}', NO_FLAGS),
        ('{"Flags":{"Spikes":true,"Glitches":true}}', RecordFlag.SPIKES | RecordFlag.GLITCHES),
        ('{"Flags":{"Spikes":false,"Glitches":"yes"}}', NO_FLAGS),
        ('{"Event":{"Spikes":true}}', NO_FLAGS),
    ],
)
def test_the_flags_of_a_miniseed_3_header_are_told(extra: str, found: RecordFlag) -> None:
    assert decode(pack(counts(), version=3, extra=f'{{"FDSN":{extra}}}')).flags == found


@pytest.mark.parametrize("length", [0, 1, 47, 48, 63, 64, 128, 300, 511])
def test_a_record_cut_short_is_refused(length: int) -> None:
    with pytest.raises(RecordError, match="host CI_CCC 12: record refused"):
        decode(pack(counts(400))[:length])


@pytest.mark.parametrize("payload", [b"", b"\0" * 512, b" " * 512, b"\xff" * 512, b"SLINFO  " * 64])
def test_what_is_no_record_is_refused(payload: bytes) -> None:
    with pytest.raises(RecordError):
        decode(payload)


def test_a_record_with_a_wrong_length_is_refused() -> None:
    payload = bytearray(pack(counts(400)))
    at = payload.index(b"\x03\xe8", 48)  # blockette 1000; its seventh byte is the length's power
    assert payload[at + 6] == 9
    payload[at + 6] = 12
    with pytest.raises(RecordError):
        decode(bytes(payload))


def test_text_is_refused() -> None:
    with pytest.raises(RecordError, match="sampling rate"):
        decode(pack("hello", DataEncoding.TEXT, rate_hz=0))
    with pytest.raises(RecordError, match="samples of type 't'"):
        decode(pack("hello", DataEncoding.TEXT, rate_hz=100))


@pytest.mark.parametrize("count", [0, 2**16 - 1])
def test_a_wrong_number_of_samples_is_refused(count: int) -> None:
    payload = bytearray(pack(counts()))
    payload[30:32] = count.to_bytes(2, "big")
    with pytest.raises(RecordError):
        decode(bytes(payload))


@pytest.mark.parametrize("claim", [MAX_RECORD_SAMPLES + 1, 2**31 - 1, 2**32 - 1])
def test_a_huge_claim_is_refused_before_memory_is_taken(claim: int) -> None:
    payload = bytearray(pack(counts(), version=3))
    assert payload[24:28] == (100).to_bytes(4, "little")
    payload[24:28] = claim.to_bytes(4, "little")
    payload[28:32] = bytes(4)
    payload[28:32] = crc32c(bytes(payload)).to_bytes(4, "little")
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RecordError, match=f"{claim} samples"):
        decode(bytes(payload))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 100_000


def crc32c(payload: bytes) -> int:
    """miniSEED 3's checksum (Castagnoli), a bit at a time."""
    crc = 0xFFFFFFFF
    for byte in payload:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@pytest.mark.parametrize("rate_hz", [-1e308, -1e9, 1e-7])
def test_a_record_that_claims_to_last_for_years_is_refused(rate_hz: float) -> None:
    with pytest.raises(RecordError, match="100 samples"):
        decode(pack(counts(), version=3, rate_hz=rate_hz))


def test_a_slow_channel_is_decoded() -> None:
    assert decode(pack(counts(), version=3, rate_hz=-1e4)).rate_hz == 1e-4


def test_a_rate_of_zero_is_refused() -> None:
    payload = bytearray(pack(counts()))
    payload[32:36] = bytes(4)
    with pytest.raises(RecordError, match=r"sampling rate 0\.0 Hz"):
        decode(bytes(payload))


@pytest.mark.parametrize("name", ["FDSN:ÄI_CCC__H_H_Z", "FDSN:C.I_CCC__H_H_Z", "XFDSN:CI_CCC", "X"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(RecordError, match="FDSN source identifier"):
        decode(pack(counts(), version=3, name=name))


def test_a_location_of_dashes_in_a_header_is_no_crash() -> None:
    payload = bytearray(pack(counts()))
    payload[13:15] = b"--"
    assert decode(bytes(payload)).source_id.channel == "HHZ"


@pytest.mark.parametrize("encoding", [DataEncoding.STEIM1, DataEncoding.STEIM2])
@pytest.mark.parametrize("version", [2, 3])
def test_steim_frames_whose_differences_were_damaged_are_refused(
    encoding: DataEncoding, version: int
) -> None:
    payload = bytearray(pack(WHOLE, encoding, version=version))
    assert decode(bytes(payload)).samples.tolist() == WHOLE.tolist()
    begin = 64 if version == 2 else 40 + payload[33]
    payload[begin + 16] ^= 0x55  # a difference, behind control word, X0 and Xn
    if version == 3:
        payload[28:32] = b"\0" * 4
        payload[28:32] = crc32c(bytes(payload)).to_bytes(4, "little")
    with pytest.raises(RecordError, match="Steim ends at"):
        decode(bytes(payload))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_damage_raises_nothing_but_record_errors(data: st.DataObject) -> None:
    version = data.draw(st.sampled_from([2, 3]))
    encoding, samples = ENCODINGS[data.draw(st.integers(0, len(ENCODINGS) - 1))]
    payload = bytearray(pack(samples, encoding, version=version))
    head = st.integers(0, min(len(payload), 100) - 1)
    anywhere = st.integers(0, len(payload) - 1)
    for place in data.draw(st.lists(st.one_of(head, anywhere), max_size=8)):
        payload[place] ^= 1 << data.draw(st.integers(0, 7))
    if version == 3 and data.draw(st.booleans()):
        payload[28:32] = bytes(4)
        payload[28:32] = crc32c(bytes(payload)).to_bytes(4, "little")
    cut = data.draw(st.one_of(st.just(len(payload)), st.integers(0, len(payload))))
    try:
        segment = decode(bytes(payload[:cut]))
    except RecordError:
        return
    assert_sound(segment)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600), st.sampled_from([b"", b"MS\x03", b"000001D CCC    HHZCI"]))
def test_garbage_raises_nothing_but_record_errors(garbage: bytes, start: bytes) -> None:
    try:
        segment = decode(start + garbage)
    except RecordError:
        return
    assert_sound(segment)
