"""Snapshots of a real PostgreSQL database."""

from __future__ import annotations

import re
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kami.keys import key_text
from pipeline_io.snapshot_file import SnapshotFile
from pipeline_io.snapshot_postgres import PostgresSnapshot
from pipelines import snapshot
from tests.pipelines.snapshot_runs import Warehouse
from tests.stack.databases import Database

NAMES = ["a", "A", "ä", 'quote"', "it's", "back\\slash", "tab\there", "line\nend", " x", "", "語"]


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


def test_a_snapshot_under_writes_is_one_state(
    postgres_database: Database, warehouse: Warehouse
) -> None:
    postgres_database.execute(
        "CREATE TABLE accounts (id integer PRIMARY KEY, amount bigint NOT NULL)",
        "CREATE TABLE transfers (id bigserial PRIMARY KEY, amount bigint NOT NULL)",
        "INSERT INTO accounts SELECT i, 100 FROM generate_series(1, 400) AS i",
    )
    stop = threading.Event()

    def transfer() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            source, target = number % 400 + 1, number * 7 % 400 + 1
            postgres_database.execute(
                f"UPDATE accounts SET amount = amount - 3 WHERE id = {source}",  # noqa: S608
                f"UPDATE accounts SET amount = amount + 2 WHERE id = {target}",  # noqa: S608
                "INSERT INTO transfers (amount) VALUES (1)",
            )

    writer = threading.Thread(target=transfer)
    writer.start()
    try:
        assert warehouse.take(postgres_database, "--range_rows=50") == 0
    finally:
        stop.set()
        writer.join()
    accounts = warehouse.rows("accounts_snapshot")
    moved = sum(row["amount"] for row in warehouse.rows("transfers_snapshot"))
    assert len(accounts) == 400
    assert moved > 0
    assert sum(row["amount"] for row in accounts) + moved == 400 * 100
    (record, _) = warehouse.rows("_snapshots")
    lsn = int(record["order_key"].split("/")[1], 16)
    ((now,),) = postgres_database.query("SELECT (pg_current_wal_lsn() - '0/0')::bigint")
    assert 0 < lsn < now
    assert {row["_order_key"] for row in accounts} == {record["order_key"]}
    assert {row["_deleted"] for row in accounts} == {False}
    assert (record["row_count"], record["state"]) == (400, "done")
    assert record["xmax"] > 0


