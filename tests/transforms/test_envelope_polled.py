"""Polled rows become change events: what is before, what is after, and where they came from."""

from typing import Any

import pyarrow as pa

from transforms.envelope_polled import PolledSource

SOURCE = PolledSource("1.0", "shop", "store", "public", "items")


def _batch() -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "id": pa.array([1, 2, 3], pa.int64()),
            "word": pa.array(["a", None, None], pa.string()),
            "_op": pa.array(["r", "u", "d"], pa.string()),
            "_updated_us": pa.array([1_999, -1, 5_000_000], pa.int64()),
            "_revision": pa.array([0, 2, 3], pa.int64()),
            "_ts_ms": pa.array([9_000, 9_000, 9_001], pa.int64()),
        }
    )


def _rows(column: Any) -> list[Any]:
    found: list[Any] = column.to_pylist()
    return found


def test_a_row_is_after_its_change_and_before_its_delete() -> None:
    changes = SOURCE.changes(_batch())
    assert _rows(changes.after) == [{"id": 1, "word": "a"}, {"id": 2, "word": None}, None]
    assert _rows(changes.before) == [None, None, {"id": 3, "word": None}]
    assert changes.op.to_pylist() == ["r", "u", "d"]
    assert changes.ts_ms.to_pylist() == [9_000, 9_000, 9_001]


def test_the_source_has_the_coordinates_of_each_change() -> None:
    found = _rows(SOURCE.changes(_batch()).source)
    assert [(one["updated_us"], one["revision"]) for one in found] == [
        (1_999, 0),
        (-1, 2),
        (5_000_000, 3),
    ]
    assert [one["ts_ms"] for one in found] == [1, -1, 9_001]
    assert [one["snapshot"] for one in found] == ["true", "false", "false"]
    assert {(one["connector"], one["db"], one["schema"], one["table"]) for one in found} == {
        ("audit_columns", "store", "public", "items")
    }


def test_the_topic_has_the_schema_or_else_the_database() -> None:
    assert SOURCE.topic == "shop.public.items"
    assert PolledSource("1", "shop", "store", None, "items").topic == "shop.store.items"
