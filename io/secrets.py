"""Secrets by reference: what a script names instead of a password."""

from __future__ import annotations

import os
from pathlib import Path

SCHEMES = ("env://NAME", "file://PATH", "secret://projects/P/secrets/S/versions/V")


class SecretError(ValueError):
    """A secret that could not be read; the message never holds a secret."""


def is_reference(text: str) -> bool:
    """True for `env://`, `file://` and `secret://` references."""
    return text.startswith(("env://", "file://", "secret://"))


def read_secret(reference: str) -> str:
    """The secret that a reference names. Read where it is needed, never pickled or logged.

    env:// is an environment variable, file:// a file's text without its last line end (a mounted
    secret), secret:// a version in Google Secret Manager. Raises SecretError.
    """
    scheme, _, name = reference.partition("://")
    match scheme:
        case "env":
            value = os.environ.get(name)
            if value is None:
                message = f"{reference}: the environment variable {name} is not set; set it"
                raise SecretError(message)
            return value
        case "file":
            try:
                return Path(name).read_text(encoding="utf-8").removesuffix("\n")
            except (OSError, UnicodeDecodeError) as error:
                message = f"{reference}: {type(error).__name__}; is the secret mounted there?"
                raise SecretError(message) from error
        case "secret":
            return _from_secret_manager(reference, name)
    message = f"a secret is given by reference, as {' or '.join(SCHEMES)}, not as plain text"
    raise SecretError(message)


def _from_secret_manager(reference: str, name: str) -> str:
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud import secretmanager

    try:
        answer = secretmanager.SecretManagerServiceClient().access_secret_version(name=name)
    except (GoogleAPIError, GoogleAuthError) as error:
        message = (
            f"{reference}: {type(error).__name__}; expected "
            "secret://projects/P/secrets/S/versions/V and the role Secret Manager Secret Accessor"
        )
        raise SecretError(message) from error
    text: str = answer.payload.data.decode()
    return text
