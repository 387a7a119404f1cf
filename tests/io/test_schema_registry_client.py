"""A registry that is away, slow, replaced or no registry: waited for, passed by, or told."""

import datetime
import email.utils
import socket
from collections.abc import Iterator

import httpx
import pytest

from pipeline_io.schema_registry import RegistryError, RegistryUnavailable
from tests.io.registry_clock import Clock, session_of
from tests.io.registry_server import HANG_UP, SILENCE, Fault, RegistryServer

LONG = '{"type": "long"}'


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as started:
        started.add("s", LONG)
        yield started


@pytest.fixture
def other() -> Iterator[RegistryServer]:
    with RegistryServer() as started:
        started.add("s", LONG)
        yield started


@pytest.fixture
def nobody() -> str:
    """An address where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("fault", [HANG_UP, *(Fault(s) for s in (408, 425, 429, 500, 502, 503))])
def test_a_registry_that_comes_back_is_waited_for(
    server: RegistryServer, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    server.faults.extend([fault] * 3)

    assert session_of(server.url, clock=clock).schema(1) == LONG

    assert len(clock.slept) == 3
    assert all(0 <= slept <= 0.5 * 2**number for number, slept in enumerate(clock.slept))
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 3
    assert "waiting for schema id 1 since" in told[1]
    assert "attempt 2" in told[1]
    assert server.url in told[1]


def test_a_registry_that_stays_away_stops_after_the_time_with_what_to_do(nobody: str) -> None:
    clock = Clock()

    with pytest.raises(RegistryUnavailable) as caught:
        session_of(nobody, clock=clock).schema(1)

    assert sum(clock.slept) == pytest.approx(300)
    message = str(caught.value)
    assert f"schema registry {nobody}: no answer for schema id 1 in 300 s" in message
    assert "ConnectError" in message
    assert "check that it runs and can be reached" in message


def test_a_failure_is_not_remembered(server: RegistryServer) -> None:
    session = session_of(server.url, retry_seconds=0)
    server.faults.append(Fault(503, "starting"))

    with pytest.raises(RegistryUnavailable, match="HTTP 503 'starting'"):
        session.schema(1)

    assert session.schema(1) == LONG


def test_a_registry_that_says_nothing_is_left_after_the_time_limit(server: RegistryServer) -> None:
    server.faults.append(SILENCE)

    assert session_of(server.url, timeout_seconds=0.1).schema(1) == LONG
    assert len(server.seen) == 2


def test_retry_after_in_seconds_is_honoured(server: RegistryServer) -> None:
    clock = Clock()
    server.faults.append(Fault(429, "", {"Retry-After": "42"}))

    assert session_of(server.url, clock=clock).schema(1) == LONG

    assert clock.slept == [pytest.approx(42)]


def test_retry_after_as_a_date_is_honoured(server: RegistryServer) -> None:
    clock = Clock()
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=100)
    server.faults.append(
        Fault(503, "", {"Retry-After": email.utils.format_datetime(until, usegmt=True)})
    )

    assert session_of(server.url, clock=clock).schema(1) == LONG

    (slept,) = clock.slept
    assert 60 < slept <= 100


@pytest.mark.parametrize("header", ["soon", "-5", "", "Wed, 21 Oct 2015 07:28:00"])
def test_a_retry_after_that_makes_no_sense_is_no_wait(server: RegistryServer, header: str) -> None:
    clock = Clock()
    server.faults.append(Fault(503, "", {"Retry-After": header}))

    assert session_of(server.url, clock=clock).schema(1) == LONG

    assert sum(clock.slept) <= 0.5


def test_a_retry_after_longer_than_the_job_waits_ends_with_its_reason(
    server: RegistryServer,
) -> None:
    clock = Clock()
    server.faults.append(Fault(429, "", {"Retry-After": "3600"}))

    with pytest.raises(RegistryUnavailable, match="left alone for 300 s more"):
        session_of(server.url, clock=clock).schema(1)

    assert sum(clock.slept) == pytest.approx(300)
    assert len(server.seen) == 1


def test_another_replica_answers_at_once_for_one_that_fails(
    server: RegistryServer, other: RegistryServer
) -> None:
    clock = Clock()
    server.faults.append(Fault(503, "", {"Retry-After": "3600"}))

    assert session_of(server.url, other.url, clock=clock).schema(1) == LONG

    assert not clock.slept
    assert (len(server.seen), len(other.seen)) == (1, 1)


def test_a_replica_that_failed_is_last_for_a_minute(
    server: RegistryServer, other: RegistryServer
) -> None:
    clock = Clock()
    server.faults.append(Fault(500))
    session = session_of(server.url, other.url, clock=clock, unknown_id_tries=1)
    session.schema(1)
    for replica in (server, other):
        for schema_id in (2, 3):
            replica.add("s", f'{{"type": "{schema_id}"}}', schema_id)

    session.schema(2)
    assert (len(server.seen), len(other.seen)) == (1, 2)
    clock.now += 61
    session.schema(3)
    assert (len(server.seen), len(other.seen)) == (2, 2)


def test_a_replica_that_answers_again_is_asked_in_its_turn(
    server: RegistryServer, other: RegistryServer
) -> None:
    server.faults.append(Fault(500))
    session = session_of(server.url, other.url, unknown_id_tries=1)
    session.schema(1)
    with pytest.raises(LookupError):
        # Every replica is asked for what one of them lacks: it is seen that this one works.
        session.schema(9)
    server.add("s", '{"type": "bytes"}', 2)
    before = len(server.seen), len(other.seen)

    session.schema(2)

    assert (len(server.seen), len(other.seen)) == (before[0] + 1, before[1])


def test_an_id_that_one_replica_lacks_is_found_at_another(
    server: RegistryServer, other: RegistryServer
) -> None:
    clock = Clock()
    other.add("s", '{"type": "bytes"}', 2)

    assert session_of(server.url, other.url, clock=clock).schema(2) == '{"type": "bytes"}'
    assert not clock.slept


def test_an_answer_of_one_replica_that_is_no_registry_does_not_stop_the_job(
    server: RegistryServer, other: RegistryServer
) -> None:
    server.faults.append(Fault(200, "<html>Sign in</html>"))

    assert session_of(server.url, other.url).schema(1) == LONG


def test_a_replica_that_is_away_is_waited_for_while_another_is_no_registry(
    server: RegistryServer, other: RegistryServer
) -> None:
    clock = Clock()
    server.faults.extend([Fault(200, "<html>Sign in</html>")] * 2)
    other.faults.append(HANG_UP)

    assert session_of(server.url, other.url, clock=clock).schema(1) == LONG
    assert len(clock.slept) == 1


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault(200, "<html>Sign in</html>"), "HTTP 200 '<html>Sign in</html>' is no answer"),
        (Fault(200), "HTTP 200 'no text' is no answer"),
        (Fault(200, "[" * 100_000), r"HTTP 200 '\[\["),
        (Fault(200, '{"id": 1}'), "expected a schema of schema id 1"),
        (Fault(200, '{"schema": 5}'), "expected a schema of schema id 1"),
        (Fault(200, '{"schema": "x", "references": [5]}'), "expected a schema of schema id 1"),
        (Fault(200, '{"schema": "x", "references": 5}'), "expected a schema of schema id 1"),
        (Fault(302, "", {"Location": "https://login/"}), r"HTTP 302 \(to 'https://login/'\)"),
        (Fault(400, "plain HTTP on a TLS port"), "HTTP 400 'plain HTTP on a TLS port'"),
        (Fault(404, '{"error_code": 404, "message": "HTTP 404"}'), "check the address and its"),
        (Fault(404, "default backend"), "HTTP 404 'default backend' is no answer"),
        (Fault(200, "xx", {"Content-Encoding": "gzip"}), "cannot be unpacked"),
    ],
)
def test_an_answer_that_is_none_of_a_registry_stops_with_address_and_text(
    server: RegistryServer, fault: Fault, told: str
) -> None:
    clock = Clock()
    server.faults.append(fault)

    with pytest.raises(RegistryError, match=told) as caught:
        session_of(server.url, clock=clock).schema(1)

    assert server.url in str(caught.value)
    assert len(str(caught.value)) < 600
    assert not clock.slept


def test_an_answer_to_a_registration_without_an_id_stops(server: RegistryServer) -> None:
    server.faults.append(Fault(200, '{"id": true}'))

    with pytest.raises(RegistryError, match="expected an id"):
        session_of(server.url).register("s", LONG, normalize=False)


def test_not_found_in_googles_words_is_an_unknown_id(server: RegistryServer) -> None:
    body = '{"error": {"code": 404, "message": "no schema 9", "status": "NOT_FOUND"}}'
    server.faults.extend([Fault(404, body)] * 4)

    with pytest.raises(LookupError, match="no schema 9"):
        session_of(server.url).schema(9)


def test_no_request_may_take_longer_than_there_is_time_left(
    server: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    limits: list[tuple[float | None, float | None]] = []

    def request(*args: object, timeout: httpx.Timeout, **rest: object) -> httpx.Response:
        limits.append((timeout.connect, timeout.read))
        clock.now += 7
        message = "nobody answers"
        raise httpx.ReadTimeout(message)

    monkeypatch.setattr(httpx.Client, "request", request)

    with pytest.raises(RegistryUnavailable, match="ReadTimeout nobody answers"):
        session_of(server.url, clock=clock, retry_seconds=10).schema(1)

    assert limits[0] == (5, 10)
    assert all(1 <= limit <= 3 for pair in limits[1:] for limit in pair if limit)
