"""The state directory: which it is, who holds it, and what lies in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

import structlog

from umamba_rt.config.run import StateConfig
from umamba_rt.config.whole import Config
from umamba_rt.core.timebase import NS_PER_S, index_ns, rfc3339
from umamba_rt.errors import StateError, UnavailableError
from umamba_rt.io.ledger import Ledger
from umamba_rt.io.server_positions import ServerPositions
from umamba_rt.io.statefile import StateFile, set_aside


def state_directory(config: StateConfig, environment: Mapping[str, str]) -> Path | None:
    """Where state is kept, or None where it is not.

    Source: systemd.exec(5): several directories are separated by colons.
    """
    text = config.directory or environment.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(text) if config.enabled and text else None


class StateDirectory:
    """The directory, held by one process at a time."""

    def __init__(self, path: Path) -> None:
        """Make it where it is missing, and lock it; a directory that cannot be used warns later.

        One on a file system without locks (NFS without its lock service) is used all the same.

        Raises:
            UnavailableError: another daemon holds it.
        """
        self.path = path
        # Each run writes the ledger anew, and each save the positions. What is left alone, such as
        # the lock, keeps a time of a clock that was wrong once for ever.
        self._saved = {path / "ledger"}
        self._lock: int | None = None
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError:
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise UnavailableError(f"state.directory {path}", "another daemon uses it") from error
        except OSError:
            return

    def close(self) -> None:
        """Let another process have it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def saved_ns(self) -> int:
        """When the last run saved, ns since 1970 UTC; 0 where none did.

        That is the time of the ledger and of what ``positions`` has named.
        """
        latest_ns = 0
        for path in self._saved:
            with contextlib.suppress(OSError):  # what cannot be read is said when it is wanted
                latest_ns = max(latest_ns, path.stat().st_mtime_ns)
        return latest_ns

    def positions(self, config: Config) -> list[ServerPositions]:
        """The positions of each server's streams, in the order of the configuration."""
        seen: dict[str, int] = {}
        made = []
        for server in config.seedlink:
            number = seen[server.server] = seen.get(server.server, -1) + 1
            stations = [stream.partition(":")[0] for stream in server.streams]
            file = StateFile(self.path, server.server, number)
            self._saved.add(file.path)
            made.append(ServerPositions(stations, round(config.state.hold_s * NS_PER_S), file))
        return made

    def ledger(self, latest_ns: int) -> Ledger:
        """The ledger as the last run left it; what is damaged or from the future is left out.

        Args:
            latest_ns: start of the latest window that can have been sent.
        """
        log = structlog.get_logger()
        ledger = Ledger(self.path / "ledger")
        try:
            ledger.load()
        except StateError as error:
            log.warning("state_set_aside", file=error.path, kind=error.kind, detail=error.detail)
            with contextlib.suppress(OSError):  # the next save says why
                set_aside(ledger.path, error.kind)
        except OSError as error:
            log.warning("state_unreadable", file=str(ledger.path), reason=str(error))
        for (sensor, model), mark in ledger.marks.items():
            if index_ns(mark.begun) > latest_ns:
                # Nothing would be sent of this sensor until then.
                ledger.drop(sensor, model)
                detail = f"{sensor} {model} has sent {rfc3339(index_ns(mark.begun))}"
                log.warning("ledger_from_the_future", file=str(ledger.path), detail=detail)
        return ledger
