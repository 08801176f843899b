"""What a running daemon tells of the messages that it has sent, when it is asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from umamba_rt.config.endpoints import HistoryConfig
from umamba_rt.core.timebase import rfc3339
from umamba_rt.history import History
from umamba_rt.history_page import Page, PageLimits
from umamba_rt.io.history_disk import DiskHistory
from umamba_rt.io.publisher import Publisher
from umamba_rt.io.query import Handler
from umamba_rt.wire.history_record import Entry
from umamba_rt.wire.query import BAD_ARGUMENT, QueryError, Request
from umamba_rt.wire.schemas import KINDS, schema

# An answer is 256 kB: what a peer that does not read can hold is 16 of them.
MAX_MESSAGES = 500
MAX_PAGE_BYTES = 256 << 10
MAX_POSITIONS = 2000
MAX_TOPICS = 64
OLDEST = "oldest"
_MEGABYTE = 1 << 20
_LONGEST_NAME = 128
_LAST_NUMBER = (1 << 63) - 1


class Recall:
    """The feed's history: memory first, then disk.

    Attributes:
        history: what is in memory.
        disk: what is on disk; None where nothing is.
    """

    def __init__(self, publisher: Publisher, config: HistoryConfig, directory: Path | None) -> None:
        """Begin to keep what the publisher sends.

        Args:
            publisher: the feed.
            config: how much is kept.
            directory: the state directory, held by this process; None: nothing goes to disk.
        """
        session, disk_bytes = publisher.session, config.disk_mb * _MEGABYTE
        self.disk: DiskHistory | None = None
        if directory is not None and disk_bytes:
            self.disk = DiskHistory(directory / "history", session, max_bytes=disk_bytes)
        self.history = History(
            session,
            max_messages=config.memory_messages,
            max_bytes=config.memory_mb * _MEGABYTE,
            beyond=self.disk.take if self.disk else None,
        )
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="umamba-recall")
        publisher.tap(self.history.take)

    @property
    def handlers(self) -> dict[str, Handler]:
        """What the endpoint can be asked for."""
        return {"snapshot": self.snapshot, "since": self.since, "schema": self.schema}

    def figures(self) -> dict[str, int]:
        """What is kept, for ``stats``."""
        return self.history.figures() | (self.disk.figures() if self.disk else {})

    @property
    def saves_failed(self) -> int:
        """Writes to the disk that failed."""
        return self.disk.failures if self.disk else 0

    def snapshot(self, request: Request) -> dict[str, object]:
        """Answer ``snapshot``: the latest message of each topic, a page at a time.

        Closed events are left out. Arguments: ``topics``, prefixes; ``after``, the topic that the
        page begins behind; ``positions``, true for ``[topic, topic_seq, seq]`` in place of the
        messages, closed events included. Go on with ``since`` from the first page's ``seq``.

        Raises:
            QueryError: an argument is none of these.
        """
        request.require_only("topics", "after", "positions")
        topics = request.texts("topics", [""], most=MAX_TOPICS, longest=_LONGEST_NAME)
        after = request.text("after", longest=_LONGEST_NAME)
        seq, entries = self.history.latest(topics)
        left = [entry for entry in entries if entry.topic > after]
        if request.flag("positions", default=False):
            page = left[:MAX_POSITIONS]
            rows: dict[str, object] = {"positions": [_position(entry) for entry in page]}
        else:
            left = [entry for entry in left if not entry.is_over]
            page = _fitting(left)
            rows = {"messages": [_message(entry) for entry in page]}
        following = page[-1].topic if len(page) < len(left) else None
        return {**self._head(), "seq": seq, **rows, "next": following}

    def since(self, request: Request) -> Mapping[str, object] | Awaitable[Mapping[str, object]]:
        """Answer ``since``: the messages behind ``seq``, a page at a time.

        Arguments: ``seq``, the present one where none is given; ``session`` of that number, the
        present one by default, ``oldest`` for all there is; ``topics``, prefixes; ``limit``, most
        messages. A page is of one session: ``of``. ``next`` says what to ask for next; ``more``,
        whether there is anything. ``gone``: what was asked for has left the history, which is
        whole from ``whole_from`` on.

        Raises:
            QueryError: an argument is none of these.
        """
        request.require_only("session", "seq", "topics", "limit")
        session = request.text("session", self.history.session, longest=_LONGEST_NAME)
        default = self.history.last if session == self.history.session else 0
        seq = request.whole("seq", default, 0, _LAST_NUMBER)
        topics = request.texts("topics", [""], most=MAX_TOPICS, longest=_LONGEST_NAME)
        limit = request.whole("limit", MAX_MESSAGES, 1, MAX_MESSAGES)
        limits = PageLimits(limit, MAX_PAGE_BYTES)
        sessions = self.disk.sessions() if self.disk else []
        gone = False
        if session != self.history.session and session not in sessions:
            gone = session != OLDEST
            session, seq = (sessions or [self.history.session])[0], 0
        if session == self.history.session and self.history.reaches(seq):
            return self._answer(session, self.history.since(seq, topics, limits), gone=gone)
        return self._from_disk(session, seq, topics, limits, gone)

    def schema(self, request: Request) -> dict[str, object]:
        """Answer ``schema``: the JSON Schema of the messages of a ``kind``; and which there are.

        Raises:
            QueryError: there is no such kind.
        """
        request.require_only("kind")
        kind = request.text("kind")
        if kind and kind not in KINDS:
            expected = f"expected one of {', '.join(KINDS)}"
            raise QueryError(BAD_ARGUMENT, f"kind: {expected}")
        return {**self._head(), "kinds": KINDS, "json_schema": schema(kind) if kind else None}

    def close(self) -> None:
        """Write what waits for the disk; the publisher sends no more."""
        self._reader.shutdown()
        if self.disk:
            self.disk.close()

    async def _from_disk(
        self, session: str, seq: int, topics: list[str], limits: PageLimits, gone: bool
    ) -> Mapping[str, object]:
        current = session == self.history.session
        if self.disk:
            loop = asyncio.get_running_loop()
            page = await loop.run_in_executor(
                self._reader, self.disk.since, session, seq, topics, limits
            )
            # At the end of what is on disk of this session, memory goes on.
            if not current or page.through > seq:
                return self._answer(session, page, gone=gone)
        return self._answer(session, self.history.since(seq, topics, limits), gone=gone)

    def _answer(self, session: str, page: Page, *, gone: bool) -> dict[str, object]:
        following, more = {"session": session, "seq": page.through}, page.more
        if session != self.history.session:
            if not more:
                following = {"session": self._after(session), "seq": 0}
            more = True
        elif page.through < self.history.last:
            more = True
        return {
            **self._head(),
            "of": session,
            "messages": [_message(entry) for entry in page.entries],
            "gone": gone or page.gone,
            "whole_from": page.whole_from,
            "next": following,
            "more": more,
        }

    def _after(self, session: str) -> str:
        """The session that followed."""
        sessions = self.disk.sessions() if self.disk else []
        later = sessions[sessions.index(session) + 1 :] if session in sessions else []
        return later[0] if later else self.history.session

    def _head(self) -> dict[str, object]:
        return {"session": self.history.session, "now": rfc3339(time.time_ns())}


def _position(entry: Entry) -> list[object]:
    return [entry.topic, entry.topic_seq, entry.seq]


def _message(entry: Entry) -> dict[str, object]:
    return {"topic": entry.topic, "body": msgspec.Raw(entry.body)}


def _fitting(entries: list[Entry]) -> list[Entry]:
    """As many as an answer may hold, but one at least."""
    size = 0
    for position, entry in enumerate(entries[:MAX_MESSAGES]):
        size += len(entry.body) + len(entry.topic)
        if position and size > MAX_PAGE_BYTES:
            return entries[:position]
    return entries[:MAX_MESSAGES]
