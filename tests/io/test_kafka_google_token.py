"""Google's token in the form that Managed Kafka takes."""

from __future__ import annotations

import base64
import datetime
import json
from typing import Any

import google.auth
import pytest
from google.auth.exceptions import DefaultCredentialsError

from pipeline_io.kafka_errors import KafkaAccessError
from pipeline_io.kafka_google_token import google_token, token_text

EXPIRY = datetime.datetime(2026, 1, 1, 1, 0, 0)  # noqa: DTZ001  (google.auth gives it so)


class Credentials:
    """What google.auth gives."""

    def __init__(self) -> None:
        self.token: str | None = None
        self.expiry: datetime.datetime | None = None
        self.service_account_email = "job@project.iam.gserviceaccount.com"

    def refresh(self, request: Any) -> None:
        self.token, self.expiry = "ya29.secret", EXPIRY


def part(text: str) -> str:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()


def test_the_token_has_header_claims_and_access_token() -> None:
    credentials = Credentials()
    credentials.refresh(None)
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    text = token_text(credentials, now)
    header, claims, token = text.split(".")
    assert "=" not in text
    assert json.loads(part(header)) == {"typ": "JWT", "alg": "GOOG_OAUTH2_TOKEN"}
    assert json.loads(part(claims)) == {
        "exp": 1767229200.0,
        "iat": 1767225600.0,
        "iss": "Google",
        "scope": "kafka",
        "sub": "job@project.iam.gserviceaccount.com",
    }
    assert part(token) == "ya29.secret"


def test_the_callback_gives_the_token_and_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google.auth, "default", lambda scopes: (Credentials(), "project"))
    text, ends = google_token("")
    assert part(text.split(".")[2]) == "ya29.secret"
    assert ends == 1767229200.0


def test_missing_credentials_are_told_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(scopes: Any) -> Any:
        make: Any = DefaultCredentialsError
        message = "no credentials"
        raise make(message)

    monkeypatch.setattr(google.auth, "default", missing)
    with pytest.raises(KafkaAccessError, match="gcloud auth application-default login"):
        google_token("")


def test_a_token_without_an_end_is_refused() -> None:
    endless = Credentials()
    with pytest.raises(KafkaAccessError, match="no end"):
        token_text(endless, datetime.datetime.now(datetime.timezone.utc))
