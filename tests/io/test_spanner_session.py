"""Requests to Spanner's emulator, and what is said when they cannot be done."""

from __future__ import annotations

import dataclasses

import pytest
from google.cloud.spanner_v1.types import Mutation
from google.protobuf.struct_pb2 import ListValue, Value

from pipeline_io.spanner_config import SpannerConfig
from pipeline_io.spanner_errors import (
    RefusedRows,
    SpannerAccessError,
    SpannerSchemaError,
    SpannerUnavailable,
)
from pipeline_io.spanner_session import SpannerSession, Transaction
from tests.stack.spanner_databases import SpannerDatabase

TABLE = "CREATE TABLE t (id INT64 NOT NULL, s STRING(MAX)) PRIMARY KEY (id)"


@pytest.mark.parametrize(
    "address",
    [
        "spanner:shop-1/main/orders",
        "spanner:projects/shop-1/instances/main/databases/orders",
        "projects/shop-1/instances/main/databases/orders",
        "jdbc:cloudspanner:/projects/shop-1/instances/main/databases/orders",
    ],
)
def test_an_address_names_project_instance_and_database(address: str) -> None:
    config = SpannerConfig.of(address)
    assert config.path == "projects/shop-1/instances/main/databases/orders"


@pytest.mark.parametrize("address", ["spanner:shop/main", "postgresql://h/d", "spanner:a/b/c/d"])
def test_another_address_is_refused_with_the_form_that_is_expected(address: str) -> None:
    with pytest.raises(ValueError, match="expected spanner:PROJECT/INSTANCE/DATABASE"):
        SpannerConfig.of(address)


def test_a_read_tells_its_time_and_another_read_at_that_time_sees_the_same(
    spanner_database: SpannerDatabase,
) -> None:
    spanner_database.ddl(TABLE)
    spanner_database.insert("t", ["id", "s"], [[1, "one"]])
    session = _session(spanner_database)
    first = session.read("reading", "SELECT id, s FROM t")
    spanner_database.insert("t", ["id", "s"], [[2, "two"]])
    again = session.read("reading", "SELECT id, s FROM t", at=first.read_timestamp)
    now = session.read("reading", "SELECT id, s FROM t ORDER BY id")
    session.close()
    assert (first.texts("s"), again.texts("s"), now.texts("s")) == (
        ["one"],
        ["one"],
        ["one", "two"],
    )


def test_a_value_larger_than_a_part_of_an_answer_comes_whole(
    spanner_database: SpannerDatabase,
) -> None:
    spanner_database.ddl(TABLE)
    text = "".join(f"{number:07d}" for number in range(300_000))
    spanner_database.insert("t", ["id", "s"], [[1, text]])
    session = _session(spanner_database)
    answer = session.read("reading", "SELECT s, id FROM t")
    session.close()
    assert (answer.texts("s"), answer.texts("id")) == ([text], ["1"])


def test_a_transaction_writes_what_it_leaves_and_is_done_again_when_aborted(
    spanner_database: SpannerDatabase,
) -> None:
    spanner_database.ddl(TABLE)
    spanner_database.insert("t", ["id", "s"], [[1, "a"]])
    session = _session(spanner_database)
    tries = []

    def work(transaction: Transaction) -> str:
        (found,) = transaction.read("SELECT s FROM t WHERE id = 1", {}).texts("s")
        tries.append(found)
        if len(tries) == 1:
            # The emulator lets one transaction write at a time: this one aborts ours, or waits.
            spanner_database.execute("UPDATE t SET s = 'b' WHERE id = 1")
        transaction.mutations.append(_write(1, f"{found}!"))
        return f"{found}!"

    assert session.transact("writing", work) == f"{tries[-1]}!"
    session.close()
    assert spanner_database.query("SELECT s FROM t") == [(f"{tries[-1]}!",)]
    assert len(tries) > 1


def test_a_row_that_spanner_refuses_is_said_with_its_reason(
    spanner_database: SpannerDatabase,
) -> None:
    spanner_database.ddl("CREATE TABLE t (id INT64 NOT NULL, s STRING(2)) PRIMARY KEY (id)")
    session = _session(spanner_database)
    with pytest.raises(RefusedRows, match="maximum size limit") as caught:
        session.transact("writing", lambda one: one.mutations.append(_write(1, "long")))
    session.close()
    assert caught.value.error_class == "FAILED_PRECONDITION"


def test_what_does_not_exist_is_said_with_the_next_step(spanner_database: SpannerDatabase) -> None:
    spanner_database.ddl(TABLE)
    config = SpannerConfig.of(spanner_database.url)
    elsewhere = SpannerSession(dataclasses.replace(config, database="nowhere"))
    with pytest.raises(SpannerAccessError, match=r"/nowhere does not exist .*gcloud spanner"):
        elsewhere.read("reading", "SELECT 1")
    session = SpannerSession(config)
    with pytest.raises(SpannerSchemaError, match=r"rows cannot be read: .*Table not found: nope"):
        session.read("rows cannot be read", "SELECT 1 FROM nope")
    with pytest.raises(SpannerSchemaError, match="Column not found in table t: nope"):
        session.transact("writing", lambda one: one.mutations.append(_write(1, "x", "nope")))
    session.close()


def test_an_emulator_that_is_away_is_asked_for_a_while_and_then_named(
    spanner_database: SpannerDatabase,
) -> None:
    config = dataclasses.replace(
        SpannerConfig.of(spanner_database.url), emulator="127.0.0.1:1", retry_seconds=0.5
    )
    session = SpannerSession(config)
    with pytest.raises(SpannerUnavailable, match=r"start the emulator at 127\.0\.0\.1:1"):
        session.read("reading", "SELECT 1")
    session.close()


def test_a_session_that_spanner_has_dropped_is_made_again(
    spanner_database: SpannerDatabase,
) -> None:
    spanner_database.ddl(TABLE)
    session = _session(spanner_database)
    session.transact("writing", lambda one: one.mutations.append(_write(1, "a")))
    api = spanner_database.client_database.spanner_api
    for each in api.list_sessions(database=spanner_database.client_database.name):
        api.delete_session(name=each.name)
    session.transact("writing", lambda one: one.mutations.append(_write(2, "b")))
    session.close()
    assert spanner_database.query("SELECT id FROM t ORDER BY id") == [(1,), (2,)]


def _write(id_: int, text: str, column: str = "s") -> Mutation:
    row = ListValue(values=[Value(string_value=str(id_)), Value(string_value=text)])
    return Mutation(
        insert_or_update=Mutation.Write(table="t", columns=["id", column], values=[row])
    )


def _session(database: SpannerDatabase) -> SpannerSession:
    return SpannerSession(SpannerConfig.of(database.url))
