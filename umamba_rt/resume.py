"""What outlives the process: where each stream goes on, and which windows were sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from umamba_rt.config.whole import Config
from umamba_rt.core.ids import GroupId
from umamba_rt.core.pipeline import Pipeline
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S, index_ns
from umamba_rt.core.window import Window
from umamba_rt.delivery import Delivery
from umamba_rt.io.departures import Departures
from umamba_rt.io.publisher import Publisher
from umamba_rt.io.seedlink import Packet, SeedLinkReader
from umamba_rt.io.server_positions import ServerPositions
from umamba_rt.io.trigger_file import TriggerFile
from umamba_rt.rate_limit import RateLimit
from umamba_rt.state_directory import StateDirectory
from umamba_rt.trigger_saves import TriggerSaves
from umamba_rt.wire.message import Magnitude

# Asked for beyond what windows need: the resampler's filter reaches back 1.4 s at 20 Hz, and the
# ring wants its first sample to have a place that no longer depends on where the stream began.
_MARGIN_NS = 5 * NS_PER_S
_WARN_EVERY_S = 60.0
_LAST_ECHO_S = 0.5


class Resume:
    """One run's share in it: takes up what the last run left, and saves for the next one.

    The positions and the ledger are saved once an interval and at the end. The order makes a power
    cut harmless: what the positions take for sent is on the disk first. Disks that are slow hold
    up threads of their own, and for a second windows that are far ahead of the triggers' state.

    Attributes:
        failures: saves that failed.
        rejoin_s: how long to wait before data are read, for subscribers to come back; 0 where the
            last run left nothing.
    """

    def __init__(self, config: Config, directory: Path) -> None:
        """Read what the last run left.

        Raises:
            UnavailableError: another daemon uses the directory.
        """
        self.failures = 0
        self.rejoin_s = 0.0
        self._config = config
        self._max_future_ns = round(config.window.max_future_s * NS_PER_S)
        self._directory = StateDirectory(directory)
        self.positions = self._directory.positions(config)
        self._ledger = self._directory.ledger(self._now_ns() + self._max_future_ns)
        self._trigger_file = TriggerFile(directory / "triggers")
        self._departures = Departures(self._departed)
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="umamba-state")
        self._begun = asyncio.Event()
        self._warning = RateLimit(_WARN_EVERY_S)
        self._log = structlog.get_logger()

    @property
    def echo_address(self) -> str:
        """See ``Publisher``."""
        return self._departures.address

    def attach(
        self,
        publisher: Publisher,
        models: Sequence[str],
        readers: Sequence[SeedLinkReader],
        pipeline: Pipeline,
    ) -> Callable[[Magnitude, int], int]:
        """Have the last run's windows left out, and its streams gone on with.

        Args:
            publisher: the feed, bound to ``echo_address``, too.
            models: names of the models that run.
            readers: made with ``positions``.
            pipeline: still without data.

        Returns:
            What sends an estimate.
        """
        self._delivery = Delivery(publisher, self._ledger, models)
        self._readers, self._pipeline = readers, pipeline
        rules = self._config.pipeline.rules
        self._triggers = TriggerSaves(
            self._trigger_file,
            pipeline.triggers,
            overlap=max(0, rules.length - rules.hop),
            on_failure=self._failed,
        )
        decided = self._delivery.decided()
        for group, first in decided.items():
            pipeline.resume_after(group, first)
        live = self._config.run.mode == "live"
        max_age_ns = round(self._config.state.max_age_s * NS_PER_S) if live else None
        streams = sum(
            reader.recover(self._now_ns(), max_age_ns, self._max_future_ns) for reader in readers
        )
        if streams:
            self._begun.set()  # these have no first packet to come
        if decided or streams:
            self.rejoin_s = self._config.state.rejoin_s
            self._log.info("resuming", streams=streams, sensors=len(decided))
        try:
            self._ledger.sync()
        except OSError as error:
            self._failed(error)
        self._departures.start()
        return self._delivery.send_magnitude

    @property
    def oldest_ns(self) -> int:
        """Before that, live, nobody goes on with what the last run left, ns since 1970 UTC."""
        if self._config.run.mode != "live":
            return 0
        return self._now_ns() - round(self._config.state.max_age_s * NS_PER_S)

    def adopt(self, config: Config) -> list[ServerPositions]:
        """Go by another configuration; gives the positions of its servers' streams, all empty."""
        self._config = config
        return self._directory.positions(config)

    def hand(self, windows: Sequence[Window]) -> None:
        """Note windows that go to the models."""
        self._delivery.hand(windows)

    async def keep_up(self, windows: Sequence[Window]) -> None:
        """Wait until these may go; see ``TriggerSaves``."""
        await self._triggers.keep_up(windows)

    def received(self, reader: SeedLinkReader, packet: Packet, segment: Segment | None) -> None:
        """Note a packet and what it held."""
        if reader.note(packet, segment, time.monotonic_ns()):
            self._begun.set()

    async def run(self) -> None:
        """Save until cancelled; at once for the first stream that begins, or is gone on with."""
        await self._begun.wait()
        while True:
            started_s, interval_s = time.monotonic(), self._config.state.interval_s
            await self.save()
            await asyncio.sleep(max(0.0, started_s + interval_s - time.monotonic()))

    async def save(self) -> None:
        """Write everything that has changed; a failure is a warning, at most one a minute."""
        loop = asyncio.get_running_loop()
        self._delivery.settle()
        snapshots = []
        for reader in self._readers:
            reader.positions.advance(self._needed_from_ns, time.monotonic_ns())
            snapshots.append((reader.positions, reader.positions.snapshot()))
        try:
            await loop.run_in_executor(self._disk, self._ledger.sync)
            await self._triggers.save()
            for positions, snapshot in snapshots:
                await loop.run_in_executor(self._disk, positions.save, snapshot)
        except OSError as error:
            self._failed(error)

    async def end(self) -> None:
        """Save for the last time; nothing is sent any more."""
        ends_s = time.monotonic() + _LAST_ECHO_S
        while self._delivery.in_doubt and time.monotonic() < ends_s:  # noqa: ASYNC110 - bounded
            await asyncio.sleep(0.01)
        self._departures.stop()
        await self.save()
        self._triggers.close()
        self._disk.shutdown()
        self._ledger.close()
        self._directory.close()

    def _now_ns(self) -> int:
        """Now, or when the last run saved: a clock behind that is wrong, and not what was saved."""
        return max(time.time_ns(), self._directory.saved_ns())

    def _departed(self, seq: int) -> None:
        self._delivery.departed(seq)

    def _failed(self, error: OSError) -> None:
        self.failures += 1
        if (events := self._warning.passes()) is not None:
            self._log.warning("state_not_saved", reason=str(error), events=events)

    def _needed_from_ns(self, group: GroupId) -> int | None:
        sensor = self._pipeline.sensors.get(group)
        following = sensor.next_first if sensor else None
        hop = self._config.pipeline.rules.hop
        first = self._delivery.needed_from(group, hop, following)
        return None if first is None else index_ns(first) - _MARGIN_NS
