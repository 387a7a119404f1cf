"""The SQL of polling, as text."""

from __future__ import annotations

import pytest
from sqlalchemy.dialects import mysql, postgresql, sqlite

from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_sql import SqlColumn, TableSql, source_of
from pipeline_io.audit_tables import Shard, TableRequest, shards_of

POSTGRESQL = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]
MYSQL = mysql.pymysql.dialect()


def orders(request: TableRequest, kind: str = "postgresql", index: str | None = None) -> TableSql:
    key = (SqlColumn("a", '"a"', '"a"', "uuid"), SqlColumn("b", "f(b)", '"b"'))
    cast = "timestamp with time zone" if kind == "postgresql" else None
    time = SqlColumn("at", "us(at)", '"at"', cast)
    return TableSql(source_of(request, kind), (*key,), key, time, '"ShardId"', index)


def text(query: object, dialect: object = POSTGRESQL) -> str:
    return " ".join(str(query.compile(dialect=dialect)).split())  # type: ignore[attr-defined]


ORDERS = TableRequest("shop.orders", "at")
TIME = "CAST(%(after)s::VARCHAR AS timestamp with time zone)"
KEY = "CAST(%(key_0)s::VARCHAR AS uuid)"


def test_a_page_is_cut_by_time_and_key_written_out() -> None:
    query = orders(ORDERS).page(Shard(0, 2, None, 7), after=True, after_key=True, rows=10)
    assert text(query) == (
        'SELECT "a" AS audit_0, f(b) AS audit_1, us(at) AS audit_2 FROM shop.orders '  # noqa: S608
        'WHERE "at" IS NOT NULL '
        'AND "at" <= CAST(%(upto)s::VARCHAR AS timestamp with time zone) '
        f'AND "at" >= {TIME} '
        f'AND ("at" > {TIME} OR "at" = {TIME} '
        f'AND ("a" > {KEY} OR "a" = {KEY} AND "b" > %(key_1)s)) '
        'AND "ShardId" <= %(high)s::BIGINT '
        'ORDER BY "at", "a", "b" LIMIT %(param_1)s::INTEGER'
    )


def test_the_first_page_begins_at_the_beginning() -> None:
    query = orders(ORDERS).page(Shard(), after=False, after_key=False, rows=10)
    assert "after" not in text(query)
    assert "ShardId" not in text(query)


def test_keys_and_rows_of_keys_are_asked_for_by_key_alone() -> None:
    assert text(orders(ORDERS).keys(Shard(1, 2, 8, None), after_key=False, rows=5)) == (
        'SELECT "a" AS audit_0, f(b) AS audit_1, us(at) AS audit_2 FROM shop.orders '
        'WHERE "ShardId" >= %(low)s::BIGINT ORDER BY "a", "b" LIMIT %(param_1)s::INTEGER'
    )
    assert text(orders(ORDERS).rows(2)).endswith(
        'WHERE "a" = CAST(%(key_0_0)s::VARCHAR AS uuid) AND "b" = %(key_0_1)s '
        'OR "a" = CAST(%(key_1_0)s::VARCHAR AS uuid) AND "b" = %(key_1_1)s'
    )


def test_a_query_is_a_subquery_and_its_colons_are_no_parameters() -> None:
    request = TableRequest("orders", "at", query="SELECT a::uuid, ':x', '5%' FROM orders ; ")
    query = orders(request).keys(Shard(), after_key=False, rows=5)
    assert "FROM (SELECT a::uuid, ':x', '5%%' FROM orders) AS polled ORDER BY" in text(query)
    assert set(query.compile(dialect=POSTGRESQL).params) == {"param_1"}


def test_an_index_is_forced_in_mysql_and_refused_elsewhere() -> None:
    request = TableRequest("orders", "at", index="by time")
    query = orders(request, "mysql", "`by time`").page(
        Shard(), after=False, after_key=False, rows=5
    )
    assert "FROM orders FORCE INDEX (`by time`) WHERE" in text(query, MYSQL)
    for kind in ("postgresql", "sqlite"):
        with pytest.raises(AuditError, match=f"'by time' cannot be forced: {kind} has no such"):
            source_of(request, kind)
    with pytest.raises(AuditError, match="write FORCE INDEX into the query"):
        source_of(TableRequest("o", "at", index="i", query="SELECT 1"), "mysql")


def test_names_are_quoted_where_they_must_be() -> None:
    source = source_of(TableRequest('My "Shop.Order`s', "at"), "sqlite")
    assert text(source.select(), sqlite.dialect()).endswith('FROM "My ""Shop"."Order`s"')


@pytest.mark.parametrize("count", [1, 3, 7, 16])
def test_shards_hold_every_value_once(count: int) -> None:
    shards = shards_of(TableRequest("o", "at", shard_column="s", shards=(count, -4, 11)))
    assert len(shards) == count
    for value in range(-20, 30):
        holding = [
            shard
            for shard in shards
            if (shard.low is None or shard.low <= value)
            and (shard.high is None or value <= shard.high)
        ]
        assert len(holding) == 1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"updated": ""}, "give both"),
        ({"overlap_seconds": -1.0}, "expected 0 or more"),
        ({"shard_column": "s"}, "together"),
        ({"shard_column": "s", "shards": (5, 1, 3)}, "at least one value"),
        ({"updated_unit": "ns"}, "expected s, ms, us"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(settings: dict[str, object], told: str) -> None:
    with pytest.raises(AuditError, match=told):
        TableRequest(**{"name": "o", "updated": "at", **settings})  # type: ignore[arg-type]
