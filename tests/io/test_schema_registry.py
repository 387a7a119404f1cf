"""What a job asks of a schema registry, and what it keeps of the answers."""

import json
import os
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline_io.schema_registry import (
    RegistryError,
    SchemaRegistry,
    UnknownSchema,
    topic_subject,
)
from pipeline_io.schema_registry_session import UnknownIds
from tests.io.registry_clock import Clock, session_of
from tests.io.registry_server import RegistryServer

LONG = '{"type": "long"}'
MONEY = {"type": "record", "name": "Money", "fields": [{"name": "cents", "type": "long"}]}


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as started:
        yield started


def test_a_schema_is_fetched_once_and_comes_as_it_was_filed(server: RegistryServer) -> None:
    schema_id = server.add("accounts-value", LONG)
    session = session_of(server.url)

    assert [session.schema(schema_id) for _ in range(3)] == [LONG] * 3
    assert server.paths() == [f"/schemas/ids/{schema_id}"]


def test_the_schemas_that_were_used_last_are_kept(server: RegistryServer) -> None:
    first, second, third = (server.add("s", f'{{"type": "{t}"}}') for t in ("int", "long", "bytes"))
    session = session_of(server.url, cached_schemas=2)

    for schema_id in (first, second, first, third, first):
        session.schema(schema_id)
    assert len(server.seen) == 3
    session.schema(second)
    assert len(server.seen) == 4


def test_threads_that_ask_for_an_id_at_once_cost_one_request(server: RegistryServer) -> None:
    schema_id = server.add("s", LONG)
    session = session_of(server.url)
    gate = threading.Barrier(8)

    def ask(_: int) -> str:
        gate.wait()
        return session.schema(schema_id)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [LONG] * 8
    assert len(server.seen) == 1


def test_an_id_that_is_registered_while_it_is_asked_for_is_found(server: RegistryServer) -> None:
    clock = Clock()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.slept) == 2:
            server.add("s", LONG, schema_id=7)

    session = SchemaRegistry((server.url,)).open_session(clock, sleep)

    assert session.schema(7) == LONG
    assert len(server.seen) == 3
    assert sum(clock.slept) < 2


def test_an_unknown_id_is_asked_for_again_and_then_a_lookup_error(server: RegistryServer) -> None:
    clock = Clock()
    session = session_of(server.url, clock=clock)

    with pytest.raises(LookupError, match=r"has no schema id 7 \(Schema 7 not found\.\)") as caught:
        session.schema(7)

    assert isinstance(caught.value, UnknownSchema)
    assert server.url in str(caught.value)
    assert len(server.seen) == 4
    assert sum(clock.slept) == pytest.approx(2)
    assert clock.slept == sorted(clock.slept)


def test_an_unknown_id_costs_no_request_for_a_while_and_is_then_asked_for_again(
    server: RegistryServer,
) -> None:
    clock = Clock()
    session = session_of(server.url, clock=clock, unknown_id_tries=1)
    for _ in range(100):
        with pytest.raises(UnknownSchema, match="schema id 7"):
            session.schema(7)
    assert len(server.seen) == 1
    server.add("s", LONG, schema_id=7)

    clock.now += 9.9
    with pytest.raises(UnknownSchema):
        session.schema(7)
    clock.now += 0.2
    assert session.schema(7) == LONG


def test_ids_of_garbage_are_waited_for_twice_and_not_a_thousand_times(
    server: RegistryServer,
) -> None:
    clock = Clock()
    session = session_of(server.url, clock=clock)

    for schema_id in range(100, 150):
        with pytest.raises(UnknownSchema):
            session.schema(schema_id)

    assert sum(clock.slept) == pytest.approx(4)
    assert len(server.seen) == 2 * 4 + 48


def test_an_id_that_no_registry_can_give_is_unknown_without_a_request(
    server: RegistryServer,
) -> None:
    with pytest.raises(UnknownSchema, match="no registry gives an id of 2147483648"):
        session_of(server.url).schema(2**31)

    assert not server.seen


@pytest.mark.parametrize("kind", ["JSON", "PROTOBUF"])
def test_a_schema_that_is_not_avro_fails_its_records_alone(
    server: RegistryServer, kind: str
) -> None:
    schema_id = server.add("s", "{}", schemaType=kind)
    clock = Clock()

    with pytest.raises(UnknownSchema, match=f"is a {kind} schema, expected AVRO"):
        session_of(server.url, clock=clock).schema(schema_id)

    assert not clock.slept


