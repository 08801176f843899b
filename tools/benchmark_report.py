"""What must be reached, and the measured figures beside it, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

BEGIN, END = "<!-- benchmark -->", "<!-- /benchmark -->"
Results = Mapping[str, Any]  # as in the JSON file: a part's name, and what it measured


@dataclass(frozen=True, slots=True)
class Line:
    """One line of what must be reached.

    Attributes:
        what: the figure.
        limit: what it must be, in words.
        found: what it is, in words; empty: not measured.
        passes: whether that is enough; None: not measured, or too shortly to tell.
    """

    what: str
    limit: str
    found: str = ""
    passes: bool | None = None


def goals(results: Results) -> list[Line]:
    """All lines, those of parts that were not measured without a figure."""
    lines = [*_engine_goals(results.get("engines")), *_daemon_goals(results.get("daemon"))]
    lines.insert(6, _single_goal(results.get("engines")))
    lines += [_ready_goal(results.get("ready")), _memory_goal(results.get("memory"))]
    lines.append(_equality_goal(results.get("equality")))
    return lines


def markdown(results: Results) -> str:
    """The tables of ``docs/benchmarks.md``."""
    parts = [_table(("what", "at least", "found", ""), map(_goal_row, goals(results)))]
    if engines := results.get("engines"):
        parts += ["### Engines", _engine_tables(engines)]
    if runs := results.get("daemon"):
        parts += ["### The whole daemon", _daemon_table(runs)]
    if training := results.get("training"):
        rows = ((name, _spread(found)) for name, found in training["step_s"].items())
        parts += ["### Training", _table(("model", "s a step of 64 windows"), rows)]
    if facts := results.get("machine"):
        rows = (
            (part, ", ".join(f"{k} {v}" for k, v in one.items())) for part, one in facts.items()
        )
        parts += ["### Machine", _table(("part", "measured on"), rows)]
    return "\n\n".join(parts)


def replaced(document: str, tables: str) -> str:
    """A document with new tables between its marks.

    Raises:
        ValueError: it has no marks.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{BEGIN} and {END} are not both there")
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


# -- the lines


def _engine_goals(engines: Any) -> Iterator[Line]:
    names = [
        ("V2 engine : eager sequential, batch of 32", "10"),
        ("V2 engine : SeisBench annotate with the sequential scan, one station-hour", "5"),
        ("V2 engine against the sgemm limit", "60 %"),
        ("V1 engine : V1 eager sequential, batch of 32", "8"),
    ]
    if not engines:
        yield from (Line(*name) for name in names)
        return
    rates = {name: one["median"] for name, one in engines["windows_per_s"].items()}
    hour = {name: one["median"] for name, one in engines["hour_s"].items()}
    ours = hour["engine, windows cut by the core"]
    limits = {name: _limit(engines, gflop) for name, gflop in engines["gflop_a_window"].items()}
    annotate = hour["SeisBench annotate, sequential scan"] / ours
    compiled = hour["SeisBench annotate"] / ours
    share = rates["v2 engine"] / limits["v2"]
    yield _eager_goal(names[0], "v2", rates, limits, 10)
    found = f"{annotate:.1f} ({compiled:.1f} where annotate has our compiled scan)"
    yield Line(*names[1], found, annotate >= 5)
    yield Line(*names[2], f"{share:.0%} of {limits['v2']:.0f} windows/s", share >= 0.6)
    yield _eager_goal(names[3], "v1", rates, limits, 8)


def _eager_goal(
    name: tuple[str, str],
    model: str,
    rates: Mapping[str, float],
    limits: Mapping[str, float],
    least: float,
) -> Line:
    """The engine against eager PyTorch, and what no engine could pass."""
    eager = rates[f"{model} eager, batches of 32"]
    ratio, bound = rates[f"{model} engine"] / eager, limits[model] / eager
    return Line(*name, f"{ratio:.1f} (the sgemm limit is at {bound:.1f})", ratio >= least)


def _daemon_goals(runs: Any) -> Iterator[Line]:
    limit = "p99 < 500 ms, 10 min, none dropped"
    for stations, v1 in ((300, False), (120, True)):
        what = f"{stations} live stations at 1 s hop, V2{' and V1' if v1 else ''}"
        fitting = [
            run
            for run in runs or ()
            if run["stations"] >= stations and ("v1" in run["models"]) == v1
        ]
        if not fitting:
            yield Line(what, limit)
            continue
        run = max(fitting, key=lambda one: one["measured_s"])
        found = f"p99 {run['sent_ms']['p99']:.0f} ms over {run['measured_s']:.0f} s"
        found += f", {run['dropped'] + run['lost'] + run['dropped_v1']} dropped"
        reached = run["is_whole"] and run["sent_ms"]["p99"] < 500
        yield Line(what, limit, found, _whole(reached, run["measured_s"] >= 600))


