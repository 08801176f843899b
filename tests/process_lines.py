"""A process that prints, and its lines as they come."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Lines:
    """A process's lines, read as they come."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, count: int, timeout_s: float = 60.0) -> list[str]:
        ends_s = time.monotonic() + timeout_s
        while len(self.lines) < count and time.monotonic() < ends_s:
            time.sleep(0.02)
        return list(self.lines)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout
        self.process.stdout.close()


@contextmanager
def lines_of(command: list[str]) -> Iterator[Lines]:
    running = Lines(command)
    try:
        yield running
    finally:
        running.end()
