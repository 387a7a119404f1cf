"""The secrets that a configuration names: the environment, mounted files, Google Secret Manager."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

_TIMEOUT_SECONDS = 20.0


class SecretReferenceError(ValueError):
    """A secret that cannot be read; the message says why and holds no secret."""


def secret_of_reference(reference: str) -> str:
    """The secret that `NAME`, `env://NAME`, `file://PATH` or `secret://projects/P/secrets/S` names.

    Raises SecretReferenceError.
    """
    scheme, separator, name = reference.partition("://")
    if not separator or scheme == "env":
        name = name if separator else reference
        value = os.environ.get(name)
        if value is None:
            message = f"the environment variable {name!r} is not set; set it"
            raise SecretReferenceError(message)
        return value
    if scheme == "file":
        try:
            return Path(name).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            message = f"{type(error).__name__}; is the secret mounted there?"
            raise SecretReferenceError(message) from error
    if scheme == "secret":
        return _version(name if "/versions/" in name else f"{name}/versions/latest")
    message = "expected NAME, env://NAME, file://PATH or secret://projects/P/secrets/S"
    raise SecretReferenceError(message)


@functools.lru_cache(maxsize=64)
def _version(name: str) -> str:
    """A version's text; a command asks once, as the account that it runs as."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        answer = secret_manager().access_secret_version(name=name, timeout=_TIMEOUT_SECONDS)
        text: str = answer.payload.data.decode("utf-8")
    except (GoogleAPIError, GoogleAuthError, UnicodeDecodeError) as error:
        # Without its text, which may repeat what was sent.
        message = (
            f"{type(error).__name__}; expected the name of a version of a text that is there, and "
            "the role Secret Manager Secret Accessor (locally: gcloud auth application-default "
            "login)"
        )
        raise SecretReferenceError(message) from None
    return text.rstrip("\r\n")


def secret_manager() -> Any:
    """Google's client of Secret Manager, with its default credentials."""
    from google.cloud import secretmanager

    return secretmanager.SecretManagerServiceClient()
