"""Secrets of Google Secret Manager: what is asked, and what is said when there is no secret."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import DefaultCredentialsError
from google.cloud import secretmanager
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcTransport,
)

from pipeline_io import secret_manager
from pipeline_io.secrets import Secret, SecretError, read_secret
from tests.io.secret_manager_server import Secrets, serving

SECRET = "projects/bank/secrets/db-password"  # noqa: S105 - a name


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Secrets]:
    known = Secrets()
    known.versions = {f"{SECRET}/versions/latest": b"new", f"{SECRET}/versions/3": "päss".encode()}
    with serving(known) as address:
        channel = grpc.insecure_channel(address)
        client = secretmanager.SecretManagerServiceClient(
            transport=SecretManagerServiceGrpcTransport(channel=channel)
        )
        monkeypatch.setattr(secret_manager, "client", lambda: client)
        yield known
        channel.close()


def test_a_version_is_read_and_the_latest_where_none_is_named(secrets: Secrets) -> None:
    assert read_secret(f"secret://{SECRET}/versions/3") == "päss"
    assert read_secret(f"secret://{SECRET}") == "new"
    secrets.versions[f"{SECRET}/versions/latest"] = b"of a file\n"
    assert read_secret(f"secret://{SECRET}/versions/latest") == "of a file"
    assert secrets.asked == [f"{SECRET}/versions/{name}" for name in ("3", "latest", "latest")]


def test_a_rotated_secret_is_read_again_when_it_is_refused(secrets: Secrets) -> None:
    secret = Secret(f"secret://{SECRET}")
    assert secret.value() == "new"
    assert not secret.changed("new")
    secrets.versions[f"{SECRET}/versions/latest"] = b"newer"
    assert secret.changed("new")
    assert secret.value() == "newer"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, f"Secret Manager Secret Accessor on {SECRET}"),
        (grpc.StatusCode.NOT_FOUND, f"there is no {SECRET}/versions/3"),
        (grpc.StatusCode.FAILED_PRECONDITION, "the version is disabled or destroyed"),
        (grpc.StatusCode.INVALID_ARGUMENT, "expected secret://projects/P/secrets/S"),
    ],
)
def test_a_refusal_says_what_to_do_and_not_what_the_server_said(
    secrets: Secrets, code: grpc.StatusCode, said: str
) -> None:
    secrets.failing = [code]
    with pytest.raises(SecretError) as stopped:
        read_secret(f"secret://{SECRET}/versions/3")
    assert said in str(stopped.value)
    assert f"secret://{SECRET}/versions/3" in str(stopped.value)
    assert "hunter2" not in str(stopped.value) and stopped.value.__cause__ is None


def test_a_short_outage_is_waited_for(secrets: Secrets) -> None:
    secrets.failing = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED]
    assert read_secret(f"secret://{SECRET}") == "new"
    assert len(secrets.asked) == 3


def test_a_long_outage_is_told(secrets: Secrets, monkeypatch: pytest.MonkeyPatch) -> None:
    predicate = if_exception_type(*secret_manager.AWAY)
    monkeypatch.setattr(secret_manager, "RETRY", Retry(predicate=predicate, timeout=0.1))
    secrets.failing = [grpc.StatusCode.UNAVAILABLE] * 9
    with pytest.raises(SecretError, match=r"did not answer .* start the job again later"):
        read_secret(f"secret://{SECRET}")


def test_what_was_damaged_on_the_way_or_is_no_text_is_refused(secrets: Secrets) -> None:
    secrets.damaged = True
    with pytest.raises(SecretError, match="damaged on the way"):
        read_secret(f"secret://{SECRET}")
    secrets.damaged = False
    secrets.versions[f"{SECRET}/versions/latest"] = b"hunter2\xff"
    with pytest.raises(SecretError, match="no text in UTF-8") as stopped:
        read_secret(f"secret://{SECRET}")
    assert "hunter2" not in str(stopped.value)


@pytest.mark.parametrize("name", ["", "db-password", "projects/p", f"{SECRET}/versions", "a b"])
def test_a_name_that_names_no_secret_is_told_before_anybody_is_asked(
    secrets: Secrets, name: str
) -> None:
    with pytest.raises(SecretError, match="names no secret; expected secret://projects/P"):
        read_secret(f"secret://{name}")
    assert secrets.asked == []


def test_without_an_account_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise DefaultCredentialsError

    monkeypatch.setattr(secret_manager, "client", refuse)
    with pytest.raises(SecretError, match="gcloud auth application-default login"):
        read_secret(f"secret://{SECRET}")
