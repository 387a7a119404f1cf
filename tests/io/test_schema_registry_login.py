"""Logins: what is sent, what is read anew, and that no secret is ever shown."""

import base64
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google.auth
import google.auth.exceptions
import pytest

from pipeline_io.schema_registry import RegistryError, RegistryUnavailable
from tests.io.registry_clock import Clock, session_of
from tests.io.registry_server import Fault, RegistryServer

# They are functions without annotations.
ERRORS: Any = google.auth.exceptions
PASSWORD = "pässwörd-hunter2"  # noqa: S105
LONG = '{"type": "long"}'


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as started:
        started.add("s", LONG)
        yield started


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{PASSWORD}\n", encoding="utf-8")
    return path


class GoogleCredentials:
    """Google's credentials, with a token for each refresh."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.refreshes = 0

    def refresh(self, request: object) -> None:
        self.refreshes += 1

    def before_request(
        self, request: object, method: str, url: str, headers: dict[str, str]
    ) -> None:
        if self.errors:
            raise self.errors.pop(0)
        headers["authorization"] = f"Bearer token-{self.refreshes}"


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> GoogleCredentials:
    made = GoogleCredentials()

    def default(scopes: list[str]) -> tuple[GoogleCredentials, str]:
        assert scopes == ["https://www.googleapis.com/auth/cloud-platform"]
        return made, "project"

    monkeypatch.setattr(google.auth, "default", default)
    return made


def test_user_and_password_are_sent(server: RegistryServer, secret: Path) -> None:
    server.logins = {basic("user", PASSWORD)}

    assert session_of(server.url, username="user", password=f"file://{secret}").schema(1) == LONG


def test_a_token_is_sent(server: RegistryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_TOKEN", "abc.def\r\n")
    server.logins = {"Bearer abc.def"}

    session = session_of(server.url, bearer_token="env://REGISTRY_TOKEN")  # noqa: S106

    assert session.schema(1) == LONG


def test_googles_token_is_sent_and_refreshed_after_a_401(
    server: RegistryServer, credentials: GoogleCredentials
) -> None:
    server.logins = {"Bearer token-1"}

    session = session_of(server.url, google_token=True)

    assert session.schema(1) == LONG
    assert [seen.login for seen in server.seen] == ["Bearer token-0", "Bearer token-1"]


def test_googles_token_service_is_waited_for(
    server: RegistryServer, credentials: GoogleCredentials
) -> None:
    clock = Clock()
    away = ERRORS.TransportError("metadata")
    credentials.errors += [away, ERRORS.RefreshError("x", retryable=True)]

    assert session_of(server.url, google_token=True, clock=clock).schema(1) == LONG
    assert len(clock.slept) == 2


def test_no_account_of_google_stops_with_what_to_do(
    server: RegistryServer, credentials: GoogleCredentials
) -> None:
    credentials.errors.append(ERRORS.DefaultCredentialsError("none"))

    with pytest.raises(RegistryError, match="gcloud auth application-default login"):
        session_of(server.url, google_token=True).schema(1)


def test_a_password_that_was_rotated_is_read_anew(server: RegistryServer, secret: Path) -> None:
    server.logins = {basic("user", PASSWORD)}
    session = session_of(server.url, username="user", password=f"file://{secret}")
    session.schema(1)
    server.add("s", '{"type": "bytes"}', 2)
    server.logins = {basic("user", "new")}
    secret.write_text("new", encoding="utf-8")

    assert session.schema(2) == '{"type": "bytes"}'
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("status", "requests", "advice"),
    [(401, 2, "check the user and the password"), (403, 1, "the right to read schemas")],
)
def test_refused_credentials_stop_at_once_with_what_to_do(
    server: RegistryServer, secret: Path, status: int, requests: int, advice: str
) -> None:
    clock = Clock()
    server.faults.extend([Fault(status, "go away")] * requests)
    session = session_of(server.url, username="user", password=f"file://{secret}", clock=clock)

    with pytest.raises(RegistryError, match=f"HTTP {status} 'go away'; .*{advice}"):
        session.schema(1)

    assert not clock.slept
    assert len(server.seen) == requests


def test_a_registry_that_wants_a_login_says_so_to_a_job_without_one(server: RegistryServer) -> None:
    server.logins = {"Bearer x"}

    with pytest.raises(RegistryError, match="refuses the types of schemas: HTTP 401"):
        session_of(server.url).check()

    assert len(server.seen) == 1


def test_a_secret_that_is_not_there_stops_with_its_reference(server: RegistryServer) -> None:
    with pytest.raises(RegistryError, match="env://KAMIFLOW_NONE: the environment variable"):
        session_of(server.url, username="u", password="env://KAMIFLOW_NONE").schema(1)  # noqa: S106


@pytest.mark.parametrize("token", ["secret\nword", "secret word", "sécret"])
def test_a_token_that_no_header_can_carry_stops_without_showing_it(
    server: RegistryServer, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("REGISTRY_TOKEN", token)

    with pytest.raises(RegistryError, match="no HTTP header can carry") as caught:
        session_of(server.url, bearer_token="env://REGISTRY_TOKEN").schema(1)  # noqa: S106

    assert token not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("status", [200, 401, 403, 404, 409, 422, 500])
def test_a_server_that_repeats_the_credentials_does_not_have_them_shown(
    server: RegistryServer, secret: Path, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    encoded = basic("user", PASSWORD).removeprefix("Basic ")
    code = status * 100 + 1
    body = f'{{"error_code": {code}, "message": "{encoded} {PASSWORD} http://u:{PASSWORD}@h"}}'
    server.faults.extend([Fault(status, body)] * 100)
    session = session_of(server.url, username="user", password=f"file://{secret}", retry_seconds=1)

    with pytest.raises((RegistryError, LookupError)) as caught:
        session.schema(1)
    with pytest.raises(RegistryError) as registering:
        session.register("s", LONG, normalize=False)

    shown = caplog.text + "".join(
        text for found in (caught, registering) for text in traceback.format_exception(found.value)
    )
    assert "***" in shown
    assert PASSWORD not in shown
    assert encoded not in shown


def test_a_secret_manager_is_asked_once_for_many_requests(
    server: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def read(reference: str) -> str:
        asked.append(reference)
        return "password"

    monkeypatch.setattr("pipeline_io.schema_registry_login.read_secret", read)
    session = session_of(server.url, username="u", password="secret://p")  # noqa: S106
    for schema_id in range(2, 6):
        server.add("s", LONG, schema_id)
        session.schema(schema_id)

    assert asked == ["secret://p"]


def test_the_time_of_googles_silence_is_bounded(
    server: RegistryServer, credentials: GoogleCredentials
) -> None:
    clock = Clock()
    credentials.errors += [ERRORS.TransportError("metadata")] * 1000

    with pytest.raises(RegistryUnavailable, match="token service is away"):
        session_of(server.url, google_token=True, clock=clock).schema(1)

    assert not server.seen
