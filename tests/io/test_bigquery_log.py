from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import FixedWindows, TimestampedValue

from pipeline_io.bigquery_beam import WriteBigQueryLogByBeam, beam_rows, beam_schema
from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_log import (
    NAMESPACE,
    RefusedRows,
    TableLayout,
    TableRows,
    WriteBigQueryLog,
)
from tests.io.bigquery_rows import ORDERS, BigQuery, numbered, running

LAYOUT = TableLayout(ORDERS, partition_by="at", cluster_by=("n",))


@pytest.fixture
def service() -> Iterator[BigQuery]:
    with running() as service:
        yield service


def plain(refused: RefusedRows) -> tuple[Any, ...]:
    return (refused.table, refused.rows.to_pylist(), refused.error_classes, refused.messages)


def test_batches_go_to_the_tables_that_they_name_and_refused_rows_come_back(
    service: BigQuery,
) -> None:
    service.storage.judge = lambda row: "odd one" if row["n"] == 3 else None
    batches = [
        TableRows("orders", numbered(range(5))),
        TableRows("parcels", numbered(range(10, 12))),
    ]
    config = BigQueryConfig(**service.options())
    with beam.Pipeline() as pipeline:
        outputs = pipeline | beam.Create(batches) | WriteBigQueryLog(config, LAYOUT)
        totals = outputs.written | beam.CombinePerKey(sum)
        assert_that(totals, equal_to([("orders", 4), ("parcels", 2)]), label="Written")
        assert_that(
            outputs.refused | beam.Map(plain),
            equal_to(
                [
                    (
                        "orders",
                        [{"n": 3, "text": "x"}],
                        ["RefusedByBigQuery"],
                        ["BigQuery refuses the row: odd one"],
                    )
                ]
            ),
            label="Refused",
        )
    counters = {
        counter.key.metric.name: counter.committed
        for counter in pipeline.result.metrics().query()["counters"]
        if counter.key.metric.namespace == NAMESPACE
    }
    assert (counters["rows"], counters["refused"]) == (6, 1)
    assert sorted(service.storage.numbers()) == [0, 1, 2, 4]
    assert service.storage.numbers("parcels") == [10, 11]
    assert service.rest.tables["orders"]["timePartitioning"]["field"] == "at"


def test_results_stand_in_the_window_of_their_batch(service: BigQuery) -> None:
    config = BigQueryConfig(**service.options())
    batches = [
        TimestampedValue(TableRows("orders", numbered([second])), second) for second in (1, 2, 61)
    ]
    with beam.Pipeline() as pipeline:
        outputs = (
            pipeline
            | beam.Create(batches)
            | beam.WindowInto(FixedWindows(60))
            | WriteBigQueryLog(config, LAYOUT)
        )
        totals = outputs.written | beam.CombinePerKey(sum)
        starts = totals | beam.Map(
            lambda one, window=beam.DoFn.WindowParam: (one[1], int(window.start))
        )
        assert_that(starts, equal_to([(2, 0), (1, 60)]))


def test_beams_sink_has_every_type_of_a_log_and_json_as_text() -> None:
    schema = beam_schema(TableLayout((("key", "JSON"), ("s", "STRUCT<`a` INT64>"), *ORDERS)))
    assert [(field["name"], field["type"], field["mode"]) for field in schema["fields"]] == [
        ("key", "JSON", "NULLABLE"),
        ("s", "STRUCT", "NULLABLE"),
        ("n", "INT64", "NULLABLE"),
        ("text", "STRING", "NULLABLE"),
        ("tags", "STRING", "REPEATED"),
        ("at", "TIMESTAMP", "NULLABLE"),
    ]


def test_beams_sink_refuses_what_it_would_fail_on_later() -> None:
    with pytest.raises(ValueError, match=r"'s\.a' is NUMERIC\(10, 2\).*native sink"):
        beam_schema(TableLayout((("s", "STRUCT<`a` NUMERIC(10, 2)>"),)))


def test_rows_for_beams_sink_know_their_table_and_have_no_null_array() -> None:
    rows = pa.record_batch(
        {
            "at": pa.array([1_000_001, None], pa.timestamp("us", tz="UTC")),
            "tags": pa.array([None, ["a"]]),
        }
    )
    first, second = beam_rows("p:d.orders", rows)
    assert (first["at"].micros, first["tags"]) == (1_000_001, [])
    assert second == {"at": None, "tags": ["a"], "_destination": "p:d.orders"}


def test_beams_sink_is_expanded_for_tables_that_are_there(beam_java: Any) -> None:
    config = BigQueryConfig("shop-1", "shop", rest_endpoint="http://127.0.0.1:1")
    pipeline = beam.Pipeline()
    (
        pipeline
        | beam.Create([]).with_output_types(TableRows)
        | WriteBigQueryLogByBeam(config, LAYOUT, beam_java.expansion_address)
    )
    proto = pipeline.to_runner_api()
    names = [one.unique_name for one in proto.components.transforms.values()]
    assert any("StorageApiLoads" in name for name in names)
    assert not any("CreateTables" in name and "Never" not in name for name in names)
