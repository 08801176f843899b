"""Subscribing to the feed from asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import zmq
import zmq.asyncio

from umamba_rt.client_socket import ClientSocket, prepared
from umamba_rt.curve import ClientKeys
from umamba_rt.defaults import FEED_ADDRESS
from umamba_rt.feed.conversation import Ask, Start
from umamba_rt.feed.counts import Counts
from umamba_rt.feed.follower import Follower, query_address_of
from umamba_rt.feed.message import FeedMessage
from umamba_rt.feed.subscriber import ANSWER_S, CHECK_S, LEAST_ANSWER_S, TRIES, TRY_AGAIN_S
from umamba_rt.query import QueryFailedError, Question


class AsyncSubscriber(Counts):
    """The same as ``Subscriber`` for asyncio: ``async with`` and ``async for``.

    >>> async def follow() -> None:
    ...     async with AsyncSubscriber(topics=["magnitude.v2."]) as feed:
    ...         async for message in feed:
    ...             print(message.topic, message.body["magnitude"])
    """

    def __init__(
        self,
        address: str = FEED_ADDRESS,
        topics: list[str] | None = None,
        *,
        timeout_s: float | None = None,
        query_address: str | None = None,
        start: Start = "now",
        keys: ClientKeys | None = None,
        check_s: float = CHECK_S,
    ) -> None:
        """Connect; the arguments and errors are those of ``Subscriber``."""
        wanted = topics or [""]
        place = query_address_of(address, query_address)
        self._follower = Follower(wanted, start, recovers=bool(place), check_s=check_s)
        self._timeout_s = timeout_s
        wait_s = ANSWER_S if timeout_s is None else timeout_s
        self._answer_s = min(ANSWER_S, max(LEAST_ANSWER_S, wait_s))
        context = zmq.asyncio.Context()
        self._socket = prepared(context.socket(zmq.SUB), keys)
        for topic in wanted:
            self._socket.set_string(zmq.SUBSCRIBE, topic)
        self._held = [ClientSocket(context, self._socket, address)]
        if place:
            context = zmq.asyncio.Context()
            self._query = prepared(context.socket(zmq.DEALER), keys)
            try:
                self._held.append(ClientSocket(context, self._query, place))
            except zmq.ZMQError:
                self.close()
                raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aiter__(self) -> AsyncIterator[FeedMessage]:
        while (message := await self.receive()) is not None:
            yield message

    async def receive(self) -> FeedMessage | None:
        """The next message, or None when ``timeout_s`` went by.

        Raises:
            ValueError: the peer sends something that is no message of this feed.
        """
        loop, follower = asyncio.get_running_loop(), self._follower
        ends_s = loop.time() + (float("inf") if self._timeout_s is None else self._timeout_s)
        while (message := follower.pop()) is None:
            now_s = loop.time()
            if (question := follower.question(now_s)) is not None:
                follower.answered(await self._answer(question), loop.time())
                continue
            wait_s = min(ends_s - now_s, follower.wait_s(now_s))
            limit_ms = None if wait_s == float("inf") else max(0, int(wait_s * 1000)) + 1
            if await self._socket.poll(limit_ms):
                follower.heard(await self._socket.recv_multipart(), loop.time())
                continue
            follower.idle(now_s := loop.time())
            if now_s >= ends_s:
                return None
        return message

    def close(self) -> None:
        """Disconnect."""
        for one in self._held:
            one.close()

    async def _answer(self, question: Ask) -> dict[str, Any] | None:
        for _ in range(TRIES):
            try:
                async with asyncio.timeout(self._answer_s):
                    return await self._ask(question)
            except QueryFailedError as error:
                if error.code != "too-many":
                    return None
                await asyncio.sleep(TRY_AGAIN_S)
            except (TimeoutError, ValueError):
                return None
        return None

    async def _ask(self, question: Ask) -> dict[str, Any]:
        asked = Question(*question)
        await self._query.send(asked.body)
        while (answer := asked.answer(await self._query.recv())) is None:
            pass
        return answer
