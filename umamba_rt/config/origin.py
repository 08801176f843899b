"""Where each value of a configuration was written: a line of the file, or the environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from umamba_rt.config.toml_lines import KeyPath, key_lines
from umamba_rt.errors import ConfigProblem

ENV_PREFIX = "UMAMBA_RT_"
_TOMLLIB_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_LAST_STEP = re.compile(r"(\.[^.\[\]]*|\[\d+\])$")


class Origins:
    """Finds the origin of keys as ``ConfigProblem`` names them, such as ``seedlink[0].server``.

    Args:
        text: the file.
        environment: whose variables override it.
    """

    def __init__(self, text: str, environment: Mapping[str, str]) -> None:
        self._variables: dict[str, str] = {}
        for variable in environment:
            if variable.startswith(ENV_PREFIX):
                name = variable.removeprefix(ENV_PREFIX).lower().replace("__", ".", 1)
                self._variables[name] = variable
        try:
            lines = key_lines(text)
        except (ValueError, IndexError):  # no TOML: the mistake itself says where
            lines = {}
        self._lines = {_name(path): line for path, line in lines.items()}

    def of(self, key: str) -> str:
        """``line 12``, the name of a variable, or nothing: the value is the default."""
        variable = self._variables.get(re.sub(r"\[\d+\]", "", key))
        # The only block of a section that may be repeated can also be a plain table.
        line = self._lines.get(key) or self._lines.get(key.replace("[0]", "", 1))
        return variable or (f"line {line}" if line else "")

    def locate(self, problems: Iterable[ConfigProblem]) -> tuple[ConfigProblem, ...]:
        """The same problems with their origins, in the order of their lines.

        For a key that is missing the line is its section's.
        """
        located = [replace(problem, origin=self._nearest(problem)) for problem in problems]
        return tuple(sorted(located, key=lambda problem: _line(problem.origin)))

    def _nearest(self, problem: ConfigProblem) -> str:
        if match := _TOMLLIB_LINE.search(problem.found):
            return f"line {match[1]}"
        key = problem.key
        while not (origin := self.of(key)) and (step := _LAST_STEP.search(key)):
            key = key[: step.start()]
        return origin


def _name(path: KeyPath) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def _line(origin: str) -> int:
    return int(origin.removeprefix("line ")) if origin.startswith("line ") else 0
