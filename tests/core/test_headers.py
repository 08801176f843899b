"""core/headers.py: timing quality and flags, second by second, against a plain list of records."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.headers import NOTHING, RecordHeaders, Stated
from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import NO_FLAGS, RecordFlag, Segment
from umamba_rt.core.timebase import NS_PER_S

HHZ = SourceId.from_nslc("CI", "CCC", "", "HHZ")
START_S = 1_562_259_000


def segment(
    first_s: int, count_s: int = 1, quality: int | None = None, flags: RecordFlag = NO_FLAGS
) -> Segment:
    samples = np.zeros(count_s * 100, np.int32)
    return Segment(HHZ, (START_S + first_s) * NS_PER_S, 100.0, samples, quality, flags)


def over(headers: RecordHeaders, first_s: float, stop_s: float) -> Stated:
    return headers.over(round((START_S + first_s) * 100), round((START_S + stop_s) * 100))


def test_the_lowest_quality_and_all_flags_of_a_span_count() -> None:
    headers = RecordHeaders(60)
    headers.note(segment(0, 5, 90, RecordFlag.SPIKES))
    headers.note(segment(5, 5, 40, RecordFlag.TIME_QUESTIONABLE | RecordFlag.CLOCK_LOCKED))
    headers.note(segment(10, 5))
    assert over(headers, 0, 5) == Stated(90, False, ("spikes",))
    assert over(headers, 0, 5.01) == Stated(40, False, ("spikes", "time_questionable"))
    assert over(headers, 6, 30) == Stated(40, False, ("time_questionable",))
    assert over(headers, 10, 30) == NOTHING


def test_a_clock_that_is_locked_is_no_news() -> None:
    headers = RecordHeaders(60)
    headers.note(segment(0, 5, None, RecordFlag.CLOCK_LOCKED))
    assert over(headers, 0, 5) == NOTHING


def test_a_digitiser_or_amplifier_at_its_limit_is_clipped() -> None:
    for flag, clipped in (
        (RecordFlag.DIGITIZER_CLIPPED, True),
        (RecordFlag.AMPLIFIER_SATURATED, True),
        (RecordFlag.GLITCHES, False),
    ):
        headers = RecordHeaders(60)
        headers.note(segment(0, 1, None, flag))
        headers.note(segment(0, 1, 100))
        assert over(headers, 0, 1) == Stated(100, clipped, (str(flag.name).lower(),))


RECORDS = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.integers(1, 8),
        st.one_of(st.none(), st.integers(0, 100)),
        st.sampled_from([NO_FLAGS, *RecordFlag]),
    ),
    max_size=20,
)


@given(RECORDS, st.randoms(), st.integers(0, 40), st.integers(1, 30))
def test_order_and_repetition_of_records_change_nothing(
    records: list[tuple[int, int, int | None, RecordFlag]],
    random: object,
    first: int,
    length: int,
) -> None:
    shuffled = [*records, *records[:3]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    plain, other = RecordHeaders(60), RecordHeaders(60)
    for record in records:
        plain.note(segment(*record))
    for record in shuffled:
        other.note(segment(*record))
    found = over(plain, first, first + length)
    assert found == over(other, first, first + length)
    touching = [r for r in records if r[0] < first + length and r[0] + r[1] > first]
    known = [quality for _, _, quality, _ in touching if quality is not None]
    assert found.timing_quality == min(known, default=None)
    named = {str(flag.name).lower() for _, _, _, flag in touching if flag}
    assert set(found.names) == named - {"clock_locked"}


def test_what_is_kept_is_bounded_and_old_records_are_let_go() -> None:
    headers = RecordHeaders(60)
    for first_s in range(0, 100_000, 7):
        headers.note(segment(first_s, 7, 50))
        headers.note(segment(first_s, 7, 60, RecordFlag.SPIKES))
        assert len(headers._of) <= 127
    assert over(headers, 99_960, 99_990).timing_quality == 50
    headers.note(segment(99_000, 5, 10))
    assert over(headers, 99_000, 99_005) == NOTHING
    # A record that is far longer than what is kept costs no more than that.
    headers.note(Segment(HHZ, START_S * NS_PER_S, 1e-3, np.zeros(10_000, np.int32), 20))
    assert len(headers._of) <= 127
