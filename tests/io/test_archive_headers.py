"""io/archive.py: what records say of clock and samples, over a replay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from pymseed import DataEncoding, MS3Record

from tests.io.test_archive import HHZ, START_NS, channel, samples_of, write
from umamba_rt.core.segment import NO_FLAGS, RecordFlag, Segment
from umamba_rt.io.archive import ArchiveChoice, read_archive
from umamba_rt.wire.mseed import decode_record
from umamba_rt.wire.mseed_header import write_header
from umamba_rt.wire.record import NS

CLOCK = RecordFlag.CLOCK_LOCKED


def pack_whole(segment: Segment) -> bytes:
    """One record of 16,384 bytes."""
    packer = MS3Record(reclen=16_384, encoding=DataEncoding.STEIM2)
    packer.formatversion, packer.pubversion = 2, 1
    packer.sourceid, packer.starttime = str(segment.source_id), segment.start_ns
    packer.samprate = segment.rate_hz
    write_header(packer, segment.flags, segment.timing_quality)
    (payload,) = packer.generate(segment.samples, "i")
    return bytes(payload)


def test_headers_say_the_same_of_their_samples_as_before(tmp_path: Path) -> None:
    """Each half minute another quality or flag, and no gap between them."""
    said = [(100, CLOCK), (60, CLOCK), (60, RecordFlag.TIME_QUESTIONABLE), (0, NO_FLAGS)]
    halves = [
        replace(channel(HHZ, 3000, START_NS + k * 30 * NS, k), timing_quality=quality, flags=flags)
        for k, (quality, flags) in enumerate(said)
    ]
    write(tmp_path / "a", *halves)
    choice = ArchiveChoice(start_ns=START_NS + 10 * NS)
    for record in read_archive([tmp_path], choice).records:
        found = decode_record(record.payload, source="archive")
        assert (found.timing_quality, found.flags) == said[(record.start_ns - START_NS) // NS // 30]
        assert (record.start_ns - START_NS) // NS // 30 == (record.end_ns - START_NS) // NS // 30
    records = read_archive([tmp_path]).records
    expected = np.concatenate([half.samples for half in halves])
    np.testing.assert_array_equal(samples_of(records, HHZ), expected)


def test_leap_second_is_left_out_and_no_time_comes_twice(tmp_path: Path) -> None:
    """2016-12-31T23:59:60 and the two seconds about it in long records, so that each is split."""
    new_year_ns = 1_483_228_800 * NS
    before = channel(HHZ, 4000, new_year_ns - 20 * NS)  # 20 s, the leap second, 19 s
    after = channel(HHZ, 1000, new_year_ns + 19 * NS, seed=1)
    long = pack_whole(replace(before, flags=RecordFlag.LEAP_ADDED)) + pack_whole(after)
    (tmp_path / "leap").write_bytes(long)
    records = read_archive([tmp_path / "leap"]).records
    found = [decode_record(record.payload, source="archive") for record in records]
    assert all(one.flags == NO_FLAGS for one in found)
    ends_ns = [one.end_ns + NS // 100 for one in found]
    assert [one.start_ns for one in found] == [new_year_ns - 20 * NS, *ends_ns[:-1]]
    expected = np.concatenate([before.samples[:2000], before.samples[2100:], after.samples])
    np.testing.assert_array_equal(np.concatenate([one.samples for one in found]), expected)
