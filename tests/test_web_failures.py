"""web.py: an event loop that hangs, and a bug."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import structlog
from structlog.testing import capture_logs

from tests.support import free_port
from umamba_rt import web
from umamba_rt.scrape import Scraper
from umamba_rt.web import Web


class Broken:
    """A scraper that raises."""

    def take(self) -> None:
        raise KeyError("nobody foresaw this")


@contextmanager
def served() -> Iterator[tuple[asyncio.AbstractEventLoop, str]]:
    """A web of a broken scraper; its event loop runs in a thread."""
    address = f"127.0.0.1:{free_port()}"
    made = Web(address, cast(Scraper, Broken()))
    loop = asyncio.new_event_loop()
    serving = loop.create_task(made.serve())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop, address
    finally:
        loop.call_soon_threadsafe(serving.cancel)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        made.close()
        loop.close()


def get(address: str, page: str) -> tuple[int, str]:
    with pytest.raises(HTTPError) as caught:
        urlopen(f"http://{address}{page}", timeout=20)
    return caught.value.code, caught.value.read().decode()


@pytest.mark.parametrize("page", ["/metrics", "/healthz", "/readyz"])
def test_event_loop_that_hangs_is_told_and_not_waited_for(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "_ANSWER_S", 0.2)
    with served() as (loop, address):
        hanging = threading.Event()
        loop.call_soon_threadsafe(hanging.wait, 20)
        begun_s = time.monotonic()
        status, text = get(address, page)
        hanging.set()
    assert time.monotonic() - begun_s < 10
    assert status == 503
    (condition,) = json.loads(text)["conditions"]
    assert condition == {"name": "event_loop", "holds": False, "detail": "no answer for 0.2 s"}


def test_bug_is_logged_once_and_answered_with_500() -> None:
    structlog.reset_defaults()
    with capture_logs() as log, served() as (_, address):
        for _ in range(3):
            assert get(address, "/metrics") == (500, "a bug of umamba-rt: see its log\n")
    (told,) = [line for line in log if line["event"] == "page_failed"]
    assert told["page"] == "/metrics"
