"""Google's access token in the form in which Managed Service for Apache Kafka takes it."""

from __future__ import annotations

import base64
import datetime
import json
from typing import Any, Protocol

from pipeline_io.kafka_errors import KafkaAccessError

GOOGLE_LOGIN = "com.google.cloud.hosted.kafka.auth.GcpLoginCallbackHandler"
"""What a Java client names as sasl.login.callback.handler.class to log in with Google's token."""

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_HEADER = {"typ": "JWT", "alg": "GOOG_OAUTH2_TOKEN"}


class Credentials(Protocol):
    """What is used of google.auth's credentials; `expiry` is UTC without a time zone."""

    token: str | None
    expiry: datetime.datetime | None


def google_token(config: str) -> tuple[str, float]:
    """A token and the second at which it ends, for the client library's oauth_cb.

    A module's function, so that what names it can be pickled; credentials are looked up where it
    is called. Raises KafkaAccessError.
    """
    import google.auth
    import google.auth.transport.requests
    from google.auth.exceptions import GoogleAuthError

    credentials: Any
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
        credentials.refresh(google.auth.transport.requests.Request())
    except GoogleAuthError as error:
        message = (
            f"Google's token for Kafka: {type(error).__name__}: {error}; log in with `gcloud auth "
            "application-default login`, or run as a service account with the role Managed Kafka "
            "Client"
        )
        raise KafkaAccessError(message) from error
    now = datetime.datetime.now(datetime.timezone.utc)
    return token_text(credentials, now), _ends(credentials)


def token_text(credentials: Credentials, now: datetime.datetime) -> str:
    """Header, claims and access token, each in base64 without padding, joined by dots."""
    claims = {
        "exp": _ends(credentials),
        "iss": "Google",
        "iat": now.timestamp(),
        "scope": "kafka",
        "sub": getattr(credentials, "service_account_email", None) or "default",
    }
    parts = (json.dumps(_HEADER), json.dumps(claims), credentials.token or "")
    return ".".join(_base64(part) for part in parts)


def _ends(credentials: Credentials) -> float:
    if credentials.expiry is None:
        message = "Google's token for Kafka has no end; expected an access token that expires"
        raise KafkaAccessError(message)
    return credentials.expiry.replace(tzinfo=datetime.timezone.utc).timestamp()


def _base64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
