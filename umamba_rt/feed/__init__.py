"""For subscribers: the feed of a running daemon, with nothing missed in silence; pyzmq alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from umamba_rt.curve import ClientKeys, client_keys
from umamba_rt.feed.message import FeedMessage
from umamba_rt.feed.position import Position
from umamba_rt.feed.subscriber import Subscriber

if TYPE_CHECKING:
    from umamba_rt.feed.async_subscriber import AsyncSubscriber

__all__ = [
    "AsyncSubscriber",
    "ClientKeys",
    "FeedMessage",
    "Position",
    "Subscriber",
    "client_keys",
]


def __getattr__(name: str) -> object:
    # asyncio takes as long to import as all of the rest; who does not use it should not wait.
    if name == "AsyncSubscriber":
        from umamba_rt.feed.async_subscriber import AsyncSubscriber

        return AsyncSubscriber
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
