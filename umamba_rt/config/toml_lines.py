"""The line that each key of a TOML document stands in; ``tomllib`` does not tell."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections import Counter
from typing import TypeAlias

# As in ``("seedlink", 0, "server")``.
KeyPath: TypeAlias = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_OR_QUOTED = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'""")
# A string of several lines may end in one or two quotes of its own before the three.
_PIECE = re.compile(
    r'''"""(?:[^\\]|\\.)*?""""{0,2}|\'\'\'.*?\'\'\'\'{0,2}|"(?:[^"\\]|\\.)*"|'[^']*'|#[^\n]*|.''',
    re.DOTALL,
)


def key_lines(text: str) -> dict[KeyPath, int]:
    """Lines, counted from 1, of all tables and keys outside of inline tables.

    Args:
        text: a document that ``tomllib`` takes.

    Source: TOML 1.0.0, of which only what separates a statement from the next one matters here.
    """
    scanner = _Scanner(text)
    scanner.run()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._text = text
        self._at = 0
        self._table: KeyPath = ()
        self._blocks: Counter[KeyPath] = Counter()  # of each array of tables
        self._breaks = [at for at, letter in enumerate(text) if letter == "\n"]

    def run(self) -> None:
        while self._skip(_BLANK) < len(self._text):
            line = bisect_right(self._breaks, self._at) + 1
            if self._text.startswith("[[", self._at):
                self._at += 2
                self._open_block(self._key(), line)
                self._at += 2
            elif self._text[self._at] == "[":
                self._at += 1
                self._table = self._note((), self._key(), line)
                self._at += 1
            else:
                self._note(self._table, self._key(), line)
                self._at += 1  # the equals sign
                self._pass_value()

    def _open_block(self, names: list[str], line: int) -> None:
        array = (*self._note((), names[:-1], line), names[-1])
        self.lines.setdefault(array, line)
        self._table = (*array, self._blocks[array])
        self._blocks[array] += 1
        self.lines[self._table] = line

    def _note(self, table: KeyPath, names: list[str], line: int) -> KeyPath:
        """Where a key of a table leads; all on the way to it stand in this line at the latest."""
        path = table
        for name in names:
            path = (*path, name)
            if path in self._blocks:
                path = (*path, self._blocks[path] - 1)  # the latest one
            self.lines.setdefault(path, line)
        return path

    def _key(self) -> list[str]:
        names = []
        while True:
            self._skip(_SPACE)
            begin = self._at
            name = self._text[begin : self._skip(_BARE_OR_QUOTED)]
            names.append(tomllib.loads(f"key = {name}")["key"] if name[0] in "\"'" else name)
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return names
            self._at += 1

    def _pass_value(self) -> None:
        depth = 0
        while self._at < len(self._text):
            begin = self._at
            piece = self._text[begin : self._skip(_PIECE)]
            depth += (piece in "[{") - (piece in "]}")
            if piece == "\n" and depth == 0:
                return

    def _skip(self, pattern: re.Pattern[str]) -> int:
        if (match := pattern.match(self._text, self._at)) is not None:
            self._at = match.end()
        return self._at
