"""``umamba-rt keys``: CURVE key pairs for the daemon and for its clients."""

from __future__ import annotations

from pathlib import Path

from umamba_rt.curve import public_key, write_key_pair
from umamba_rt.errors import UnavailableError


def new(path: Path) -> int:
    """Make a key pair and say where it is; returns 0.

    Raises:
        UnavailableError: a file is there already, or cannot be written.
    """
    try:
        public, beside = write_key_pair(path)
    except OSError as error:
        raise UnavailableError(str(error.filename or path), error.strerror or str(error)) from error
    print(f"{path}: the secret key, mode 0600")
    print(f"{beside}: the public key, for the other side")
    print(public)
    return 0


def show(path: Path) -> int:
    """Print the public key of a file, whichever half it is; returns 0.

    Raises:
        UnavailableError: the file cannot be read, or holds none.
    """
    try:
        print(public_key(path))
    except OSError as error:
        raise UnavailableError(str(path), error.strerror or str(error)) from error
    except ValueError as error:
        raise UnavailableError(str(path), str(error).removeprefix(f"{path}: ")) from error
    return 0
