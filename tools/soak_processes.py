"""Processes to disturb: each is killed, stopped and started again, and logs to one file."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


class Process:
    """A child that is killed and started again, in its own log."""

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self._command, self._log, self._environment = list(command), log, environment
        self.start()

    def start(self) -> None:
        """Start it; its log goes on."""
        with self._log.open("ab") as log:
            self._begin = log.tell()
            self._running = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self._environment
            )

    def has_said(self, text: str) -> bool:
        """Whether this stands in its log since it was started last."""
        with self._log.open("rb") as log:
            log.seek(self._begin)
            return text.encode() in log.read()

    def kill(self) -> None:
        """SIGKILL, and wait."""
        self._running.kill()
        self._running.wait()

    @property
    def pid(self) -> int:
        """Its id."""
        return self._running.pid

    def pause(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after a while."""
        self._running.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._running.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """SIGTERM, and SIGKILL after 30 s; an end before that is left as it is."""
        self._running.terminate()
        try:
            self._running.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()

    def check(self) -> None:
        """Stop the test where it ended by itself."""
        if self._running.poll() is not None:
            tail = self._log.read_text(encoding="utf-8", errors="replace")[-3000:]
            raise SystemExit(f"{self._command[1:3]} ended with {self._running.returncode}\n{tail}")
