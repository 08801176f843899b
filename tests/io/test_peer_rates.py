"""io/peer_rates.py: a peer gets its rate and its burst, and no more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.io.peer_rates import PeerRates


def test_burst_passes_and_then_the_rate_rules() -> None:
    rates = PeerRates(2.0, 3.0)
    assert [rates.admit(b"a", 10.0) for _ in range(5)] == [True, True, True, False, False]
    assert not rates.admit(b"a", 10.4)
    assert rates.admit(b"a", 10.5)
    assert not rates.admit(b"a", 10.6)


def test_one_peer_takes_nothing_from_another() -> None:
    rates = PeerRates(1.0, 1.0)
    assert rates.admit(b"a", 0.0)
    assert not rates.admit(b"a", 0.0)
    assert rates.admit(b"b", 0.0)


def test_a_long_pause_fills_the_bucket_and_no_further() -> None:
    rates = PeerRates(10.0, 2.0)
    rates.admit(b"a", 0.0)
    assert [rates.admit(b"a", 1e6) for _ in range(3)] == [True, True, False]


def test_peers_that_were_silent_longest_are_forgotten() -> None:
    rates = PeerRates(1.0, 1.0, max_peers=2)
    for peer in (b"a", b"b", b"a", b"c"):
        rates.admit(peer, 0.0)
    assert len(rates) == 2
    assert not rates.admit(b"a", 0.0)
    assert rates.admit(b"b", 0.0)


@given(
    st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.floats(0, 2)), max_size=200),
    st.floats(0.1, 20),
    st.integers(1, 10),
)
def test_never_more_than_burst_and_rate_allow(
    requests: list[tuple[bytes, float]], rate_hz: float, burst: int
) -> None:
    rates = PeerRates(rate_hz, burst)
    now_s = 0.0
    admitted = {b"a": 0, b"b": 0, b"c": 0}
    for peer, pause_s in requests:
        now_s += pause_s
        admitted[peer] += rates.admit(peer, now_s)
        assert admitted[peer] <= burst + rate_hz * now_s + 1e-6
