from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.wire.seedlink_commands import (
    MAX_LINE_BYTES,
    CommandError,
    LineBuffer,
    LineTooLongError,
    decode_line,
    parse_number_v3,
    parse_number_v4,
    parse_time_ns,
)

QUAKE_NS = 1562261629000000000  # 2019-07-04T17:33:49Z


@pytest.mark.parametrize(
    ("text", "extra_ns"),
    [
        ("2019,7,4,17,33,49", 0),
        ("2019,07,04,17,33,49", 0),
        ("2019,7,4,17,33,49,5", 500_000_000),
        ("2019,7,4,17,33,49,0042", 4_200_000),
        ("2019-07-04T17:33:49Z", 0),
        ("2019-7-4T17:33:49", 0),
        ("2019-07-04T17:33:49.5Z", 500_000_000),
        ("2019-07-04T17:33:49.000000001Z", 1),
    ],
)
def test_time_is_read_in_both_protocols_forms(text: str, extra_ns: int) -> None:
    assert parse_time_ns(text) == QUAKE_NS + extra_ns


def test_missing_time_of_day_is_midnight() -> None:
    midnight_ns = QUAKE_NS // (86400 * 10**9) * 86400 * 10**9
    assert parse_time_ns("2019,7,4") == parse_time_ns("2019-07-04") == midnight_ns


@pytest.mark.parametrize(
    "text", ["", "2019", "2019,13,4", "2019-02-30", "99999,1,1", "2019-07-04T25:00:00Z", "now"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="ARGUMENTS not a time"):
        parse_time_ns(text)


@pytest.mark.parametrize(
    ("text", "number"), [("2", 2), ("0000FF", 255), ("0xff", 255), ("1000000", 0), ("-1", None)]
)
def test_v3_number_is_hexadecimal_and_24_bits(text: str, number: int | None) -> None:
    assert parse_number_v3(text) == number


@pytest.mark.parametrize(("text", "number"), [("2", 2), ("10", 10), ("-1", None)])
def test_v4_number_is_decimal(text: str, number: int | None) -> None:
    assert parse_number_v4(text) == number


@pytest.mark.parametrize("text", ["abc", "", "-2", "1_0", str(1 << 64), "٣"])
def test_bad_v4_number_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="ARGUMENTS Invalid sequence number"):
        parse_number_v4(text)


@pytest.mark.parametrize("text", ["xyz", "", "-2", "1_0", "0x"])
def test_bad_v3_number_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="Invalid sequence number"):
        parse_number_v3(text)


def test_command_error_crosses_processes() -> None:
    copy = pickle.loads(pickle.dumps(CommandError("LIMIT", "too many")))
    assert (copy.code, copy.message, str(copy)) == ("LIMIT", "too many", "LIMIT too many")


@pytest.mark.parametrize("terminator", [b"\r\n", b"\r", b"\n", b"\n\r", b"\r\r\n"])
def test_each_terminator_ends_a_line(terminator: bytes) -> None:
    assert LineBuffer().feed(b"HELLO" + terminator + b"BYE" + terminator) == [b"HELLO", b"BYE"]


@given(st.lists(st.binary(max_size=60), max_size=30))
def test_lines_do_not_depend_on_how_bytes_arrive(chunks: list[bytes]) -> None:
    apart, whole = LineBuffer(), LineBuffer()
    lines = [line for chunk in chunks for line in apart.feed(chunk)]
    assert lines == whole.feed(b"".join(chunks))


def test_endless_line_is_given_up_and_not_kept() -> None:
    buffer = LineBuffer()
    lines = [line for _ in range(100) for line in buffer.feed(b"A" * 1000)]
    assert len(buffer) <= MAX_LINE_BYTES
    with pytest.raises(LineTooLongError, match="over 4096 bytes"):
        decode_line(lines[0])


@pytest.mark.parametrize("line", [b"\xff", b"A\x00", b"\x7f"])
def test_line_that_is_not_ascii_is_refused(line: bytes) -> None:
    with pytest.raises(LineTooLongError, match="not ASCII"):
        decode_line(line)


def test_words_are_parted_by_spaces_and_tabs() -> None:
    assert decode_line(b"STATION  CCC\tCI ") == ["STATION", "CCC", "CI"]
