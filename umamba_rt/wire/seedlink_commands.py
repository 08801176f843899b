"""SeedLink command lines: from bytes to words, numbers and times."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from umamba_rt.errors import StreamError

MAX_LINE_BYTES = 4096  # the specification says 255; real clients send longer AUTH lines
_TERMINATORS = re.compile(rb"[\r\n]")
_ISO_TIME = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:T(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?)?Z?"
)
_COMMA_TIME = re.compile(r"[0-9]{1,9}(,[0-9]{1,9}){2,6}")
_HEX = re.compile(r"(?:0[xX])?([0-9A-Fa-f]{1,16})")
_DECIMAL = re.compile(r"[0-9]{1,20}")
V3_NUMBER_BITS = 24


class CommandError(StreamError):
    """A client's command cannot be accepted; ``code`` is SeedLink v4's word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message

    def __str__(self) -> str:
        return f"{self.code} {self.message}"


class LineTooLongError(StreamError):
    """A client sent a line that is too long or no ASCII: what follows cannot be trusted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class LineBuffer:
    """Cuts a stream of bytes into command lines; holds at most one unfinished line.

    A line ends with CR, LF or both (v4 specification, "Handshaking"); empty lines are left out,
    which makes the LF behind a CR vanish.
    """

    def __init__(self) -> None:
        self._rest = b""

    def __len__(self) -> int:
        return len(self._rest)

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take bytes and give the lines that they complete, without terminators.

        A line may be over-long or not ASCII; `decode_line` is what refuses it, so that the good
        lines before it are answered first. What cannot become a good line any more is given back
        as it stands, and not kept.
        """
        *whole, rest = _TERMINATORS.split(self._rest + chunk)
        lines = [line for line in whole if line]
        if len(rest) > MAX_LINE_BYTES:
            lines.append(rest)
            rest = b""
        self._rest = rest
        return lines


def decode_line(line: bytes) -> list[str]:
    """Split a command line into words.

    Raises:
        LineTooLongError: the line is over `MAX_LINE_BYTES` or not printable ASCII.
    """
    if len(line) > MAX_LINE_BYTES:
        raise LineTooLongError(f"command line over {MAX_LINE_BYTES} bytes")
    if any(byte > 126 or (byte < 32 and byte != 9) for byte in line):
        raise LineTooLongError("command line is not ASCII")
    return line.decode("ascii").split()


def parse_time_ns(text: str) -> int:
    """Read a time of v3 (``2019,7,4,17,33,0``) or v4 (``2019-07-04T17:33:00.5Z``).

    Returns:
        Nanoseconds since 1970 UTC.

    Raises:
        CommandError: the text is no such time.
    """
    iso = _ISO_TIME.fullmatch(text)
    try:
        if iso is not None:
            *fields, fraction = iso.groups(default="0")
        elif _COMMA_TIME.fullmatch(text):
            # A seventh number is a fraction's digits: libslink 4.0 sends ten-thousandths, ",0042".
            *fields, fraction = [*text.split(","), "0", "0", "0", "0"][:7]
        else:
            raise CommandError("ARGUMENTS", f"not a time: {text}")
        numbers, nanos = [int(field) for field in fields], int(fraction.ljust(9, "0"))
        moment = datetime(*numbers, tzinfo=UTC)  # type: ignore[misc, arg-type]
    except (ValueError, OverflowError) as error:
        raise CommandError("ARGUMENTS", f"not a time: {text}") from error
    return round(moment.timestamp()) * 1_000_000_000 + nanos


def parse_number_v3(text: str) -> int | None:
    """Read a v3 sequence number: hexadecimal, 24 bits, obspy's ``0x`` allowed; -1 is None.

    Longer numbers are cut to 24 bits: a client that adds one to ``FFFFFF`` asks for ``1000000``.

    Raises:
        CommandError: the text is no such number.
    """
    if text == "-1":
        return None
    match = _HEX.fullmatch(text)
    if match is None:
        raise CommandError("ARGUMENTS", "Invalid sequence number")
    return int(match[1], 16) % (1 << V3_NUMBER_BITS)


def parse_number_v4(text: str) -> int | None:
    """Read a v4 sequence number: decimal, 64 bits; -1 is None.

    Raises:
        CommandError: the text is no such number.
    """
    if text == "-1":
        return None
    if _DECIMAL.fullmatch(text) is None or int(text) >= 1 << 64:
        raise CommandError("ARGUMENTS", "Invalid sequence number")
    return int(text)
