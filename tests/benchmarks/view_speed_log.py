"""The file that view_speed asks: change logs of several lengths, with a snapshot and two views.

All rows are made by SQL, from their numbers and hashes of them: no row passes through Python, and
the same numbers make the same rows. The table is the proof's, so that its baseline fits.

The log has none of the cases that the baseline gets wrong, but for PostgreSQL's unsent values:
clocks go right, no key changes, nothing is truncated or delivered twice, and no log row is older
than the snapshot but those of transactions that were open then.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import duckdb

from kami import tables
from kami.context import ConfiguredTable
from kami.statements import create_log, create_snapshot, create_table
from kami.views import god_view_sql
from kami.warehouse import Warehouse, open_warehouse, table_sql
from tests.proof import naive, trial
from tests.proof.source_log import Flavour

OURS, NAIVE = trial.TABLE, f"{trial.TABLE}_naive"
_CHUNK = 1_000_000
LOG, _SNAPSHOT = tables.change_log_of(trial.TABLE), tables.snapshot_of(trial.TABLE)

_OPEN = 60
"""PostgreSQL: so many changes lie below the anchor, of transactions that were open then."""
_FIRST_TRANSACTION = 1000
_CHANGES_A_TRANSACTION = 3
_FIRST_LSN, _LSN_STEP = 1 << 33, 96

# Zipf's law: the k-th key is changed k times less than the first; which is the k-th is mixed up.
# A key's life: a create unless the snapshot has it, updates, and every `life`-th change a delete.
_EVENTS = """
CREATE TEMP TABLE events AS
WITH drawn AS (
  SELECT
    range AS n,
    1 + (CAST(floor(exp((hash(range) % 4294967296) / 4294967296.0 * ln({keys}))) AS BIGINT) * 7919)
      % {keys} AS k
  FROM range(1, {rows} + 1)
),
numbered AS (
  SELECT
    n,
    k,
    ROW_NUMBER() OVER (PARTITION BY k ORDER BY n) + IF(k <= {snapshot_rows}, 1, 0) AS place,
    [3, 20, 40, 80][CAST(1 + hash(k, 1) % 4 AS BIGINT)] AS life
  FROM drawn
),
changes AS (
  SELECT
    n,
    k,
    CASE place % life WHEN 0 THEN 'd' WHEN 1 THEN 'c' ELSE 'u' END AS op,
    hash(n, 2) % 10 < 4 AS changes_note
  FROM numbered
)
SELECT
  n,
  k,
  op,
  op = 'u' AND NOT changes_note AS keeps_note,
  COALESCE(MAX(IF(op = 'c' OR changes_note, n, NULL)) OVER (PARTITION BY k ORDER BY n), 0)
    AS version
