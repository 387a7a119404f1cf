"""Versions of secrets in Google Secret Manager, as the account that the job runs as."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import google_crc32c
from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.cloud import secretmanager

from pipeline_io.secret_errors import SecretError

if TYPE_CHECKING:
    from google.cloud.secretmanager_v1 import AccessSecretVersionResponse

EXPECTED = "secret://projects/P/secrets/S or secret://projects/P/secrets/S/versions/V"
_NAME = re.compile(
    r"projects/[^/\s]+(?:/locations/[^/\s]+)?/secrets/[A-Za-z0-9_-]+(?P<version>/versions/[\w-]+)?"
)
WAIT_SECONDS = 60.0
"""A short outage of the service is waited for; the caller of a longer one has to be told."""
_REQUEST_SECONDS = 10.0
AWAY = (
    exceptions.ServiceUnavailable,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.Aborted,
)
RETRY = Retry(predicate=if_exception_type(*AWAY), initial=0.25, maximum=5.0, timeout=WAIT_SECONDS)


def read_version(reference: str) -> str:
    """The text of a secret's version, the latest one if the reference names none.

    Args:
        reference: `secret://projects/P/secrets/S[/versions/V]`.

    Raises SecretError.
    """
    name = version_name(reference)
    try:
        answer = client().access_secret_version(name=name, retry=RETRY, timeout=_REQUEST_SECONDS)
    except (exceptions.GoogleAPIError, GoogleAuthError) as error:
        # Without Google's text: it repeats what was sent.
        message = f"{reference}: {type(error).__name__}; {_next_step(error, name)}"
        raise SecretError(message) from None
    return _text(reference, answer)


def version_name(reference: str) -> str:
    """The name of a version as Secret Manager has it. Raises SecretError."""
    name = reference.removeprefix("secret://")
    found = _NAME.fullmatch(name)
    if found is None:
        message = f"{reference!r} names no secret; expected {EXPECTED}"
        raise SecretError(message)
    return name if found["version"] else f"{name}/versions/latest"


@functools.cache
def client() -> secretmanager.SecretManagerServiceClient:
    """One of this process, whose credentials are Google's defaults: a service account, Workload
    Identity, or those of gcloud."""
    return secretmanager.SecretManagerServiceClient()


def _text(reference: str, answer: AccessSecretVersionResponse) -> str:
    payload = answer.payload
    # 0 is the sum of nothing, and what an answer without one has.
    if payload.data_crc32c and payload.data_crc32c != google_crc32c.value(payload.data):
        message = f"{reference}: it was damaged on the way (CRC32C); start the job again"
        raise SecretError(message)
    try:
        text: str = payload.data.decode("utf-8")
    except UnicodeDecodeError:
        message = f"{reference}: its bytes are no text in UTF-8; store the secret as text"
        raise SecretError(message) from None
    return text.removesuffix("\n")


def _next_step(error: Exception, name: str) -> str:
    secret = name.partition("/versions/")[0]
    match error:
        case exceptions.PermissionDenied() | exceptions.Unauthenticated():
            return (
                f"grant the job's account the role Secret Manager Secret Accessor on {secret}, in "
                "the project where the API is enabled"
            )
        case exceptions.NotFound():
            return f"there is no {name}; look with `gcloud secrets versions list`"
        case exceptions.FailedPrecondition():
            return f"the version is disabled or destroyed; enable it, or name another of {secret}"
        case exceptions.InvalidArgument():
            return f"expected {EXPECTED}"
        case DefaultCredentialsError():
            return (
                "there is no account to ask as; run as a service account (Workload Identity), or "
                "`gcloud auth application-default login` locally"
            )
        case GoogleAuthError():
            return "the account's token was refused; look at its service account"
    return f"Secret Manager did not answer for {WAIT_SECONDS:.0f} s; start the job again later"
