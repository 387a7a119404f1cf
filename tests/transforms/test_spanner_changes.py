"""Changes of a change stream as change events."""

from __future__ import annotations

import itertools
import json
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from pipeline_io.spanner_stream_records import DataChange, mods_of
from pipelines.change_outputs_schemas import ProcessSchemas
from transforms.avro import choose_decoder, decode
from transforms.event_id import event_ids
from transforms.incarnation import Incarnations
from transforms.order_key import order_keys
from transforms.spanner_changes import SpannerEvents, StreamPlace
from transforms.spanner_columns import Column, SpannerChangeError

PLACE = StreamPlace("shop", "1.0", "p", "i", "d", "Everything")
TYPES = {"Id": "INT64", "S": "STRING", "N": "NUMERIC"}


def types(*names: str) -> str:
    return json.dumps(
        [
            [name, {"code": TYPES[name]}, name == "Id", place]
            for place, name in enumerate(names, start=1)
        ]
    )


def change(
    kind: str,
    *mods: tuple[int, dict[str, Any], dict[str, Any]],
    table: str = "Orders",
    columns: tuple[str, ...] = ("Id", "S", "N"),
    commit_us: int = 1_700_000_000_123_456,
    sequence: str = "00000003",
) -> DataChange:
    """A record; mods are key, new values and old values."""
    texts = tuple(
        (json.dumps({"Id": str(key)}), json.dumps(new), json.dumps(old)) for key, new, old in mods
    )
    return DataChange(commit_us, sequence, "tx", table, types(*columns), texts, kind, "tag", False)


class Written:
    """Events made of records, and read back."""

    def __init__(self, first_columns: dict[str, tuple[Column, ...]] | None = None) -> None:
        self.schemas = ProcessSchemas()
        self.events = SpannerEvents(PLACE, self.schemas, lambda *_: 7, first_columns)

    def records(self, *changes: DataChange) -> list[pa.RecordBatch]:
        return list(self.events.records(mods_of(changes), 1_700_000_001_000))

    def rows(self, *changes: DataChange) -> list[dict[str, Any]]:
        found = []
        for records in self.records(*changes):
            values: Any = records.column("value")
            decoded = decode(values, self.schemas, choose_decoder())
            assert not decoded.failures
            (group,) = decoded.groups
            found += group.rows.to_pylist()
        return found


def test_an_insert_an_update_and_a_delete_are_events_with_whole_rows() -> None:
    whole = {"S": "new", "N": "1.5"}
    events = Written().rows(
        change("INSERT", (1, whole, {})),
        change("UPDATE", (1, whole, {"S": "old"})),
        change("DELETE", (1, {}, {"S": "gone", "N": None})),
    )
    rows = [(event["op"], event["before"], event["after"]) for event in events]
    number = rows[0][2]["N"]
    new = {"Id": 1, "S": "new", "N": number}
    assert rows == [
        ("c", None, new),
        ("u", {"Id": 1, "S": "old", "N": number}, new),
        ("d", {"Id": 1, "S": "gone", "N": None}, None),
    ]
    assert str(number) == "1.500000000"


def test_what_was_null_before_an_update_is_null_and_not_what_it_is_now() -> None:
    (event,) = Written().rows(change("UPDATE", (1, {"S": "new", "N": "1"}, {"S": None})))
    assert (event["before"]["S"], event["after"]["S"]) == (None, "new")


def test_a_stream_without_old_values_has_no_before_and_the_key_of_what_was_deleted() -> None:
    events = Written().rows(
        change("UPDATE", (1, {"S": "new", "N": "1"}, {})), change("DELETE", (1, {}, {}))
    )
    assert [event["before"] for event in events] == [None, {"Id": 1, "S": None, "N": None}]


def test_the_source_says_where_and_when_it_was() -> None:
    (event,) = Written().rows(change("INSERT", (1, {}, {}), table="sales.Orders"))
    assert event["source"] == {
        "version": "1.0",
        "connector": "spanner",
        "name": "shop",
        "ts_ms": 1_700_000_000_123,
        "ts_us": 1_700_000_000_123_456,
        "snapshot": "false",
        "db": "d",
        "schema": "sales",
        "table": "Orders",
        "sequence": "00000003",
        "mod_number": 0,
        "project_id": "p",
        "instance_id": "i",
        "change_stream_name": "Everything",
        "server_transaction_id": "tx",
        "transaction_tag": "tag",
        "is_system_transaction": False,
    }
    assert (event["ts_ms"], event["transaction"]) == (1_700_000_001_000, None)


