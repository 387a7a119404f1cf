"""The columns of a BigQuery table for a sink's rows, and the rows as typed columns."""

from __future__ import annotations

import datetime
import json
import re
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tests.transforms.sql.job_runs import NOW, Tables, recorded
from transforms.avro import choose_decoder
from transforms.dead_letters import Origin
from transforms.sql.beam_sql_job import MixedJobText
from transforms.sql.beam_sql_rows import FinishRows
from transforms.sql.bigquery_rows import table_columns
from transforms.sql.errors import Script, SqlError, SqlErrors
from transforms.sql.in_process import BranchRun
from transforms.sql.run import JobText
from transforms.sql.sink_format import SinkFormat
from transforms.sql.source_run import BranchBatch, SourceRun
from transforms.sql.tables import Table

TABLE = "'connector' = 'bigquery', 'project' = 'p', 'dataset' = 'd', 'table' = 't'"
SOURCE = """
CREATE TABLE items (id BIGINT, name STRING, price DECIMAL(10, 2), event_id STRING METADATA)
WITH ('connector' = 'recording', 'path' = 'recorded');
"""


def payloads(share: BranchBatch) -> list[dict[str, Any]]:
    column: Any = share.rows.column("payload")
    found: list[dict[str, Any]] = column.to_pylist()
    return found


def compiled(columns: str, select: str, options: str = "") -> tuple[Any, Any]:
    with_options = f"{TABLE}, {options}" if options else TABLE
    text = f"{SOURCE} CREATE TABLE o ({columns}) WITH ({with_options}); INSERT INTO o {select};"
    return JobText(Script("job.sql", text), {}).compile()


def sink(column: str, options: str = "") -> Table:
    _, plan = compiled(f"c {column}", "SELECT NULL FROM items", options)
    table: Table = plan.branches[0].sink
    return table


def run(columns: str, select: str, options: str = "") -> tuple[BranchBatch, list[Any]]:
    """What the statement hands to its sink, and what it refused."""
    job, plan = compiled(columns, select, options)
    source = recorded("mysql_adaptive", "items")
    branches = [BranchRun(one, Tables(), job.where, None) for one in plan.branches]
    with SourceRun(
        job.tables["items"], branches, source.schemas, choose_decoder("fastavro"), lambda: NOW
    ) as opened:
        batch = opened.process(source.records)
    (share,) = batch.branches.values()
    return share, batch.refusals


@pytest.mark.parametrize(
    ("declared", "written"),
    [
        ("BOOLEAN", "BOOL"),
        ("TINYINT", "INT64"),
        ("BIGINT", "INT64"),
        ("FLOAT", "FLOAT64"),
        ("DOUBLE", "FLOAT64"),
        ("VARCHAR(10)", "STRING"),
        ("STRING", "STRING"),
        ("BYTES", "BYTES"),
        ("DECIMAL(38, 9)", "NUMERIC(38, 9)"),
        ("DECIMAL(10, 0)", "NUMERIC(10, 0)"),
        ("DECIMAL(38, 8)", "BIGNUMERIC(38, 8)"),
        ("DECIMAL(20, 10)", "BIGNUMERIC(20, 10)"),
        ("DATE", "DATE"),
        ("TIME(3)", "TIME"),
        ("TIMESTAMP(6)", "DATETIME"),
        ("TIMESTAMP_LTZ(3)", "TIMESTAMP"),
        ("ARRAY<INT>", "ARRAY<INT64>"),
        ("ROW<a INT, b ROW<c DATE>>", "STRUCT<`a` INT64, `b` STRUCT<`c` DATE>>"),
        ("ARRAY<ROW<a DECIMAL(5, 2)>>", "ARRAY<STRUCT<`a` NUMERIC(5, 2)>>"),
        ("MAP<STRING, INT>", "JSON"),
        ("ARRAY<ARRAY<INT>>", "JSON"),
        ("ROW<a INT, b MAP<STRING, INT>>", "JSON"),
    ],
)
def test_every_type_has_a_column(declared: str, written: str) -> None:
    assert table_columns(sink(declared)) == [("c", written)]


@pytest.mark.parametrize("declared", ["STRING", "ROW<a INT>", "ARRAY<ROW<`a b` INT>>"])
def test_a_column_is_json_where_the_script_says_so(declared: str) -> None:
    assert table_columns(sink(declared, "'json-columns' = 'c'")) == [("c", "JSON")]


