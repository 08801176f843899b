"""client_socket.py: peers that die."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import zmq

from umamba_rt.client_socket import notice_death

# A peer whose messages fill the other side's queue, and that is killed then.
_PEER = """
import sys, zmq
socket = zmq.Context().socket(zmq.DEALER)
socket.connect(sys.argv[1])
for _ in range(900):
    socket.send(bytes(100))
print("sent", flush=True)
sys.stdin.read()
"""
_READER = """
import subprocess, sys, time, zmq
from umamba_rt.client_socket import notice_death

context = zmq.Context()
socket = context.socket(zmq.ROUTER)
if sys.argv[2] == "heartbeats":
    socket.set(zmq.HEARTBEAT_IVL, 50)
else:
    notice_death(socket)
socket.set(zmq.RCVHWM, 16)
socket.bind(sys.argv[1])
command = [sys.executable, "-c", sys.argv[3], sys.argv[1]]
peer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
peer.stdout.readline()
socket.poll(10_000)
peer.kill()
peer.wait()
time.sleep(0.5)  # ten heartbeats
while socket.poll(200):
    socket.recv_multipart()
print("lives")
"""
_KEEPALIVE = ("", "_IDLE", "_INTVL", "_CNT")


def read_from_one_that_is_killed(address: str, how: str) -> str:
    command = [sys.executable, "-c", _READER, address, how, _PEER]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_peer_that_is_killed_while_its_messages_wait_ends_nobody_else(tmp_path: Path) -> None:
    assert read_from_one_that_is_killed(f"ipc://{tmp_path}/one", "ours") == "lives\n"


def test_reason_not_to_use_heartbeats_holds_still(tmp_path: Path) -> None:
    """Where this fails libzmq is mended, and `notice_death` may use them."""
    said = read_from_one_that_is_killed(f"ipc://{tmp_path}/one", "heartbeats")
    assert "Assertion failed: !_io_error" in said


def test_machines_that_vanish_are_noticed_by_the_kernel() -> None:
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        notice_death(socket)
        said = {name: socket.get(getattr(zmq, f"TCP_KEEPALIVE{name}")) for name in _KEEPALIVE}
        assert said == {"": 1, "_IDLE": 10, "_INTVL": 5, "_CNT": 4}
        assert socket.get(zmq.HEARTBEAT_IVL) == 0
