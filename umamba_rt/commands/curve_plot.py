"""V1's estimate inside the window as a drawing for a terminal."""

from __future__ import annotations

from itertools import pairwise

from umamba_rt.feed.bodies import EvolutionBody

_BLOCKS = " ▁▂▃▄▅▆▇█"
_PLAIN = " .:|"
_LABEL = "{:6.2f} "


def draw(
    evolution: EvolutionBody, *, width: int, height: int = 8, plain: bool = False
) -> list[str]:
    """The curve as lines of text: magnitude upwards, time to the right, where it settled below.

    Args:
        evolution: of a message.
        width: most characters of a line, > 20.
        height: lines of the curve, > 0.
        plain: ASCII alone.
    """
    values = evolution["values"]
    if not values:
        return []
    length_s = len(values) * evolution["dt_s"]
    columns = _columns(values, max(1, min(width - len(_LABEL.format(0)), len(values))))
    low, high = min(columns), max(columns)
    lines = []
    for line in range(height - 1, -1, -1):
        label = _label(line, height, low, high)
        lines.append((label + _row(columns, line, height, low, high, plain)).rstrip())
    lines.append(_axis(evolution, length_s, len(columns)))
    return lines


def _columns(values: list[float], count: int) -> list[float]:
    """The mean of each of ``count`` equal parts."""
    bounds = [len(values) * n // count for n in range(count + 1)]
    return [sum(values[begin:end]) / (end - begin) for begin, end in pairwise(bounds)]


def _label(line: int, height: int, low: float, high: float) -> str:
    blank = " " * len(_LABEL.format(0))
    if line == height - 1:
        return _LABEL.format(high)
    return _LABEL.format(low) if line == 0 else blank


def _row(columns: list[float], line: int, height: int, low: float, high: float, plain: bool) -> str:
    marks = _PLAIN if plain else _BLOCKS
    steps = len(marks) - 1
    span = (high - low) or 1.0
    cells = []
    for value in columns:
        # The lowest value still shows: a mark of one step.
        level = 1 + (value - low) / span * (height * steps - 1)
        cells.append(marks[max(0, min(steps, round(level - line * steps)))])
    return "".join(cells)


def _axis(evolution: EvolutionBody, length_s: float, count: int) -> str:
    blank = " " * len(_LABEL.format(0))
    settled_s = evolution.get("settled_s")
    if settled_s is None:
        return f"{blank}0 s{f'{length_s:.0f} s':>{max(1, count - 3)}}"
    place = min(count - 1, int(settled_s / length_s * count))
    return f"{blank}{' ' * place}^ settled at {settled_s:.2f} s of {length_s:.0f} s"
