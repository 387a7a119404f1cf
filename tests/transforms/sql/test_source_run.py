"""Every record ends in a row, a dead letter, or a count, whatever comes and however it is cut."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.sql.job_runs import (
    NOW,
    Ran,
    Recorded,
    Tables,
    recorded,
    records_of,
    run,
    source_options,
)
from transforms.dead_letters import Origin, dead_letters

ITEMS = recorded("mysql_adaptive", "items_evo")
GOOD = [value for value in ITEMS.records.column("value").to_pylist() if value is not None]
KEYS = ITEMS.records.column("key").to_pylist()
UNKNOWN_ID = 4_000_000

DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "good": lambda value: value,
    "tombstone": lambda value: None,
    "empty": lambda value: b"",
    "short": lambda value: value[:4],
    "header alone": lambda value: value[:5],
    "cut": lambda value: value[: len(value) // 2],
    "trailing": lambda value: value + b"\x00",
    "magic": lambda value: b"\x01" + value[1:],
    "json": lambda value: b'{"id": 1}',
    "unknown id": lambda value: b"\x00" + UNKNOWN_ID.to_bytes(4, "big") + value[5:],
    "zeros": lambda value: value[:5] + bytes(len(value) - 5),
    "ones": lambda value: value[:5] + b"\xff" * (len(value) - 5),
}
BAD = set(DAMAGES) - {"good", "tombstone"}

SINK = "WITH ('connector' = 'print')"
TABLES = f"""
CREATE TABLE t (
  id BIGINT PRIMARY KEY NOT ENFORCED, name STRING, price DECIMAL(10, 2), qty INT, status STRING,
  op STRING METADATA, `offset` BIGINT METADATA, order_key STRING METADATA,
  event_id STRING METADATA, proctime AS PROCTIME()
) {source_options()};
CREATE TABLE u (id BIGINT, label STRING, size STRING) WITH (
  'connector' = 'jdbc', 'url' = 'sqlite://', 'table-name' = 'u');
CREATE TABLE plain (id BIGINT, name STRING, op STRING, k STRING, e STRING, `offset` BIGINT) {SINK};
CREATE TABLE chosen (id BIGINT, number INT, `offset` BIGINT) {SINK};
CREATE TABLE paired (id BIGINT, label STRING, size INT, `offset` BIGINT) {SINK};
CREATE TABLE kept (id BIGINT, label STRING, `offset` BIGINT) {SINK};
"""
STATEMENTS = """
INSERT INTO plain SELECT id, name, op, order_key, event_id, `offset` FROM t;
INSERT INTO chosen
  SELECT id, CAST(CASE WHEN id = 11 THEN name ELSE '7' END AS INT), `offset` FROM t
  WHERE status <> 'paid' AND 100 / (id - 12) < 1000;
INSERT INTO paired SELECT t.id, u.label, CAST(u.size AS INT), t.`offset`
  FROM t JOIN u FOR SYSTEM_TIME AS OF t.proctime AS u ON u.id = MOD(t.id, 5);
INSERT INTO kept SELECT t.id, u.label, t.`offset`
  FROM t LEFT JOIN u FOR SYSTEM_TIME AS OF t.proctime AS u
  ON u.id = MOD(t.id, 5) AND CAST(u.size AS INT) > 1 WHERE t.op <> 'r';
"""
LABELS: dict[object, list[dict[str, object]]] = {
    0: [{"label": "a", "size": "1"}],
    1: [{"label": "b", "size": "1"}, {"label": "c", "size": "2"}],
    2: [{"label": "d", "size": "2"}, {"label": "e", "size": "x"}, {"label": "f", "size": "3"}],
    3: [{"label": "g", "size": "3"}, {"label": "h", "size": None}, {"label": "i", "size": "5"}],
}
BRANCHES = ("plain", "chosen", "paired", "kept")

mixtures = st.lists(
    st.tuples(st.sampled_from(sorted(DAMAGES)), st.integers(0, len(GOOD) - 1)), max_size=30
)
sizes = st.lists(st.integers(1, 12), max_size=12)


def ran(mixture: list[tuple[str, int]], batch_sizes: list[int]) -> tuple[pa.RecordBatch, Ran]:
    values = [DAMAGES[damage](GOOD[number]) for damage, number in mixture]
    records = records_of(values, [KEYS[number] for _, number in mixture])
    done = run(
        TABLES + STATEMENTS,
        Recorded(records, ITEMS.schemas),
        Tables({"u": LABELS}),
        batch_sizes=batch_sizes,
    )
    return records, _by_sink(done)


def _by_sink(done: Ran) -> Ran:
    """The same with the sinks' names for the statements, which are told apart by a number too."""
    refusals = [
        dataclasses.replace(one, statement=one.statement and one.statement.partition("#")[0])
        for one in done.refusals
    ]
    rows = {name.partition("#")[0]: rows for name, rows in done.rows.items()}
    counts = {name.partition("#")[0]: counts for name, counts in done.counts.items()}
    assert tuple(rows) == BRANCHES
    return Ran(rows, counts, refusals)


def shown(done: Ran) -> list[tuple[Any, ...]]:
    """Refusals without an order, by what a dead letter holds of them."""
    return sorted(
        (one.position, one.statement or "", one.stage, one.error_class, one.message, one.schema_id)
        for one in done.refusals
    )


