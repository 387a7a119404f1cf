from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from google.cloud.bigquery import SchemaField

from pipeline_io import bigquery_streams
from pipeline_io.bigquery_columns import merged
from pipeline_io.bigquery_errors import (
    BigQueryAccessError,
    BigQueryError,
    BigQuerySchemaError,
    BigQueryUnavailable,
)
from pipeline_io.bigquery_types import parse_type
from tests.io.bigquery_rows import ORDERS, BigQuery, numbered, running


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bigquery_streams, "_FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(bigquery_streams, "_LONGEST_WAIT_SECONDS", 0.05)


@pytest.fixture
def service() -> Iterator[BigQuery]:
    with running() as service:
        yield service


def test_a_table_is_made_with_its_dataset_partitions_and_clusters(service: BigQuery) -> None:
    sink = service.sink("orders", location="europe-west1")
    sink.ensure_table("log", ORDERS, partition_by="at", cluster_by=["n", "text"])
    assert service.rest.datasets["shop"]["location"] == "europe-west1"
    table = service.rest.tables["log"]
    assert table["timePartitioning"] == {"type": "DAY", "field": "at"}
    assert table["clustering"] == {"fields": ["n", "text"]}


def test_a_table_that_is_as_it_should_be_is_not_touched(service: BigQuery) -> None:
    service.sink()
    service.rest.asked.clear()
    service.sink()
    assert service.rest.asked == ["GET /shop/tables/orders"]


def test_columns_are_added_and_those_that_others_added_kept(service: BigQuery) -> None:
    sink = service.sink()
    fields = service.rest.tables["orders"]["schema"]["fields"]
    fields.append({"name": "theirs", "type": "STRING", "mode": "NULLABLE"})
    sink.ensure_table("orders", [*ORDERS, ("extra", "NUMERIC(10, 2)")])
    found = [field["name"] for field in service.rest.tables["orders"]["schema"]["fields"]]
    assert found == ["n", "text", "tags", "at", "theirs", "extra"]


def test_rows_with_a_new_column_wait_until_it_is_seen(service: BigQuery) -> None:
    sink = service.sink()
    sink.append("orders", numbered([1]))
    sink.flush()
    service.rest.lag = True
    sink.ensure_table("orders", [*ORDERS, ("extra", "INT64")])
    rows = numbered([2])
    rows = rows.append_column("extra", rows["n"])

    def see(request: object) -> None:
        if len(service.storage.requests) >= 3:
            service.rest.catch_up()

    service.storage.on_request = see
    sink.append("orders", rows)
    sink.flush()
    assert service.storage.numbers() == [1, 2]
    assert len(service.storage.requests) > 2


def test_two_workers_that_add_columns_at_a_time_add_both(service: BigQuery) -> None:
    sink = service.sink()
    # The table that is read is older than the one that is there.
    service.rest.script = [None, (412, "conditionNotMet")]
    sink.ensure_table("orders", [*ORDERS, ("extra", "INT64")])
    names = [field["name"] for field in service.rest.tables["orders"]["schema"]["fields"]]
    assert names[-1] == "extra"
    assert [asked.split()[0] for asked in service.rest.asked[-4:]] == ["GET", "PATCH"] * 2


def test_two_workers_that_make_a_table_at_a_time_are_content(service: BigQuery) -> None:
    service.sink()
    service.rest.script = [(404, "notFound")]
    service.sink().append("orders", numbered([1]))


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (503, "backendError"),
        (500, "internalError"),
        (429, "rateLimitExceeded"),
        (403, "quotaExceeded"),
    ],
)
def test_what_may_be_tried_again_is(service: BigQuery, status: int, reason: str) -> None:
    service.rest.script = [(status, reason)] * 3
    service.sink()
    assert "orders" in service.rest.tables


def test_a_server_that_is_away_stops_the_job_after_its_time(service: BigQuery) -> None:
    with pytest.raises(
        BigQueryUnavailable, match=r"table shop-1\.shop\.orders cannot be read.*for 0 s"
    ):
        service.sink(rest_endpoint="http://127.0.0.1:9", retry_seconds=0.1)


