"""What the daemon answers over HTTP: metrics for Prometheus, and how it does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import asdict
from typing import TYPE_CHECKING

import msgspec
import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app

from umamba_rt.health import Condition, liveness, readiness
from umamba_rt.io.http_endpoint import HttpEndpoint
from umamba_rt.metrics import DaemonCollector
from umamba_rt.rate_limit import RateLimit
from umamba_rt.scrape import Scrape, Scraper

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_ANSWER_S = 5.0
_LOG_S = 60.0
_PAGES = "/metrics\n/healthz\n/readyz\n"
_TEXT, _JSON = "text/plain; charset=utf-8", "application/json"


class Web:
    """The pages, each made of a scrape that the event loop's thread takes.

    So an answer also proves that the event loop lives.

    Args:
        address: ``HOST:PORT``.
        scraper: of the daemon.

    Raises:
        UnavailableError: the address cannot be bound.
    """

    def __init__(self, address: str, scraper: Scraper) -> None:
        self._scraper = scraper
        self._endpoint = HttpEndpoint(address, self._answer, key="metrics.address")
        registry = CollectorRegistry()
        registry.register(DaemonCollector(self._scrape))
        ProcessCollector(registry=registry)
        self._metrics = make_wsgi_app(registry)
        self._told = RateLimit(_LOG_S)
        self._log = structlog.get_logger()

    async def serve(self) -> None:
        """Answer until cancelled."""
        self._loop = asyncio.get_running_loop()
        self._endpoint.start()
        self._log.info("metrics", address=f"http://{self._endpoint.address}/metrics")
        await self._loop.create_future()

    def close(self) -> None:
        """Stop answering."""
        self._endpoint.close()

    def _answer(self, request: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = request["PATH_INFO"]
        try:
            if path == "/metrics":
                page: Iterable[bytes] = self._metrics(request, start)
                return page
            if path == "/healthz":
                return _tell(liveness(self._scrape()), start)
            if path == "/readyz":
                scrape = self._scrape()
                return _tell([*liveness(scrape), *readiness(scrape)], start)
        except TimeoutError:
            detail = f"no answer for {_ANSWER_S:g} s"
            return _tell([Condition("event_loop", holds=False, detail=detail)], start)
        except Exception:  # noqa: BLE001 - a bug of a page is told, and is no reason to end
            if (events := self._told.passes()) is not None:
                self._log.exception("page_failed", page=path, events=events)
            start("500 Internal Server Error", [("Content-Type", _TEXT)])
            return [b"a bug of umamba-rt: see its log\n"]
        found = path == "/"
        start("200 OK" if found else "404 Not Found", [("Content-Type", _TEXT)])
        return [_PAGES.encode()]

    def _scrape(self) -> Scrape:
        """A scrape, from the event loop's thread.

        Raises:
            TimeoutError: it does not answer.
        """
        answer: Future[Scrape] = Future()

        def take() -> None:
            try:
                answer.set_result(self._scraper.take())
            except Exception as error:  # noqa: BLE001 - goes to who asked
                answer.set_exception(error)

        self._loop.call_soon_threadsafe(take)
        return answer.result(_ANSWER_S)


def _tell(conditions: Sequence[Condition], start: StartResponse) -> list[bytes]:
    good = all(condition.holds for condition in conditions)
    start("200 OK" if good else "503 Service Unavailable", [("Content-Type", _JSON)])
    body = {
        "status": "ok" if good else "failing",
        "conditions": [asdict(condition) for condition in conditions],
    }
    return [msgspec.json.encode(body) + b"\n"]
