"""Every column type: what a snapshot holds is what the god view makes of the log's record."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from kami.schema import Dialect, SourceColumn
from kami.types import warehouse_type
from kami.warehouse import open_warehouse
from pipelines import snapshot
from tests.pipelines.snapshot_types import (
    MYSQL_TYPES,
    POSTGRESQL_TYPES,
    final_rows,
    newest_rows,
)
from tests.stack.databases import Database

POSTGRESQL_CHANGED = {
    # In its own snapshot the connector has year 1 two days early and drops BC.
    *((59, name) for name in ("c_timestamp0", "c_timestamp3", "c_timestamp6", "c_timestamptz")),
    (60, "c_date"),
    # These it counts as doubles.
    *((62, "c_interval"), (82, "c_interval"), (63, "c_money"), (64, "c_money")),
}
"""(key, column) of values that Debezium itself changes; the snapshot has them as they are."""
MYSQL_CHANGED = {
    # Six digits of a FLOAT in its own snapshot, a comma escaped in the stream, zeros as no zeros.
    *((56, "c_float"), (57, "c_float"), (78, "c_enum")),
    *((59, "c_year"), (79, "c_year"), (79, "c_timestamp6")),
}


def taken(tmp_path: Path, source: str) -> str:
    """Takes a snapshot of all_types; the warehouse's address."""
    warehouse = f"duckdb:{tmp_path / 'types.duckdb'}"
    flags = [f"--source={source}", f"--warehouse={warehouse}", "--tables=all_types"]
    assert snapshot.main(["--source_name=shop", *flags]) == 0
    return warehouse


def snapshot_rows(warehouse: str, names: Sequence[str]) -> dict[int, dict[str, Any]]:
    with open_warehouse(warehouse) as opened:
        found = opened.query("SELECT * FROM `shop`.`all_types_snapshot`").to_pylist()
    return {row["id"]: {name: row[name] for name in names} for row in found}


def view_rows(
    warehouse: str, rows: dict[int, dict[str, Any]], types: dict[str, str], dialect: Dialect
) -> dict[int, dict[str, Any]]:
    """The values that the god view's SQL takes out of the log's JSON."""
    texts = [json.dumps(row, ensure_ascii=False) for row in rows.values()]
    extracts = [
        f"{warehouse_type(SourceColumn(name, of), dialect).extract(f'after[{name!r}]')} AS `{name}`"
        for name, of in types.items()
    ]
    with open_warehouse(warehouse) as opened:
        opened.run("CREATE OR REPLACE TABLE `shop`.`logged` (`id` INT64, `after` JSON)")
        opened.append("shop", "logged", pa.table({"id": list(rows), "after": texts}))
        sql = f"SELECT `id`, {', '.join(extracts)} FROM `shop`.`logged`"  # noqa: S608
        found = opened.query(sql).to_pylist()
    return {row.pop("id"): row for row in found}


def comparable(value: Any, of: str) -> Any:
    """JSON by its meaning: members in any order, blanks or none."""
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    is_json = of in ("json", "jsonb", "hstore", "point", "geometry", "linestring", "polygon")
    if value is None or not (is_json or of.endswith("[]")):
        return value
    return json.loads(value)


def differences(
    found: dict[int, dict[str, Any]], wanted: dict[int, dict[str, Any]], types: dict[str, str]
) -> dict[tuple[int, str], tuple[Any, Any]]:
    return {
        (key, name): (found[key][name], wanted[key][name])
        for key in sorted(found)
        for name, of in types.items()
        if comparable(found[key][name], of) != comparable(wanted[key][name], of)
    }


@pytest.fixture
def postgresql_types(postgres_database: Database) -> Database:
    postgres_database.execute(
        *(f"CREATE EXTENSION {name}" for name in ("citext", "hstore", "ltree")),
        "CREATE TYPE mood AS ENUM ('sad', 'ok', 'sehr glücklich', 'x', 'y', 'x,y')",
        f"CREATE TABLE all_types (id integer PRIMARY KEY, {declared(POSTGRESQL_TYPES)})",
    )
    insert_all(postgres_database, final_rows("pg_types_adaptive"))
    return postgres_database


