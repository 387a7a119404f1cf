"""A table opened for rows of other columns than it has, over a BigQuery in this process."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_errors import BigQueryAccessError, BigQuerySchemaError
from pipeline_io.bigquery_row_table import Columns, Evolution, RowTable, open_table
from pipeline_io.bigquery_types import parse_type
from tests.io.bigquery_rows import BigQuery, running

OLD = (("n", "INT64"), ("text", "STRING"))
NEW = (*OLD, ("tags", "ARRAY<STRING>"), ("at", "TIMESTAMP"))


@pytest.fixture
def service() -> Iterator[BigQuery]:
    with running() as service:
        yield service


def row_table(service: BigQuery, columns: Any = NEW, **more: Any) -> RowTable:
    return RowTable(BigQueryConfig(**service.options()), "events", tuple(columns), **more)


def opened(service: BigQuery, table: RowTable, **more: Any) -> list[tuple[str, str]]:
    sink = service.sink()
    return texts(open_table(sink, table, **more))


def texts(columns: Columns) -> list[tuple[str, str]]:
    return [(name, str(of)) for name, of in columns]


def names(service: BigQuery) -> list[str]:
    return [field["name"] for field in service.rest.tables["events"]["schema"]["fields"]]


def test_a_table_is_made_with_its_layout(service: BigQuery) -> None:
    found = opened(service, row_table(service, partition_by="at", cluster_by=("text", "n")))
    assert found == list(NEW)
    made = service.rest.tables["events"]
    assert made["timePartitioning"]["field"] == "at"
    assert made["clustering"]["fields"] == ["text", "n"]


def test_a_table_that_may_not_be_made_is_told_with_its_statement(service: BigQuery) -> None:
    table = row_table(service, create=False, partition_by="at", cluster_by=("n",))
    with pytest.raises(BigQueryAccessError) as raised:
        opened(service, table)
    assert (
        "CREATE TABLE `shop-1.shop.events` (`n` INT64, `text` STRING, `tags` ARRAY<STRING>, `at` "
        "TIMESTAMP) PARTITION BY TIMESTAMP_TRUNC(`at`, DAY) CLUSTER BY `n`"
    ) in str(raised.value)
    assert "events" not in service.rest.tables


@pytest.mark.parametrize("create", [True, False])
def test_columns_that_the_table_lacks_stop_with_the_statement_that_adds_them(
    service: BigQuery, create: bool
) -> None:
    opened(service, row_table(service, OLD))
    with pytest.raises(BigQuerySchemaError) as raised:
        opened(service, row_table(service, create=create))
    assert (
        "run ALTER TABLE `shop-1.shop.events` ADD COLUMN `tags` ARRAY<STRING>, ADD COLUMN `at` "
        "TIMESTAMP, or start with --schema_evolution=add"
    ) in str(raised.value)
    assert names(service) == ["n", "text"]


def test_they_are_added_where_they_may_be(service: BigQuery) -> None:
    opened(service, row_table(service, OLD))
    assert opened(service, row_table(service, evolution=Evolution.ADD)) == list(NEW)
    assert names(service) == ["n", "text", "tags", "at"]


def test_they_are_ignored_and_told_of_where_that_is_asked_for(
    service: BigQuery, caplog: pytest.LogCaptureFixture
) -> None:
    opened(service, row_table(service, OLD))
    table = row_table(service, evolution=Evolution.IGNORE, partition_by="at")
    with caplog.at_level(logging.WARNING, "pipeline_io.bigquery_row_table"):
        assert opened(service, table) == list(OLD)
        assert caplog.messages == []
        opened(service, table, tells=True)
    assert len(caplog.messages) == 1
    assert "lacks the column 'tags' (ARRAY<STRING>), the column 'at'" in caplog.messages[0]
    assert names(service) == ["n", "text"]


def test_a_table_with_none_of_the_columns_is_another_table(service: BigQuery) -> None:
    opened(service, row_table(service, [("other", "INT64")]))
    with pytest.raises(BigQuerySchemaError, match="has none of the columns"):
        opened(service, row_table(service, evolution=Evolution.IGNORE))


@pytest.mark.parametrize("evolution", [Evolution.FAIL, Evolution.IGNORE, Evolution.ADD])
def test_fields_of_structs_are_columns_too(service: BigQuery, evolution: Evolution) -> None:
    opened(
        service, row_table(service, [("S", "STRUCT<`a` INT64>"), ("l", "ARRAY<STRUCT<`x` DATE>>")])
    )
    wanted = [("s", "STRUCT<`a` INT64, `b` DATE>"), ("l", "ARRAY<STRUCT<`x` DATE, `y` STRING>>")]
    table = row_table(service, wanted, evolution=evolution)
    if evolution is Evolution.FAIL:
        with pytest.raises(
            BigQuerySchemaError, match=re.escape("lacks the column 'S.b' (DATE), the column 'l.y'")
        ):
            opened(service, table)
        return
    found = opened(service, table)
    if evolution is Evolution.IGNORE:
        assert found == [("S", "STRUCT<`a` INT64>"), ("l", "ARRAY<STRUCT<`x` DATE>>")]
    else:
        assert found == [("S", wanted[0][1]), wanted[1]]
        fields = service.rest.tables["events"]["schema"]["fields"]
        assert [[each["name"] for each in field["fields"]] for field in fields] == [
            ["a", "b"],
            ["x", "y"],
        ]


def test_a_column_of_the_table_that_takes_every_value_is_taken_as_it_is(service: BigQuery) -> None:
    present = [("n", "BIGNUMERIC"), ("Payload", "JSON"), ("many", "ARRAY<STRUCT<`g` GEOGRAPHY>>")]
    opened(service, row_table(service, present))
    wanted = [("n", "NUMERIC"), ("payload", "STRING"), ("many", "ARRAY<STRUCT<`g` STRING>>")]
    assert opened(service, row_table(service, wanted)) == present


def test_a_column_of_another_type_stops(service: BigQuery) -> None:
    opened(service, row_table(service, OLD))
    with pytest.raises(BigQuerySchemaError, match="has INT64 in the column 'n'"):
        opened(service, row_table(service, [("n", "DATE")], evolution=Evolution.ADD))


@pytest.mark.parametrize(
    "layout", [{"partition_by": "n"}, {"cluster_by": ("m",)}, {"columns": [("n", "NUMBER")]}]
)
def test_a_layout_that_bigquery_does_not_have_is_refused(
    service: BigQuery, layout: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"'(n|m|NUMBER)'"):
        row_table(service, **layout)


def test_the_statement_truncates_by_the_type_of_the_column(service: BigQuery) -> None:
    for kind, by in (("DATE", "`d`"), ("DATETIME", "DATETIME_TRUNC(`d`, DAY)")):
        table = row_table(service, [("d", kind)], partition_by="d")
        assert table.statement().endswith(f"(`d` {kind}) PARTITION BY {by}")
    assert parse_type("DATE").kind == "DATE"
