"""How a client proves itself to a server, and the server to it; secrets never reach a log."""

from __future__ import annotations

import os
import re
import ssl
from pathlib import Path
from typing import TypeAlias

from umamba_rt.config.seedlink import SeedLinkConfig
from umamba_rt.errors import UnavailableError

# What seedlink-client takes: name and password for AUTH USERPASS, a text for AUTH JWT.
Login: TypeAlias = tuple[str, str] | str | None

_SECRET = re.compile(r"[!-~]{1,4000}")
HIDDEN = "[secret]"


def read_login(config: SeedLinkConfig) -> Login:
    """Read what a server's block names; at each connect, since tokens expire and are renewed.

    Raises:
        UnavailableError: a file or a variable is not there, or holds no one-line ASCII secret.
            Its text never holds the secret.

    Source: SeedLink 4.0, AUTH: ``AUTH USERPASS name password`` and ``AUTH JWT token``.
    """
    if config.user:
        return config.user, _secret(config.password_file, config.password_env, "password")
    if config.token_file or config.token_env:
        return _secret(config.token_file, config.token_env, "token")
    return None


def hide(text: str, login: Login) -> str:
    """A text without the login's secret, whoever put it there: a server may echo it."""
    secret = login[1] if isinstance(login, tuple) else login
    return text.replace(secret, HIDDEN) if secret else text


def tls_context(config: SeedLinkConfig) -> ssl.SSLContext:
    """TLS with the server's certificate and name checked.

    Raises:
        UnavailableError: ``tls_ca_file`` cannot be read or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=config.tls_ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise UnavailableError(f"tls_ca_file {config.tls_ca_file}", str(error)) from error


def _secret(file: str, variable: str, kind: str) -> str:
    if file:
        where = f"{kind}_file {file}"
        try:
            secret = Path(os.path.expandvars(file)).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise UnavailableError(where, error.strerror or str(error)) from error
        except UnicodeDecodeError:
            secret = ""
    else:
        where = f"{kind}_env {variable}"
        if variable not in os.environ:
            raise UnavailableError(where, "no such environment variable")
        secret = os.environ[variable].strip()
    if not _SECRET.fullmatch(secret):
        # Not the text itself: this message goes to the log. `from None` for the same reason.
        reason = "expected one line of 1 to 4000 printable ASCII characters without blanks"
        raise UnavailableError(where, reason)
    return secret
