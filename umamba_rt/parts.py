"""The parts of one run, made from a configuration and wired to each other.

What a run is made of is decided here; how it lives is ``daemon``'s.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import structlog

from umamba_rt.config.whole import Config
from umamba_rt.core.estimate import ModelIdentity
from umamba_rt.core.inventory import Inventory
from umamba_rt.core.pipeline import Pipeline
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.engine.base import Engine
from umamba_rt.errors import ModelError
from umamba_rt.event_journal import EventJournal
from umamba_rt.event_process import EventProcess
from umamba_rt.event_thread import EventThread
from umamba_rt.figures import Figures
from umamba_rt.ingest import Clock, DataClock, Ingest
from umamba_rt.intake import Intake, Room
from umamba_rt.io.access import Access, open_access
from umamba_rt.io.clock import SteadyClock
from umamba_rt.io.event_file import EventFile
from umamba_rt.io.publisher import Publisher
from umamba_rt.io.query import QueryEndpoint
from umamba_rt.io.seedlink import SeedLinkReader
from umamba_rt.latencies import Latencies
from umamba_rt.overview import Overview
from umamba_rt.recall import Recall
from umamba_rt.resume import Resume
from umamba_rt.scrape import Scraper
from umamba_rt.state_directory import state_directory
from umamba_rt.web import Web
from umamba_rt.window_queue import WindowQueue
from umamba_rt.wire.message import Magnitude
from umamba_rt.worker import Worker

Send: TypeAlias = Callable[[Magnitude, int], int]
Service: TypeAlias = Callable[[], Awaitable[None]]

# So many windows, 36 kB each, wait in a replay at most: its readers are held back anyhow. With a
# thousand in the queue a daemon did four fifths of the windows a second that it did with 256.
_REPLAYED_BATCHES, _MOST_REPLAYED = 4, 256


class Parts:
    """What a run consists of.

    Attributes:
        config: what it was made from.
        ingest: decoder, clock and core.
        resume: what outlives the run; None where nothing does.
        readers: one a server.
        room: wakes readers that wait for the queue.
        queue: windows that wait for the models.
        access: who may connect; None where no endpoint asks for keys.
        publisher: the feed.
        events: what makes event messages of estimates; None where they are off.
        overview: what is told of stations.
        recall: what has been sent, for who asks; None where nobody can.
        query: the endpoint that answers questions; None where it is off.
        worker: the models' thread.
        figures: what is counted.
        intake: from the readers to the queue.
        web: metrics and health over HTTP; None where it is off.
        services: what runs in the event loop beside the readers, each until it is cancelled.
        closing: what is closed at the very end, the last one first.
    """

    def __init__(
        self,
        config: Config,
        engines: Sequence[Engine],
        inventory: Inventory,
        *,
        on_failure: Callable[[ModelError], None],
        on_turn: Callable[[], None] = lambda: None,
    ) -> None:
        """Make all parts and bind the sockets; nothing runs yet.

        Args:
            config: what is asked for.
            engines: the models, in the order of their priority.
            inventory: what is known of the channels.
            on_failure: see ``Worker``.
            on_turn: see ``Worker``.

        Raises:
            UnavailableError: an address cannot be bound, another daemon
                uses the state directory, or what a server's login needs is not there.
        """
        self.config = config
        self.live = config.run.mode == "live"
        self._clock: Clock = SteadyClock() if self.live else DataClock()
        self.ingest = Ingest(Pipeline(config.pipeline, inventory), self._clock)
        directory = state_directory(config.state, os.environ)
        self.resume = Resume(config, directory) if directory else None
        self.readers = _make_readers(config, self.resume)
        self.room = Room()
        self.queue = _make_queue(config, self.room)
        models = [engine.identity.name for engine in engines]
        self.access = open_access(config)
        with ExitStack() as closing:
            self.publisher = _make_publisher(config, self.resume, self.access)
            closing.callback(self.publisher.close)
            send = self._make_send(models)
            self.events = _make_events(config, inventory, engines[0].identity, directory)
            if self.events:
                send = self.events.following(send, self.publisher.send)
            self.overview = self._make_overview(models)
            latencies = Latencies(models)
            self.recall = self._make_recall(directory)
            if self.recall:
                closing.callback(self.recall.close)
            self.query = _make_query(config, self.overview, self.recall, self.access)
            if self.query:
                closing.callback(self.query.close)
            self.worker = Worker(
                engines,
                self.queue,
                latencies.timing(self.overview.counting(send)),
                batch_size=config.model.batch_size,
                backlog_age_s=config.model_v1.max_queue_s,
                on_failure=on_failure,
                on_turn=on_turn,
            )
            self.figures = self._make_figures()
            self.web = self._make_web(latencies)
            if self.web:
                closing.callback(self.web.close)
            self.intake = self._make_intake()
            self.services = self._make_services()
            self.closing = closing.pop_all()

    def _make_send(self, models: Sequence[str]) -> Send:
        """What an estimate goes through on its way to the feed."""
        if self.resume is None:
            return self.publisher.send_magnitude
        return self.resume.attach(self.publisher, models, self.readers, self.ingest.pipeline)

    def _make_overview(self, models: Sequence[str]) -> Overview:
        return Overview(
            self.publisher.session,
            self.ingest,
            self.readers,
            models,
            self._clock.utc_ns,
            lambda: self.figures.now() | {"history": self.recall and self.recall.figures()},
        )

    def _make_recall(self, directory: Path | None) -> Recall | None:
        if not self.config.query.address:
            return None
        return Recall(self.publisher, self.config.history, directory)

    def _make_figures(self) -> Figures:
        return Figures(
            self.config.run.mode,
            self.ingest,
            self.readers,
            self.queue,
            self.worker,
            self.publisher,
            self.query,
            self.resume,
            self.access,
            self.recall,
            self.events,
        )

    def _make_intake(self) -> Intake:
        return Intake(
            self.ingest,
            self.queue,
            self.room,
            self.publisher,
            self.overview,
            self.figures,
            self.resume,
            live=self.live,
        )

    def _make_services(self) -> list[Service]:
        services: list[Service] = [self.intake.tick] if self.live else []
        if self.resume:
            services.append(self.resume.run)
        if self.query:
            services.append(self.query.serve)
        if self.web:
            services.append(self.web.serve)
        return services

    def _make_web(self, latencies: Latencies) -> Web | None:
        metrics = self.config.metrics
        if not metrics.address:
            return None
        if metrics.is_open:
            structlog.get_logger().warning("open_to_the_network", address=metrics.address)
        scraper = Scraper(self.figures, self.overview, latencies, metrics.max_stations)
        return Web(metrics.address, scraper)


def _make_readers(config: Config, resume: Resume | None) -> list[SeedLinkReader]:
    positions = resume.positions if resume else [None] * len(config.seedlink)
    return [
        SeedLinkReader(server, place)
        for server, place in zip(config.seedlink, positions, strict=True)
    ]


def _make_queue(config: Config, room: Room) -> WindowQueue:
    model = config.model
    if config.run.mode == "live":
        return WindowQueue(model.queue_size, room.was_made, max_age_s=model.max_queue_s)
    size = max(_MOST_REPLAYED, _REPLAYED_BATCHES * model.batch_size)
    return WindowQueue(min(size, model.queue_size), room.was_made)


def _make_publisher(config: Config, resume: Resume | None, access: Access | None) -> Publisher:
    echo_address = resume.echo_address if resume else ""
    return Publisher(*config.publisher, access=access, echo_address=echo_address)


def _make_events(
    config: Config, inventory: Inventory, model: ModelIdentity, directory: Path | None
) -> EventThread | None:
    if not config.events.enabled:
        return None
    file = EventFile(directory / "events", config.events, model.name) if directory else None
    journal = EventJournal(file, round(config.window.max_future_s * NS_PER_S))
    process = EventProcess(config.events, inventory, model)
    return EventThread(process, model.name, journal, live=config.run.mode == "live")


def _make_query(
    config: Config, overview: Overview, recall: Recall | None, access: Access | None
) -> QueryEndpoint | None:
    if recall is None:
        return None
    query, handlers = config.query, overview.handlers | recall.handlers
    return QueryEndpoint(
        query.address,
        handlers,
        requests_hz=query.requests_hz,
        access=access if query.curve else None,
    )
