"""Snapshots of a real MySQL database."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

import pytest

from kami.keys import key_text
from tests.pipelines.snapshot_runs import Warehouse
from tests.stack.databases import Database

NAMES = ["a", "B", "ä", 'quote"', "it's", "back\\slash", "tab\there", "line\nend", "語", "100%"]


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


def bank(database: Database) -> None:
    database.execute(
        "CREATE TABLE accounts (id int PRIMARY KEY, amount bigint NOT NULL)",
        "CREATE TABLE transfers (id bigint AUTO_INCREMENT PRIMARY KEY, amount bigint NOT NULL)",
    )
    database.insert("INSERT INTO accounts VALUES (%s, 100)", [[n] for n in range(1, 401)])


def taken_under_writes(database: Database, warehouse: Warehouse, source: Database | str) -> None:
    stop = threading.Event()

    def transfer() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            giver, taker = number % 400 + 1, number * 7 % 400 + 1
            database.execute(
                f"UPDATE accounts SET amount = amount - 3 WHERE id = {giver}",  # noqa: S608
                f"UPDATE accounts SET amount = amount + 2 WHERE id = {taker}",  # noqa: S608
                "INSERT INTO transfers (amount) VALUES (1)",
            )

    writer = threading.Thread(target=transfer)
    writer.start()
    try:
        assert warehouse.take(source, "--range_rows=50") == 0
    finally:
        stop.set()
        writer.join()
    accounts = warehouse.rows("accounts_snapshot")
    moved = sum(row["amount"] for row in warehouse.rows("transfers_snapshot"))
    assert len(accounts) == 400
    assert moved > 0
    assert sum(row["amount"] for row in accounts) + moved == 400 * 100


def test_a_snapshot_under_writes_is_one_state(
    mysql_database: Database, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    bank(mysql_database)
    taken_under_writes(mysql_database, warehouse, mysql_database)
    assert "reads alone" not in capsys.readouterr().err
    (record, _) = warehouse.rows("_snapshots")
    anchor = json.loads(record["anchor"])
    ((server,),) = mysql_database.query("SELECT @@server_uuid")
    last = int(anchor["gtid_executed"].rpartition("-")[2])
    # Each transfer is a transaction: the last that the snapshot has is the anchor's.
    moved = len(warehouse.rows("transfers_snapshot"))
    ((now,),) = mysql_database.query("SELECT @@GLOBAL.gtid_executed")
    ((made,),) = mysql_database.query("SELECT COUNT(*) FROM transfers")
    assert int(now.rpartition("-")[2]) - last == made - moved
    assert anchor["server_uuid"] == server
    assert record["order_key"] == f"0001/{last:016x}/{'f' * 16}/{'f' * 8}"
    (incarnation,) = warehouse.rows("_incarnations")
    assert (incarnation["ordinal"], incarnation["identity"]) == (1, server)


def test_without_the_right_to_lock_one_connection_reads(
    mysql_database: Database, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    bank(mysql_database)
    name = mysql_database.name
    mysql_database.execute(
        f"CREATE USER '{name}'@'%' IDENTIFIED BY 'open sesame'",
        f"GRANT SELECT ON {name}.* TO '{name}'@'%'",
    )
    reader = re.sub(r"//.*@", f"//{name}:open%20sesame@", mysql_database.url)
    try:
        taken_under_writes(mysql_database, warehouse, reader)
        told = capsys.readouterr().err
        assert "one connection reads alone; GRANT RELOAD" in told
        assert warehouse.take(reader.replace("sesame", "barley")) == 1
        told += capsys.readouterr().err
        assert "Access denied" in told
        assert "sesame" not in told
        mysql_database.execute("CREATE TABLE plain (id int)")
        assert warehouse.take(reader, "--tables=plain") == 1
        assert "has no primary key" in capsys.readouterr().err
        assert warehouse.take(reader, "--tables=acounts") == 2
        assert "'acounts'" in capsys.readouterr().err
    finally:
        mysql_database.execute(f"DROP USER '{name}'@'%'")


def test_keys_of_every_kind_are_cut_into_ranges(
    mysql_database: Database, warehouse: Warehouse
) -> None:
    mysql_database.execute(
        "CREATE TABLE `Order Lines` (`Name` varchar(20) COLLATE utf8mb4_bin, at datetime(3), "
        "`no` decimal(6,2), PRIMARY KEY (`no`, `Name`, at))",
        "CREATE TABLE nothing (id varbinary(8) PRIMARY KEY, note text)",
        "CREATE TABLE bytes_key (id varbinary(8) PRIMARY KEY, kind enum('z', 'a'), big float)",
        "CREATE TABLE kinds (kind enum('z', 'a'), id bigint unsigned, PRIMARY KEY (kind, id))",
        "INSERT INTO bytes_key VALUES (x'00', 'a', 0.1), (x'27FF', 'z', NULL), (x'', 'z', 1e10)",
        "INSERT INTO kinds VALUES ('z', 18446744073709551615), ('a', 1), ('a', 0), ('z', 3)",
    )
    rows = [(name, f"2026-01-0{n % 9 + 1} 01:02:03.450", n / 4) for n in range(9) for name in NAMES]
    mysql_database.insert("INSERT INTO `Order Lines` VALUES (%s, %s, %s)", rows)
    assert warehouse.take(mysql_database, "--range_rows=2") == 0
    found = warehouse.rows("Order Lines_snapshot")
    assert len({row["_key"] for row in found}) == len(rows) == len(found)
    for row in found:
        assert row["_key"] == key_text({name: row[name] for name in ("Name", "at", "no")})
    assert warehouse.rows("nothing_snapshot") == []
    texts = {row["id"]: (row["kind"], row["big"]) for row in warehouse.rows("bytes_key_snapshot")}
    assert texts == {b"\x00": ("a", 0.1), b"'\xff": ("z", None), b"": ("z", 1e10)}
    assert [row["_key"] for row in warehouse.rows("kinds_snapshot")] == [
        '["0","a"]',
        '["1","a"]',
        '["18446744073709551615","z"]',
        '["3","z"]',
    ]


def test_a_lost_connection_leaves_the_old_snapshot(
    mysql_database: Database,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mysql_database.execute("CREATE TABLE items (id int PRIMARY KEY)")
    assert warehouse.take(mysql_database) == 0
    mysql_database.insert("INSERT INTO items VALUES (%s)", [[n] for n in range(300)])
    from pipeline_io import snapshot_mysql_read

    made = snapshot_mysql_read.select_statement

    def lost(key_range: object) -> str:
        for (number,) in mysql_database.query(
            "SELECT id FROM information_schema.processlist WHERE db = DATABASE() "
            "AND id <> CONNECTION_ID()"
        ):
            mysql_database.execute(f"KILL {number}")
        return made(key_range)  # type: ignore[arg-type]

    monkeypatch.setattr(snapshot_mysql_read, "select_statement", lost)
    assert warehouse.take(mysql_database, "--range_rows=100", "--readers=1") == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert "run the command again, with --resume" in told
    assert warehouse.rows("items_snapshot") == []
    assert warehouse.states() == {"items": "done reading"}
