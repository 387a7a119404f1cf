"""The usual batch's order keys and ids are those that the general path gives."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.avro import DecodedGroup
from transforms.change_log_instants import cut_instants
from transforms.change_log_lives import Life, OneSource
from transforms.change_log_order import EventOrder, Order
from transforms.change_log_times import zoned_texts
from transforms.change_log_usual import usual_events

SERVER = "82955a62-e611-11f1-a500-02fc00000001"
SEEN = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
TEXTS = ("connector", "name", "db", "schema", "table", "gtid", "file")
NUMBERS = ("server_id", "pos", "row", "lsn", "ts_ms", "ts_us", "ts_ns")
TRANSACTION = pa.struct([("id", pa.string()), ("total_order", pa.int64())])

numbers = st.integers(0, 2**24 - 1)
keys = st.none() | st.binary(max_size=9).map(lambda body: b"\x00\x00\x00\x00\x07" + body)


@st.composite
def binlog_events(draw: st.DrawFn) -> list[dict[str, Any]]:
    connector, prefix = draw(st.sampled_from([("mysql", f"{SERVER}:"), ("mariadb", "0-1-")]))
    events = []
    for _ in range(draw(st.integers(1, 12))):
        op = draw(st.sampled_from("crudt"))
        has_gtid = op != "r" or draw(st.booleans())
        events.append(
            {
                "connector": connector,
                "gtid": f"{prefix}{draw(st.integers(0, 2**64 - 1))}" if has_gtid else None,
                "file": "binlog.000012",
                **{name: draw(numbers) for name in ("server_id", "pos", "row")},
                **_common(draw, op),
            }
        )
    return events


@st.composite
def postgresql_events(draw: st.DrawFn) -> list[dict[str, Any]]:
    events = []
    for _ in range(draw(st.integers(1, 12))):
        op = draw(st.sampled_from("crudt"))
        lsn = draw(st.integers(0, 2**63 - 1))
        is_filled = op == "r" and draw(st.booleans())
        event = {"connector": "postgresql", "schema": "public", "lsn": None if is_filled else lsn}
        events.append({**event, **_common(draw, op)})
    return events


def _common(draw: st.DrawFn, op: str) -> dict[str, Any]:
    return {
        "name": "prefix",
        "db": draw(st.sampled_from(["shop", "shöp"])),
        "table": draw(st.sampled_from(["items", "b", None])),
        "op": op,
        "key": draw(keys),
        "total_order": draw(st.none() | numbers),
        **{name: draw(st.none() | numbers) for name in ("ts_ms", "ts_us", "ts_ns")},
    }


def ordered(order: EventOrder, events: list[dict[str, Any]]) -> Order:
    """The order of events of one partition, whose sources have the fields that they name."""
    names = [name for name in (*TEXTS, *NUMBERS) if any(name in event for event in events)]
    fields = [(name, pa.string() if name in TEXTS else pa.int64()) for name in names]
    transactions = [
        None if event["total_order"] is None else {"id": "x", "total_order": event["total_order"]}
        for event in events
    ]
    rows = pa.RecordBatch.from_pydict(
        {
            "source": pa.array(
                [{name: event.get(name) for name in names} for event in events], pa.struct(fields)
            ),
            "op": pa.array([event["op"] for event in events], pa.string()),
            "transaction": pa.array(transactions, TRANSACTION),
        }
    )
    count = len(events)
    records = pa.RecordBatch.from_pydict(
        {
            "topic": ["shop.items"] * count,
            "partition": pa.array([0] * count, pa.int32()),
            "key": pa.array([event["key"] for event in events], pa.binary()),
            "offset": list(range(count)),
        }
    )
    return order.of_groups(records, [DecodedGroup(1, np.arange(count, dtype=np.int64), rows)])


def order_of(lives: list[Life]) -> EventOrder:
    return EventOrder(OneSource("shop", lives))


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(binlog_events(), min_size=1, max_size=2)
    | st.lists(postgresql_events(), min_size=1, max_size=2)
)
def test_the_usual_batch_has_the_keys_and_ids_of_the_general_path(
    batches: list[list[dict[str, Any]]],
) -> None:
    lives = [Life(1, SERVER, SEEN), Life(2, "0", SEEN)]
    usual, general = order_of(lives), order_of(lives)
    with pytest.MonkeyPatch.context() as patch:
        for events in batches:
            found = ordered(usual, events)
            assert found.errors is None
            patch.setattr("transforms.change_log_order.usual_events", lambda *_: None)
            expected = ordered(general, events)
            patch.undo()
            assert found.keys.equals(expected.keys)
            assert found.ids.equals(expected.ids)
            assert usual.newest == general.newest


@pytest.mark.parametrize(
    "unusual",
    [
        {"gtid": f"{SERVER}:tag:5"},
        {"gtid": f"{SERVER}:"},
        {"gtid": f"{SERVER}:+5"},
        {"gtid": f"{SERVER}:{2**64}"},
        {"gtid": f"{SERVER.upper()}:5"},
        {"gtid": SERVER.replace("8", "9") + ":5"},
        {"gtid": None},
        {"pos": None},
        {"pos": -1},
        {"row": 2**24},
        {"connector": "oracle"},
        {"op": None},
    ],
)
@pytest.mark.parametrize("at", [0, 1])
def test_an_event_out_of_the_ordinary_is_left_to_the_general_path(
    unusual: dict[str, Any], at: int
) -> None:
    event = {"connector": "mysql", "gtid": f"{SERVER}:7", "pos": 4, "row": 0, "op": "c"}
    events = [dict(event), dict(event)]
    lives = OneSource("shop", [Life(1, SERVER, SEEN)])

    def usual() -> object:
        ops = pa.array([each["op"] for each in events], pa.string())
        names = ("connector", "gtid", "pos", "row")
        types = [(name, pa.string() if name in TEXTS else pa.int64()) for name in names]
        sources = [{name: each[name] for name in names} for each in events]
        return usual_events(pa.array(sources, pa.struct(types)), ops, lives)

    assert usual() is not None
    events[at] |= unusual
    assert usual() is None


def test_a_server_with_a_successor_is_left_to_the_general_path() -> None:
    other = SERVER.replace("8", "9")
    lives = OneSource("shop", [Life(1, SERVER, SEEN), Life(2, other, SEEN)])
    assert lives.in_order(SERVER) is None
    assert lives.in_order(other) == 2
    assert lives.in_order(SERVER.replace("8", "7")) is None


instants = st.builds(
    lambda second, fraction: f"2026-01-31T23:59:{second:02d}{fraction}Z",
    st.integers(0, 59),
    st.just("") | st.text("05", min_size=1, max_size=9).map(lambda digits: f".{digits}"),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | instants, min_size=1, max_size=6))
def test_instants_are_cut_as_the_regular_expressions_cut_them(texts: list[str | None]) -> None:
    found = cut_instants(pa.array(texts, pa.string()))
    assert found is not None
    found.validate(full=True)
    assert found.to_pylist() == zoned_texts(pl.Series(texts, dtype=pl.String)).to_list()


@pytest.mark.parametrize(
    "text",
    [
        "infinity",
        "2026-01-31T23:59:59.50+00:00",
        "10000-01-31T23:59:59.50Z",
        "2026-01-31T23:59:59.Z",
        "2026-01-31T23:59:59.5x0Z",
        "2026-01-31T23:59:59,500Z",
        "2026-01-31T23:59:59.1234567890Z",
        "",
    ],
)
def test_texts_of_another_form_are_left_to_the_regular_expressions(text: str) -> None:
    assert cut_instants(pa.array(["2026-01-31T23:59:59.5Z", text], pa.string())) is None
