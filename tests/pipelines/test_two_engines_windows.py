"""Windows, groups and joins of streams by Beam SQL, against the same made by hand."""

# ruff: noqa: S608 (no database gets these)

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.engine_runs import run_engine
from tests.pipelines.recorded import event, write_recording

MINUTE = 60_000
START = datetime.datetime(2026, 3, 2, 12)  # noqa: DTZ001 (a TIMESTAMP)
START_MS = 1_772_452_800_000
LEFT = [(1, "a", 0), (2, "a", 4), (3, "b", 4), (4, None, 4), (5, "a", 20), (6, "b", 29.5)]
RIGHT = [(11, "a", 1), (12, "a", 4.5), (13, None, 2), (14, "b", 12), (15, "a", 29)]
FIELDS: list[dict[str, Any]] = [
    {"name": "id", "type": "long"},
    {"name": "k", "type": ["null", "string"]},
    {"name": "at", "type": "long"},
]
SINK = "WITH ('connector' = 'filesystem', 'path' = '${OUTPUT_DIR}/o.jsonl', 'format' = 'json')"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("sides")
    text = ""
    for name, rows in (("l", LEFT), ("r", RIGHT)):
        events = [
            event("c", {"id": key, "k": k, "at": START_MS + round(at * MINUTE)})
            for key, k, at in rows
        ]
        write_recording(folder / name, events, FIELDS)
        text += (
            f"CREATE TABLE raw_{name} (id BIGINT, k STRING, at BIGINT) "
            f"WITH ('connector' = 'recording', 'path' = '{folder / name}');"
            f"CREATE VIEW {name} AS SELECT id, k, TO_TIMESTAMP_LTZ(at, 3) AS at FROM raw_{name};"
        )
    return text


def run(tables: str, sink: str, insert: str, out: Path, beam_java: Any) -> list[tuple[Any, ...]]:
    text = f"{tables} CREATE TABLE o ({sink}) {SINK}; INSERT INTO o {insert};"
    found = run_engine(text, out, beam_java.expansion_address)
    assert found["dead_letters"] == []
    return sorted((tuple(row.values()) for row in found["o"]), key=repr)


def at(minutes: float) -> str:
    """A time so many minutes after START, as JSON has it."""
    return str(START + datetime.timedelta(minutes=minutes))


def test_rows_of_one_window_and_key_are_joined(tables: str, beam_java: Any, tmp_path: Path) -> None:
    insert = (
        "SELECT l.id, r.id, CAST(l.window_start AS STRING) "
        "FROM (SELECT * FROM TABLE(TUMBLE(TABLE l, DESCRIPTOR(at), INTERVAL '10' MINUTE))) AS l "
        "JOIN TABLE(TUMBLE(TABLE r, DESCRIPTOR(at), INTERVAL '10' MINUTE)) AS r ON l.k = r.k "
        "AND l.window_start = r.window_start AND l.window_end = r.window_end"
    )
    found = run(tables, "a BIGINT, b BIGINT, w STRING", insert, tmp_path, beam_java)
    expected = [
        (one, other)
        for one, k, time in LEFT
        for other, other_k, other_time in RIGHT
        if k is not None and k == other_k and time // 10 == other_time // 10
    ]
    assert [row[:2] for row in found] == sorted(expected, key=repr)
    assert {row[2][:16] for row in found} == {at(0)[:16], at(20)[:16]}


@pytest.mark.parametrize("outer", [False, True])
def test_streams_that_end_are_joined_and_null_equals_nothing(
    outer: bool, tables: str, beam_java: Any, tmp_path: Path
) -> None:
    how = "LEFT JOIN" if outer else "JOIN"
    insert = f"SELECT l.id, r.id FROM l {how} r ON l.k = r.k"
    found = run(tables, "a BIGINT, b BIGINT", insert, tmp_path, beam_java)
    expected: list[tuple[int, int | None]] = []
    for one, k, _ in LEFT:
        matches = [other for other, other_k, _ in RIGHT if k is not None and k == other_k]
        expected += [(one, other) for other in matches]
        if outer and not matches:
            expected.append((one, None))
    assert found == sorted(expected, key=repr)


def test_a_session_ends_when_no_row_comes_for_its_gap(
    tables: str, beam_java: Any, tmp_path: Path
) -> None:
    insert = (
        "SELECT k, SESSION_START(at, INTERVAL '10' MINUTE), SESSION_END(at, INTERVAL '10' MINUTE), "
        "COUNT(*), AVG(id), MAX(at) FROM l WHERE k IS NOT NULL "
        "GROUP BY k, SESSION(at, INTERVAL '10' MINUTE)"
    )
    sink = "k STRING, s TIMESTAMP(3), e TIMESTAMP(3), n BIGINT, m BIGINT, last TIMESTAMP_LTZ(3)"
    found = run(tables, sink, insert, tmp_path, beam_java)
    assert found == sorted(
        [
            # AVG of BIGINTs is a BIGINT, cut towards zero: of 1 and 2 it is 1.
            ("a", at(0), at(14), 2, 1, f"{at(4)}Z"),
            ("a", at(20), at(30), 1, 5, f"{at(20)}Z"),
            ("b", at(4), at(14), 1, 3, f"{at(4)}Z"),
            ("b", at(29.5), at(39.5), 1, 6, f"{at(29.5)}Z"),
        ],
        key=repr,
    )


def test_nulls_are_a_group_and_have_no_sum(tables: str, beam_java: Any, tmp_path: Path) -> None:
    insert = (
        "SELECT k, COUNT(*), COUNT(k), SUM(id) FILTER (WHERE id > 100), "
        "CAST(SUM(id) AS BIGINT) FROM l GROUP BY k"
    )
    found = run(
        tables, "k STRING, n BIGINT, m BIGINT, s BIGINT, t BIGINT", insert, tmp_path, beam_java
    )
    assert found == sorted(
        [("a", 3, 3, None, 8), ("b", 2, 2, None, 9), (None, 1, 0, None, 4)], key=repr
    )