@pytest.mark.parametrize(
    ("status", "reason", "text"),
    [
        (403, "accessDenied", r"is not allowed.*roles/bigquery\.dataEditor"),
        (401, "authError", r"does not accept the credentials.*gcloud auth"),
    ],
)
def test_what_no_waiting_mends_stops_the_job_with_the_next_step(
    service: BigQuery, status: int, reason: str, text: str
) -> None:
    service.rest.script = [(status, reason)] * 5
    with pytest.raises(BigQueryAccessError, match=text):
        service.sink()


def test_a_project_that_is_not_there_stops_the_job_with_the_next_step(service: BigQuery) -> None:
    with pytest.raises(BigQueryAccessError, match="check the project 'shop-2'"):
        service.sink(project="shop-2")


def test_a_request_that_is_refused_stops_the_job_with_bigquerys_words(service: BigQuery) -> None:
    service.rest.script = [(400, "invalid")] * 5
    with pytest.raises(BigQueryError, match="invalid it is"):
        service.sink()


def test_another_layout_of_a_table_that_is_there_is_told(
    service: BigQuery, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        service.sink().ensure_table("orders", ORDERS, partition_by="at", cluster_by=["n"])
    assert "is partitioned by nothing and not by at" in caplog.text
    assert "bq update --clustering_fields=n shop-1:shop.orders" in caplog.text


@pytest.mark.parametrize(
    ("present", "wanted", "text"),
    [
        (("n", "STRING"), "INT64", r"has STRING in the column 'n'.*have INT64.*RENAME COLUMN"),
        (("n", "ARRAY<INT64>"), "INT64", r"has ARRAY<INT64> in the column 'n'"),
        (("s", "STRING"), "STRUCT<`a` INT64>", r"has STRING in the column 's'"),
    ],
)
def test_a_column_of_another_type_is_refused_with_the_next_step(
    present: tuple[str, str], wanted: str, text: str
) -> None:
    name, has = present
    with pytest.raises(BigQuerySchemaError, match=text):
        merged("p.d.t", [parse_type(has).field(name)], [(name, parse_type(wanted))])


def test_a_column_that_is_too_narrow_is_refused_with_the_statement_that_widens_it() -> None:
    field = SchemaField("n", "NUMERIC", precision=10, scale=2)
    text = r"NUMERIC\(10, 2\).*ALTER COLUMN n SET DATA TYPE NUMERIC\(12, 4\)"
    with pytest.raises(BigQuerySchemaError, match=text):
        merged("p.d.t", [field], [("n", parse_type("NUMERIC(12, 4)"))])
    assert merged("p.d.t", [field], [("n", parse_type("NUMERIC(9, 2)"))]) == [field]


def test_a_column_that_must_be_written_and_is_not_is_refused() -> None:
    with pytest.raises(BigQuerySchemaError, match=r"'theirs'.*DROP NOT NULL"):
        merged("p.d.t", [SchemaField("theirs", "STRING", "REQUIRED")], [])


def test_fields_of_a_struct_are_added_in_it() -> None:
    present = [parse_type("STRUCT<`a` INT64>").field("s")]
    (found,) = merged("p.d.t", present, [("s", parse_type("STRUCT<`a` INT64, `b` STRING>"))])
    assert [(field.name, field.field_type) for field in found.fields] == [
        ("a", "INT64"),
        ("b", "STRING"),
    ]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"partition_by": "text"}, "cannot be partitioned by 'text'"),
        ({"partition_by": "nothing"}, "cannot be partitioned by 'nothing'"),
        ({"cluster_by": ["nothing"]}, "cannot be clustered by"),
        ({"cluster_by": ["n"] * 5}, "up to 4"),
    ],
)
def test_a_layout_that_bigquery_does_not_have_is_refused(
    service: BigQuery, options: dict[str, object], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        service.sink().ensure_table("log", ORDERS, **options)  # type: ignore[arg-type]
