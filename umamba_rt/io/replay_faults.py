"""A replay client's way to its socket: plain, or disturbed by its fault plan."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from umamba_rt.wire.fault_plan import Cut, FaultPlan, HalfOpen, Send, Step, Trickle
from umamba_rt.wire.fault_switches import Faults

HTTP_PAGE = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 41\r\n"
    b"Connection: close\r\n\r\n<html><body>400 Bad Request</body></html>"
)


class Line:
    """A connection's way to its socket.

    Attributes:
        faults: what is wrong with it.
        refuses: whether it is to be closed at once.
        is_mute: nothing leaves any more, and the connection stays open.
        is_cut: nothing leaves any more, and the connection is to be closed.

    Args:
        write: gives bytes to the socket.
    """

    faults = Faults()
    refuses = False

    def __init__(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        self.is_mute = self.is_cut = False
        self._write = write

    async def send(self, content: bytes) -> None:
        """Send bytes that are no packet, such as a reply."""
        await self._write(content)

    async def send_packets(self, frames: Sequence[bytes]) -> None:
        """Send packets."""
        await self.send(b"".join(frames))

    async def send_rest(self) -> None:
        """Send what was held back, since no packet follows."""


class FaultyLine(Line):
    """A way on which faults are switched on.

    Args:
        faults: the switches.
        connection: which connection of the server this is, from 1.
        write: gives bytes to the socket.
    """

    def __init__(
        self, faults: Faults, connection: int, write: Callable[[bytes], Awaitable[None]]
    ) -> None:
        super().__init__(write)
        self.faults = faults
        self._plan = FaultPlan(faults, connection)
        self.refuses = self._plan.refuses
        self._pause_s: float | None = None  # from one byte to the next

    async def send(self, content: bytes) -> None:
        """As the parent, byte by byte once it trickles."""
        if self.is_mute or self.is_cut:
            return
        if self._pause_s is None:
            await self._write(content)
            return
        for position in range(len(content)):
            await self._write(content[position : position + 1])
            await asyncio.sleep(self._pause_s)

    async def send_packets(self, frames: Sequence[bytes]) -> None:
        """Send what the plan makes of packets, up to one that ends the connection's use."""
        await self._follow(step for frame in frames for step in self._plan.packet(frame))

    async def send_rest(self) -> None:
        """Send what was held back, since no packet follows."""
        await self._follow(self._plan.rest())

    async def _follow(self, steps: Iterable[Step]) -> None:
        ready: list[bytes] = []
        for step in steps:
            if isinstance(step, Send):
                ready.append(step.content)
                continue
            await self.send(b"".join(ready))
            ready.clear()
            match step:
                case Trickle(bytes_s):
                    self._pause_s = 1.0 / bytes_s
                case Cut(content):
                    await self.send(content)
                    self.is_cut = True
                    return
                case HalfOpen():
                    self.is_mute = True
                    return
        await self.send(b"".join(ready))
