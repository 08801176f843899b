"""When a history that did not answer is asked again, and for how long messages wait for it."""

from __future__ import annotations

REST_S = 30.0  # an unanswered question costs up to 5 s in which nothing is handed out
LEAST_REST_S = 1.0
# Longer than a daemon needs to start; who waits for magnitudes should not wait for much more.
PATIENCE_S = 60.0


class Patience:
    """The times of one outage of the history; the clock is an argument.

    Attributes:
        ask_s: when it may be asked again, s.

    Args:
        patience_s: for how long messages may wait before they are handed out as they are, s.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self.ask_s = self._unanswered_s = -float("inf")
        self._patience_s = patience_s
        self._since_s: float | None = None
        self._spent = False

    def may_ask(self, now_s: float) -> bool:
        """Whether it is time for a question."""
        return now_s >= self.ask_s

    def answered(self) -> None:
        """A question was answered: the outage is over."""
        self.ask_s, self._since_s, self._spent = -float("inf"), None, False

    def unanswered(self, now_s: float) -> None:
        """A question was not."""
        self._unanswered_s, self.ask_s = now_s, now_s + REST_S

    def hasten(self) -> None:
        """The daemon has shown a sign of life: its history may be there, too."""
        self.ask_s = min(self.ask_s, self._unanswered_s + LEAST_REST_S)

    def wait(self, now_s: float) -> bool:
        """Messages wait; whether they have only begun to."""
        begins = self._since_s is None
        if self._since_s is None:
            self._since_s = now_s
        return begins

    def is_over(self, now_s: float) -> bool:
        """Whether what waits has waited long enough, or others have in the same outage."""
        waited = self._since_s is not None and now_s - self._since_s >= self._patience_s
        return self._spent or waited

    def give_up(self) -> None:
        """Nothing waits any more, and nothing will for long until there is an answer."""
        self._since_s, self._spent = None, True
