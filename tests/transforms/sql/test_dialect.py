"""Every statement of the dialect parses, with all its variants."""

from __future__ import annotations

import pytest
from sqlglot import exp

from transforms.sql.dialect import parse_script, parse_type
from transforms.sql.errors import Script, SqlError
from transforms.sql.statements import (
    ComputedColumn,
    CreateTable,
    CreateView,
    InsertInto,
    KeyConstraint,
    MetadataColumn,
    PhysicalColumn,
    SetOption,
    StatementSet,
    Watermark,
)

TABLE = """CREATE TABLE IF NOT EXISTS `order` (
  id BIGINT NOT NULL COMMENT 'the id; of the order',
  `time` TIMESTAMP(3) NULL, `index` INT, value STRING, `select` VARCHAR(10), größe CHAR,
  price DECIMAL(10, 2), raw BYTES, fixed BINARY(4), at TIMESTAMP_LTZ(3),
  a_date DATE, a_time TIME(0),
  nested ROW<`time` BIGINT, inner ROW<a INT NOT NULL, b ARRAY<STRING>>> NOT NULL,
  tags ARRAY<ROW<name STRING>>, attributes MAP<STRING, ARRAY<DOUBLE>>,
  op STRING METADATA, ts BIGINT METADATA FROM 'source.ts_ms', topic STRING METADATA VIRTUAL,
  kind STRING METADATA FROM 'table' VIRTUAL,
  twice AS id * 2 COMMENT 'computed', proctime AS PROCTIME(),
  WATERMARK FOR `time` AS `time` - INTERVAL '5' SECOND,
  CONSTRAINT pk PRIMARY KEY (id, `time`) NOT ENFORCED
) COMMENT 'orders' WITH ('connector' = 'kafka', 'topic' = 'a;b', 'it''s' = '${X} -- no comment');
"""


def parsed(text: str) -> exp.Expr:
    (statement,) = parse_script(Script("job.sql", text))
    return statement


def test_create_table_reads_every_kind_of_definition() -> None:
    table = parsed(TABLE)
    assert isinstance(table, CreateTable)
    assert table.this.name == "order"
    kinds = [type(definition) for definition in table.expressions]
    assert kinds == [
        *[PhysicalColumn] * 15,
        *[MetadataColumn] * 4,
        *[ComputedColumn] * 2,
        Watermark,
        KeyConstraint,
    ]
    by_name = {one.this.name: one for one in table.expressions[:-2]}
    assert [name for name in ("time", "index", "value", "select", "größe") if name in by_name]
    assert by_name["id"].args["not_null"]
    assert not by_name["time"].args["primary_key"]
    assert by_name["ts"].args["metadata_key"].name == "source.ts_ms"
    assert [by_name[name].args["virtual"] for name in ("op", "topic", "kind")] == [
        False,
        True,
        True,
    ]
    assert [key.name for key in table.expressions[-1].expressions] == ["id", "time"]
    options = {one.this.name: one.expression.name for one in table.args["options"]}
    assert options == {"connector": "kafka", "topic": "a;b", "it's": "${X} -- no comment"}


def test_a_primary_key_may_stand_behind_its_column() -> None:
    table = parsed("CREATE TEMPORARY TABLE t (id BIGINT PRIMARY KEY NOT ENFORCED NOT NULL)")
    (column,) = table.expressions
    assert column.args["primary_key"]
    assert column.args["not_null"]


@pytest.mark.parametrize(
    "text",
    [
        "CREATE VIEW v AS SELECT a FROM t",
        "CREATE TEMPORARY VIEW IF NOT EXISTS `v` (`time`, b) AS SELECT a, b FROM t;",
        "create view v as select a from t union all select b from u;",
        "CREATE VIEW v AS (SELECT a FROM t)",
        "CREATE VIEW v AS WITH x AS (SELECT a FROM t) SELECT a FROM x",
    ],
)
def test_views_are_read(text: str) -> None:
    view = parsed(text)
    assert isinstance(view, CreateView)
    assert view.this.name == "v"


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("INSERT INTO s SELECT a FROM t", []),
        ("INSERT INTO s (a, `order`) SELECT a, b FROM t", ["a", "order"]),
        ("INSERT INTO s (SELECT a FROM t)", []),
        ("INSERT INTO s (a) (SELECT a FROM t)", ["a"]),
        ("INSERT INTO s WITH x AS (SELECT 1 FROM t) SELECT * FROM x", []),
        (
            "INSERT INTO s SELECT a FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' DAY))",
            [],
        ),
        (
            "INSERT INTO s SELECT a FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), "
            "INTERVAL '1' MINUTE, INTERVAL '1' HOUR)) GROUP BY a",
            [],
        ),
        (
            "INSERT INTO s SELECT a FROM TABLE(SESSION(TABLE t, DESCRIPTOR(x), INTERVAL '1' DAY))",
            [],
        ),
    ],
)
def test_inserts_are_read(text: str, columns: list[str]) -> None:
    insert = parsed(text)
    assert isinstance(insert, InsertInto)
    assert [name.name for name in insert.expressions] == columns


def test_a_statement_set_holds_case_expressions_and_semicolons() -> None:
    text = """EXECUTE STATEMENT SET BEGIN
    INSERT INTO a SELECT CASE WHEN x THEN CASE y WHEN 1 THEN 'END' END ELSE ';' END FROM t;
    INSERT INTO b SELECT y FROM t;
    END;
    SET 'pipeline.name' = 'x';"""
    statements = parse_script(Script("job.sql", text))
    assert [type(statement) for statement in statements] == [StatementSet, SetOption]
    assert [insert.this.name for insert in statements[0].expressions] == ["a", "b"]


@pytest.mark.parametrize("end", ["", ";", ";;", " ; -- the end", ";\n/* the\nend */", "\r\n;\r\n"])
def test_the_last_semicolon_and_comments_are_optional(end: str) -> None:
    assert isinstance(
        parsed(f"/* a */ INSERT INTO s -- b\nSELECT ';' AS a FROM t{end}"), InsertInto
    )


@pytest.mark.parametrize("text", ["", " \t\r\n", "-- nothing", "/* nothing; */", ";;;"])
def test_an_empty_script_has_no_statements(text: str) -> None:
    assert parse_script(Script("job.sql", text)) == []


def test_line_ends_of_windows_and_tabs_change_nothing() -> None:
    other = TABLE.replace("\n", "\r\n").replace("  ", "\t")
    assert parsed(other) == parsed(TABLE)


def test_a_string_keeps_its_characters() -> None:
    insert = parsed(r"INSERT INTO s SELECT 'it''s \n -- no /* comment', '😀;' FROM t")
    texts = [literal.name for literal in insert.expression.expressions]
    assert texts == [r"it's \n -- no /* comment", "😀;"]


def test_deep_nesting_is_an_error_and_no_crash() -> None:
    depth = 3_000
    text = f"INSERT INTO s SELECT {'(' * depth}1{')' * depth} FROM t"  # noqa: S608 (no database)
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_script(Script("job.sql", text))


@pytest.mark.parametrize("text", ["", "ROW<", "BIGINT INT", "'x'", "ROW<a INT>>", "INT;"])
def test_a_type_that_is_none_is_an_error(text: str) -> None:
    with pytest.raises(SqlError, match="is no type"):
        parse_type(text)
