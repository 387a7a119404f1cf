"""Steps around Beam's sink of BigQuery: rows that it gets, and rows that it gives back."""

from __future__ import annotations

import json
from collections.abc import Iterator

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from pipeline_io.bigquery_log import RefusedRows, TableRows
from pipeline_io.recording import Recording, RecordingSchemas
from pipelines.change_log_beam import LAYOUTS, KeepRefused, MakeLogRows, log_table_of
from pipelines.change_log_options import BigQueryMethod
from pipelines.change_log_run import LogTarget
from tests.io.bigquery_stand_in import path_of
from tests.pipelines.bigquery_warehouse import WAREHOUSE, StandInWarehouse, places, warehouse
from tests.transforms.change_log_recordings import RECORDINGS, change_log, logged, records
from transforms.dead_letters import Origin

TARGET = LogTarget(WAREHOUSE, "shop", bigquery_method=BigQueryMethod.BEAM)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInWarehouse]:
    with warehouse(monkeypatch) as made:
        yield made


def counted(rows: TableRows) -> tuple[str, int]:
    return rows.table, rows.rows.num_rows


@pytest.mark.parametrize(
    ("name", "layout"), [("pg_adaptive", "postgresql"), ("mariadb_adaptive", "mysql")]
)
def test_rows_are_handed_over_by_layout_and_not_written_by_the_reader(
    made: StandInWarehouse, name: str, layout: str
) -> None:
    folder = str(RECORDINGS / name)
    step = MakeLogRows(TARGET, RecordingSchemas(folder), Origin("test", "1"), "t")
    batches = list(Recording(folder).batches(500))
    tables = {f"{table}_change_log": len(rows) for table, rows in logged(name)[0].items()}
    with beam.Pipeline() as pipeline:
        found = (
            pipeline
            | beam.Create(batches)
            | beam.ParDo(step).with_outputs(*LAYOUTS, main="letters")
        )
        totals = found[layout] | beam.Map(counted) | beam.CombinePerKey(sum)
        assert_that(totals, equal_to(list(tables.items())), label="Rows")
        for other in LAYOUTS.keys() - {layout}:
            assert_that(found[other], equal_to([]), label=f"Other {other}")
        assert_that(found["letters"], equal_to([]), label="Letters")
    for table in logged(name)[0]:
        assert places(made, table) == []


def test_rows_that_are_refused_are_rows_of_dead_letters(made: StandInWarehouse) -> None:
    (batch,) = records("pg_adaptive", 1_000_000)
    (rows, *_) = change_log("pg_adaptive").process(batch).rows["items"]
    two = rows.slice(0, 2)
    refused = RefusedRows("", two, ["RefusedByBigQuery"] * 2, ["first", "second"])
    with beam.Pipeline() as pipeline:
        _ = pipeline | beam.Create([refused]) | beam.ParDo(KeepRefused(TARGET))
    counters = {
        one.key.metric.name: one.committed for one in pipeline.result.metrics().query()["counters"]
    }
    assert counters["all/dead_letters"] == -counters["items/rows"] == 2
    letters = made.service.storage.stored[path_of("_dead_letters")]
    expected = two.to_pylist()
    assert [(one["table_name"], one["stage"], one["error"]) for one in letters] == [
        ("items", "write", "RefusedByBigQuery: first"),
        ("items", "write", "RefusedByBigQuery: second"),
    ]
    assert [one["topic_offset"] for one in letters] == [one["_offset"] for one in expected]
    assert json.loads(letters[0]["payload"])["after"] == expected[0]["after"]


@pytest.mark.parametrize(
    ("row", "table"),
    [
        ({"source": {"table": "orders"}}, "orders_change_log"),
        ({"source": {"table": "orders", "schema": "public"}}, "orders_change_log"),
        ({"source": {"table": "orders", "schema": "crm"}}, "crm_orders_change_log"),
        ({"source": {"table": "orders"}, "ddl": "ALTER"}, "_schema_changes_change_log"),
        ({"source": None}, "_schema_changes_change_log"),
    ],
)
def test_the_table_of_a_refused_row_is_what_its_source_says(
    row: dict[str, object], table: str
) -> None:
    assert log_table_of(row) == table
