"""wire/mseed_header.py: what is written to a header is read from it again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import NO_FLAGS, RecordFlag, Segment
from umamba_rt.wire.mseed import decode_record
from umamba_rt.wire.record import pack_segment

BOTH_LEAPS = RecordFlag.LEAP_ADDED | RecordFlag.LEAP_REMOVED


WHOLE_NS = 1_562_258_999_997_900_000  # to 0.1 ms, as miniSEED 2 has it without blockette 1001


def through_a_record(
    flags: RecordFlag, quality: int | None, start_ns: int = WHOLE_NS
) -> tuple[RecordFlag, int | None]:
    samples = np.arange(50, dtype=np.int32)
    source_id = SourceId.parse("FDSN:AA_ONE__H_H_Z")
    sent = Segment(source_id, start_ns, 100.0, samples, quality, flags)
    (record,) = pack_segment(sent)
    got = decode_record(record.payload, source="test")
    np.testing.assert_array_equal(got.samples, samples)
    assert got.start_ns == sent.start_ns
    return got.flags, got.timing_quality


@pytest.mark.parametrize("flag", list(RecordFlag))
def test_each_flag_alone_is_read_as_it_was_written(flag: RecordFlag) -> None:
    assert through_a_record(flag, None) == (flag, None)


@given(
    st.sets(st.sampled_from(list(RecordFlag))),
    st.none() | st.integers(0, 100),
)
def test_flags_and_quality_together_are_read_as_they_were_written(
    flags: set[RecordFlag], quality: int | None
) -> None:
    together = NO_FLAGS
    for flag in flags:
        together |= flag
    if BOTH_LEAPS in together:  # a record has one leap second at most
        together &= ~RecordFlag.LEAP_REMOVED
    assert through_a_record(together, quality) == (together, quality)


def test_unknown_quality_beside_microseconds_is_0_for_both_are_in_one_blockette() -> None:
    assert through_a_record(NO_FLAGS, None, WHOLE_NS + 86_000) == (NO_FLAGS, 0)
    assert through_a_record(NO_FLAGS, 70, WHOLE_NS + 86_000) == (NO_FLAGS, 70)
