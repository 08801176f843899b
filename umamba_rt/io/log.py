"""How the daemon logs: one event a line, JSON for machines, text on a terminal."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import Literal, TextIO, cast

import structlog

Level = Literal["debug", "info", "warning", "error"]


class _Sink:
    """Standard error, without its failures: a full disk or a closed pipe must not end the daemon.

    What cannot be written is lost; there is no other place to say so.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            return 0

    def flush(self) -> None:
        # The line that could not be flushed stays in the buffer: the next flush tries it again.
        with contextlib.suppress(OSError):
            self._stream.flush()


def is_journal() -> bool:
    """Whether systemd hands standard error to its journal.

    Source: systemd.exec(5), ``$JOURNAL_STREAM``: device and inode of what it is connected to.
    """
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino))


def configure_logging(form: Literal["auto", "json", "text"], level: Level) -> None:
    """Send structlog's events and the standard library's warnings to standard error.

    Args:
        form: ``auto`` is text on a terminal, JSON lines else.
        level: least level logged.
    """
    text = form == "text" or (form == "auto" and sys.stderr.isatty())
    sink = _Sink(sys.stderr)
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if text
        else structlog.processors.JSONRenderer()
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, sink)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sink)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.captureWarnings(True)  # those of Python, too
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
