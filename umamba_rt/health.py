"""Whether the daemon lives and does its work, and why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from umamba_rt.scrape import Scrape

_MOST_NAMED = 5
# The slowest engine that was measured takes less than a second for a batch.
_STALLED_S = 60.0


@dataclass(frozen=True, slots=True)
class Condition:
    """One of the things that have to hold.

    Attributes:
        name: of the condition.
        holds: whether it does.
        detail: one line for the operator.
    """

    name: str
    holds: bool
    detail: str


def liveness(scrape: Scrape) -> Sequence[Condition]:
    """What a restart may mend; that there is a scrape proves the event loop."""
    still_s = scrape.queue_still_s
    detail = f"{scrape.queue_depth} windows waiting, none taken for {still_s:.1f} s"
    return (
        Condition("event_loop", holds=True, detail="answers"),
        Condition("worker", holds=still_s < _STALLED_S, detail=detail),
    )


def readiness(scrape: Scrape) -> Sequence[Condition]:
    """What has to hold for estimates to go out.

    A server or a station of several that is down is a matter for an alert: the others are served.
    """
    return (_servers(scrape), _stations(scrape))


def _servers(scrape: Scrape) -> Condition:
    down = [server for server in scrape.servers if not server.connected]
    connected = len(scrape.servers) - len(down)
    detail = f"{connected} of {len(scrape.servers)} connected"
    for server in down[:_MOST_NAMED]:
        detail += f"; {server.server}: {server.last_failure or 'not connected yet'}"
    if len(down) > _MOST_NAMED:
        detail += f"; and {len(down) - _MOST_NAMED} more"
    return Condition("servers", connected > 0, detail)


def _stations(scrape: Scrape) -> Condition:
    online = scrape.states.get("online", 0)
    states = ", ".join(f"{n} {state}" for state, n in sorted(scrape.states.items()))
    return Condition("stations", online > 0, states or "none has sent anything")
