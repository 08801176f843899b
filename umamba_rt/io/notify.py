"""Telling systemd how the service does, by the sd_notify protocol."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> bool:
    """Send a state such as ``READY=1`` or ``STATUS=...`` to the service manager.

    Returns:
        False where nobody listens: not started by systemd, its socket is gone, or full. A manager
        that does not read must not hold up the daemon.

    Source: sd_notify(3); ``@`` stands for the NUL of an abstract socket's name.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.setblocking(False)
            channel.connect(address)
            channel.sendall(state.encode())
    except OSError:
        return False
    return True
