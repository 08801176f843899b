"""The folder that a run's files go to."""

from __future__ import annotations

from pathlib import Path

from umamba_rt.errors import UnavailableError


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where it is not there.

    Raises:
        UnavailableError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(str(folder), error.strerror or str(error)) from error
