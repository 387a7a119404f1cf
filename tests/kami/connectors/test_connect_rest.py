"""Connect's REST API when it is away, refuses or is busy, and by TLS."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kami.config_nodes import Node
from kami.connect_rest import ConnectRest
from kami.connectors import ConnectAddress
from kami.connectors_health import reason_of
from kami.connectors_references import OwnSecret
from kami.errors import ConfigurationError, KamiError, RefusedError, UnreachableError
from tests.io.registry_certificates import write_certificates
from tests.kami.connectors.connect_stand_in import CLASS, ConnectStandIn, tls_of


@pytest.fixture
def connect() -> Iterator[ConnectStandIn]:
    with ConnectStandIn() as stand_in:
        yield stand_in


def names(stand_in: ConnectStandIn, **address: object) -> list[str]:
    target = ConnectAddress(stand_in.url, **address)  # type: ignore[arg-type]
    with ConnectRest(target, patience_seconds=2) as rest:
        return rest.names()


def test_a_connect_that_is_away_is_unreachable(connect: ConnectStandIn) -> None:
    closed = ConnectStandIn()
    with closed:
        pass
    with pytest.raises(UnreachableError, match=f"Connect at {closed.url} does not answer"):
        names(closed)


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        (401, ConfigurationError, "check `username` and `password` of `connect`"),
        (403, ConfigurationError, "does not take anybody"),
        (404, ConfigurationError, r"knows no '/connectors' \(404: because\)"),
        (400, RefusedError, r"refuses GET /connectors \(400\): because"),
        (500, UnreachableError, r"has an error \(500\) at GET /connectors: because; see the"),
    ],
)
def test_an_answer_that_is_no_answer_is_told(
    connect: ConnectStandIn, status: int, error: type[KamiError], told: str
) -> None:
    connect.faults.append((status, "because"))
    with pytest.raises(error, match=told):
        names(connect)


def test_a_rebalance_is_waited_for_until_the_patience_ends(connect: ConnectStandIn) -> None:
    connect.configs = {"b": {}, "a": {}}
    connect.faults.extend([(409, "rebalance"), (409, "rebalance")])
    assert names(connect) == ["a", "b"]
    connect.faults.append((409, "rebalance"))
    address = ConnectAddress(connect.url)
    with (
        ConnectRest(address, patience_seconds=-1) as rest,
        pytest.raises(UnreachableError, match="still sharing out its work"),
    ):
        rest.names()


def login(password: str) -> dict[str, object]:
    written = yaml.compose(password)
    assert written is not None
    return {"username": "kami", "password": OwnSecret(Node(Path("connectors.yaml"), written))}


def test_the_login_is_sent_and_not_told(connect: ConnectStandIn) -> None:
    connect.login = "Basic " + base64.b64encode(b"kami:hunter2").decode()
    assert names(connect, **login("hunter2")) == []
    with pytest.raises(ConfigurationError, match="does not take user 'kami'") as raised:
        names(connect, **login("hunter3"))
    assert "hunter" not in str(raised.value)


def test_a_plugin_that_is_not_there_is_told_with_those_that_are(connect: ConnectStandIn) -> None:
    with (
        ConnectRest(ConnectAddress(connect.url)) as rest,
        pytest.raises(RefusedError, match=f"has no plug-in 'a.B'; it has: {CLASS}; put"),
    ):
        rest.errors_of({"connector.class": "a.B"})


def test_tls_is_spoken_with_those_whom_the_certificates_vouch_for(tmp_path: Path) -> None:
    write_certificates(tmp_path)
    with ConnectStandIn(tls_of(tmp_path / "server.pem")) as stand_in:
        assert names(stand_in, ca=tmp_path / "ca.pem") == []
        with pytest.raises(UnreachableError, match="certificate verify failed"):
            names(stand_in, ca=tmp_path / "stranger.pem")
        with pytest.raises(ConfigurationError, match=r"expected PEM files in .*absent\.pem"):
            names(stand_in, ca=tmp_path / "absent.pem")


def test_a_client_shows_its_certificate(tmp_path: Path) -> None:
    write_certificates(tmp_path)
    client = {"certificate": tmp_path / "bare.pem", "key": tmp_path / "bare.key"}
    with ConnectStandIn(tls_of(tmp_path / "server.pem", tmp_path / "ca.pem")) as stand_in:
        assert names(stand_in, ca=tmp_path / "ca.pem", **client) == []
        with pytest.raises(UnreachableError):
            names(stand_in, ca=tmp_path / "ca.pem")


def test_a_trace_is_told_by_its_first_line_and_its_deepest_cause() -> None:
    trace = (
        "org.apache.kafka.connect.errors.ConnectException: stopped\n\tat io.debezium.A.b(A.java)\n"
        "Caused by: io.debezium.DebeziumException: because of\n\tat c.D.e(D.java:1)\n"
        "Caused by: org.postgresql.util.PSQLException: ERROR: permission denied for table a\n"
    )
    assert reason_of(trace) == (
        "ConnectException: stopped; PSQLException: ERROR: permission denied for table a"
    )
    assert reason_of("a.b.C: alone") == "C: alone"
