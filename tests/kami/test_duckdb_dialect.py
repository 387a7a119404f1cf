"""BigQuery's SQL on DuckDB: what sqlglot's translation alone would get wrong."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from kami.duckdb_dialect import duckdb_type, translated
from kami.errors import KamiError, UnreachableError
from kami.warehouse import literal, open_warehouse, quoted
from kami.warehouse_duckdb import DuckDbWarehouse

UTC = datetime.timezone.utc
NEWEST = (
    "(SELECT MAX_BY({}, y).{} FROM (SELECT 1 AS x, 1 AS y, 'old' AS z UNION ALL "
    "SELECT NULL, 2, 'new' UNION ALL SELECT 3, NULL, 'no place'))"
)
"""The newest of three rows, whose x is NULL."""


@pytest.fixture(scope="module")
def warehouse() -> DuckDbWarehouse:
    return DuckDbWarehouse(":memory:")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("JSON_VALUE(PARSE_JSON('{\"a.b\": 1}')['a.b'])", "1"),
        ("JSON_VALUE(PARSE_JSON('{\"$x\": \"y\"}')['$x'])", "y"),
        ("JSON_VALUE(PARSE_JSON('{\"~/\": \"y\"}')['~/'])", "y"),
        ("JSON_VALUE(PARSE_JSON('{\"a\": null}')['a'])", None),
        ("PARSE_JSON('{\"a\": null}')['a'] IS NULL", False),
        ("PARSE_JSON('{}')['a'] IS NULL", True),
        ("TO_JSON_STRING(PARSE_JSON('{\"a\": null}')['a'])", "null"),
        ("TO_JSON_STRING(CAST(NULL AS JSON))", "null"),
        ("TO_JSON_STRING('a\"b\\\\c\\n')", '"a\\"b\\\\c\\n"'),
        ("SAFE.PARSE_JSON('{', wide_number_mode=>'round')", None),
        ("PARSE_JSON('{\"a\":  1.50}', wide_number_mode=>'round')", '{"a":  1.50}'),
        ("SAFE.FROM_BASE64('!')", None),
        ("SAFE.FROM_BASE64('3q0=')", b"\xde\xad"),
        ("'a' IN UNNEST(CAST(NULL AS ARRAY<STRING>))", False),
        ("'a' IN UNNEST(['b', 'a'])", True),
        ("CAST('1.5' AS NUMERIC)", Decimal("1.500000000")),
        ("SAFE_CAST('1.5' AS BIGNUMERIC(38, 20))", Decimal("1.5")),
        ("CAST('1.5' AS BIGNUMERIC(65, 30))", "1.5"),
        ("ROUND(CAST('1.505' AS NUMERIC), 2) = CAST('1.51' AS NUMERIC)", True),
        ("SAFE.ROUND(SAFE_CAST('x' AS NUMERIC), 2)", None),
        ("SAFE_CAST('12000-01-01' AS DATE)", None),
        ("SAFE_CAST('0000-01-01' AS DATE)", None),
        ("SAFE_CAST('infinity' AS TIMESTAMP)", None),
        ("SAFE_CAST('0001-01-01' AS DATE)", datetime.date(1, 1, 1)),
        ("TIMESTAMP_MICROS(1)", datetime.datetime(1970, 1, 1, 0, 0, 0, 1, UTC)),
        ("FORMAT('%05d', 7)", "00007"),
        ("(SELECT COUNTIF(x) FROM (SELECT TRUE AS x) WHERE FALSE)", 0),
        ("(SELECT COUNTIF(x) FROM UNNEST([TRUE, FALSE, NULL, TRUE]) AS x)", 2),
        ("FARM_FINGERPRINT('a') = FARM_FINGERPRINT(CONCAT('', 'a'))", True),
        ("FARM_FINGERPRINT('a') = FARM_FINGERPRINT('b')", False),
        ("FARM_FINGERPRINT(CAST(NULL AS STRING))", None),
        ("(SELECT MAX_BY(STRUCT(x AS a), y).a FROM (SELECT 1 AS x, 1 AS y))", 1),
        (NEWEST.format("STRUCT(x AS a)", "a"), None),
        (NEWEST.format("STRUCT(1 AS b, x AS a)", "a"), None),
        (NEWEST.format("STRUCT(x AS a, z AS b)", "b"), "new"),
        ("(SELECT MAX_BY(STRUCT(x AS a), y).a FROM (SELECT 1 AS x, NULL AS y))", None),
        ("(SELECT `a.b` FROM (SELECT 'it''s.' AS `a.b`))", None),
    ],
)
def test_it_means_the_same(warehouse: DuckDbWarehouse, sql: str, expected: object) -> None:
    if "it''s" in sql:
        sql, expected = sql.replace("it''s.", "it\\'s."), "it's."
    found = warehouse.query(f"SELECT {sql} AS c").column("c")[0].as_py()
    assert found == expected
    assert isinstance(found, type(expected))


@pytest.mark.parametrize(
    "other",
    [
        "NULL",
        "STRUCT('a', 1, [1])",
        "STRUCT('b', 1, [])",
        "STRUCT('a', 2, [])",
        "STRUCT('a', 0, [])",
    ],
)
def test_a_fingerprint_of_columns_differs_with_each_of_them(
    warehouse: DuckDbWarehouse, other: str
) -> None:
    rows = f"(SELECT STRUCT('a' AS t, 1 AS i, ARRAY<INT64>[] AS l) AS s, 'x' AS k, {other} AS o)"
    print_of = "FARM_FINGERPRINT(TO_JSON_STRING(STRUCT({}, k)))"
    sql = f"SELECT {print_of.format('s')} = {print_of.format('o')} AS c FROM {rows}"  # noqa: S608
    assert warehouse.query(sql).column("c")[0].as_py() is False
    same = f"SELECT {print_of.format('s')} = {print_of.format('s')} AS c FROM {rows}"  # noqa: S608
    assert warehouse.query(same).column("c")[0].as_py() is True


def test_a_step_of_one_row_is_not_kept_and_others_are_as_duckdb_wants() -> None:
    """DuckDB asks all columns of what reads a step that it keeps."""
    (found,) = translated(
        "WITH one AS (SELECT COALESCE(MAX(a), '') AS a FROM t), many AS (SELECT MAX(a) AS a FROM t "
        "GROUP BY b), sums AS (SELECT SUM(a) OVER () AS a FROM t), n AS (SELECT COUNT(*) AS n "
        "FROM t) SELECT 1"
    )
    assert found.count("NOT MATERIALIZED") == 2
    assert "one AS NOT MATERIALIZED" in found
    assert "n AS NOT MATERIALIZED" in found


def test_several_changes_of_a_table_are_several_statements() -> None:
    found = translated("ALTER TABLE a.b ADD COLUMN x INT64, ADD COLUMN y NUMERIC(5, 2)")
    assert found == (
        "ALTER TABLE a.b ADD COLUMN x BIGINT",
        "ALTER TABLE a.b ADD COLUMN y DECIMAL(5, 2)",
    )


@pytest.mark.parametrize(
    ("bigquery", "duckdb"),
    [
        ("NUMERIC(10, 2)", "DECIMAL(10, 2)"),
        ("BIGNUMERIC(76, 38)", "TEXT"),
        ("ARRAY<INT64>", "BIGINT[]"),
        ("TIMESTAMP", "TIMESTAMPTZ"),
        ("DATETIME", "TIMESTAMP"),
    ],
)
def test_types_have_their_like(bigquery: str, duckdb: str) -> None:
    assert duckdb_type(bigquery) == duckdb


def test_what_is_no_sql_is_told(warehouse: DuckDbWarehouse) -> None:
    with pytest.raises(KamiError, match="no SQL of BigQuery"):
        warehouse.run("SELECT FROM WHERE")


def test_an_error_tells_the_statement(warehouse: DuckDbWarehouse) -> None:
    with pytest.raises(KamiError, match=r"no_such_table(.|\n)*in the statement: SELECT"):
        warehouse.query("SELECT * FROM `no_such_table`")


TYPES = {
    "t": "STRING",
    "i": "INT64",
    "n": "NUMERIC(10, 2)",
    "b": "BIGNUMERIC(38, 20)",
    "w": "BIGNUMERIC(65, 30)",
    "z": "NUMERIC(20, 0)",
    "f": "FLOAT64",
    "o": "BOOL",
    "y": "BYTES",
    "d": "DATE",
    "dt": "DATETIME",
    "ts": "TIMESTAMP",
    "tm": "TIME",
    "j": "JSON",
    "a": "ARRAY<STRING>",
}


def test_a_table_has_the_types_it_was_made_with() -> None:
    with DuckDbWarehouse(":memory:") as warehouse:
        columns = ", ".join(f"`{name}` {of}" for name, of in TYPES.items())
        warehouse.run(f"CREATE SCHEMA s; CREATE TABLE s.t ({columns})")
        found = warehouse.columns("s", "t")
        assert found is not None
        assert list(found) == list(TYPES)
        assert all(warehouse.same_type(of, found[name]) for name, of in TYPES.items())
        assert not warehouse.same_type("NUMERIC(12, 2)", found["n"])
        assert {name: of for name, of in found.items() if name != "w"} == {
            name: of for name, of in TYPES.items() if name != "w"
        }
        assert warehouse.tables("s") == {"t": "table"}
        assert warehouse.tables("none") == {}
        assert warehouse.columns("s", "none") is None
        assert warehouse.datasets() >= {"s"}


def test_a_view_keeps_the_text_it_was_made_with() -> None:
    with DuckDbWarehouse(":memory:") as warehouse:
        warehouse.run("CREATE SCHEMA s")
        sql = "SELECT 'it\\'s' AS a -- why\n"
        warehouse.create_view("s", "v", sql)
        assert warehouse.definition("s", "v") == sql
        assert warehouse.definition("s", "none") is None
        assert warehouse.tables("s") == {"v": "view"}
        assert warehouse.query("SELECT a FROM s.v").column("a").to_pylist() == ["it's"]


def test_a_view_that_cannot_be_made_leaves_the_older_one() -> None:
    with DuckDbWarehouse(":memory:") as warehouse:
        warehouse.run("CREATE SCHEMA s")
        warehouse.create_view("s", "v", "SELECT 1 AS a")
        with pytest.raises(KamiError):
            warehouse.create_view("s", "v", "SELECT a FROM s.none")
        assert warehouse.definition("s", "v") == "SELECT 1 AS a"
        warehouse.run("SELECT 1")


def test_appended_rows_go_by_name_and_wide_decimals_as_text() -> None:
    with DuckDbWarehouse(":memory:") as warehouse:
        warehouse.run("CREATE SCHEMA s; CREATE TABLE s.t (a INT64, b STRING, w BIGNUMERIC(65, 30))")
        wide = pa.array([Decimal("1.5")], pa.decimal256(65, 30))
        warehouse.append("s", "t", pa.table({"w": wide, "a": [1]}))
        (row,) = warehouse.query("SELECT * FROM s.t").to_pylist()
        assert (row["a"], row["b"], Decimal(row["w"])) == (1, None, Decimal("1.5"))


def test_a_result_may_be_read_while_another_statement_runs() -> None:
    with DuckDbWarehouse(":memory:") as warehouse:
        warehouse.run("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS a")
        batches = warehouse.stream("SELECT a FROM s.t")
        warehouse.run("INSERT INTO s.t (a) VALUES (2)")
        assert sum(batch.num_rows for batch in batches) in (1, 2)


@pytest.mark.parametrize("name", ["a`b", "a\\b", "a.b", "ü", "select"])
def test_quoted_names_are_names(warehouse: DuckDbWarehouse, name: str) -> None:
    found: Any = warehouse.query(f"SELECT {literal(name)} AS {quoted(name)}")
    assert found.to_pylist() == [{name: name}]


def test_a_reader_of_a_file_that_is_not_there_is_told(tmp_path: Any) -> None:
    with pytest.raises(UnreachableError, match="there is no warehouse file"):
        open_warehouse(f"duckdb:{tmp_path / 'none.duckdb'}", read_only=True)


def test_a_file_that_is_no_warehouse_is_told(tmp_path: Any) -> None:
    path = tmp_path / "text.duckdb"
    path.write_text("no database" * 1000, encoding="utf-8")
    with pytest.raises(UnreachableError, match="cannot be opened"):
        open_warehouse(f"duckdb:{path}")


def test_two_may_read_one_file(tmp_path: Any) -> None:
    address = f"duckdb:{tmp_path / 'w.duckdb'}"
    open_warehouse(address).close()
    with open_warehouse(address, read_only=True), open_warehouse(address, read_only=True) as two:
        assert two.query("SELECT 1 AS a").num_rows == 1