def test_references_are_fetched_once_and_inlined(server: RegistryServer) -> None:
    server.add("money", json.dumps({**MONEY, "namespace": "bank"}))
    amount = {"name": "amount", "type": "Money"}
    fee = {"type": "record", "name": "Fee", "namespace": "bank", "fields": [amount]}
    money_1 = {"name": "bank.Money", "subject": "money", "version": 1}
    server.add("a/fee", json.dumps(fee), references=[money_1])
    fields = [{"name": "fee", "type": "bank.Fee"}, {"name": "total", "type": "bank.Money"}]
    schema_id = server.add(
        "transfers-value",
        json.dumps({"type": "record", "name": "Transfer", "fields": fields}),
        references=[money_1, {"name": "bank.Fee", "subject": "a/fee", "version": 1}],
    )

    found = json.loads(session_of(server.url).schema(schema_id))

    inlined = found["fields"][0]["type"]
    assert inlined["fields"][0]["type"] == {**MONEY, "namespace": "bank"}
    assert found["fields"][1]["type"] == "bank.Money"
    assert server.paths()[1:] == ["/subjects/money/versions/1", "/subjects/a%2Ffee/versions/1"]
    assert server.seen[1].query == {"deleted": ["true"]}


@pytest.mark.parametrize(
    ("subject", "version", "told"), [("money", 2, "Version 2"), ("none", 1, "Subject 'none'")]
)
def test_a_reference_to_nothing_fails_its_records_alone(
    server: RegistryServer, subject: str, version: int, told: str
) -> None:
    server.add("money", json.dumps(MONEY))
    reference = {"name": "x", "subject": subject, "version": version}
    schema_id = server.add("s", LONG, references=[reference])

    with pytest.raises(UnknownSchema, match=f"{told} not found"):
        session_of(server.url).schema(schema_id)


def test_a_reference_that_is_no_json_fails_its_records_alone(server: RegistryServer) -> None:
    server.add("money", "{nonsense")
    reference = {"name": "x", "subject": "money", "version": 1}
    schema_id = server.add("s", LONG, references=[reference])

    with pytest.raises(UnknownSchema, match=f"references of schema id {schema_id}"):
        session_of(server.url).schema(schema_id)


@pytest.mark.parametrize("normalize", [False, True])
def test_a_schema_is_registered_once_in_a_process(server: RegistryServer, normalize: bool) -> None:
    session = session_of(server.url)

    assert [session.register("a b/c-value", LONG, normalize) for _ in range(3)] == [1, 1, 1]
    (seen,) = server.seen
    assert (seen.path, seen.body) == ("/subjects/a%20b%2Fc-value/versions", {"schema": LONG})
    assert seen.query == ({"normalize": ["true"]} if normalize else {})
    assert session.register("another", LONG, normalize) == 1


def test_an_incompatible_schema_shows_the_registrys_reasons(server: RegistryServer) -> None:
    server.refused["t-value"] = ["field a: string is no long", "field b has no default"]

    with pytest.raises(RegistryError) as caught:
        session_of(server.url).register("t-value", LONG, normalize=False)

    message = str(caught.value)
    assert "incompatible with the latest one of subject 't-value'" in message
    assert "field a: string is no long; field b has no default" in message
    assert "give new columns a default" in message


def test_an_invalid_schema_shows_what_the_registry_says(server: RegistryServer) -> None:
    with pytest.raises(RegistryError, match=r"subject 't-value': HTTP 422, Invalid schema") as told:
        session_of(server.url).register("t-value", '{"type": "lnog"}', normalize=False)

    assert '{"type": "lnog"}' in str(told.value)


def test_a_registry_crosses_to_another_process_and_connects_there(server: RegistryServer) -> None:
    schema_id = server.add("s", LONG)
    registry = SchemaRegistry.from_text(f"{server.url}/, {server.url}")
    assert registry.schema(schema_id) == LONG

    copied = pickle.loads(pickle.dumps(registry))  # noqa: S301

    assert copied == registry
    assert copied.schema(schema_id) == LONG
    # In this process it is the same registry: what it has fetched is there.
    assert len(server.seen) == 1
    registry.close()
    assert copied.schema(schema_id) == LONG
    assert len(server.seen) == 2
    copied.close()


def test_a_forked_process_shares_neither_connections_nor_what_was_fetched(
    server: RegistryServer,
) -> None:
    schema_id = server.add("s", LONG)
    registry = SchemaRegistry((server.url,))
    registry.schema(schema_id)

    child = os.fork()
    if child == 0:
        found = ""
        # Whatever happens, the child must not go on with the tests.
        try:
            found = registry.schema(schema_id)
        finally:
            os._exit(0 if found == LONG else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert len(server.seen) == 2
    registry.close()


@pytest.mark.parametrize(("tries", "delays"), [(1, []), (2, [2.0]), (3, [2 / 3, 4 / 3])])
def test_the_tries_for_an_unknown_id_spread_over_the_wait(tries: int, delays: list[float]) -> None:
    assert UnknownIds(tries, 2.0, 10.0).delays() == pytest.approx(delays)


def test_subjects_are_named_after_the_topic() -> None:
    assert topic_subject("accounts") == "accounts-value"
    assert topic_subject("accounts", key=True) == "accounts-key"
