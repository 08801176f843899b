"""The fault matrix: each switch of the replay server, what it costs, and how to see it.

``test_fault_matrix.py`` holds the daemon to this list, and ``docs/ingest.md`` to its table.
"""

from __future__ import annotations

from dataclasses import dataclass

_BROKEN = ("server_connects", "server_failures")


@dataclass(frozen=True, slots=True)
class Case:
    """One disturbance.

    Attributes:
        switches: as they stand behind ``--fault``.
        meaning: what they do, for the table.
        connections: how many connections suffer, from the first on; None: all.
        lost: what is lost; empty where every window of an undisturbed run is sent, and equal.
        counts: the counters of the heartbeat that end higher than in an undisturbed run, all of
            them but ``records`` and ``segments``.
        seen: the log's events beyond those of an undisturbed run, all of them, each with a part
            of its reason or detail.
    """

    switches: tuple[str, ...]
    meaning: str
    connections: int | None = None
    lost: str = ""
    counts: tuple[str, ...] = ()
    seen: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The switches as one text."""
        return " ".join(self.switches)


_HOLD_IT = (
    "the windows that hold it; one that lacks `max_gap_s` of it or less is filled and says so"
)
_WITHHELD = ("windows_withheld_gap", "windows_filled")
_GAP = ("station", "s missing in")
_AGAIN = ("seedlink_reconnecting", "")

CASES = (
    Case(
        ("drop=@20",),
        "a packet that never leaves the server",
        lost=f"{_HOLD_IT}; no resume can bring it back",
        counts=_WITHHELD,
        seen=(_GAP,),
    ),
    Case(("delay=0.7",), "everything late"),
    Case(("duplicate=0.2",), "packets twice", counts=("samples_duplicate",)),
    Case(("reorder=0.2:3",), "packets behind later ones"),
    Case(
        ("corrupt=@20",),
        "a flipped bit in a record",
        lost=_HOLD_IT,
        counts=("records_refused", *_WITHHELD),
        seen=(("record_refused", "Steim ends at"), _GAP),
    ),
    Case(
        ("cut=0.02",),
        "connections that break within a packet",
        counts=_BROKEN,
        seen=(("seedlink_failed", "Connection closed"), _AGAIN),
    ),
    Case(
        ("half-open=@40",),
        "a server that falls silent and does not close",
        connections=1,
        counts=_BROKEN,
        seen=(("seedlink_failed", "No data for over"), _AGAIN),
    ),
    Case(
        ("trickle=@40",),
        "one byte a second",
        connections=1,
        counts=_BROKEN,
        seen=(("seedlink_failed", "a packet began and did not go on"), _AGAIN),
    ),
    Case(
        ("refuse=1",),
        "connections closed as soon as they are made",
        connections=3,
        counts=("server_failures",),
        seen=(("seedlink_failed", "Connection reset by peer"), _AGAIN),
    ),
    Case(
        ("refuse-station=AA_TWO",),
        "no access to one station of two",
        lost="the refused station",
        seen=(("seedlink_stream_rejected", "AA_TWO"),),
    ),
    Case(("v3-only",), "a server of SeedLink 3 alone"),
    Case(
        ("http",),
        "a web server at the address",
        connections=2,
        counts=("server_failures",),
        seen=(("seedlink_failed", "no SeedLink server: 'HTTP/1.1 400 Bad Request'"), _AGAIN),
    ),
    Case(
        ("reorder=0.2:3", "duplicate=0.2", "cut=0.02", "refuse=0.3"),
        "all of this at once",
        counts=("samples_duplicate", *_BROKEN),
        seen=(
            ("seedlink_failed", "Connection closed"),
            ("seedlink_failed", "Connection reset by peer"),
            _AGAIN,
        ),
    ),
)


def table() -> str:
    """The list as a table of Markdown."""
    head = ("Switch", "That is", "Lost", "Counted in the heartbeat", "In the log")
    rows = [head, ("---",) * len(head)]
    for case in CASES:
        switches = "<br>".join(f"`{switch}`" for switch in case.switches)
        if case.connections is not None:
            plural = "s" * (case.connections > 1)
            switches += f"<br>on {case.connections} connection{plural}"
        counts = "<br>".join(f"`{count}`" for count in case.counts) or "-"
        seen = "<br>".join(
            f"`{event}`" + (f": … {reason} …" if reason else "") for event, reason in case.seen
        )
        rows.append((switches, case.meaning, case.lost or "nothing", counts, seen or "-"))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    print(table())