def test_records_go_to_a_topic_of_each_table_with_offsets_that_go_on() -> None:
    found = Written().records(
        change("INSERT", (1, {}, {}), (2, {}, {})),
        change("INSERT", (1, {}, {}), table="sales.Lines"),
    )
    places = [
        (batch.column("topic").to_pylist(), batch.column("offset").to_pylist()) for batch in found
    ]
    assert places == [(["shop.Orders"] * 2, [7, 8]), (["shop.sales.Lines"], [7])]


def test_keys_of_one_row_are_the_same_bytes_whatever_became_of_it() -> None:
    found = Written().records(
        change("INSERT", (1, {"S": "x", "N": "1"}, {})),
        change("DELETE", (1, {}, {"S": "x", "N": "1"})),
    )
    (batch,) = found
    first, second = batch.column("key").to_pylist()
    assert first == second


def test_order_keys_rise_with_time_record_and_row_and_ids_are_those_of_a_repeat() -> None:
    changes = [
        change("INSERT", (1, {}, {}), (2, {}, {})),
        change("UPDATE", (1, {}, {}), sequence="00000010"),
        change("UPDATE", (1, {}, {}), commit_us=1_700_000_000_123_457, sequence="00000000"),
    ]

    def keys_and_ids() -> tuple[list[str], list[str]]:
        written = Written()
        (batch,) = written.records(*changes)
        values: Any = batch.column("value")
        (group,) = decode(values, written.schemas, choose_decoder()).groups
        source, op = (pl.Series(group.rows.column(name)) for name in ("source", "op"))
        found = order_keys(source, op, Incarnations())
        assert found.errors.null_count() == len(op)
        ids = event_ids(source, op, None, pl.Series(batch.column("key")))
        return found.order_key.to_list(), ids.to_list()

    keys, ids = keys_and_ids()
    assert keys == sorted(set(keys))
    assert len(set(ids)) == 4
    assert keys_and_ids() == (keys, ids)


def test_changes_on_both_sides_of_an_altered_table_stay_in_their_order() -> None:
    changes = [
        change("INSERT", (1, {"S": "a"}, {}), columns=("Id", "S")),
        change("UPDATE", (1, {"S": "b", "N": "2"}, {})),
        change("UPDATE", (2, {"S": "c"}, {}), columns=("Id", "S")),
    ]
    events = Written().rows(*changes)
    assert [event["after"]["S"] for event in events] == ["a", "b", "c"]
    assert ["N" in event["after"] for event in events] == [False, True, False]


def test_a_delete_that_tells_of_the_key_alone_has_the_columns_of_its_table() -> None:
    known = tuple(Column(name, kind, False, name == "Id") for name, kind in TYPES.items())
    written = Written({"Orders": known})
    (event,) = written.rows(change("DELETE", (1, {}, {}), columns=("Id",)))
    assert event["before"] == {"Id": 1, "S": None, "N": None}


def test_tables_of_one_transaction_are_events_of_each() -> None:
    changes = [
        change("INSERT", (number, {}, {}), table=table)
        for number, table in itertools.product((1, 2), ("A", "B"))
    ]
    events = Written().rows(*changes)
    assert [(event["source"]["table"], event["after"]["Id"]) for event in events] == [
        *(("A", 1), ("A", 2)),
        *(("B", 1), ("B", 2)),
    ]


def test_a_kind_of_change_that_is_not_known_is_refused() -> None:
    with pytest.raises(SpannerChangeError, match="mod_type 'UPSERT'"):
        Written().records(change("UPSERT", (1, {}, {})))


def test_a_change_without_its_key_is_refused_with_what_it_has() -> None:
    wrong = change("INSERT", (1, {}, {}))._replace(mods=(("{}", "{}", "{}"),))
    with pytest.raises(SpannerChangeError, match=r"Orders with the keys \{\}: column 'Id'"):
        Written().records(wrong)