@pytest.mark.parametrize(
    ("column", "options", "said"),
    [
        ("c TIMESTAMP(9)", "", "keeps microseconds: declare it as TIMESTAMP(6)"),
        ("c ROW<a TIME(7)>", "", "c.a is a TIME(7), and BigQuery keeps microseconds"),
        ("`c-d` INT", "", "'c-d' has no name that BigQuery takes"),
        ("_PARTITIONTIME INT", "", "keeps for itself"),
        ("c ROW<a INT, A INT>", "", "two fields 'A'"),
        ("c ROW<`a b` INT>", "", "the field 'c.a b' has no name"),
        ("c INT", "'json-columns' = 'c'", "expected a STRING, ROW, ARRAY or MAP"),
        ("c STRING", "'json-columns' = 'd'", "'json-columns' names 'd', which is no column"),
        ("c MAP<ROW<a INT>, INT>", "", "a JSON object's names are texts"),
    ],
)
def test_what_bigquery_has_no_column_for_is_refused(column: str, options: str, said: str) -> None:
    _, plan = compiled(column, "SELECT NULL FROM items", options)
    with pytest.raises((SqlError, SqlErrors), match=re.escape(said)):
        table_columns(plan.branches[0].sink)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("'create' = 'maybe'", "'create' = 'maybe' is not supported"),
        ("'cluster-by' = 'a;b;c;d;e'", "up to 4 columns"),
        ("'location' = 'EU', 'sink.schema-evolution' = 'drop'", "'drop' is not supported"),
        ("'tabel' = 't'", "did you mean 'table'"),
    ],
)
def test_options_are_checked(option: str, said: str) -> None:
    with pytest.raises(SqlErrors, match=said):
        sink("INT", option)


def test_rows_come_as_columns_with_the_records_that_they_came_of() -> None:
    share, refusals = run(
        "id BIGINT, price DECIMAL(10, 2), `_event_id` STRING, at TIMESTAMP_LTZ(3)",
        "SELECT id, price, event_id, NOW() FROM items",
    )
    assert refusals == []
    rows = share.rows
    payload: Any = rows.column("payload")
    assert [field.name for field in payload.type] == ["id", "price", "_event_id", "at"]
    assert payload.type.field("id").type == pa.int64()
    assert pa.types.is_decimal(payload.type.field("price").type)
    first = payload[0].as_py()
    assert isinstance(first["price"], Decimal)
    assert first["at"] == NOW
    assert len(set(payload.field("_event_id").to_pylist())) == rows.num_rows
    assert rows.column("record").null_count == 0
    assert rows.schema.names == ["payload", "key", "attributes", "record"]


def test_what_is_json_is_text_and_null_stays_null() -> None:
    share, refusals = run(
        "id BIGINT, m MAP<STRING, DECIMAL(10, 2)>, r ROW<a BIGINT, t STRING>, s STRING, n STRING",
        "SELECT id, MAP[name, price], ROW(id, name), '{\"x\": 1}', CAST(NULL AS STRING) "
        "FROM items WHERE name IS NOT NULL",
        "'json-columns' = 'r;s;n'",
    )
    assert refusals == []
    for row in payloads(share):
        made = json.loads(row["r"])
        assert made["a"] == row["id"]
        assert list(json.loads(row["m"])) == [made["t"]]
        assert (row["s"], row["n"]) == ('{"x": 1}', None)


def test_a_map_with_a_null_key_is_refused_and_the_others_are_written() -> None:
    share, refusals = run(
        "id BIGINT, m MAP<STRING, BIGINT>",
        "SELECT id, MAP[CASE WHEN id = 1 THEN NULL ELSE 'k' END, id] FROM items",
    )
    ids = [row["id"] for row in payloads(share)]
    assert ids
    assert 1 not in ids
    assert refusals
    assert all("a MAP has a NULL key" in refusal.message for refusal in refusals)


def test_a_statement_without_rows_gives_an_empty_batch() -> None:
    share, _ = run("id BIGINT", "SELECT id FROM items WHERE id <> id")
    assert share.rows.num_rows == 0


def test_constants_alone_are_a_row_each() -> None:
    share, _ = run("c INT, d DATE", "SELECT 1, DATE '2026-01-31' FROM items")
    rows = payloads(share)
    assert len(rows) > 10
    assert set(map(str, rows)) == {str({"c": 1, "d": datetime.date(2026, 1, 31)})}


def test_the_format_of_typed_rows_needs_no_registry() -> None:
    _, plan = compiled("id BIGINT", "SELECT id FROM items")
    assert SinkFormat(plan.branches[0], None).sink.name == "o"


WINDOWS = """
CREATE TABLE items (id BIGINT, ts TIMESTAMP_LTZ(3) METADATA FROM 'ts_ms', WATERMARK FOR ts AS ts)
WITH ('connector' = 'recording', 'path' = 'recorded');
CREATE TABLE o (id BIGINT, n BIGINT) WITH ({options});
INSERT INTO o
SELECT id, COUNT(*) FROM TABLE(TUMBLE(TABLE items, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, id;
"""


def test_rows_of_windows_come_as_columns_too() -> None:
    text = WINDOWS.format(options=TABLE)
    job, plan = MixedJobText(Script("job.sql", text), {}).compile()
    (planned,) = plan.beam_sql
    origin = Origin("job", "1")
    step = FinishRows(lambda: (planned, job.where), Tables(), None, origin, lambda: NOW)
    step.setup()
    step.start_bundle()
    row = range(7, 7 + len(planned.result_columns()))
    assert list(step.process(tuple(row))) == []
    (batch,) = step.finish_bundle()
    step.teardown()
    assert batch.value.column("payload").to_pylist() == [{"id": 7, "n": 8}]
    assert batch.value.column("record").null_count == 1