def test_keys_of_every_kind_are_cut_into_ranges(
    postgres_database: Database, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    postgres_database.execute(
        'CREATE TABLE "Order Lines" ("Name" text, at timestamptz, "no" numeric, PRIMARY KEY '
        '("no", "Name", at))',
        "CREATE SCHEMA sales",
        "CREATE TABLE sales.empty (id uuid PRIMARY KEY, note text)",
        "CREATE TABLE gaps (id bigint PRIMARY KEY, note text)",
        "INSERT INTO gaps VALUES (-9223372036854775808, ''), (5, NULL), (9223372036854775807, 'z')",
    )
    rows = [
        (name, f"2026-01-0{n % 9 + 1} 01:02:03.45+02", n / 4) for n in range(9) for name in NAMES
    ]
    postgres_database.insert('INSERT INTO "Order Lines" VALUES (%s, %s, %s)', rows)
    assert warehouse.take(postgres_database, "--tables=*,sales.*", "--range_rows=2") == 0
    found = warehouse.rows("Order Lines_snapshot")
    assert len({row["_key"] for row in found}) == len(rows) == len(found)
    for row in found:
        key = {"Name": row["Name"], "at": row["at"]}
        assert row["_key"] == key_text({**key, "no": Decimal(row["no"])})
    assert warehouse.rows("sales_empty_snapshot") == []
    gaps = {row["_key"]: row["note"] for row in warehouse.rows("gaps_snapshot")}
    assert gaps == {'["-9223372036854775808"]': "", '["5"]': None, '["9223372036854775807"]': "z"}
    assert "shop.sales_empty_snapshot: 0 rows" in capsys.readouterr().err


def test_a_transaction_that_is_open_at_the_anchor_is_waited_for(
    postgres_database: Database, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    postgres_database.execute("CREATE TABLE items (id integer PRIMARY KEY)")
    codes = []
    with postgres_database.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO items VALUES (1)")
        taking = threading.Thread(target=lambda: codes.append(warehouse.take(postgres_database)))
        taking.start()
        told = ""
        deadline = time.monotonic() + 60
        while "waiting for" not in told and time.monotonic() < deadline:
            time.sleep(0.1)
            told += capsys.readouterr().err
    taking.join()
    assert codes == [0]
    assert re.search(r"waiting for 1 open .*pid \d+ of user .*INSERT INTO items", told)
    assert [row["id"] for row in warehouse.rows("items_snapshot")] == [1]


def test_a_transaction_that_does_not_end_is_named(
    postgres_database: Database, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    postgres_database.execute("CREATE TABLE items (id integer PRIMARY KEY)")
    with postgres_database.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO items VALUES (1)")
        assert warehouse.take(postgres_database, "--transaction_wait_seconds=0") == 1
        elsewhere = re.sub(r"/[^/]*$", "/postgres", postgres_database.url)
        # A transaction in another database has no changes of this one.
        other = PostgresSnapshot.open(elsewhere, 0, lambda sentence: None)
        other.close()
    told = capsys.readouterr().err
    assert "INSERT INTO items" in told
    assert "--transaction_wait_seconds" in told
    assert warehouse.states() == {}


def test_a_run_that_broke_off_goes_on(
    postgres_database: Database, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres_database.execute(
        *(f"CREATE TABLE {name} (id integer PRIMARY KEY)" for name in ("first", "second")),
        *(f"INSERT INTO {name} VALUES (1), (2)" for name in ("first", "second")),  # noqa: S608
    )
    assert warehouse.take(postgres_database) == 0
    postgres_database.execute("INSERT INTO first VALUES (3)", "INSERT INTO second VALUES (3)")

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    whole = SnapshotFile.finish
    monkeypatch.setattr(
        SnapshotFile,
        "finish",
        lambda self, table, record: (killed if table == "second" else whole)(self, table, record),
    )
    with pytest.raises(KeyboardInterrupt):
        warehouse.take(postgres_database)
    assert len(warehouse.rows("first_snapshot")) == 3
    assert len(warehouse.rows("second_snapshot")) == 2
    assert warehouse.states() == {"first": "done", "second": "done reading"}
    monkeypatch.undo()
    before = warehouse.rows("first_snapshot")
    assert warehouse.take(postgres_database, "--resume") == 0
    assert len(warehouse.rows("second_snapshot")) == 3
    assert warehouse.rows("first_snapshot") == before
    assert warehouse.states() == {"first": "done", "second": "done"}
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    # The one that asks, and nobody that has read.
    assert postgres_database.query(sessions) == [(1,)]


def test_a_lost_connection_leaves_the_old_snapshot(
    postgres_database: Database,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    postgres_database.execute("CREATE TABLE items (id integer PRIMARY KEY)")
    assert warehouse.take(postgres_database) == 0
    postgres_database.execute("INSERT INTO items SELECT generate_series(1, 1000)")
    from pipeline_io import snapshot_postgres_read

    copied = snapshot_postgres_read.text_table

    def lost(lines: bytes, names: list[str]) -> object:
        postgres_database.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return copied(lines, names)

    monkeypatch.setattr(snapshot_postgres_read, "text_table", lost)
    assert warehouse.take(postgres_database, "--range_rows=100", "--readers=1") == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert "reading" in told
    assert "run the command again, with --resume" in told
    assert warehouse.rows("items_snapshot") == []
    assert warehouse.states() == {"items": "done reading"}


def test_what_cannot_be_read_is_told(
    postgres_database: Database, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    name = postgres_database.name
    postgres_database.execute(
        "CREATE TABLE items (id integer PRIMARY KEY)",
        "CREATE TABLE plain (id integer)",
        f"CREATE ROLE {name}_reader LOGIN PASSWORD 'open sesame'",
    )
    reader = re.sub(r"//.*@", f"//{name}_reader:open%20sesame@", postgres_database.url)
    try:
        for address, flags, code, said in (
            (reader, ["--tables=items"], 1, "GRANT SELECT on the table"),
            (reader.replace("sesame", "barley"), ["--tables=items"], 1, "password"),
            (postgres_database.url, ["--tables=itens"], 2, "'itens'"),
            (postgres_database.url, ["--tables=plain"], 1, "has no primary key"),
        ):
            assert warehouse.take(address, *flags) == code, said
            told = capsys.readouterr().err
            assert said in told
            assert "sesame" not in told and "barley" not in told
    finally:
        postgres_database.execute(f"DROP ROLE {name}_reader")


def test_the_configuration_says_where_from_and_by_which_key(
    postgres_database: Database, warehouse: Warehouse, tmp_path: Path
) -> None:
    postgres_database.execute(
        "CREATE TABLE plain (id integer, place text, hidden text)",
        "INSERT INTO plain VALUES (1, 'a', 'x'), (2, 'b', 'y'), (3, 'b', 'z')",
        "CREATE TABLE other (id integer PRIMARY KEY)",
    )
    config = tmp_path / "kami.yaml"
    config.write_text(
        f"warehouse: {warehouse.address}\nsources:\n"
        f"  - name: shop\n    type: postgresql\n    url: {postgres_database.url}\n"
        "    exclude: [plain.hidden]\n    options: {plain: {key: [place, id]}}\n"
    )
    flags = ["--source_name=shop", f"--config={config}", "--range_rows=1"]
    assert snapshot.main([*flags, "--tables=plain"]) == 0
    found = [{key: row[key] for key in ("_key", "id", "place")} for row in rows(warehouse)]
    assert found[1:] == [
        {"_key": '["2","b"]', "id": 2, "place": "b"},
        {"_key": '["3","b"]', "id": 3, "place": "b"},
    ]
    assert "hidden" not in rows(warehouse)[0]
    assert list(warehouse.states()) == ["plain"]
    assert snapshot.main([*flags, "--tables=plane"]) == 2
    assert snapshot.main(["--source_name=bank", f"--config={config}"]) == 2


def rows(warehouse: Warehouse) -> list[dict[str, Any]]:
    return warehouse.rows("plain_snapshot")
