"""wire/fault_switches.py: what each switch takes, and what is said of one that cannot be read."""

from __future__ import annotations

import pytest

from umamba_rt.wire.fault_switches import SWITCHES, FaultError, Faults, When, parse_faults


def test_all_switches_together_are_read() -> None:
    faults = parse_faults(
        [
            "drop=0.25",
            "delay=2.5",
            "duplicate=@3",
            "reorder=0.5:7",
            "corrupt=1:12",
            "cut=1e-3",
            "half-open=@9",
            "trickle=@1:20",
            "refuse=1",
            "refuse-station=CI_*",
            "refuse-station=PB_B916",
            "v3-only",
            "http",
        ],
        seed=7,
        connections=2,
    )
    assert faults == Faults(
        drop=When(0.25),
        duplicate=When(nth=3),
        corrupt=When(1.0),
        corrupt_bits=12,
        reorder=When(0.5),
        reorder_places=7,
        cut=When(0.001),
        half_open=When(nth=9),
        trickle=When(nth=1),
        trickle_bytes_s=20.0,
        delay_s=2.5,
        refuse=1.0,
        refused_stations=("CI_*", "PB_B916"),
        v3_only=True,
        http=True,
        seed=7,
        connections=2,
    )
    assert faults.strike(1)
    assert faults.strike(2)
    assert not faults.strike(3)


def test_no_switch_disturbs_nobody() -> None:
    assert parse_faults([]) == Faults()
    assert not Faults().strike(1)


def test_arguments_may_be_left_out() -> None:
    faults = parse_faults(["reorder=0.1", "corrupt=0.1", "trickle=0.1"])
    assert (faults.reorder_places, faults.corrupt_bits, faults.trickle_bytes_s) == (3, 1, 1.0)
    assert faults.strike(10**9)


WHEN = "a chance above 0 and up to 1, or @N for each connection's N-th packet"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("drpo=0.1", "drpo=0.1: no fault 'drpo', expected drop"),
        ("", ": no fault '', expected " + ", ".join(switch.name for switch in SWITCHES)),
        ("drop", "drop: found no value, expected drop=WHEN"),
        ("drop=", "drop=: found no value, expected drop=WHEN"),
        ("drop=0", f"drop=0: found '0', expected {WHEN}"),
        ("drop=1.01", f"drop=1.01: found '1.01', expected {WHEN}"),
        ("drop=nan", f"drop=nan: found 'nan', expected {WHEN}"),
        ("drop=often", f"drop=often: found 'often', expected {WHEN}"),
        ("drop=@0", f"drop=@0: found '@0', expected {WHEN}"),
        ("drop=@", f"drop=@: found '@', expected {WHEN}"),
        ("drop=0.1:3", f"drop=0.1:3: found '0.1:3', expected {WHEN}"),
        ("reorder=0.1:", "reorder=0.1:: found '', expected a whole number from 1 to 1000"),
        ("reorder=0.1:0", "reorder=0.1:0: found '0', expected a whole number from 1 to 1000"),
        ("corrupt=1:1.5", "corrupt=1:1.5: found '1.5', expected a whole number from 1 to 4096"),
        ("trickle=1:0", "trickle=1:0: found '0', expected a number from 0.01 to 1e+06"),
        ("delay=-1", "delay=-1: found '-1', expected a number from 0.001 to 3600"),
        ("delay=inf", "delay=inf: found 'inf', expected a number from 0.001 to 3600"),
        ("refuse=0", "refuse=0: found '0', expected a number above 0 and up to 1"),
        ("refuse=x", "refuse=x: found 'x', expected a number above 0 and up to 1"),
        ("refuse-station=a b", "refuse-station=a b: found 'a b', expected NET_STA"),
        ("http=1", "http=1: found '1', expected http alone"),
        ("v3-only=", "v3-only=: found '', expected v3-only alone"),
    ],
)
def test_switch_that_cannot_be_read_is_named(text: str, message: str) -> None:
    with pytest.raises(FaultError) as refused:
        parse_faults([text])
    assert str(refused.value).startswith(message)


def test_switch_given_twice_is_refused() -> None:
    with pytest.raises(FaultError, match=r"drop=0.2: drop was given before, as drop=0.1"):
        parse_faults(["drop=0.1", "drop=0.2"])
