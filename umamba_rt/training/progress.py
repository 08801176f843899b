"""A run as its user sees it: a bar, a line an epoch, a picture at the end."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from umamba_rt.training.log_plot import plot_log
from umamba_rt.training.recipe import Recipe
from umamba_rt.training.run import make_trainer
from umamba_rt.training.selection import SECONDS_AFTER_P
from umamba_rt.training.trainer import EpochLog


def train_with_progress(
    recipe: Recipe, folder: Path, cache: Path, *, workers: int = 0, quiet: bool = False
) -> None:
    """Train to the end, or go on where an earlier process was ended.

    Args:
        recipe: of the run.
        folder: where its log and weights go.
        cache: where synthetic records are kept.
        workers: processes that make them; 0: as many as cores.
        quiet: without a bar.

    Raises:
        UmambaRtError: see `umamba_rt.training.run.make_trainer`.
    """
    console = Console(stderr=True)
    trainer = make_trainer(recipe, folder, cache, workers=workers)
    if trainer.epoch:
        console.print(f"goes on after epoch {trainer.epoch}")
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=quiet) as progress:
        steps = recipe.fit.windows_per_epoch // recipe.fit.batch_size
        task = progress.add_task("epoch", total=steps * recipe.fit.batch_size)

        def tell(log: EpochLog) -> None:
            console.print(line_of(log))
            progress.reset(task, description=f"epoch {log.epoch + 1}")

        trainer.run(tell, lambda windows: progress.advance(task, windows))
    plot_log(folder)


def line_of(log: EpochLog) -> str:
    """An epoch in one line."""
    errors = zip(SECONDS_AFTER_P, log.dev.by_seconds, strict=True)
    by_seconds = ", ".join(f"{value:.3f} at {seconds:g} s" for seconds, value in errors)
    return (
        f"{log.epoch:4d}  loss {log.train_loss:.3f}  dev {log.dev.score:.3f} ({by_seconds})  "
        f"false {log.dev.false_share:.1%}  rate {log.learning_rate:.1e}  {log.seconds:.1f} s  "
        f"{log.peak_rss_mb:.0f} MB{'  best' if log.is_best else ''}"
    )