FROM changes
"""
_CODE = "printf('%06x-%d', k * 48271 % 16777216, k % 10)"
_CENTS = "hash({}, 3) % 10000000"
_NOTE = "version || ' ' || repeat(md5(CAST(k + version AS VARCHAR)), 6)"
_AFTER = (
    """'{"id":' || k || ',"code":"' || code || '","amount":"' || cents // 100 || '.' """
    """|| lpad(CAST(cents % 100 AS VARCHAR), 2, '0') || '"' """
    """|| IF(is_missing, '', ',"note":"' || note || '"') || ',"extra":' || version || '}'"""
)
_ROWS = """
INSERT INTO {log} BY NAME
SELECT
  '["' || code || '","' || k || '"]' AS _key,
  '{{"id":' || k || ',"code":"' || code || '"}}' AS key,
  IF(op = 'd', NULL, {after}) AS after,
  op,
  make_timestamp(sent * 1000) AS ts_ms,
  {source} AS source,
  {order_key} AS _order_key,
  md5(CAST(n AS VARCHAR)) AS _event_id,
  make_timestamp(sent * 1000 + 5000000) AS _ingested_at,
  'shop.items' AS _topic,
  0 AS _topic_partition,
  n AS _offset,
  IF(is_missing, ['note'], []) AS _missing_columns
FROM (
  SELECT
    n, k, op, version, {code} AS code, {cents} AS cents, {note} AS note,
    1767225600000 + n * 20 AS sent, {is_missing} AS is_missing
  FROM events
  WHERE n > {start} AND n <= {start} + {chunk}
  ORDER BY n
)
"""
_MYSQL_SOURCE = (
    "{'version': '3.5.0.Final', 'connector': 'mysql', 'name': 'shop', 'ts_ms': sent, "
    "'snapshot': 'false', 'db': 'shop', 'table': 'items', 'server_id': 1, "
    "'gtid': '3e11fa47-71ca-11e1-9e33-c80aa9429562:' || (1 + n // 3), 'file': 'binlog.000007', "
    "'pos': 200 + n * 350, 'row': 0, 'thread': 12, 'query': NULL}"
)
_POSTGRESQL_SOURCE = (
    "{'version': '3.5.0.Final', 'connector': 'postgresql', 'name': 'shop', 'ts_ms': sent, "
    "'snapshot': 'false', 'db': 'shop', 'schema': 'public', 'table': 'items', "
    f"'txId': {_FIRST_TRANSACTION} + n // {_CHANGES_A_TRANSACTION}, "
    f"'lsn': {_FIRST_LSN} + n * {_LSN_STEP}, 'xmin': NULL}}"
)
_MYSQL_KEY = "printf('0001/%016x/%016x/%08x', 1 + n // 3, 200 + n * 350, 1)"
_POSTGRESQL_KEY = f"printf('0000/%016x/%016x/%08x', {_FIRST_LSN} + n * {_LSN_STEP}, 0, 1)"
_SNAPSHOT_ROWS = """
INSERT INTO {snapshot} BY NAME
SELECT
  '["' || code || '","' || k || '"]' AS _key,
  '{anchor}' AS _order_key,
  FALSE AS _deleted,
  TIMESTAMP '2025-12-31' AS _snapshot_at,
  k AS id,
  code,
  CAST(cents AS DECIMAL(18, 2)) / 100 AS amount,
  {note} AS note,
  0 AS extra
FROM (
  SELECT k, 0 AS version, {code} AS code, {cents} AS cents
  FROM (SELECT range AS k FROM range(1, {snapshot_rows} + 1))
)
"""


def dataset_of(rows: int) -> str:
    return f"rows_{rows}"


def table_of(flavour: Flavour, rows: int) -> ConfiguredTable:
    """The proof's table, in the dataset of the log with so many rows."""
    table = trial.configured_table(flavour)
    source = dataclasses.replace(table.source, name=dataset_of(rows))
    return dataclasses.replace(table, source=source)


def make_file(path: Path, flavour: Flavour, lengths: Sequence[int], snapshot_rows: int) -> None:
    """Makes a warehouse file with a dataset for each length; the shorter logs begin the longest."""
    longest = max(lengths)
    with open_warehouse(f"duckdb:{path}") as warehouse:
        for rows in lengths:
            _create_tables(warehouse, table_of(flavour, rows))
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        _fill_log(connection, flavour, longest, snapshot_rows)
        _fill_snapshot(connection, flavour, longest, snapshot_rows)
        for rows in lengths:
            if rows != longest:
                _copy(connection, longest, rows)
    with open_warehouse(f"duckdb:{path}") as warehouse:
        for rows in lengths:
            dataset = dataset_of(rows)
            warehouse.create_view(dataset, OURS, god_view_sql(table_of(flavour, rows)))
            warehouse.create_view(dataset, NAIVE, naive_sql(flavour, rows))


def naive_sql(flavour: Flavour, rows: int) -> str:
    """The baseline's BigQuery SQL over this log and snapshot."""
    dataset = dataset_of(rows)
    sql = naive.naive_view_sql(flavour)
    for name in (LOG, _SNAPSHOT):
        assert table_sql(trial.DATASET, name) in sql
        sql = sql.replace(table_sql(trial.DATASET, name), table_sql(dataset, name))
    return sql


