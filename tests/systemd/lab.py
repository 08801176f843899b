"""A real systemd over a throw-away root, with umamba-rt installed in it by tools/install.sh."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import ROOT, SHARED

TOOL = SHARED / "tools" / "systemd-lab"
CONFIG = """
[[seedlink]]
server = "127.0.0.1:1"
streams = ["*_*"]
user = "reader"
password_file = "$CREDENTIALS_DIRECTORY/secret_seedlink"
[run]
heartbeat_s = 0.5
[publisher]
address = "ipc:///var/lib/umamba-rt/feed-%s"
[query]
address = ""
[metrics]
address = ""
"""
# The service may not look into /root and /tmp, where Python and this checkout may live: it gets a
# view of them elsewhere. The lab has a /tmp of its own, too; below /opt/under lies the machine's.
# Waits are shorter than shipped; all else is as shipped.
_PREPARE = """
set -e
mount --make-rshared /
mkdir -p /opt/under /opt/python /opt/site /opt/checkout
mount --bind / /opt/under
mount --bind /opt/under{base} /opt/python
mount --bind /opt/under{site} /opt/site
mount --bind /opt/under{root} /opt/checkout
/opt/python/bin/python3 -m venv --without-pip /opt/umamba-rt
printf '%s\\n' /opt/checkout "import site; site.addsitedir('/opt/site')" > {there}/outside.pth
printf '%s\\n' '#!/opt/umamba-rt/bin/python' 'import sys' 'from umamba_rt.cli import main' \
    'sys.exit(main())' > /opt/umamba-rt/bin/umamba-rt
chmod +x /opt/umamba-rt/bin/umamba-rt
/opt/checkout/tools/install.sh --no-program
printf secret > /etc/umamba-rt/credentials/seedlink
for unit in umamba-rt.service umamba-rt@.service; do
    mkdir -p /run/systemd/system/$unit.d
    printf '%s\\n' '[Service]' 'Environment=LD_LIBRARY_PATH=/opt/python/lib' 'RestartSec=0.1' \
        'WatchdogSec=4' > /run/systemd/system/$unit.d/test.conf
done
systemctl daemon-reload
"""


def why_not() -> str:
    """Why there can be no lab here; empty where there can."""
    if os.geteuid() != 0:
        return "only root can boot a systemd"
    if shutil.which("systemctl") is None or shutil.which("nsenter") is None:
        return "systemd is not installed"
    if not TOOL.is_file():
        return f"the tool that boots a systemd is not there: {TOOL}"
    return ""


class Lab:
    """Runs commands inside."""

    def run(self, *words: str, given: str = "", good: bool = True) -> str:
        """What a command prints; with ``good``, it must end with 0."""
        done = subprocess.run(
            [str(TOOL), "run", *words],
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert not good or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def configure(self, name: str, text: str) -> None:
        """Put a configuration where the unit looks for it."""
        path = f"/etc/umamba-rt/{name}.toml"
        self.run("bash", "-c", f"cat > {path}; chgrp umamba-rt {path}", given=text)

    def property(self, name: str, unit: str = "umamba-rt") -> str:
        """A property of the unit, as systemd has it."""
        return self.run("systemctl", "show", unit, "-p", name, "--value").strip()

    def wait(self, name: str, pattern: str, unit: str = "umamba-rt") -> str:
        """The property when it matches."""
        ends_s = time.monotonic() + 60
        while not re.fullmatch(pattern, found := self.property(name, unit)):
            assert time.monotonic() < ends_s, f"{name}: {found}\n{self.journal(unit)}"
            time.sleep(0.1)
        return found

    def journal(self, unit: str = "umamba-rt") -> str:
        """What the unit has logged."""
        return self.run("journalctl", "-u", unit, "-o", "cat", "--no-pager")


@contextmanager
def booted() -> Iterator[Lab]:
    """The lab, from its boot until the block ends."""
    done = subprocess.run([str(TOOL), "up"], capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout.startswith("booted"):
        pytest.skip(f"no systemd of our own: {done.stdout}{done.stderr}")
    lab = Lab()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    prepare = _PREPARE.format(
        base=Path(sys.base_prefix).resolve(),
        site=sysconfig.get_path("purelib"),
        there=f"/opt/umamba-rt/lib/python{version}/site-packages",
        root=ROOT,
    )
    try:
        lab.run("bash", "-s", given=prepare)
        yield lab
    finally:
        subprocess.run([str(TOOL), "down"], check=True, capture_output=True)
