"""commands/curve_plot.py: V1's curve as text."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.commands.curve_plot import draw


def curve(values: list[float], **more: Any) -> Any:
    return {"t0": "2019-07-04T17:33:49.000000Z", "dt_s": 0.1, "values": values, **more}


def test_step_is_drawn_where_it_is_and_its_settling_below_it() -> None:
    lines = draw(curve([0.0] * 100 + [4.0] * 200, settled_s=10.0), width=37, height=2, plain=True)
    assert lines == [
        "  4.00           ||||||||||||||||||||",
        "  0.00 ..........||||||||||||||||||||",
        "                 ^ settled at 10.00 s of 30 s",
    ]


def test_feed_without_the_time_of_settling_has_an_axis_alone() -> None:
    assert draw(curve([1.0] * 300), width=40)[-1].split() == ["0", "s", "30", "s"]


def test_curve_without_values_draws_nothing() -> None:
    assert draw(curve([]), width=80) == []


@given(
    st.lists(st.floats(-5, 9), min_size=1, max_size=301),
    st.integers(21, 120), st.integers(1, 12), st.floats(0, 40), st.booleans(),
)  # fmt: skip
def test_whatever_the_curve_the_drawing_keeps_to_its_frame(
    values: list[float], width: int, height: int, settled_s: float, plain: bool
) -> None:
    evolution = curve(values, settled_s=settled_s)
    *rows, _ = draw(evolution, width=width, height=height, plain=plain)
    assert len(rows) == height
    assert all(len(row) <= width for row in rows)
    assert any(row[7:].strip() for row in rows)
