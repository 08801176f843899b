"""``umamba-rt check --connect``: what the configured servers have, and what stations it makes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from umamba_rt.config.seedlink import SeedLinkConfig
from umamba_rt.config.whole import Config
from umamba_rt.core.ids import SourceId
from umamba_rt.errors import ServerError, UnavailableError
from umamba_rt.io.server_streams import ServerStreams, read_streams
from umamba_rt.wire.coverage import Completeness, Found, find_streams, sensors_of

Answer = ServerStreams | ServerError


def check_servers(config: Config) -> int:
    """Ask all servers and print what they have; gives the exit status.

    Returns:
        0; 69 where a server cannot be used, after the rest has been told.
    """
    answers = asyncio.run(_ask(config.seedlink))
    chosen: set[SourceId] = set()
    for server, answer in zip(config.seedlink, answers, strict=True):
        for line in _server_lines(server, answer, chosen):
            print(line)
    for line in sensor_lines(sensors_of(chosen), config.stations.vertical_only == "repeat-z"):
        print(line)
    failed = any(isinstance(answer, ServerError) for answer in answers)
    return UnavailableError.exit_status if failed else 0


async def _ask(servers: Sequence[SeedLinkConfig]) -> list[Answer]:
    async def one(server: SeedLinkConfig) -> Answer:
        try:
            return await read_streams(server)
        except ServerError as error:
            return error

    return list(await asyncio.gather(*(one(server) for server in servers)))


def _server_lines(server: SeedLinkConfig, answer: Answer, chosen: set[SourceId]) -> Iterator[str]:
    """Lines about a server; what it has of the configured streams is added to ``chosen``."""
    head = f"server {server.server}"
    if isinstance(answer, ServerError):
        yield f"{head}: UNAVAILABLE: {answer.reason}"
        return
    yield f"{head}: SeedLink {answer.protocol}, {answer.greeting}"
    if answer.streams is None:
        yield f"  does not tell its streams: {answer.reason}"
        return
    yield f"  has {_count(answer.streams)}"
    found = find_streams(server.streams, answer.streams)
    width = max(len(one.text) for one in found)
    for one in found:
        chosen.update(one.streams)
        yield f"  {one.text:<{width}}  {_tell(one)}"


def _tell(found: Found) -> str:
    unread = f"; not read here: {' '.join(found.unread)}" if found.unread else ""
    if found.streams:
        return f"{_count(found.streams)}{unread}"
    if found.stations:
        names = ", ".join(found.stations[:5]) + (", ..." if len(found.stations) > 5 else "")
        return f"MISSING: of {names} nothing that is not asked for elsewhere{unread}"
    return f"MISSING: no such station{unread}"


def _count(streams: Sequence[SourceId]) -> str:
    stations = len({source_id.station_id for source_id in streams})
    plural = "s" * (len(streams) != 1), "s" * (stations != 1)
    return f"{len(streams)} stream{plural[0]} of {stations} station{plural[1]}"


def sensor_lines(sensors: Sequence[Completeness], repeat_vertical: bool) -> Iterator[str]:
    """A line for each sensor, behind one that counts the complete ones.

    Args:
        sensors: what the configured streams make.
        repeat_vertical: whether a vertical alone is served, too.
    """
    states = {str(one.group): _state(one, repeat_vertical) for one in sensors}
    complete = sum(state.startswith("complete") for state in states.values())
    yield f"sensors: {complete} of {len(sensors)} complete"
    width = max(map(len, states), default=0)
    for name, state in states.items():
        yield f"  {name:<{width}}  {state}"


def _state(sensor: Completeness, repeat_vertical: bool) -> str:
    components, surplus = sensor.components, ""
    if sensor.surplus:
        names = ", ".join(source_id.channel for source_id in sensor.surplus)
        surplus = f"; not used: {names}"
    if not components.codes:
        return f"no component{surplus}"
    if not components.missing:
        return f"complete  {components.codes}{surplus}"
    if components.is_vertical_only and repeat_vertical:
        return f"complete  Z, repeated (stations.vertical_only){surplus}"
    return f"MISSING {' '.join(components.missing)}, has {components.codes}{surplus}"
