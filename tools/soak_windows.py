"""The windows of an undisturbed run, and what a subscriber of a disturbed one got of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from sys import intern
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.soak_scene import TOOLS, Setting

MAGNITUDE_TOLERANCE = 1e-5
# What must be the same to the last character; the station is in the key.
DETERMINISTIC = ("window_end", "quality", "model")
Key = tuple[str, str, str, int]


def key_of(body: Mapping[str, Any]) -> Key:
    """Model, sensor, start and revision of a window."""
    sensor = ".".join(body["station"].values())
    name, start = body["model"]["name"], body["window_start"]
    return intern(name), intern(sensor), intern(start), body["revision"]


class Expected:
    """What an undisturbed run sends: some 200 bytes a window, where a body takes 4 kB."""

    def __init__(self) -> None:
        self.windows: dict[Key, tuple[float, int]] = {}
        self.doubled = 0

    def __len__(self) -> int:
        return len(self.windows)

    is_complete = False  # while it is taken down nobody knows how many there are

    def take(self, body: Mapping[str, Any]) -> bool:
        """Take a window down; False where it was there already."""
        key = key_of(body)
        if key in self.windows:
            self.doubled += 1
            return False
        self.windows[key] = float(body["magnitude"]), _print(body)
        return True

    def copy_sensors(self, copies: Mapping[str, Iterable[str]]) -> None:
        """Expect each window of a sensor of others, too, which have the same samples.

        Args:
            copies: names of the others, by the name of the sensor.
        """
        for (model, sensor, start, revision), value in list(self.windows.items()):
            for copy in copies.get(sensor, ()):
                self.windows[model, intern(copy), start, revision] = value


class Tally:
    """What a subscriber got of that.

    Attributes:
        expected: how many windows there are.
        windows: how many different ones came.
        extra: of which the undisturbed run has none.
        doubled: how many came that had come.
        different: how many had another quality, or another magnitude.
    """

    def __init__(self, expected: Expected) -> None:
        self.expected = len(expected)
        self.windows = self.extra = self.doubled = self.different = 0
        self._expected = expected.windows
        self._left = dict(expected.windows)
        self._extras: set[Key] = set()

    @property
    def is_complete(self) -> bool:
        """Whether as many came as there are."""
        return self.windows >= self.expected

    def lost(self) -> list[Key]:
        """The windows that did not come."""
        return sorted(self._left)

    def take(self, body: Mapping[str, Any]) -> bool:
        """Take a window down; False where it had come."""
        key = key_of(body)
        if key not in self._left:
            if key in self._expected or key in self._extras:
                self.doubled += 1
                return False
            self._extras.add(key)
            self.extra += 1
            self.windows += 1
            return True
        magnitude, fingerprint = self._left.pop(key)
        apart = abs(magnitude - float(body["magnitude"])) > MAGNITUDE_TOLERANCE
        self.different += apart or fingerprint != _print(body)
        self.windows += 1
        return True

    def figures(self) -> dict[str, int]:
        """All of it, for a report."""
        return {
            "windows_expected": self.expected,
            "windows": self.windows,
            "lost": len(self._left),
            "extra": self.extra,
            "doubled": self.doubled,
            "different": self.different,
        }

    @property
    def is_clean(self) -> bool:
        """Whether the subscriber saw what it would have seen undisturbed."""
        return self.windows > 0 and not (self._left or self.extra or self.doubled or self.different)


def direct(folder: Path, setting: Setting) -> Expected:
    """The undisturbed run without sockets: the same core, in seconds."""
    config = folder / "direct.toml"
    config.write_text(setting.config(1, "tcp://127.0.0.1:1", None), encoding="utf-8")
    command = [sys.executable, str(TOOLS / "replay.py"), "--direct", *setting.choice]
    # The daemon has no inventory either.
    reading, writing = os.pipe()  # its standard output has the log
    command += ["--inventory", "none", "--config", str(config), "--output", f"/dev/fd/{writing}"]
    expected = Expected()
    with (
        open(reading, encoding="utf-8") as lines,  # noqa: PTH123 - a descriptor
        subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=[writing]
        ) as process,
    ):
        os.close(writing)
        for line in lines:
            expected.take(json.loads(line))
    if process.returncode or not len(expected):
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return expected


def _print(body: Mapping[str, Any]) -> int:
    """Tells apart what must be the same; within this process alone."""
    return hash(json.dumps([body[name] for name in DETERMINISTIC], sort_keys=True))