def _single_goal(engines: Any) -> Line:
    what, limit = "single window, batch 1, median", "< 6 ms"
    if not engines:
        return Line(what, limit)
    single = engines["single_ms"]["from raw samples"]["median"]
    ready = engines["single_ms"]["prepared"]["median"]
    return Line(what, limit, f"{single:.2f} ms ({ready:.2f} ms prepared)", single < 6)


def _ready_goal(ready: Any) -> Line:
    what, limit = "daemon READY", "< 6 s warm, < 40 s cold"
    if not ready:
        return Line(what, limit)
    cold, warm = max(ready["cold"]), max(ready["warm"])
    return Line(what, limit, f"{warm:.1f} s warm, {cold:.1f} s cold", warm < 6 and cold < 40)


def _memory_goal(memory: Any) -> Line:
    what, limit = "memory a station at 10,000 stations", "<= 150 kB"
    if not memory:
        return Line(what, limit)
    most = max(memory["allocated_kb"], memory["resident_kb"])
    found = f"{most:.0f} kB at {memory['stations']:,} stations"
    return Line(what, limit, found, _whole(most <= 150, memory["stations"] >= 10_000))


def _equality_goal(equality: Any) -> Line:
    what, limit = "engine against models/", "<= 1e-4 on 10,000 windows"
    if not equality:
        return Line(what, limit)
    worst = max(max(one["worst"], one["worst_of_curve"] or 0.0) for one in equality.values())
    count = min(one["windows"] for one in equality.values())
    bad = sum(one["not_finite"] for one in equality.values())
    found = f"{worst:.1e} on {count:,} windows each of {' and '.join(equality)}"
    return Line(what, limit, found, _whole(worst <= 1e-4 and not bad, count >= 10_000))


def _whole(reached: bool, was_long: bool) -> bool | None:
    """A short run can fail, but not pass."""
    return reached if was_long or not reached else None


# -- the tables


def _goal_row(line: Line) -> tuple[str, ...]:
    mark = {True: "pass", False: "**fail**", None: ""}[line.passes]
    return line.what, line.limit, line.found or "not measured", mark


def _engine_tables(engines: Any) -> str:
    rates = ((name, _spread(one)) for name, one in engines["windows_per_s"].items())
    rows = [(f"{engines['engine']}: {name}" if "engine" in name else name, x) for name, x in rates]
    limits = [
        (f"sgemm limit of {name}", f"{_limit(engines, gflop):.0f} ({gflop:.4f} GFLOP a window)")
        for name, gflop in engines["gflop_a_window"].items()
    ]
    hour = (
        (name, _spread(one), str(engines["hour_windows"][name]))
        for name, one in engines["hour_s"].items()
    )
    single = ((name, _spread(one)) for name, one in engines["single_ms"].items())
    return "\n\n".join(
        (
            _table(("prepared windows", "a second"), [*rows, *limits]),
            _table(("continuous record of one station, 1 s hop", "s", "windows"), hour),
            _table(("one window alone", "ms"), single),
        )
    )


def _limit(engines: Any, gflop: float) -> float:
    return float(engines["sgemm_gflop_per_s"]["median"] / gflop)


def _daemon_table(runs: Any) -> str:
    heads = (
        *("stations", "models", "s", "p50 ms", "p99 ms", "received p99 ms", "V1 p99 ms", "lost"),
        *("daemon cores", "server cores", "subscriber cores", "RSS MiB", "load before"),
    )
    return _table(heads, (_daemon_row(run) for run in runs))


def _daemon_row(run: Any) -> tuple[str, ...]:
    v1 = run["sent_v1_ms"]
    cells = (
        run["stations"],
        " ".join(run["models"]),
        round(run["measured_s"]),
        f"{run['sent_ms']['p50']:.0f}",
        f"{run['sent_ms']['p99']:.0f}",
        f"{run['received_ms']['p99']:.0f}",
        f"{v1['p99']:.0f}" if v1 else "",
        run["lost"] + run["missed"] + run["dropped"] + run["dropped_v1"],
        *(f"{run['cores'][name]:.2f}" for name in ("daemon", "server", "subscriber")),
        f"{run['rss_mib']:.0f}",
        f"{run['load']:.1f}",
    )
    return tuple(map(str, cells))


def _spread(one: Any) -> str:
    digits = 0 if one["median"] >= 100 else 1 if one["median"] >= 10 else 2
    least, most = f"{one['least']:.{digits}f}", f"{one['most']:.{digits}f}"
    return f"{one['median']:.{digits}f} ({least} to {most})"


def _table(heads: tuple[str, ...], rows: Any) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
