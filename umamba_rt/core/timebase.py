"""The sample grid that all windows lie on: 100 Hz, counted from 1970 UTC."""

from __future__ import annotations

from datetime import UTC, datetime

RATE_HZ = 100
NS_PER_S = 1_000_000_000
SAMPLE_NS = NS_PER_S // RATE_HZ


def nearest_index(time_ns: int) -> int:
    """Index of the grid sample nearest to a time; halves go up, so every time has one."""
    return (time_ns + SAMPLE_NS // 2) // SAMPLE_NS


def index_ns(index: int) -> int:
    """Time of a grid sample, ns since 1970 UTC."""
    return index * SAMPLE_NS


def ceil_to(index: int, step: int) -> int:
    """The first multiple of ``step`` that is not before ``index``."""
    return -(-index // step) * step


def rfc3339(time_ns: int) -> str:
    """A time as RFC 3339 UTC with microseconds and ``Z``, rounded down to the microsecond."""
    seconds, rest_ns = divmod(time_ns, NS_PER_S)
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest_ns // 1000:06d}Z"


def parse_rfc3339(text: str) -> int:
    """The time that ``rfc3339`` wrote, ns since 1970 UTC."""
    moment = datetime.fromisoformat(text)
    whole_s = round(moment.replace(microsecond=0).timestamp())
    return whole_s * NS_PER_S + moment.microsecond * 1000