def declared(types: dict[str, str]) -> str:
    return ", ".join(f"{name} {of}" for name, of in types.items())


def insert_all(database: Database, rows: list[dict[str, str | None]]) -> None:
    for row in rows:
        marks = ", ".join(["%s"] * len(row))
        sql = f"INSERT INTO all_types ({', '.join(row)}) VALUES ({marks})"  # noqa: S608
        database.insert(sql, [list(row.values())])


def test_every_type_of_postgresql_is_as_the_view_has_it(
    postgresql_types: Database, tmp_path: Path
) -> None:
    warehouse = taken(tmp_path, postgresql_types.url)
    found = snapshot_rows(warehouse, list(POSTGRESQL_TYPES))
    types = {name: {"mood": "enum"}.get(of, of) for name, of in POSTGRESQL_TYPES.items()}
    wanted = view_rows(warehouse, newest_rows("pg_types_adaptive"), types, "postgresql")
    assert set(found) <= set(wanted)
    assert set(differences(found, wanted, types)) == POSTGRESQL_CHANGED
    assert found[59]["c_timestamp6"] == datetime.datetime(1, 1, 1, 0, 0, 0, 1)  # noqa: DTZ001
    assert found[60]["c_date"] is None
    assert found[63]["c_money"] == Decimal("92233720368547758.07")


def test_every_type_of_mysql_is_as_the_view_has_it(
    mysql_database: Database, tmp_path: Path
) -> None:
    mysql_database.execute(
        f"CREATE TABLE all_types (id int PRIMARY KEY, {declared(MYSQL_TYPES)})",
    )
    insert_all_mysql(mysql_database, final_rows("mysql_types_adaptive"))
    warehouse = taken(tmp_path, mysql_database.url)
    found = snapshot_rows(warehouse, list(MYSQL_TYPES))
    wanted = view_rows(warehouse, newest_rows("mysql_types_adaptive"), MYSQL_TYPES, "mysql")
    assert set(found) <= set(wanted)
    assert set(differences(found, wanted, MYSQL_TYPES)) == MYSQL_CHANGED
    assert (found[56]["c_float"], found[59]["c_year"]) == (123456.79, 0)
    assert (found[78]["c_enum"], found[79]["c_timestamp6"]) == ("x,y", None)


def insert_all_mysql(database: Database, rows: list[dict[str, str | None]]) -> None:
    """Inserts what the database printed: 0x for bytes and bits, WKT for shapes."""
    bits = [name for name, of in MYSQL_TYPES.items() if of.startswith("bit")]
    shapes = [name for name, of in MYSQL_TYPES.items() if of in SHAPES]
    with database.transaction() as connection:
        connection.exec_driver_sql("SET SESSION sql_mode = ''")
        for row in rows:
            texts = []
            for name, text in row.items():
                if text is None:
                    texts.append("NULL")
                elif name in shapes:
                    srid, _, wkt = text.removeprefix("SRID=").partition(";")
                    texts.append(f"ST_GeomFromText('{wkt}', {srid})")
                elif name in bits:
                    texts.append(str(int(text, 16)))
                elif MYSQL_TYPES.get(name, "").endswith(BYTES):
                    texts.append(f"x'{text.removeprefix('0x')}'")
                else:
                    quoted = text.replace("\\", "\\\\").replace("'", "\\'").replace("%", "%%")
                    texts.append(f"'{quoted}'")
            sql = f"INSERT INTO all_types ({', '.join(row)}) VALUES ({', '.join(texts)})"  # noqa: S608
            connection.exec_driver_sql(sql)


SHAPES = ("point", "geometry", "linestring", "polygon")
BYTES = ("blob", "binary(4)", "varbinary(200)")
