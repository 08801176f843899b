"""CURVE keys: their files, and a client's socket that uses them; needs pyzmq alone.

A key file is that of czmq and of ``zmq.auth``: lines ``public-key = "..."`` and, in the secret
half, ``secret-key = "..."``, each key 40 characters of Z85.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

import zmq
from zmq.utils import z85

_KEY = re.compile(r"[0-9A-Za-z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")
_LINE = re.compile(r"\s*(public-key|secret-key)\s*=\s*[\"'](\S+)[\"']\s*")
_HEAD = "# A CURVE key pair of ZeroMQ, made by `umamba-rt keys new`.\n"
_WARNING = "# KEEP THIS FILE SECRET; its public half stands beside it in {name}.\n"
# Others may neither read nor write; a group may read: systemd's credentials show themselves so.
_FORBIDDEN_MODE = stat.S_IRWXO | stat.S_IWGRP
# A key file has some hundred bytes; what is longer is something else.
_MAX_BYTES = 65536


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A public key and its secret half, in Z85."""

    public: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """What a client needs: the server's public key, and a pair of its own."""

    server: str
    own: KeyPair


def client_keys(server: str, file: str | Path) -> ClientKeys:
    """Read what a client needs.

    Args:
        server: the server's public key, or the name of a file that holds it.
        file: the client's own key pair, of ``umamba-rt keys new``.

    Raises:
        OSError: a file cannot be read.
        ValueError: one of the two is not named, a file holds no such key, or others may read the
            secret one.
    """
    for name, value in (("the server's key", server), ("a key pair of our own", str(file))):
        if not value:
            raise ValueError(f"CURVE needs {name}, too")
    return ClientKeys(server if is_key(server) else public_key(Path(server)), key_pair(Path(file)))


def secure(socket: zmq.Socket[bytes], keys: ClientKeys | None) -> None:
    """Have a client's socket use its keys; to be called before it connects."""
    if keys is None:
        return
    socket.set_string(zmq.CURVE_SERVERKEY, keys.server)
    socket.set_string(zmq.CURVE_PUBLICKEY, keys.own.public)
    socket.set_string(zmq.CURVE_SECRETKEY, keys.own.secret)


def is_key(text: str) -> bool:
    """Whether a text is a key in Z85."""
    if not _KEY.fullmatch(text):
        return False
    try:
        z85.decode(text)
    except Exception:  # noqa: BLE001 - struct.error for five characters that pass 32 bits
        return False
    return True


def public_key(path: Path) -> str:
    """The public key in a file, be it the secret half or the public one.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds no key.
    """
    return _wanted(_keys(path), "public-key", path)


def key_pair(path: Path) -> KeyPair:
    """Both keys of a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds no pair, or others than its owner and its group may read it.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _FORBIDDEN_MODE:
        raise ValueError(f"{path}: mode {mode:04o} opens the secret key to others: chmod 600 it")
    found = _keys(path)
    pair = KeyPair(_wanted(found, "public-key", path), _wanted(found, "secret-key", path))
    if zmq.curve_public(pair.secret.encode()).decode() != pair.public:
        raise ValueError(f"{path}: its public-key is not that of its secret-key")
    return pair


def write_key_pair(path: Path) -> tuple[str, Path]:
    """Make a pair: the secret half goes to ``path`` with mode 0600, the public to ``path.pub``.

    Returns:
        The public key, and the file that holds it alone.

    Raises:
        OSError: a file is there already, or cannot be written; none is left half written.
    """
    public, secret = (key.decode() for key in zmq.curve_keypair())
    beside = path.with_name(path.name + ".pub")
    if beside.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(beside))
    line = f'public-key = "{public}"\n'
    head = _HEAD + _WARNING.format(name=beside.name)
    _create(path, f'{head}curve\n    {line}    secret-key = "{secret}"\n', 0o600)
    try:
        _create(beside, f"{_HEAD}curve\n    {line}", 0o644)
    except OSError:
        path.unlink()
        raise
    return public, beside


def _create(path: Path, text: str, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            os.fchmod(handle, mode)  # whatever the umask says
            file.write(text)
    except OSError:
        path.unlink()
        raise


def _keys(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        text = file.read(_MAX_BYTES).decode("utf-8", "replace")
    matches = (_LINE.fullmatch(line) for line in text.splitlines())
    return {match[1]: match[2] for match in matches if match}


def _wanted(found: dict[str, str], name: str, path: Path) -> str:
    # Never the text itself: it may be a secret with a slip of the pen, and this goes to a log.
    if not is_key(found.get(name, "")):
        raise ValueError(f'{path}: found no line {name} = "..." with 40 characters of Z85')
    return found[name]