@settings(max_examples=150, deadline=None)
@given(mixture=mixtures, batch_sizes=sizes)
def test_counts_add_up_and_dead_letters_are_exactly_the_bad_records(
    mixture: list[tuple[str, int]], batch_sizes: list[int]
) -> None:
    records, done = ran(mixture, batch_sizes)
    done.check_sums()
    bad = {at for at, (damage, _) in enumerate(mixture) if damage in BAD}
    undecoded = [one.position for one in done.refusals if one.statement is None]
    # "zeros" and "ones" may be records by chance, and then of any content.
    certain = {at for at in bad if mixture[at][0] not in ("zeros", "ones")}
    assert certain <= set(undecoded) <= bad
    assert len(undecoded) == len(set(undecoded))
    tombstones = sum(damage == "tombstone" for damage, _ in mixture)
    for name in BRANCHES:
        counts = done.counts[name]
        own = [one.position for one in done.refusals if one.statement == name]
        assert len(own) == len(set(own))
        assert not set(own) & set(undecoded)
        assert counts.records == len(mixture)
        assert counts.tombstones == tombstones
        assert counts.dead_letters == len(undecoded) + len(own)
        offsets = [row["offset"] for row in done.rows[name]]
        assert offsets == sorted(offsets)
        assert not set(offsets) & {*own, *undecoded}
        assert counts.multiplied == len(offsets) - len(set(offsets))
    every = {at for at, (damage, _) in enumerate(mixture) if damage != "tombstone"}
    assert {row["offset"] for row in done.rows["plain"]} | {
        one.position for one in done.refusals if one.statement in (None, "plain")
    } == every
    letters = dead_letters(records, done.refusals, Origin("p", "v"), NOW).column(0).to_pylist()
    values = records.column("value").to_pylist()
    for letter, refusal in zip(
        letters, sorted(done.refusals, key=lambda one: one.position), strict=True
    ):
        assert base64.b64decode(json.loads(letter or "")["payload"]) == values[refusal.position]


@settings(max_examples=80, deadline=None)
@given(mixture=mixtures, batch_sizes=sizes)
def test_results_do_not_depend_on_the_batches(
    mixture: list[tuple[str, int]], batch_sizes: list[int]
) -> None:
    _, whole = ran(mixture, [])
    _, parts = ran(mixture, batch_sizes)
    assert parts.rows == whole.rows
    assert parts.counts == whole.counts
    assert shown(parts) == shown(whole)


def test_the_mixture_of_a_recording_reaches_every_end() -> None:
    mixture = [("good", number) for number in range(len(GOOD))]
    _, done = ran([*mixture, ("tombstone", 0), ("cut", 0)], [])
    for name in ("chosen", "paired", "kept"):
        counts = done.counts[name]
        assert counts.events and counts.tombstones
        assert counts.filtered, name
        assert any(one.statement == name for one in done.refusals), name
    assert done.counts["paired"].multiplied and done.counts["kept"].multiplied
    stages = {(one.statement, one.stage) for one in done.refusals}
    assert {
        (None, "decode"),
        ("chosen", "filter"),
        ("chosen", "project"),
        ("paired", "project"),
        ("kept", "filter"),
    } <= stages


@pytest.mark.parametrize(
    ("damage", "error_class"),
    [
        ("empty", "NotConfluentAvro"),
        ("short", "NotConfluentAvro"),
        ("magic", "NotConfluentAvro"),
        ("json", "NotConfluentAvro"),
        ("unknown id", "UnknownSchemaId"),
        ("header alone", "CorruptRecord"),
        ("cut", "CorruptRecord"),
        ("trailing", "CorruptRecord"),
    ],
)
def test_a_bad_record_is_one_dead_letter_for_all_statements(damage: str, error_class: str) -> None:
    _, done = ran([("good", 0), (damage, 1), ("good", 2)], [])
    (refusal,) = (one for one in done.refusals if one.statement is None)
    assert (refusal.position, refusal.stage, refusal.error_class) == (1, "decode", error_class)
    for name in BRANCHES:
        assert done.counts[name].dead_letters == 1 + sum(
            one.statement == name for one in done.refusals
        )
        assert 1 not in {row["offset"] for row in done.rows[name]}


def test_a_batch_of_something_else_than_records_stops_the_job() -> None:
    odd = pa.record_batch([pa.array([b""])], names=["value"])
    with pytest.raises(TypeError, match="mend the reader that made it"):
        run(TABLES + STATEMENTS, Recorded(odd, ITEMS.schemas), Tables({"u": LABELS}))


class Gone:
    """A schema source that is away."""

    def schema(self, schema_id: int) -> str:
        message = f"no answer for {schema_id}"
        raise ConnectionError(message)


def test_a_schema_source_that_is_away_stops_and_makes_no_dead_letters() -> None:
    with pytest.raises(ConnectionError, match="no answer"):
        run(TABLES + STATEMENTS, ITEMS._replace(schemas=Gone()), Tables({"u": LABELS}))


def test_no_records_are_no_rows() -> None:
    _, done = ran([], [])
    assert {name: vars(counts) for name, counts in done.counts.items()} == {
        name: dict.fromkeys(vars(counts), 0) for name, counts in done.counts.items()
    }
