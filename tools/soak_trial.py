"""A subscriber that listens to a scene while a plan of faults is carried out on it."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.soak_scene import Scene
from umamba_rt.feed.message import FeedMessage

# Silence of a daemon that is ready after which a run is taken to have ended, s. A server that was
# killed reads its archive again: ten minutes of 100 stations take ten seconds beside others.
QUIET_S = 180.0
# A daemon takes 3 s to start, and a minute on a machine that has no time for it.
LONGEST_START_S = 300.0
# After the last window that is expected: time for one that must not come, s.
GRACE_S = 2.0
# From a restart to the first new window, s; and what a daemon asks for again of a server that has
# begun anew, too: a window, 5 s, and what was on its way, s of data.
MAX_RESTART_S, _PAST_S = 10.0, 40.0


class Collector(Protocol):
    """Takes windows as they come."""

    @property
    def is_complete(self) -> bool:
        """Whether no more are expected."""

    def take(self, body: Mapping[str, Any]) -> bool:
        """Take a window; False where it had come."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan.

    Attributes:
        name: ``daemon``, ``server`` (kill and start again), ``pause S`` (stop the daemon for S
            seconds), ``fill`` and ``free`` (its disk), or one of the trial's ``more``.
        after_s: so long after the step before, or after the first window; what a daemon takes to
            start is not counted.
        at_start: ``daemon`` alone: a starting daemon may be killed, too.
    """

    name: str
    after_s: float
    at_start: bool = False


class Trial:
    """Runs until all windows have come and the plan is done.

    Attributes:
        done: the steps that were carried out; ``daemon at its start`` where it was not ready.
        moments_s: when each of them was, since the beginning.
        restarts_s: after a kill, from the start of the new daemon to its first new window, s; those
            that were killed before that, or had no window left to send, have none.
        restarts_of_both_s: likewise where the server had been killed, too, and had sent nothing
            new before: from when both had begun. Its past is gone then: a replay that is begun
            anew gives what the daemon asks for again at its own speed, 35 s of data at least.
        full_failures: saves that failed while the disk was full, as the heartbeat counts them.
        recoveries_s: from the room given back to the next save, s, or from when a server listened
            that had been killed: without data nothing is to be saved.
        beat: the latest heartbeat.
    """

    def __init__(
        self,
        scene: Scene,
        windows: Collector,
        plan: Sequence[Step] = (),
        more: Mapping[str, Callable[[], None]] | None = None,
    ) -> None:
        """Prepare.

        Args:
            scene: started, and without data so far.
            windows: takes the windows.
            plan: the steps in their order.
            more: steps of other names.
        """
        self.done: list[str] = []
        self.moments_s: list[float] = []
        self.restarts_s: list[float] = []
        self.restarts_of_both_s: list[float] = []
        self.recoveries_s: list[float] = []
        self.full_failures = 0
        self.beat: Mapping[str, Any] = {}
        self._scene, self._windows, self._plan = scene, windows, list(plan)
        self._more = more or {}
        self._ready, self._any = True, False
        now_s = self._begun_s = time.monotonic()
        self._latest_s = self._since_s = self._started_s = now_s
        self._born_s: float | None = None  # of a restarted daemon without a window so far
        self._served_s = now_s  # since then the server has listened
        self._has_past = True  # it has been killed, and has sent nothing new so far: False
        self._freed_s: float | None = None
        self._failures: int | None = None  # saves that had failed, by the last heartbeat

    def run(self) -> None:
        """Listen and disturb until it is over."""
        while True:
            self._take(self._scene.feed.receive())
            self._scene.daemon.check()
            now_s = time.monotonic()
            self._wait_for_ready(now_s)
            if not self._scene.server.has_said("listening on"):
                self._served_s = now_s
            self._watch_disk(now_s)
            if self._is_due(now_s):
                self._carry_out(self._plan.pop(0))
            complete = self._windows.is_complete and not self._plan and self._freed_s is None
            if time.monotonic() - self._latest_s > (GRACE_S if complete else QUIET_S):
                return

    def _is_due(self, now_s: float) -> bool:
        """Whether the next step is; none is before the state is saved again behind a full disk."""
        if not self._plan or not self._any or self._freed_s is not None:
            return False
        return now_s - self._since_s > self._plan[0].after_s

    def is_prompt(self, speed: float) -> bool:
        """Whether each restart was in time, given the archive seconds a second of the replay."""
        longest_of_both_s = max(self.restarts_of_both_s, default=0.0)
        return (
            max(self.restarts_s, default=0.0) < MAX_RESTART_S
            and longest_of_both_s < MAX_RESTART_S + _PAST_S / speed
        )

    def restart_figures(self) -> dict[str, object]:
        """Restart to first window, for a report."""
        found = self.restarts_s
        median = round(statistics.median(found), 2) if found else None
        longest = round(max(found), 2) if found else None
        return {
            "restarts": len(found),
            "restart_median_s": median,
            "restart_max_s": longest,
            "restarts_of_both_s": [round(time_s, 2) for time_s in self.restarts_of_both_s],
        }

    def _take(self, message: FeedMessage | None) -> None:
        if message is None:
            return
        if message.topic == "heartbeat":
            self._note_beat(message.body)
        elif message.topic.startswith("magnitude."):
            is_new = self._windows.take(message.body)
            self._latest_s = time.monotonic()
            if not self._any:
                self._any, self._since_s = True, self._latest_s
            if is_new:
                self._note_new()

    def _note_new(self) -> None:
        if self._born_s is not None:
            found = self.restarts_s if self._has_past else self.restarts_of_both_s
            found.append(self._latest_s - max(self._born_s, self._served_s))
            self._born_s = None
        self._has_past = self._has_past or self._scene.server.has_said("listening on")

    def _note_beat(self, body: Mapping[str, Any]) -> None:
        failures = body["counts"]["state_saves_failed"]
        disk, before = self._scene.disk, self._failures
        if disk is not None and disk.is_full and before is not None and failures > before:
            self.full_failures += failures - before
        self.beat, self._failures = body, failures

    def _wait_for_ready(self, now_s: float) -> None:
        self._ready |= self._scene.is_ready()
        if self._ready:
            return
        self._latest_s = now_s  # its silence says nothing yet
        if not (self._plan and self._plan[0].at_start):
            self._since_s = now_s
        if now_s - self._started_s > LONGEST_START_S:
            raise SystemExit(f"the daemon was not ready after {LONGEST_START_S:g} s")

    def _watch_disk(self, now_s: float) -> None:
        disk = self._scene.disk
        if disk is None:
            return
        if disk.is_full:
            disk.fill()
        elif self._freed_s is not None and disk.is_written_again():
            self.recoveries_s.append(round(now_s - max(self._freed_s, self._served_s), 2))
            self._freed_s = None

    def _carry_out(self, step: Step) -> None:
        name, disk = step.name, self._scene.disk
        if name in self._more:
            self._more[name]()
        elif name.startswith("pause "):
            self._scene.daemon.pause(float(name.split()[1]))
            self._latest_s = time.monotonic()
        elif name == "daemon":
            name = self._kill_daemon()
        elif name == "server":
            self._scene.server.kill()
            self._scene.server.start()
            self._has_past = False
            self._latest_s = time.monotonic()
        elif name == "fill" and disk is not None:
            disk.fill()
        elif name == "free" and disk is not None:
            disk.free()
            self._freed_s = time.monotonic()
        else:
            raise ValueError(name)
        self.done.append(name)
        self.moments_s.append(round(time.monotonic() - self._begun_s, 1))
        self._since_s = time.monotonic()

    def _kill_daemon(self) -> str:
        """Kill it and start it again; gives the name of what was done."""
        scene = self._scene
        scene.daemon.kill()
        while (message := scene.feed.receive()) is not None:
            self._take(message)  # what the killed one had sent is no window of the new one
        scene.is_ready()  # and what it had still to say to systemd
        name = "daemon" if self._ready else "daemon at its start"
        self._latest_s = self._started_s = self._born_s = time.monotonic()
        self._failures = 0
        scene.daemon.start()
        self._ready = False
        return name
