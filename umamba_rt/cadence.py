"""Whether more windows are worth waiting for before the model is asked."""

from __future__ import annotations

from umamba_rt.core.ids import GroupId
from umamba_rt.core.timebase import NS_PER_S

_PERIOD_NS = NS_PER_S
# The oldest window's age at which nothing more is waited for. At 300 windows a second eight come
# in this time, which a model works off in half the processor time of as many single ones.
LINGER_NS = 25_000_000
# Records of many stations that were sent at once come within less of each other.
PAUSE_NS = 2_000_000


class Cadence:
    """How windows have been coming, and what follows for those that wait.

    - All sensors of the last second have a window waiting, as a lone one has: none is waited for.
    - Windows come so densely that more are sure to: the age of the oldest bounds the wait.
    - Else only those are waited for that come in one go: until none has for 2 ms.
    """

    def __init__(self, linger_ns: int = LINGER_NS, pause_ns: int = PAUSE_NS) -> None:
        """Begin without a past.

        Args:
            linger_ns: the most that a window waits for others, ns.
            pause_ns: the pause that ends what comes in one go, ns.
        """
        self._linger_ns, self._pause_ns = linger_ns, pause_ns
        self._begun_ns = 0
        self._latest_ns = 0
        # Of the second at hand, and of the one before.
        self._sensors: set[GroupId] = set()
        self._count = 0
        self._before = (0, 0)

    def note(self, group: GroupId, now_ns: int) -> None:
        """Note that a sensor's window has come."""
        passed_ns = now_ns - self._begun_ns
        if passed_ns >= _PERIOD_NS:
            recent = passed_ns < 2 * _PERIOD_NS
            self._before = (len(self._sensors), self._count) if recent else (0, 0)
            self._sensors, self._count, self._begun_ns = set(), 0, now_ns
        self._sensors.add(group)
        self._count += 1
        self._latest_ns = now_ns

    @property
    def sensors(self) -> int:
        """How many sensors have had windows of late."""
        return max(len(self._sensors), self._before[0])

    def wait_ns(self, sensors: int, oldest_ns: int, now_ns: int) -> int:
        """How much longer to wait, ns; 0: take what is there.

        Args:
            sensors: how many have a window waiting.
            oldest_ns: when the oldest of these windows came.
            now_ns: the same clock, now.
        """
        if sensors >= self.sensors:
            return 0
        expected = max(self._count, self._before[1]) * self._linger_ns // _PERIOD_NS
        patience_ns = self._linger_ns if expected >= 2 else self._pause_ns
        until_ns = min(oldest_ns + self._linger_ns, self._latest_ns + patience_ns)
        return max(0, until_ns - now_ns)
