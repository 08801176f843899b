"""wire/fault_plan.py: what becomes of packets, the same for the same seed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import records_of
from umamba_rt.wire.fault_plan import Cut, FaultPlan, HalfOpen, Send, Step, Trickle
from umamba_rt.wire.fault_switches import parse_faults
from umamba_rt.wire.seedlink_frames import Protocol, data_frame, record_offset

RECORDS = records_of(seconds=60)
FRAMES = {
    protocol: [
        data_frame(protocol, number, record.source_id.station_id, record.payload)
        for number, record in enumerate(RECORDS, 1)
    ]
    for protocol in Protocol
}
BOTH = pytest.mark.parametrize("frames", FRAMES.values(), ids=["v3", "v4"])


def steps_of(frames: list[bytes], *switches: str, seed: int = 1, connection: int = 1) -> list[Step]:
    plan = FaultPlan(parse_faults(switches, seed=seed), connection)
    return [step for frame in frames for step in plan.packet(frame)] + plan.rest()


def sent(steps: list[Step]) -> list[bytes]:
    return [step.content for step in steps if isinstance(step, Send)]


@BOTH
def test_nothing_switched_on_sends_every_packet_as_it_is(frames: list[bytes]) -> None:
    assert sent(steps_of(frames)) == frames


@BOTH
def test_dropped_packets_are_missing_and_the_others_in_order(frames: list[bytes]) -> None:
    kept = sent(steps_of(frames, "drop=0.3"))
    assert 0.5 * len(frames) < len(kept) < 0.9 * len(frames)
    assert kept == [frame for frame in frames if frame in set(kept)]


@BOTH
def test_nth_packet_alone_is_struck(frames: list[bytes]) -> None:
    assert sent(steps_of(frames, "drop=@4")) == frames[:3] + frames[4:]
    assert sent(steps_of(frames, "duplicate=@2")) == frames[:2] + frames[1:]


@BOTH
def test_reordered_packet_comes_behind_the_places_that_follow_it(frames: list[bytes]) -> None:
    moved = sent(steps_of(frames, "reorder=@3:2"))
    assert moved[:6] == [frames[index] for index in (0, 1, 3, 4, 2, 5)]
    assert sent(steps_of(frames[:3], "reorder=@3:2")) == frames[:3]


@BOTH
def test_corruption_flips_as_many_bits_of_the_record_and_none_of_the_frame(
    frames: list[bytes],
) -> None:
    for frame, damaged in zip(frames, sent(steps_of(frames, "corrupt=1:5")), strict=True):
        head = record_offset(frame)
        assert damaged[:head] == frame[:head]
        pairs = zip(frame, damaged, strict=True)
        assert sum((a ^ b).bit_count() for a, b in pairs) == 5


@BOTH
def test_cut_packet_is_a_part_and_never_the_whole(frames: list[bytes]) -> None:
    for connection in range(50):
        plan = FaultPlan(parse_faults(["cut=@1"]), connection)
        (step,) = plan.packet(frames[0])
        assert isinstance(step, Cut)
        assert 0 < len(step.content) < len(frames[0])
        assert frames[0].startswith(step.content)


@BOTH
def test_half_open_and_trickle_begin_at_their_packet(frames: list[bytes]) -> None:
    assert steps_of(frames[:3], "half-open=@2") == [Send(frames[0]), HalfOpen(), Send(frames[2])]
    assert steps_of(frames[:3], "trickle=1:8") == [Trickle(8.0), *map(Send, frames[:3])]


def test_v4_station_and_v3_header_are_no_part_of_the_record() -> None:
    for protocol, frames in FRAMES.items():
        assert frames[0][record_offset(frames[0]) :] == RECORDS[0].payload, protocol


def test_refusals_come_as_often_as_asked() -> None:
    faults = parse_faults(["refuse=0.3"], seed=5)
    refused = sum(FaultPlan(faults, connection).refuses for connection in range(1, 1001))
    assert 250 < refused < 350


CHANCES = ("drop=0.2", "duplicate=0.2", "corrupt=0.2:3", "reorder=0.2:4", "cut=0.01", "trickle=0.1")


@given(
    st.sets(st.sampled_from(CHANCES)),
    st.integers(0, 2**32),
    st.integers(1, 1000),
)
def test_same_seed_and_connection_give_the_same_steps(
    switches: set[str], seed: int, connection: int
) -> None:
    frames = FRAMES[Protocol.V4][:60]
    chosen = sorted(switches)
    first = steps_of(frames, *chosen, seed=seed, connection=connection)
    assert first == steps_of(frames, *reversed(chosen), seed=seed, connection=connection)


@given(st.integers(0, 2**32), st.sampled_from(("duplicate=0.2", "trickle=0.3", "reorder=0.3")))
def test_one_switch_more_changes_nothing_of_what_another_strikes(seed: int, more: str) -> None:
    frames = FRAMES[Protocol.V3]
    alone = set(sent(steps_of(frames, "drop=0.3", seed=seed)))
    assert set(sent(steps_of(frames, "drop=0.3", more, seed=seed))) == alone


def test_other_seeds_and_other_connections_are_struck_elsewhere() -> None:
    frames = FRAMES[Protocol.V3]
    drops = {
        tuple(sent(steps_of(frames, "drop=0.3", seed=seed, connection=connection)))
        for seed in range(3)
        for connection in range(1, 4)
    }
    assert len(drops) == 9
