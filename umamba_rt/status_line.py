"""The daemon's state in one line, for ``systemctl status``."""

from __future__ import annotations

from umamba_rt.wire.message import Heartbeat


class StatusLine:
    """Makes a line of each heartbeat; a rate needs the one before."""

    def __init__(self) -> None:
        self._uptime_s = 0.0
        self._sent = 0

    def of(self, beat: Heartbeat) -> str:
        """Stations, estimates a second since the last line, latency, and what waits."""
        sent = beat.counts.get("estimates_sent", 0)
        elapsed_s = max(beat.uptime_s - self._uptime_s, 1e-3)
        rate_hz = (sent - self._sent) / elapsed_s
        self._uptime_s, self._sent = beat.uptime_s, sent
        worst_s = beat.worst_data_latency_s
        latency = "" if worst_s is None else f", data at most {worst_s:.1f} s old"
        stations = f"{beat.stations.get('online', 0)} of {sum(beat.stations.values())} stations"
        return f"{stations} online, {rate_hz:.1f} windows/s{latency}, {beat.queue_depth} waiting"
