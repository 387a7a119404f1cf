"""What a job learns of its registry at the start, before it reads a record."""

import logging
import socket
from collections.abc import Iterator

import pytest

from pipeline_io.schema_registry import RegistryError, RegistryUnavailable, SchemaRegistry
from tests.io.registry_clock import Clock, session_of
from tests.io.registry_server import Fault, RegistryServer


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as started:
        yield started


@pytest.fixture
def nobody() -> str:
    """An address where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_a_registry_that_works_passes_the_check(server: RegistryServer) -> None:
    SchemaRegistry((server.url,)).check()

    assert server.paths() == ["/schemas/types"]


def test_a_registry_of_before_schema_types_passes_the_check(server: RegistryServer) -> None:
    server.faults.append(Fault(404, '{"error_code": 404, "message": "HTTP 404 Not Found"}'))

    session_of(server.url).check()

    assert server.paths() == ["/schemas/types", "/subjects"]


@pytest.mark.parametrize(
    ("types", "told"), [(["JSON"], "expected AVRO with them"), ({"a": 1}, "expected a list")]
)
def test_what_is_no_registry_of_avro_fails_the_check(
    server: RegistryServer, types: object, told: str
) -> None:
    server.types = types

    with pytest.raises(RegistryError, match=told):
        session_of(server.url).check()


def test_a_wrong_path_fails_the_check_with_the_path_to_try(server: RegistryServer) -> None:
    with pytest.raises(RegistryError, match=r"/api/subjects.*Apicurio: /apis/ccompat/v7"):
        session_of(f"{server.url}/api").check()


def test_a_registry_that_is_away_fails_the_check_within_ten_seconds(nobody: str) -> None:
    clock = Clock()

    with pytest.raises(RegistryUnavailable, match="no answer for the types of schemas in 8 s"):
        session_of(nobody, clock=clock).check()

    assert sum(clock.slept) == pytest.approx(8)


def test_a_login_over_an_unencrypted_network_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pipeline_io.schema_registry_session.RegistrySession.check", lambda _: None)

    with caplog.at_level(logging.WARNING):
        SchemaRegistry(("http://registry:8081",), "u", "env://P").check()

    assert "the login crosses the network unencrypted; use https://" in caplog.text
