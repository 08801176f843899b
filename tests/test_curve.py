"""curve.py and ``umamba-rt keys``: files of keys, and who may read them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import zmq
import zmq.auth

from umamba_rt.curve import ClientKeys, client_keys, is_key, key_pair, public_key, write_key_pair


def keys(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "umamba_rt", "keys", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_new_pair_is_of_mode_0600_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        public, beside = write_key_pair(tmp_path / "feed")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "feed").stat().st_mode) == 0o600
    assert stat.S_IMODE(beside.stat().st_mode) == 0o644
    assert (public_key(tmp_path / "feed"), public_key(beside)) == (public, public)
    assert key_pair(tmp_path / "feed").secret not in beside.read_text(encoding="ascii")


def test_files_are_those_of_zmq_auth(tmp_path: Path) -> None:
    public, beside = write_key_pair(tmp_path / "feed")
    pair = key_pair(tmp_path / "feed")
    assert zmq.auth.load_certificate(tmp_path / "feed") == (public.encode(), pair.secret.encode())
    assert zmq.auth.load_certificate(beside) == (public.encode(), None)
    zmq.auth.create_certificates(tmp_path, "other")
    (tmp_path / "other.key_secret").chmod(0o600)
    assert is_key(key_pair(tmp_path / "other.key_secret").secret)


@pytest.mark.parametrize("name", ["feed", "feed.pub"])
def test_no_file_is_written_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine", encoding="ascii")
    with pytest.raises(FileExistsError):
        write_key_pair(tmp_path / "feed")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text(encoding="ascii") == "mine"


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o660])
def test_secret_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    write_key_pair(tmp_path / "feed")
    (tmp_path / "feed").chmod(mode)
    with pytest.raises(ValueError, match=f"mode {mode:04o} opens the secret key"):
        key_pair(tmp_path / "feed")


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440])
def test_secret_key_of_owner_or_group_is_taken(tmp_path: Path, mode: int) -> None:
    write_key_pair(tmp_path / "feed")
    (tmp_path / "feed").chmod(mode)
    key_pair(tmp_path / "feed")


def test_a_damaged_file_is_named_and_its_secret_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    write_key_pair(path)
    secret = key_pair(path).secret
    for damaged in (secret[:-1], secret + "x", "####" + secret[4:]):
        path.write_text(path.read_text(encoding="ascii").replace(secret, damaged))
        with pytest.raises(ValueError, match="secret-key") as caught:
            key_pair(path)
        assert str(path) in str(caught.value)
        assert damaged not in str(caught.value)
        path.write_text(path.read_text(encoding="ascii").replace(damaged, secret))
    other, _ = zmq.curve_keypair()
    path.write_text(path.read_text(encoding="ascii").replace(public_key(path), other.decode()))
    with pytest.raises(ValueError, match="public-key is not that of"):
        key_pair(path)


def test_files_that_hold_no_key_are_refused(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(os.urandom(100_000))
    (tmp_path / "noise").chmod(0o600)
    for read in (public_key, key_pair):
        with pytest.raises(ValueError, match="noise"):
            read(tmp_path / "noise")
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "none")


def test_client_names_the_server_by_key_or_by_file(tmp_path: Path) -> None:
    server, beside = write_key_pair(tmp_path / "server")
    write_key_pair(tmp_path / "me")
    expected = ClientKeys(server, key_pair(tmp_path / "me"))
    assert client_keys(server, tmp_path / "me") == expected
    assert client_keys(str(beside), str(tmp_path / "me")) == expected


def test_no_representation_shows_the_secret(tmp_path: Path) -> None:
    write_key_pair(tmp_path / "me")
    pair = key_pair(tmp_path / "me")
    assert pair.secret not in repr(ClientKeys("s", pair))


def test_commands_make_and_show_keys_but_never_the_secret(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    made = keys("new", str(path))
    assert (made.returncode, made.stderr) == (0, "")
    public = made.stdout.splitlines()[-1]
    for half in (path, tmp_path / "feed.pub"):
        shown = keys("show", str(half))
        assert (shown.returncode, shown.stdout, shown.stderr) == (0, public + "\n", "")
    assert key_pair(path).secret not in made.stdout
    again = keys("new", str(path))
    assert again.returncode == 69
    assert "feed.pub: File exists" in again.stderr
    (tmp_path / "empty").touch()
    assert keys("show", str(tmp_path / "empty")).returncode == 69


@pytest.mark.parametrize(("server", "file"), [("", "feed"), ("feed", "")])
def test_a_client_that_names_one_key_of_two_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str, file: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_key_pair(Path("feed"))
    with pytest.raises(ValueError, match="CURVE needs"):
        client_keys(server, file)
