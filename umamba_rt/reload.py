"""SIGHUP: the configuration anew, as a whole or not at all, and without losing a window."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import structlog

from umamba_rt.config.access import is_open
from umamba_rt.config.endpoints import PublisherConfig
from umamba_rt.config.seedlink import SeedLinkConfig
from umamba_rt.config.whole import Config
from umamba_rt.core.inventory import Inventory
from umamba_rt.engine.base import Engine
from umamba_rt.engines import checkpoint_path
from umamba_rt.errors import ConfigError, ConfigProblem, UmambaRtError
from umamba_rt.io.seedlink import SeedLinkReader
from umamba_rt.parts import Parts
from umamba_rt.reader_tasks import ReaderTasks

# Keys that are applied at once. Any other key needs a restart, and holds back its whole section:
# keys of a section are checked against each other.
LIVE = frozenset(
    {
        "seedlink",
        "publisher",
        "run.heartbeat_s",
        "run.drain_s",
        "state.interval_s",
        "window.max_gap_s",
        "window.fill",
        "window.resend_late",
        "window.stale_after_s",
        "window.max_future_s",
        "window.max_stations",
        "stations.inventory",
        "stations.vertical_only",
        "stations.serve",
        "stations.prefer",
        "stations.serve_all",
        "events.on",
        "events.off",
        "events.refractory_s",
        "events.follow_s",
        "events.min_stations",
        "events.min_share",
        "events.reach_km",
        "events.tolerance_s",
        "events.apart_s",
        "events.window_s",
        "events.close_after_s",
        "events.min_magnitude",
        "events.scan_score",
        "events.scan_magnitude",
        "events.wait_s",
        "quality.withhold",
        "quality.min_timing_quality",
        "model.checkpoint",
        "model.seed",
        "model.threads",
        "model_v1.checkpoint",
        "model_v1.seed",
    }
)
Signature = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a reload gets what it needs; each of them may raise an ``UmambaRtError``."""

    config: Callable[[], Config]
    engines: Callable[[Config], Sequence[Engine]]
    inventory: Callable[[Config], Inventory]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a new configuration means for a running daemon.

    Attributes:
        config: the old one with all that can be applied.
        applied: keys that are.
        waiting: keys that need a restart, and those that stand back with them.
    """

    config: Config
    applied: tuple[str, ...]
    waiting: tuple[str, ...]


def plan(old: Config, new: Config) -> Plan:
    """Part what has changed into what can be applied and what needs a restart."""
    applied: list[str] = []
    waiting: list[str] = []
    sections: dict[str, Any] = {}
    for one in fields(Config):
        before, after = getattr(old, one.name), getattr(new, one.name)
        changed = list(_changed(one.name, before, after))
        bound = one.name != "publisher" or _can_be_bound(before, after)
        if changed and bound and all(key in LIVE for key in changed):
            sections[one.name] = after
            applied += changed
        else:
            waiting += changed
    return Plan(replace(old, **sections), tuple(applied), tuple(waiting))


def _changed(section: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, tuple):
        if before != after:
            yield section
        return
    for one in fields(before):
        if getattr(before, one.name) != getattr(after, one.name):
            yield f"{section}.{one.name}"


def _can_be_bound(before: Sequence[PublisherConfig], after: Sequence[PublisherConfig]) -> bool:
    """Whether endpoints may change while others send.

    Keys are handed to all sockets when the first one is made, and who is connected without them
    would stay so.
    """
    guarded = {endpoint.address: endpoint.curve for endpoint in before}
    return all(endpoint.curve == guarded.get(endpoint.address, False) for endpoint in after)


class Reloader:
    """Carries out a reload: first all that can fail is made ready, then all of it is applied."""

    def __init__(self, parts: Parts, tasks: ReaderTasks, sources: Sources) -> None:
        self._parts, self._tasks, self._sources = parts, tasks, sources
        self._weights = weights_signature(parts.config)
        self._log = structlog.get_logger()

    async def reload(self) -> bool:
        """Read the configuration and apply it; False where it is refused, and nothing changes."""
        try:
            await self._reread_clients()
            new = await asyncio.to_thread(self._sources.config)
            found = plan(self._parts.config, new)
            weights = weights_signature(found.config)
            engines = await self._engines(found, weights)
            inventory = await asyncio.to_thread(self._sources.inventory, found.config)
            readers = self._readers(found.config.seedlink)
            begun = self._parts.publisher.bind_new(found.config.publisher)
        except UmambaRtError as error:
            for line in error.lines:
                self._log.error("reload_refused", reason=line)
            return False
        except Exception as error:  # noqa: BLE001 - nothing has changed yet: what runs goes on
            self._log.error("reload_refused", reason=repr(error), exc_info=error)
            return False
        self._apply(found.config, engines, inventory)
        self._parts.publisher.adopt(found.config.publisher, begun)
        for endpoint in begun:
            if is_open(endpoint.config):
                self._log.warning("open_to_the_network", address=endpoint.address)
        self._weights = weights
        await self._exchange(found.config, readers)
        self._log.info("reloaded", applied=found.applied, model_swapped=engines is not None)
        if found.waiting:
            self._log.warning("reload_needs_restart", keys=found.waiting)
        return True

    async def _reread_clients(self) -> None:
        """Let in whom the list of keys names now, and nobody else, whatever else may be wrong.

        Raises:
            UmambaRtError: the list cannot be read.
        """
        access = self._parts.access
        if access is not None:
            access.adopt(await asyncio.to_thread(access.read_clients))

    async def _engines(self, found: Plan, weights: Signature) -> Sequence[Engine] | None:
        """Other engines where the model or its file has changed.

        Raises:
            UmambaRtError: they cannot be made.
        """
        keys = [key for key in found.applied if key.startswith("model")]
        if not keys and weights == self._weights:
            return None
        return await asyncio.to_thread(self._sources.engines, found.config)

    def _readers(self, servers: Sequence[SeedLinkConfig]) -> list[SeedLinkReader]:
        """One for each server: the old one where nothing has changed.

        Raises:
            UnavailableError: what a login or TLS needs is not there.
        """
        kept = list(self._parts.readers)
        made = []
        for server in servers:
            same = next((one for one in kept if one.config == server), None)
            if same is not None:
                kept.remove(same)
            made.append(same or SeedLinkReader(server))
        return made

    def _apply(
        self, config: Config, engines: Sequence[Engine] | None, inventory: Inventory
    ) -> None:
        parts = self._parts
        parts.config = config
        parts.ingest.pipeline.adopt(config.pipeline, inventory)
        if parts.events:
            parts.events.adopt(config.events, inventory)
        if engines is not None:
            parts.worker.swap(engines)

    async def _exchange(self, config: Config, readers: Sequence[SeedLinkReader]) -> None:
        """Let changed servers' readers end, and those that take their place go on behind them."""
        parts = self._parts
        places = parts.resume.adopt(config) if parts.resume else [None] * len(readers)
        former = [one for one in parts.readers if one not in readers]
        begun = [one for one in readers if one not in parts.readers]
        await self._tasks.exchange(former, [])
        left = list(former)
        for reader, place in zip(readers, places, strict=True):
            if reader not in begun:
                continue
            if place is not None:
                reader.positions = place
            same = next((one for one in left if one.server == reader.server), None)
            if same is not None:
                left.remove(same)
                reader.take_over(same)
        parts.readers[:] = readers
        await self._tasks.exchange([], begun)


def weights_signature(config: Config) -> Signature:
    """Tells whether the files of the models' weights are still the same ones."""
    paths = [checkpoint_path(config.model.checkpoint, "v2")]
    if config.model_v1.enabled:
        paths.append(checkpoint_path(config.model_v1.checkpoint, "v1"))
    return tuple(_signature(path) for path in paths)


def _signature(path: Path | None) -> tuple[int, int, int] | None:
    try:
        found = None if path is None else path.stat()
    except OSError as error:
        problem = ConfigProblem("checkpoint", str(path), error.strerror or str(error))
        raise ConfigError("weights", (problem,)) from error
    return None if found is None else (found.st_ino, found.st_size, found.st_mtime_ns)
