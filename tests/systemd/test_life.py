"""The shipped units under a real systemd: start, reload, kill, watchdog, credentials, hardening."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.systemd.lab import CONFIG, Lab, booted, why_not

pytestmark = [pytest.mark.systemd, pytest.mark.skipif(bool(why_not()), reason=why_not())]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with booted() as lab:
        lab.configure("umamba-rt", CONFIG % "one")
        lab.run("systemctl", "start", "umamba-rt")
        yield lab


def test_service_is_ready_with_its_credentials_and_says_how_it_does(lab: Lab) -> None:
    """Without the password that LoadCredential hands it, it would have ended with 69."""
    assert lab.property("ActiveState") == "active"
    status = lab.wait("StatusText", ".* online, .*")
    assert status == "0 of 0 stations online, 0.0 windows/s, 0 waiting"
    assert '"event": "ready"' in lab.journal()


def test_it_runs_hardened(lab: Lab) -> None:
    pid = lab.property("MainPID")
    facts = dict(
        line.split(":\t", 1)
        for line in lab.run("cat", f"/proc/{pid}/status").splitlines()
        if ":\t" in line
    )
    assert facts["CapEff"] == facts["CapBnd"] == "0" * 16
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")
    assert facts["Uid"].split()[0] == lab.run("id", "-u", "umamba-rt").strip() != "0"
    inside = ["nsenter", "-t", pid, "-m", "-r", "-w", "bash", "-c"]
    for path in ("/etc", "/usr", "/opt", "/var/log", "/sys/kernel"):
        assert "Read-only" in lab.run(*inside, f"touch {path}/x 2>&1", good=False), path
    assert lab.run(*inside, "ls -A /root /home | grep -v :", good=False).strip() == ""
    lab.run(*inside, "touch /var/lib/umamba-rt/x && rm /var/lib/umamba-rt/x")


def test_check_by_hand_has_the_services_credentials(lab: Lab) -> None:
    """As docs/operations.md says; nobody listens at port 1, which is asked behind the password."""
    told = lab.run(
        *("env", "CREDENTIALS_DIRECTORY=/run/credentials/umamba-rt.service"),
        *("LD_LIBRARY_PATH=/opt/python/lib", "umamba-rt", "check", "--connect"),
        good=False,
    )
    assert "UNAVAILABLE: Could not connect to 127.0.0.1:1" in told


def test_reload_is_told_and_applied(lab: Lab) -> None:
    lab.configure("umamba-rt", CONFIG % "one" + "[quality]\nmin_timing_quality = 7\n")
    pid = lab.property("MainPID")
    lab.run("systemctl", "reload", "umamba-rt")
    lab.wait("ActiveState", "active")
    ends_s = time.monotonic() + 20
    while '"applied": ["quality.min_timing_quality"]' not in lab.journal():
        assert time.monotonic() < ends_s, lab.journal()
    assert lab.property("MainPID") == pid


def test_killed_it_comes_back(lab: Lab) -> None:
    pid = lab.property("MainPID")
    restarts = int(lab.property("NRestarts"))
    lab.run("kill", "-KILL", pid)
    lab.wait("NRestarts", str(restarts + 1))
    lab.wait("ActiveState", "active")
    assert lab.property("MainPID") != pid


def test_hanging_it_is_ended_by_the_watchdog_and_comes_back(lab: Lab) -> None:
    """Nothing else would end a process that is stopped."""
    restarts = int(lab.property("NRestarts"))
    lab.run("kill", "-STOP", lab.property("MainPID"))
    lab.wait("NRestarts", str(restarts + 1))
    lab.wait("ActiveState", "active")


def test_stopped_it_ends_with_0_in_time(lab: Lab) -> None:
    began_s = time.monotonic()
    lab.run("systemctl", "stop", "umamba-rt")
    assert time.monotonic() - began_s < 5
    assert lab.property("ExecMainStatus") == "0"
    assert lab.property("Result") == "success"


def test_wrong_configuration_ends_it_with_78_and_is_not_tried_again(lab: Lab) -> None:
    lab.configure("umamba-rt", CONFIG % "one" + "[run]\nmode = 'sideways'\n")
    restarts = lab.property("NRestarts")
    lab.run("systemctl", "start", "umamba-rt", good=False)
    lab.wait("ActiveState", "failed")
    assert lab.property("ExecMainStatus") == "78"
    assert '"event": "start_failed"' in lab.journal()
    assert lab.property("NRestarts") in {restarts, "0"}


def test_instance_has_a_configuration_and_a_state_of_its_own(lab: Lab) -> None:
    lab.configure("two", (CONFIG % "two").replace("umamba-rt/feed", "umamba-rt/two/feed"))
    lab.run("systemctl", "start", "umamba-rt@two")
    assert lab.property("ActiveState", "umamba-rt@two") == "active"
    assert "lock" in lab.run("ls", "/var/lib/umamba-rt/two").split()
    lab.run("systemctl", "stop", "umamba-rt@two")
    assert lab.property("ExecMainStatus", "umamba-rt@two") == "0"