def key_in_the_log(path: Path, rows: int) -> tuple[int, str]:
    """`id` and `code` of a row that is changed now and then: that of the log's middle."""
    with open_warehouse(f"duckdb:{path}", read_only=True) as warehouse:
        (row,) = warehouse.query(
            f"SELECT id, code FROM {table_sql(dataset_of(rows), _SNAPSHOT)} "  # noqa: S608
            "ORDER BY _key LIMIT 1"
        ).to_pylist()
    return row["id"], row["code"]


def _create_tables(warehouse: Warehouse, table: ConfiguredTable) -> None:
    warehouse.run(f"CREATE SCHEMA `{table.dataset}`")
    log = tables.change_log_columns(table.source_columns)
    warehouse.run(create_log(table.dataset, LOG, log))
    warehouse.run(create_snapshot(table))
    for name, columns in tables.BOOKKEEPING.items():
        warehouse.run(create_table(table.dataset, name, columns))


def _fill_log(
    connection: duckdb.DuckDBPyConnection, flavour: Flavour, rows: int, snapshot_rows: int
) -> None:
    is_postgresql = flavour == "postgresql"
    keys = max(snapshot_rows * 6 // 5, 2)
    connection.execute(_EVENTS.format(rows=rows, keys=keys, snapshot_rows=snapshot_rows))
    for start in range(0, rows, _CHUNK):
        connection.execute(
            _ROWS.format(
                log=f"{dataset_of(rows)}.{LOG}",
                after=_AFTER,
                source=_POSTGRESQL_SOURCE if is_postgresql else _MYSQL_SOURCE,
                order_key=_POSTGRESQL_KEY if is_postgresql else _MYSQL_KEY,
                code=_CODE,
                cents=_CENTS.format("n"),
                note=_NOTE,
                is_missing="keeps_note" if is_postgresql else "FALSE",
                start=start,
                chunk=_CHUNK,
            )
        )
    connection.execute("DROP TABLE events")


def _fill_snapshot(
    connection: duckdb.DuckDBPyConnection, flavour: Flavour, rows: int, snapshot_rows: int
) -> None:
    if flavour == "postgresql":
        anchor = f"0000/{_FIRST_LSN + _OPEN * _LSN_STEP + 1:016x}/{0:016x}/{0:08x}"
        xmax = _FIRST_TRANSACTION + _OPEN // _CHANGES_A_TRANSACTION
        running = list(range(_FIRST_TRANSACTION, xmax))
    else:
        anchor, xmax, running = f"0001/{0:016x}/{'f' * 16}/{'f' * 8}", None, []
    connection.execute(
        _SNAPSHOT_ROWS.format(
            snapshot=f"{dataset_of(rows)}.{_SNAPSHOT}",
            anchor=anchor,
            code=_CODE,
            cents=_CENTS.format("k"),
            note=_NOTE,
            snapshot_rows=snapshot_rows,
        )
    )
    connection.execute(
        f"INSERT INTO {dataset_of(rows)}._snapshots BY NAME SELECT ? AS table_name, "
        "? AS order_key, ? AS xmax, ? AS in_progress, 'done' AS state",
        [trial.TABLE, anchor, xmax, running],
    )


def _copy(connection: duckdb.DuckDBPyConnection, longest: int, rows: int) -> None:
    source, copy = dataset_of(longest), dataset_of(rows)
    connection.execute(
        f"INSERT INTO {copy}.{LOG} SELECT * FROM {source}.{LOG} "  # noqa: S608
        f"WHERE _offset <= {rows}"
    )
    for name in (_SNAPSHOT, "_snapshots"):
        connection.execute(f"INSERT INTO {copy}.{name} SELECT * FROM {source}.{name}")  # noqa: S608
