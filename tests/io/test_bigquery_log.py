from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.coders import typecoders
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import FixedWindows, TimestampedValue
from apache_beam.typehints.schemas import schema_from_element_type

from pipeline_io.bigquery_beam import WriteBigQueryLogByBeam
from pipeline_io.bigquery_beam_rows import addressed_class, beam_rows, plain_rows
from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_log import (
    NAMESPACE,
    RefusedRows,
    TableLayout,
    TableRows,
    WriteBigQueryLog,
)
from tests.io.bigquery_rows import ORDERS, BigQuery, numbered, running

LAYOUT = TableLayout((*ORDERS, ("_key", "STRING")), partition_by="at", cluster_by=("n",))


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


KINDS = ["array_type", "atomic_type"]
COLUMNS = (("_key", "STRING"), ("after", "JSON"), ("s", "STRUCT<`a` INT64>"), *ORDERS)


def test_beams_sink_has_every_type_of_a_log_under_its_name() -> None:
    schema = schema_from_element_type(addressed_class(COLUMNS))
    names = ["_key", "after", "s", "n", "text", "tags", "at"]
    assert [field.name for field in schema.fields] == ["destination", "record", *names]
    record = schema.fields[1].type.row_type.schema
    kinds = [field.type.WhichOneof("type_info") for field in record.fields]
    assert [field.name for field in record.fields] == names
    assert kinds == [*["atomic_type"] * 2, "row_type", *["atomic_type"] * 2, *KINDS]
    # Beam's sink gives a row back in fields of this one, and fails on those that have to be there.
    assert all(field.type.nullable for field in schema.fields)


def test_a_schema_is_the_same_in_every_process_and_another_for_other_columns() -> None:
    code = (
        "from pipeline_io.bigquery_beam_rows import addressed_class as a;"
        f"print(a({COLUMNS!r})._beam_schema_id)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ids = {schema_from_element_type(addressed_class(each)).id for each in (COLUMNS, ORDERS)}
    assert len(ids) == 2
    assert done.stdout.strip() in ids


def test_beams_sink_refuses_what_it_would_fail_on_later() -> None:
    layout = TableLayout((("s", "STRUCT<`a` NUMERIC(10, 2)>"),))
    with pytest.raises(ValueError, match=r"'s\.a' is NUMERIC\(10, 2\).*native sink"):
        WriteBigQueryLogByBeam(BigQueryConfig("shop-1", "shop", rest_endpoint="http://h"), layout)


def test_rows_for_beams_sink_know_their_table_and_come_back_as_they_were() -> None:
    rows = pa.record_batch(
        {
            "at": pa.array([1_000_001, None], pa.timestamp("us", tz="UTC")),
            "tags": pa.array([None, ["a"]]),
            "s": pa.array([{"a": 7}, None]),
        }
    )
    sent = list(beam_rows(COLUMNS, "p:d.orders", rows))
    assert {one.destination for one in sent} == {"p:d.orders"}
    assert (sent[0].record.at, sent[0].record.tags, sent[0].record.s.a) == (1_000_001, [], 7)
    coder = typecoders.registry.get_coder(addressed_class(COLUMNS))
    received = [coder.decode(coder.encode(one)) for one in sent]
    # Java gives the values back beside the row, which is NULL then.
    given_back = [type(one)(**vars(one.record)) for one in received]
    found = plain_rows(COLUMNS, given_back).select(["at", "tags", "s"]).to_pylist()
    first, second = rows.to_pylist()
    assert found == [{**first, "tags": []}, second]


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
