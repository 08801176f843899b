"""A file system of a few megabytes that can be filled to the last byte."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = "4m"
_BLOCK = bytes(4096)


class SmallDisk:
    """A tmpfs of its own."""

    def __init__(self, path: Path) -> None:
        """Name what is mounted already.

        Args:
            path: the mount point.
        """
        self.path = path
        self._ballast: int | None = None
        self._freed_ns = 0

    @property
    def is_full(self) -> bool:
        """Whether it was filled and not freed again."""
        return self._ballast is not None

    def fill(self) -> None:
        """Take all room that there is; again while full, what others have set free meanwhile."""
        if self._ballast is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._ballast = os.open(self.path / "ballast", flags)
        try:
            while True:
                os.write(self._ballast, _BLOCK)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def free(self) -> None:
        """Give the room back."""
        if self._ballast is not None:
            os.close(self._ballast)
            self._ballast = None
            (self.path / "ballast").unlink()
            self._freed_ns = time.time_ns()

    def is_written_again(self) -> bool:
        """Whether a state file was replaced since the room was given back."""
        files = (self.path / "state").glob("*.state")
        return any(file.stat().st_mtime_ns > self._freed_ns for file in files)


def why_not() -> str:
    """Why no disk can be mounted here; empty where it can."""
    return "" if os.geteuid() == 0 else "only root can mount a small file system"


@contextmanager
def mounted(path: Path) -> Iterator[SmallDisk | None]:
    """A small disk at ``path`` until the block ends; None where none can be mounted here."""
    path.mkdir()
    umount = ["umount", str(path)]
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(path)]
    if why_not() or subprocess.run(mount, capture_output=True, check=False).returncode:
        yield None
        return
    disk = SmallDisk(path)
    try:
        yield disk
    finally:
        disk.free()
        subprocess.run(umount, check=True)
