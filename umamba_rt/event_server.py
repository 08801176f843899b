"""The process that events are read in: answers `umamba_rt.event_process`, and ends with it.

It needs neither torch nor scipy nor ZeroMQ (30 MB), and keeps nothing.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection

from umamba_rt.config.events import EventsConfig
from umamba_rt.core.estimate import ModelIdentity
from umamba_rt.core.event_state import SavedEvents
from umamba_rt.core.inventory import Inventory
from umamba_rt.core.station_event import Reading
from umamba_rt.events import Events, Note, Told


class EventServer:
    """Answers the calls; whatever goes wrong in it beyond one estimate ends the process."""

    def begin(
        self,
        config: EventsConfig,
        inventory: Inventory,
        identity: ModelIdentity,
        saved: SavedEvents,
        readings: Sequence[Reading],
    ) -> Told:
        """Go on from where others were; what that made due has been told."""
        self._config = config
        self._events = Events(config, inventory, identity)
        self._events.resume(saved)
        return Told(failures=self.read([Note(reading) for reading in readings]).failures)

    def told_again(self) -> Told:
        """See ``Events``."""
        return Told([self._events.told_again()])

    def adopt(self, config: EventsConfig, inventory: Inventory) -> None:
        """Go by other rules and places; the stack over all stations begins anew by other rules."""
        if config == self._config:
            self._events.adopt(inventory)
        else:
            self._config, self._events = config, self._events.under(config, inventory)

    def read(self, notes: Sequence[Note]) -> Told:
        """What estimates make due, of as many as can be read."""
        told = Told()
        for note in notes:
            told.messages.append([])
            try:
                told.messages[-1].extend(self._events.read(note))
            except Exception:  # noqa: BLE001 - others go on; the operator reads why
                told.failures.append((str(note.reading.group), traceback.format_exc()))
        return told

    def saved(self) -> SavedEvents:
        """See ``Events``."""
        return self._events.saved

    def finish(self) -> Told:
        """See ``Events``."""
        return Told([list(self._events.finish())])


def main(handle: int) -> None:
    """Serve until the other end is closed, or gone.

    Signals that a terminal or a service manager sends to all processes of the daemon are its own.

    Args:
        handle: of this end of the socket.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    server = EventServer()
    with Connection(handle) as pipe:
        while True:
            try:
                name, arguments = pipe.recv()
            except (EOFError, ConnectionError):
                return
            answer = getattr(server, name)(*arguments)
            try:
                pipe.send(answer)
            except ConnectionError:
                return


if __name__ == "__main__":
    main(int(sys.argv[1]))
