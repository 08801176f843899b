"""Telling systemd how the service does, by the sd_notify protocol."""

from __future__ import annotations

import os
import socket


def notify(state: str, wait_s: float = 0.0) -> bool:
    """Send a state such as ``READY=1`` or ``STATUS=...`` to the service manager.

    Args:
        state: lines of ``NAME=VALUE``.
        wait_s: for room in the manager's queue, which may be full of earlier ones. A manager that
            does not read must not hold up the daemon, so a state that soon comes again waits for
            none; one that comes once, such as the end of a reload, waits a little.

    Returns:
        False where nobody listens: not started by systemd, its socket is gone, or full.

    Source: sd_notify(3); ``@`` stands for the NUL of an abstract socket's name.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(wait_s)
            channel.connect(address)
            channel.sendall(state.encode())
    except OSError:
        return False
    return True
