#!/usr/bin/env python3
"""Hold the synthetics to published relations and to real records; a table and a plot.

    tools/synthetic_report.py --dataset ../shared/data/real --output docs/synthetics.png

Without ``--dataset`` the relations alone. Only records of the ``train`` split are read.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from umamba_rt.training.seisbench_format import SeisBenchDataset
from umamba_rt.training.synthetic.checks import (
    RecordResidual,
    local_magnitude_residuals,
    record_residuals,
    relation_residuals,
)
from umamba_rt.training.synthetic.generate import generate
from umamba_rt.training.synthetic.relations import Measure, bssa14_sigma_log10

mpl.use("Agg")
from matplotlib import pyplot as plt

DISTANCES_KM = (10.0, 30.0, 80.0, 150.0, 250.0)
RELATION_MAGNITUDES = (3.5, 4.5, 5.5, 6.5, 7.2)
LOCAL_MAGNITUDES = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
Table = dict[tuple[float, float], NDArray[np.float64]]


def main() -> None:
    """Measure, print, plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--dataset", type=Path, help="SeisBench folder of real records")
    parser.add_argument("--output", type=Path, help="PNG to write")
    parser.add_argument("--count", type=int, default=60, help="synthetics a cell (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    print(f"{speed(rng):.0f} records a second of one core's time")
    tables: dict[str, Table] = {}
    measures: tuple[Measure, ...] = ("pga_g", "pgv_cm_s")
    for measure in measures:
        tables[measure] = {
            (m, r): relation_residuals(rng, measure, m, r, options.count)
            for m in RELATION_MAGNITUDES
            for r in DISTANCES_KM
        }
        sigma = bssa14_sigma_log10(measure)
        show(
            f"log10 synthetic {measure} less Boore et al. 2014 (sigma {sigma:.2f})", tables[measure]
        )
    tables["ML"] = {
        (m, r): local_magnitude_residuals(rng, m, r, options.count)
        for m in LOCAL_MAGNITUDES
        for r in DISTANCES_KM
    }
    show("ML (Hutton and Boore 1987) less label", tables["ML"])
    residuals: list[RecordResidual] = []
    if options.dataset:
        train = SeisBenchDataset(options.dataset).select("train")
        residuals = record_residuals(rng, train, draws=7)
        show_records(residuals)
    if options.output:
        plot(tables, residuals, options.output)


def speed(rng: np.random.Generator, count: int = 300) -> float:
    """Records a second of processor time."""
    for _ in range(10):
        generate(rng)
    start = time.process_time()
    for _ in range(count):
        generate(rng)
    return count / (time.process_time() - start)


def show(title: str, table: Table) -> None:
    """Print median and scatter, a row a magnitude, a column a distance."""
    print(f"\n{title}: median/scatter\n     " + "".join(f"{r:>10.0f} km" for r in DISTANCES_KM))
    for magnitude in sorted({m for m, _ in table}):
        cells = [table[magnitude, r] for r in DISTANCES_KM]
        texts = [f"{np.median(c):+.2f}/{c.std():.2f}" for c in cells]
        print(f"M{magnitude:.1f} " + "".join(f"{text:>13}" for text in texts))


def show_records(residuals: list[RecordResidual]) -> None:
    """Print real records less synthetics, by unit and magnitude."""
    print("\nreal less synthetic, log10: records events  std/scatter  peak  first 3 s of Z")
    for unit in ("m/s", "m/s^2"):
        for low in range(8):
            some = [r for r in residuals if r.unit == unit and low <= r.magnitude < low + 1]
            if len(some) >= 5:
                print(f"{unit:>6} M{low}-{low + 1} {line(some)}")
    print(f"   all {line(residuals)}")


def line(some: list[RecordResidual]) -> str:
    """One group's medians."""
    std = np.array([r.std for r in some])
    peak, onset = np.median([r.peak for r in some]), np.median([r.onset for r in some])
    events = len({r.source_id for r in some})
    return (
        f"{len(some):4d} {events:4d}  {np.median(std):+.2f}/{std.std():.2f}  "
        f"{peak:+.2f}  {onset:+.2f}  (synthetic scatter {np.mean([r.spread for r in some]):.2f})"
    )


def plot(tables: dict[str, Table], residuals: list[RecordResidual], output: Path) -> None:
    """Three panels of relations; below them three of real records where there are any."""
    rows = 2 if residuals else 1
    size = (12, 3.5 * rows)
    figure, axes = plt.subplots(rows, 3, figsize=size, constrained_layout=True, squeeze=False)
    titles = {"pga_g": "PGA / BSSA14", "pgv_cm_s": "PGV / BSSA14", "ML": "ML - label"}
    for axis, (name, table) in zip(axes[0], tables.items(), strict=True):
        for magnitude in sorted({m for m, _ in table}):
            cells = [table[magnitude, r] for r in DISTANCES_KM]
            medians = [float(np.median(c)) for c in cells]
            spread = [float(c.std()) for c in cells]
            shift = 1.0 + 0.012 * (magnitude - 4.0)
            axis.errorbar(
                np.array(DISTANCES_KM) * shift, medians, spread, marker="o", ms=3, lw=1,
                capsize=2, label=f"M{magnitude:g}",
            )  # fmt: skip
        axis.set(xscale="log", ylim=(-1.1, 1.1), title=titles[name], xlabel="epicentral km")
        axis.axhline(0, color="k", lw=0.5)
        axis.legend(fontsize=7, ncol=3)
    axes[0][0].set_ylabel("log10 units, median and scatter")
    if residuals:
        plot_records(axes[1], residuals)
    figure.savefig(output, dpi=90)
    plt.close(figure)


def plot_records(axes: Any, residuals: list[RecordResidual]) -> None:
    """Real records less synthetics, by magnitude and distance."""
    scatter(axes[0], residuals, "magnitude", "std")
    scatter(axes[1], residuals, "distance_km", "std")
    scatter(axes[2], residuals, "magnitude", "onset")
    axes[0].set(ylabel="log10 real - synthetic", title="25 s after P, standard deviation")
    axes[1].set(xscale="log", title="25 s after P, standard deviation")
    axes[2].set(title="3 s after P, vertical")


def scatter(axis: Any, residuals: list[RecordResidual], x: str, y: str) -> None:
    """Real records as dots, by unit."""
    for unit, colour in (("m/s", "tab:blue"), ("m/s^2", "tab:orange")):
        some = [r for r in residuals if r.unit == unit]
        xs, ys = [getattr(r, x) for r in some], [getattr(r, y) for r in some]
        axis.plot(xs, ys, ".", color=colour, ms=3, label=unit)
    axis.axhline(0, color="k", lw=0.5)
    axis.set(ylim=(-2, 2), xlabel=x.replace("distance_km", "hypocentral km"))
    axis.legend(fontsize=7)


if __name__ == "__main__":
    main()
