"""A registry that goes away in mid-run: no record becomes a failure for that, and none is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pyarrow as pa
import pytest

from pipeline_io.schema_registry import (
    RegistryError,
    RegistryUnavailable,
    UnknownSchema,
)
from pipeline_io.schema_registry_session import RegistrySession
from tests.io.registry_clock import Clock, session_of
from tests.io.registry_server import HANG_UP, Fault, Filed, RegistryServer
from transforms.avro import choose_decoder, decode

LONG = '{"type": "long"}'
RECORD = json.dumps({"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]})
DOWN = 300
"""More faults than a session makes attempts."""


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as started:
        started.add("s", LONG)
        yield started


class Events(Clock):
    """A clock on which something happens with the n-th sleep."""

    def __init__(self, happens: dict[int, Callable[[], object]]) -> None:
        super().__init__()
        self.happens = happens

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.happens.get(len(self.slept), lambda: None)()


def after_one(server: RegistryServer, clock: Clock) -> RegistrySession:
    """A session that has asked for schema 1."""
    session = session_of(server.url, clock=clock)
    assert session.schema(1) == LONG
    return session


def value(schema_id: int, number: int) -> bytes:
    """A record of RECORD as Confluent's converter writes it."""
    return b"\x00" + schema_id.to_bytes(4, "big") + bytes([number * 2])


def test_records_of_a_schema_that_is_not_known_yet_wait_for_the_registry(
    server: RegistryServer, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = server.add("r", RECORD, 5), server.add("r", RECORD.replace("R", "Q"), 6)
    clock = Events({20: lambda: server.faults.clear()})
    session = session_of(server.url, clock=clock)
    session.schema(first)
    server.faults.extend([HANG_UP, Fault(503)] * DOWN)
    values = pa.array([value(first, 1), value(second, 2), value(first, 3)], pa.binary())

    decoded = decode(values, session, choose_decoder("fastavro"))

    assert decoded.failures == []
    rows = {group.schema_id: group.rows.column("a").to_pylist() for group in decoded.groups}
    assert rows == {first: [1, 3], second: [2]}
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 20
    assert f"schema registry: waiting for schema id {second} since" in told[0]
    assert "the job stops in" in told[0]


def test_a_registry_that_stays_away_ends_the_run_and_fails_no_record(
    server: RegistryServer,
) -> None:
    session = session_of(server.url)
    server.faults.extend([Fault(503)] * DOWN)
    values = pa.array([value(1, 1)] * 3, pa.binary())

    with pytest.raises(RegistryUnavailable, match=r"no answer for schema id 1 in 300 s"):
        decode(values, session, choose_decoder("fastavro"))


def test_a_registry_that_came_back_without_its_schemas_is_waited_for(
    server: RegistryServer, caplog: pytest.LogCaptureFixture
) -> None:
    kept: list[Filed] = []
    clock = Events({9: lambda: server.restore(kept[0])})
    session = after_one(server, clock)
    server.add("s", RECORD, schema_id=2)
    kept.append(server.forget())

    assert session.schema(2) == RECORD

    # Three tries for an id that may have been registered a moment ago, then the outage's.
    assert len(clock.slept) == 9
    told = caplog.records[-1].getMessage()
    assert "waiting for schema id 2" in told
    assert "it does not have schema id 1 either, which it has had" in told


def test_a_registry_without_its_schemas_ends_the_run_with_what_it_lacks(
    server: RegistryServer,
) -> None:
    clock = Clock()
    session = after_one(server, clock)
    server.forget()

    with pytest.raises(RegistryUnavailable, match="schema id 1 either, which it has had") as error:
        session.schema(2)

    assert sum(clock.slept) == pytest.approx(302)
    assert not isinstance(error.value, LookupError)


def test_an_unknown_id_fails_its_records_while_the_registry_has_the_others(
    server: RegistryServer,
) -> None:
    clock = Clock()
    session = after_one(server, clock)

    with pytest.raises(UnknownSchema, match="has no schema id 2"):
        session.schema(2)

    assert sum(clock.slept) == pytest.approx(2)
    # Of all attempts one looks whether the registry still has what it had.
    assert server.paths().count("/schemas/ids/1") == 2


PAGES = [
    Fault(404, "404 page not found"),
    Fault(200, "<html>We will be back soon</html>"),
    Fault(302, "", {"Location": "https://maintenance/"}),
]


@pytest.mark.parametrize("page", PAGES)
def test_a_proxys_page_in_the_registrys_place_is_waited_out(
    server: RegistryServer, page: Fault
) -> None:
    clock = Events({5: lambda: server.faults.clear()})
    session = after_one(server, clock)
    server.add("s", RECORD, schema_id=2)
    server.faults.extend([page] * DOWN)

    assert session.schema(2) == RECORD
    assert len(clock.slept) == 5


@pytest.mark.parametrize("page", PAGES)
def test_a_proxys_page_where_no_registry_has_answered_yet_stops_at_once(
    server: RegistryServer, page: Fault
) -> None:
    clock = Clock()
    server.faults.append(page)

    with pytest.raises(RegistryError, match="check the address"):
        session_of(server.url, clock=clock).schema(1)

    assert clock.slept == []


def test_a_check_of_a_registry_that_has_answered_does_not_wait_for_a_path_that_it_lacks(
    server: RegistryServer,
) -> None:
    # Registries of before 2020 have no types of schemas; a second table has the same registry.
    clock = Clock()
    session = after_one(server, clock)
    server.faults.append(Fault(404, '{"error_code": 404, "message": "HTTP 404 Not Found"}'))

    session.check()

    assert clock.slept == []
