from __future__ import annotations

import numpy as np
import pytest

from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import Segment

HHZ = SourceId.parse("FDSN:CI_CCC__H_H_Z")


@pytest.mark.parametrize(
    ("count", "rate_hz", "length_ns"),
    [(1, 100.0, 0), (2, 100.0, 10_000_000), (101, 100.0, 10**9), (4, 3.0, 10**9), (2, 0.1, 10**10)],
)
def test_end_is_the_time_of_the_last_sample(count: int, rate_hz: float, length_ns: int) -> None:
    start_ns = 1_562_258_999_997_986_123
    segment = Segment(HHZ, start_ns, rate_hz, np.zeros(count, np.int32))
    assert segment.end_ns == start_ns + length_ns
    assert segment.timing_quality is None
