"""TLS: whom a job trusts as its registry, and the certificate that it shows."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline_io.schema_registry import RegistryError
from tests.io.registry_certificates import KEY_PASSWORD, write_certificates
from tests.io.registry_clock import Clock, session_of
from tests.io.registry_server import RegistryServer

LONG = '{"type": "long"}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("certificates")
    write_certificates(made)
    return made


def started(folder: Path, *, wants_certificate: bool) -> RegistryServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    if wants_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(folder / "ca.pem")
    server = RegistryServer(context)
    server.add("s", LONG)
    return server


@pytest.fixture
def server(folder: Path) -> Iterator[RegistryServer]:
    with started(folder, wants_certificate=False) as running:
        yield running


@pytest.fixture
def strict_server(folder: Path) -> Iterator[RegistryServer]:
    with started(folder, wants_certificate=True) as running:
        yield running


def test_a_registry_of_an_own_authority_is_trusted(server: RegistryServer, folder: Path) -> None:
    assert session_of(server.url, ca=str(folder / "ca.pem")).schema(1) == LONG


def test_an_authority_may_stand_in_a_secret(server: RegistryServer, folder: Path) -> None:
    assert session_of(server.url, ca=f"file://{folder / 'ca.pem'}").schema(1) == LONG


@pytest.mark.parametrize("ca", [None, "stranger.pem"])
def test_a_registry_that_is_not_trusted_stops_at_once(
    server: RegistryServer, folder: Path, ca: str | None
) -> None:
    clock = Clock()
    session = session_of(server.url, ca=str(folder / ca) if ca else None, clock=clock)

    with pytest.raises(RegistryError, match=r"no TLS connection: .*; check the CA") as caught:
        session.schema(1)

    assert "certificate verify failed" in str(caught.value)
    assert not clock.slept


def test_a_registry_under_another_name_is_not_trusted(server: RegistryServer, folder: Path) -> None:
    url = server.url.replace("127.0.0.1", "localhost")

    with pytest.raises(RegistryError, match=r"[Hh]ostname mismatch"):
        session_of(url, ca=str(folder / "ca.pem")).schema(1)


@pytest.mark.parametrize(
    ("certificate", "key", "password"),
    [("client.pem", None, KEY_PASSWORD), ("bare.pem", "bare.key", None)],
)
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_certificate_of_the_client_lets_it_in(
    strict_server: RegistryServer,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    certificate: str,
    key: str | None,
    password: str | None,
    scheme: str,
) -> None:
    monkeypatch.setenv("KEY_PASSWORD", password or "")
    settings: dict[str, Any] = {
        "ca": str(folder / "ca.pem"),
        "certificate": f"{scheme}{folder / certificate}",
        "key": f"{scheme}{folder / key}" if key else None,
        "key_password": "env://KEY_PASSWORD" if password else None,
    }

    assert session_of(strict_server.url, **settings).schema(1) == LONG


def test_a_client_without_a_certificate_is_told_to_show_one(
    strict_server: RegistryServer, folder: Path
) -> None:
    clock = Clock()

    with pytest.raises(RegistryError, match="the client certificate if the registry wants one"):
        session_of(strict_server.url, ca=str(folder / "ca.pem"), clock=clock).schema(1)

    assert not clock.slept


@pytest.mark.parametrize(
    "settings",
    [
        {"ca": "none.pem"},
        {"ca": "bare.key"},
        {"ca": "env://KAMIFLOW_NONE"},
        {"certificate": "none.pem"},
        {"certificate": "bare.pem"},
        {"certificate": "client.pem"},
        {"certificate": "client.pem", "key_password": "env://WRONG"},
    ],
)
def test_a_certificate_that_cannot_be_used_stops_and_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("WRONG", "not the password")
    name = settings.get("certificate") or settings["ca"]

    with pytest.raises(RegistryError, match=f"certificate '{name}' cannot be used") as caught:
        session_of("https://127.0.0.1:1", **settings)

    assert "not the password" not in str(caught.value)


def test_https_on_a_port_of_http_stops_at_once() -> None:
    clock = Clock()
    with RegistryServer() as plain:
        url = plain.url.replace("http://", "https://")

        with pytest.raises(RegistryError, match="http or https"):
            session_of(url, clock=clock).schema(1)

    assert not clock.slept


def test_http_on_a_port_of_https_is_waited_for_and_named(server: RegistryServer) -> None:
    url = server.url.replace("https://", "http://")

    with pytest.raises(RegistryError, match=url):
        session_of(url).schema(1)
