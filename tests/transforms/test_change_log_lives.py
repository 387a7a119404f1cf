"""Servers that follow each other: who is ordered after whom, and what is refused."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from transforms.avro import DecodedGroup
from transforms.change_log_lives import Life, OneSource
from transforms.change_log_order import EventOrder, Order
from transforms.change_log_servers import Sighting, in_order

A = "aaaaaaaa-1111-11ee-8000-000000000001"
B = "bbbbbbbb-1111-11ee-8000-000000000002"
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
SOURCE = pa.struct(
    [
        ("connector", pa.string()),
        ("name", pa.string()),
        ("table", pa.string()),
        ("gtid", pa.string()),
        ("file", pa.string()),
        ("pos", pa.int64()),
        ("row", pa.int64()),
        ("ts_ms", pa.int64()),
    ]
)


def at(seconds: int) -> datetime.datetime:
    return EPOCH + datetime.timedelta(seconds=seconds)


def ordered(
    order: EventOrder,
    events: list[tuple[str | None, int, str]],
    topic: str = "shop.items",
    first_offset: int = 0,
) -> Order:
    """The order of events (gtid, seconds, op) of one topic."""
    sources: list[dict[str, Any]] = [
        {
            "connector": "mysql",
            "name": "prefix",
            "table": "items",
            "gtid": gtid,
            "file": "binlog.000001",
            "pos": 4,
            "row": 0,
            "ts_ms": seconds * 1000,
        }
        for gtid, seconds, _ in events
    ]
    count = len(events)
    rows = pa.RecordBatch.from_pydict(
        {
            "source": pa.array(sources, SOURCE),
            "op": pa.array([op for _, _, op in events], pa.string()),
        }
    )
    records = pa.RecordBatch.from_pydict(
        {
            "topic": [topic] * count,
            "partition": pa.array([0] * count, pa.int32()),
            "key": pa.array([b"\x00\x00\x00\x00\x01k"] * count, pa.binary()),
            "offset": list(range(first_offset, first_offset + count)),
        }
    )
    group = DecodedGroup(1, np.arange(count, dtype=np.int64), rows)
    return order.of_groups(records, [group])


def ordinals(found: Order) -> list[int | None]:
    return [None if key is None else int(key[:4], 16) for key in found.keys.to_pylist()]


def test_servers_are_counted_by_the_time_of_their_earliest_event() -> None:
    found = [Sighting("p", B, 5_000), Sighting("p", A, 1_000), Sighting("p", B, 3_000)]
    assert in_order([*found, Sighting("p", None, 1)]) == [(A, at(1)), (B, at(3))]


def test_a_topic_that_is_read_first_cannot_make_a_later_server_the_first() -> None:
    source = OneSource("shop")
    for identity, first_seen in [(A, at(1)), (B, at(100))]:
        source.register(identity, first_seen)
    order = EventOrder(source)
    assert ordinals(ordered(order, [(f"{B}:7", 120, "c")], "shop.b")) == [2]
    assert ordinals(ordered(order, [(f"{A}:900", 50, "u"), (f"{B}:1", 100, "u")])) == [1, 2]


def test_registered_servers_are_handed_out_once_to_be_stored() -> None:
    source = OneSource("shop", [Life(1, A, at(1))])
    source.register(A, at(0))
    source.register(B, at(9))
    nothing = pl.Series("", [], dtype=pl.String), pl.Series("", [], dtype=pl.Int64)
    assert source.take_lives(*nothing) == [Life(2, B, at(9))]
    assert source.take_lives(*nothing) == []


def test_a_server_that_is_met_in_the_stream_is_new_with_its_earliest_event() -> None:
    order = EventOrder(OneSource("shop"))
    found = ordered(order, [(f"{A}:1", 5, "c"), (f"{A}:2", 3, "c"), (f"{B}:1", 9, "c")])
    assert ordinals(found) == [1, 1, 2]
    assert order.take_new_lives() == [Life(1, A, at(3)), Life(2, B, at(9))]
    assert order.take_new_lives() == []


def test_a_server_that_came_back_is_refused_with_the_next_step() -> None:
    order = EventOrder(OneSource("shop", [Life(1, A, at(1)), Life(2, B, at(100))]))
    found = ordered(order, [(f"{A}:5", 90, "u"), (f"{A}:6", 200, "u"), (f"{B}:1", 201, "u")])
    assert ordinals(found) == [1, None, 2]
    assert found.errors is not None
    assert found.errors[0] is None
    assert "came back (fail-back)" in found.errors[1]
    assert "take a new snapshot" in found.errors[1]


def test_events_of_the_old_server_that_arrive_late_are_not_refused() -> None:
    order = EventOrder(OneSource("shop", [Life(1, A, at(1)), Life(2, B, at(100))]))
    late: list[tuple[str | None, int, str]] = [
        (f"{A}:5", 99, "u"),
        (f"{A}:6", 100, "u"),
        (f"{A}:7", 101, "u"),
    ]
    assert ordinals(ordered(order, late)) == [1, 1, 1]


def test_a_server_that_is_met_after_its_successor_is_refused() -> None:
    order = EventOrder(OneSource("shop", [Life(1, B, at(100))]))
    found = ordered(order, [(f"{A}:5", 50, "u"), (f"{B}:2", 101, "u")])
    assert ordinals(found) == [None, 1]
    assert found.errors is not None
    assert "read all topics from their start" in found.errors[0]
    assert order.take_new_lives() == []


def test_a_refused_event_does_not_move_the_newest_key_of_its_partition() -> None:
    order = EventOrder(OneSource("shop", [Life(1, A, at(1)), Life(2, B, at(100))]))
    found = ordered(order, [(f"{B}:3", 150, "u"), (f"{A}:9", 200, "u"), (None, 201, "r")])
    keys: list[Any] = found.keys.to_pylist()
    assert keys[2] == keys[0][:-2] + "00"


def test_a_snapshots_row_takes_the_newest_key_that_is_stored_before_it() -> None:
    asked: list[tuple[tuple[str, int], int]] = []

    def stored(partition: tuple[str, int], offset: int) -> str | None:
        asked.append((partition, offset))
        return "0001/0000000000000009/0000000000000004/00000001"

    order = EventOrder(OneSource("shop", [Life(1, A, at(1))]), stored)
    found = ordered(order, [(None, 5, "r")], first_offset=40)
    assert found.keys[0].as_py() == "0001/0000000000000009/0000000000000004/00000000"
    ordered(order, [(None, 6, "r")], first_offset=41)
    assert asked == [(("shop.items", 0), 40)]


def test_a_partition_that_is_read_from_its_first_record_asks_nobody() -> None:
    def stored(partition: tuple[str, int], offset: int) -> str | None:
        raise AssertionError

    found = ordered(EventOrder(OneSource("shop"), stored), [(None, 5, "r")])
    assert found.keys[0].as_py().startswith("0000/0000000000000000")


def test_positions_without_gtids_have_the_incarnation_that_was_counted_by_hand() -> None:
    order = EventOrder(OneSource("shop", [Life(1, "", None), Life(2, "", at(5))]))
    assert ordinals(ordered(order, [(None, 9, "c")])) == [2]
