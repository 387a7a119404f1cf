"""Records of a change stream out of an answer's parts."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud.spanner_v1.types import (
    PartialResultSet,
    ResultSetMetadata,
    StructType,
    Type,
    TypeCode,
)
from google.protobuf.struct_pb2 import ListValue, NullValue, Value

from pipeline_io.spanner_stream_description import ChangeStreamError
from pipeline_io.spanner_stream_records import (
    MODS,
    Child,
    Children,
    DataChange,
    Heartbeat,
    microseconds_of,
    mods_of,
    records_of,
    text_of,
)

FIELDS = {
    "data_change_record": (
        *("commit_timestamp", "record_sequence", "server_transaction_id"),
        *("is_last_record_in_transaction_in_partition", "table_name", "column_types", "mods"),
        *("mod_type", "value_capture_type", "number_of_records_in_transaction"),
        *("number_of_partitions_in_transaction", "transaction_tag", "is_system_transaction"),
    ),
    "heartbeat_record": ("timestamp",),
    "child_partitions_record": ("start_timestamp", "record_sequence", "child_partitions"),
}


def array_of(fields: list[StructType.Field]) -> Type:
    struct = Type(code=TypeCode.STRUCT, struct_type=StructType(fields=fields))
    return Type(code=TypeCode.ARRAY, array_element_type=struct)


METADATA = ResultSetMetadata(
    row_type=StructType(
        fields=[
            StructType.Field(
                name="ChangeRecord",
                type_=array_of(
                    [
                        StructType.Field(
                            name=kind,
                            type_=array_of([StructType.Field(name=name) for name in names]),
                        )
                        for kind, names in FIELDS.items()
                    ]
                ),
            )
        ]
    )
)


def value(given: Any) -> Value:
    if given is None:
        return Value(null_value=NullValue.NULL_VALUE)
    if isinstance(given, bool):
        return Value(bool_value=given)
    if isinstance(given, str):
        return Value(string_value=given)
    return Value(list_value=ListValue(values=[value(one) for one in given]))


def row(kind: str, *fields: Any) -> Value:
    """A row of the read function with one record."""
    return value([[[list(fields)] if name == kind else [] for name in FIELDS]])


def change(capture: str = "NEW_ROW", commit: str = "2026-01-31T12:00:00.5Z") -> Value:
    return row(
        "data_change_record",
        *(commit, "00000002", "77", True, "Orders"),
        [["Id", '{"code":"INT64"}', True, "1"], ['a"b', '{"code":"JSON"}', False, "2"]],
        [['{"Id":"1"}', '{"S":"x"}', None], ['{"Id":"2"}', None, "{}"]],
        *("UPDATE", capture, "1", "1", "a tag", False),
    )


def part(*values: Value, chunked: bool = False, first: bool = True) -> PartialResultSet:
    made = PartialResultSet(metadata=METADATA if first else None, chunked_value=chunked)
    PartialResultSet.pb(made).values.extend(values)
    return made


CHANGE = DataChange(
    1_769_860_800_500_000,
    "00000002",
    "77",
    "Orders",
    '[["Id",{"code":"INT64"},true,1],["a\\"b",{"code":"JSON"},false,2]]',
    (('{"Id":"1"}', '{"S":"x"}', "{}"), ('{"Id":"2"}', "{}", "{}")),
    "UPDATE",
    "a tag",
    False,
)


def test_a_change_is_told_with_the_rows_of_its_record() -> None:
    assert list(records_of([part(change())])) == [CHANGE]


def test_a_record_that_is_cut_into_parts_is_put_together() -> None:
    begin, end = change(), change()
    fields = begin.list_value.values[0].list_value.values[0].list_value.values[0].list_value.values
    fields[4].string_value = "Ord"
    del fields[5:]
    del begin.list_value.values[0].list_value.values[1:]
    rest = end.list_value.values[0].list_value.values[0].list_value.values[0].list_value.values
    rest[4].string_value = "ers"
    del rest[:4]
    cut = [part(begin, chunked=True), part(end, first=False)]
    assert list(records_of(cut)) == [CHANGE]
    heartbeat = part(row("heartbeat_record", "1970-01-01T00:00:01Z"))
    assert list(records_of([heartbeat, *cut])) == [Heartbeat(1_000_000), CHANGE]


def test_children_are_told_with_their_parents_and_no_parent_where_it_is_null() -> None:
    told = row(
        "child_partitions_record",
        *("1970-01-01T00:00:02Z", "00000001"),
        [["c", ["a", "b"]], ["d", [None]]],
    )
    expected = Children((Child("c", 2_000_000, ("a", "b")), Child("d", 2_000_000, ())))
    assert list(records_of([part(told)])) == [expected]


def test_a_change_that_was_captured_before_the_stream_was_altered_is_refused() -> None:
    with pytest.raises(
        ChangeStreamError, match=r"Orders at 2026-.*captured as NEW_VALUES.*--start"
    ):
        list(records_of([part(change("NEW_VALUES"))]))


def test_changes_of_rows_are_numbered_within_their_record() -> None:
    mods = mods_of([CHANGE, CHANGE._replace(table="Other", mods=CHANGE.mods[:1])])
    assert mods.schema == MODS
    assert mods.column("mod_number").to_pylist() == [0, 1, 0]
    assert mods.column("table").to_pylist() == ["Orders", "Orders", "Other"]
    assert mods.column("keys").to_pylist() == ['{"Id":"1"}', '{"Id":"2"}', '{"Id":"1"}']
    assert mods_of([]).num_rows == 0


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1970-01-01T00:00:01.25Z", 1_250_000),
        ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999_999),
        ("1969-12-31T23:59:59.999999Z", -1),
    ],
)
def test_times_of_any_precision_are_microseconds(text: str, microseconds: int) -> None:
    assert microseconds_of(text) == microseconds
    assert microseconds_of(text_of(microseconds)) == microseconds
