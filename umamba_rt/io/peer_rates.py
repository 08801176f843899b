"""How many requests a second each peer may make: a bucket of tokens for each."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_s: float


class PeerRates:
    """Admits requests; remembers a bounded number of peers, the latest ones.

    Args:
        rate_hz: requests a second that a peer may make for ever, > 0.
        burst: requests that may come at once after a pause.
        max_peers: peers remembered; one that was forgotten begins anew.
    """

    def __init__(self, rate_hz: float, burst: float, max_peers: int = 1024) -> None:
        self._rate_hz, self._burst, self._max_peers = rate_hz, burst, max_peers
        self._buckets: OrderedDict[bytes, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def admit(self, peer: bytes, now_s: float) -> bool:
        """Whether this peer may make a request now.

        Args:
            peer: its ZeroMQ identity.
            now_s: a clock that does not run backwards, s.
        """
        bucket = self._buckets.get(peer)
        if bucket is None:
            bucket = self._buckets[peer] = _Bucket(self._burst, now_s)
            if len(self._buckets) > self._max_peers:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(peer)
        filled = bucket.tokens + (now_s - bucket.filled_s) * self._rate_hz
        bucket.tokens, bucket.filled_s = min(self._burst, filled), now_s
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True
