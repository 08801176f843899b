"""tools/install.sh into a scratch root: once, again, and away."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("systemd-sysusers") is None,
    reason="the installer needs root and systemd-sysusers",
)


def install(root: Path, *words: str, status: int = 0, umask: int = 0o022) -> str:
    command = [str(ROOT / "tools" / "install.sh"), "--root", str(root), *words]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, umask=umask
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_relative_to(root / "opt")
    }


def rights(root: Path) -> dict[str, tuple[int, int, int]]:
    """Mode, user and group of all that is there."""
    found = {str(path.relative_to(root)): path.lstat() for path in sorted(root.rglob("*"))}
    return {name: (one.st_mode, one.st_uid, one.st_gid) for name, one in found.items()}


def test_installing_makes_all_and_again_changes_nothing(tmp_path: Path) -> None:
    install(tmp_path, "--no-program")
    first = files(tmp_path)
    units = {"etc/systemd/system/umamba-rt.service", "etc/systemd/system/umamba-rt@.service"}
    assert units | {"etc/umamba-rt/umamba-rt.toml", "etc/umamba-rt/umamba-rt.toml.default"} <= set(
        first
    )
    passwd = first["etc/passwd"].decode().split(":")
    assert passwd[0] == "umamba-rt"
    link = tmp_path / "usr/local/bin/umamba-rt"
    assert str(link.readlink()) == "/opt/umamba-rt/bin/umamba-rt"
    state = (tmp_path / "var/lib/umamba-rt").stat()
    assert (state.st_uid, stat.S_IMODE(state.st_mode)) == (int(passwd[2]), 0o750)
    assert stat.S_IMODE((tmp_path / "etc/umamba-rt/credentials").stat().st_mode) == 0o700
    allowed = rights(tmp_path)
    install(tmp_path, "--no-program")
    assert files(tmp_path) == first
    assert rights(tmp_path) == allowed


def test_rights_are_the_same_under_a_root_who_lets_nobody_read(tmp_path: Path) -> None:
    for name, umask in (("open", 0o022), ("closed", 0o077)):
        (tmp_path / name).mkdir(mode=0o755)
        install(tmp_path / name, "--no-program", umask=umask)
    assert rights(tmp_path / "open") == rights(tmp_path / "closed")


def test_what_the_operator_wrote_outlives_an_upgrade_and_an_uninstall(tmp_path: Path) -> None:
    install(tmp_path, "--program", str(ROOT / "tools"))
    assert (tmp_path / "opt/umamba-rt").readlink() == ROOT / "tools"
    config = tmp_path / "etc/umamba-rt/umamba-rt.toml"
    config.write_text("mine", encoding="utf-8")
    (tmp_path / "etc/systemd/system/umamba-rt.service").write_text("old", encoding="utf-8")
    install(tmp_path, "--no-program")
    assert config.read_text(encoding="utf-8") == "mine"
    assert b"ExecStart" in files(tmp_path)["etc/systemd/system/umamba-rt.service"]
    instance = tmp_path / "etc/systemd/system/multi-user.target.wants/umamba-rt@north.service"
    instance.parent.mkdir()
    instance.symlink_to("/etc/systemd/system/umamba-rt@.service")
    assert "were kept" in install(tmp_path, "--uninstall")
    assert not instance.is_symlink()
    assert config.read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "opt/umamba-rt").is_symlink()
    assert not (tmp_path / "usr/local/bin/umamba-rt").is_symlink()
    assert not [name for name in files(tmp_path) if "systemd" in name]
    install(tmp_path, "--uninstall", "--purge")
    left = [name for name, held in files(tmp_path).items() if "umamba" in name or b"umamba" in held]
    # systemd-sysusers keeps the files of before, as passwd- and the like.
    assert [name for name in left if not name.endswith("-")] == []


def test_program_of_the_same_name_stays(tmp_path: Path) -> None:
    other = tmp_path / "usr/local/bin/umamba-rt"
    other.parent.mkdir(parents=True)
    other.write_text("mine", encoding="utf-8")
    assert "another program's, and stays" in install(tmp_path, "--no-program")
    install(tmp_path, "--uninstall", "--purge")
    assert other.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("words", [("--typo",), ("--purge",)])
def test_wrong_word_ends_with_64_before_anything_is_done(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    install(tmp_path, *words, status=64)
    assert list(tmp_path.iterdir()) == []
