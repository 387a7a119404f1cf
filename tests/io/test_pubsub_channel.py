"""The way to the real service: TLS, and Google's credentials."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google.auth
import google.auth.exceptions
import google.oauth2.credentials
import grpc
import pytest

from pipeline_io.pubsub_channel import open_channel, publish_call
from pipeline_io.pubsub_check import check
from pipeline_io.pubsub_errors import PubsubAccessError, PubsubUnavailable
from pipeline_io.pubsub_requests import requests_of
from tests.io.pubsub_rows import sink_rows
from tests.io.pubsub_stand_in import StandIn
from tests.io.registry_certificates import write_certificates

_AUTH: Any = google.auth.exceptions
_CREDENTIALS: Any = google.oauth2.credentials.Credentials


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    write_certificates(tmp_path)
    authority = (tmp_path / "ca.pem").read_bytes()
    trusted = grpc.ssl_channel_credentials(root_certificates=authority)
    monkeypatch.setattr(grpc, "ssl_channel_credentials", lambda *_, **__: trusted)
    use(monkeypatch, _CREDENTIALS("a-token"))
    with StandIn(certificate=(tmp_path / "server.pem").read_bytes()) as service:
        yield service


def use(monkeypatch: pytest.MonkeyPatch, credentials: object) -> None:
    """Lets Google's library find these credentials."""
    monkeypatch.setattr(google.auth, "default", lambda **_: (credentials, "shop-1"))


class Refused:
    """Credentials whose refresh ends with an error."""

    valid = False

    def __init__(self, error: Exception) -> None:
        self.error = error

    def refresh(self, request: object) -> None:
        raise self.error


def test_requests_go_over_tls_with_the_credentials_token(service: StandIn) -> None:
    config = service.config()
    channel = open_channel(config)
    (request,) = requests_of(sink_rows([b"a"]), config).requests

    check(config)
    publish_call(channel, config)(request.body(), 10.0)
    channel.close()

    assert service.payloads() == [b"a"]
    assert service.metadata[0]["authorization"] == "Bearer a-token"


def test_revoked_credentials_are_told_at_once(
    service: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Refused(_AUTH.RefreshError("invalid_grant: revoked")))

    with pytest.raises(PubsubAccessError, match=r"revoked.*gcloud auth application-default login"):
        check(service.config())


@pytest.mark.parametrize("kind", ["TransportError", "RefreshError"])
def test_while_the_server_of_tokens_is_away_the_check_waits(
    service: StandIn, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    error = getattr(_AUTH, kind)("away", retryable=True)

    class Away(Refused):
        def before_request(self, *_: object) -> None:
            raise self.error

    use(monkeypatch, Away(error))

    with pytest.raises(PubsubUnavailable, match="away"):
        check(service.config(), patience_seconds=0.5)
