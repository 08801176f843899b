from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from seedlink_client.protocol import (
    HEADSIZE_V3,
    decode_frame_v3,
    decode_frame_v4_body,
    parse_header_v3,
    parse_header_v4,
)

from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import Segment
from umamba_rt.wire.record import pack_segment
from umamba_rt.wire.seedlink_frames import Protocol, data_frame, info_frame_v3, info_frame_v4

SEGMENT = Segment(SourceId.parse("FDSN:CI_CCC__H_H_Z"), 0, 100.0, np.arange(10, dtype=np.int32))
(RECORD,) = pack_segment(SEGMENT)


@given(st.integers(1, 2**40))
def test_v3_frame_is_read_back_with_24_bits_of_its_number(number: int) -> None:
    frame = data_frame(Protocol.V3, number, "CI_CCC", RECORD.payload)
    header = parse_header_v3(frame[:HEADSIZE_V3])
    packet = decode_frame_v3(header, frame[HEADSIZE_V3:])
    assert (packet.station_id, packet.seqnum) == ("CI_CCC", number % 2**24)
    assert packet.payload == RECORD.payload
    assert len(frame) == 520


@given(st.integers(1, 2**64 - 1), st.from_regex(r"[A-Z0-9]{1,8}_[A-Z0-9]{1,8}", fullmatch=True))
def test_v4_frame_is_read_back_whole(number: int, station_id: str) -> None:
    frame = data_frame(Protocol.V4, number, station_id, RECORD.payload)
    packet = decode_frame_v4_body(frame, 0, parse_header_v4(frame))
    assert (packet.station_id, packet.seqnum) == (station_id, number)
    assert (packet.payload_format, packet.payload_subformat) == ("2", "D")
    assert packet.payload == RECORD.payload


def test_v3_info_frame_says_whether_more_follow() -> None:
    for last in (False, True):
        header = parse_header_v3(info_frame_v3(RECORD.payload, last=last)[:HEADSIZE_V3])
        assert (header.is_info, header.info_continues) == (True, not last)


def test_v4_info_frame_carries_the_document() -> None:
    for error, kind in ((False, "I"), (True, "E")):
        frame = info_frame_v4(b"{}", error=error)
        packet = decode_frame_v4_body(frame, 0, parse_header_v4(frame))
        assert (packet.payload_format, packet.payload_subformat) == ("J", kind)
        assert (packet.payload, packet.station_id, packet.seqnum) == (b"{}", "", 0)
