"""The statements of the replaced platform run as they stand, over recordings."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from tests.pipelines.recorded import event, item, json_lines, run_script, write_recording

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"

# Word for word but for the connectors: recording for kafka, SQLite for PostgreSQL, filesystem for
# pubsub.
STATEMENTS = """
CREATE TABLE items (
  id BIGINT, name STRING, price DECIMAL(10, 2), user_id BIGINT, created_at BIGINT,
  updated_at BIGINT,
  op STRING METADATA FROM 'op' VIRTUAL,
  proctime AS PROCTIME()
) WITH ('connector' = 'recording', 'path' = '${RECORDING}', 'topic' = '${TOPIC}',
  'value.format' = 'debezium-avro-confluent');

CREATE TABLE users (id BIGINT PRIMARY KEY NOT ENFORCED, name STRING)
WITH ('connector' = 'jdbc', 'url' = 'sqlite:///${OUTPUT_DIR}/../users.db', 'table-name' = 'users',
  'lookup.cache.ttl' = '60s', 'lookup.cache.max-rows' = '100000');

CREATE TABLE screened (`time` BIGINT, source STRING, `index` STRING,
  event ROW<event_name STRING, id STRING, name STRING, created_at TIMESTAMP(3),
    updated_at TIMESTAMP(3)>)
WITH ('connector' = 'filesystem', 'path' = '${OUTPUT_DIR}/events.jsonl', 'format' = 'json');

INSERT INTO screened
SELECT UNIX_TIMESTAMP(), 'mysql', 'main',
       ('cdc', CAST(t1.id AS STRING), t2.name, TO_TIMESTAMP(FROM_UNIXTIME(t1.created_at)),
        TO_TIMESTAMP(FROM_UNIXTIME(t1.updated_at)))
FROM items AS t1 JOIN users FOR SYSTEM_TIME AS OF t1.proctime AS t2 ON t2.id = t1.user_id;
"""


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "users.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
        database.execute("INSERT INTO users VALUES (1, 'Ännchen'), (2, NULL)")
    database.close()
    return path


@pytest.mark.usefixtures("users")
def test_the_statements_of_the_replaced_platform_give_the_expected_rows(tmp_path: Path) -> None:
    second = 1_767_225_600  # 2026-01-01 00:00:00 UTC
    first = item(10, user_id=1, created_at=second, updated_at=second + 3_661)
    events = [
        event("c", first),
        event("u", item(10, user_id=2, created_at=second), first),
        event("d", None, item(10, user_id=1, created_at=-1)),
        event("c", item(11, user_id=3, created_at=second)),
        event("c", item(12)),
        None,
        b"\x00\x00\x00\x00\x63nothing",
    ]
    recording = write_recording(tmp_path / "recording", events)
    began = int(time.time())
    code, summary = run_script(
        STATEMENTS, tmp_path, f"--variable=RECORDING={recording}", "--variable=TOPIC=shop.items"
    )
    assert code == 0
    written = json_lines(tmp_path / "out" / "events.jsonl")
    assert all(began <= row.pop("time") <= time.time() for row in written)
    expected = [
        ("10", "Ännchen", "2026-01-01 00:00:00", "2026-01-01 01:01:01"),
        ("10", None, "2026-01-01 00:00:00", None),
        ("10", "Ännchen", "1969-12-31 23:59:59", None),
    ]
    assert written == [
        {
            "source": "mysql",
            "index": "main",
            "event": {
                "event_name": "cdc",
                "id": identity,
                "name": name,
                "created_at": created_at,
                "updated_at": updated_at,
            },
        }
        for identity, name, created_at, updated_at in expected
    ]
    counts = ("records", "events", "filtered", "tombstones", "dead_letters", "multiplied")
    # The user 3 is not there, and NULL matches no user: an inner JOIN drops both.
    assert [summary[name] for name in counts] == [7, 3, 2, 1, 1, 0]
    (letter,) = json_lines(tmp_path / "out" / "dead_letters.jsonl")
    assert (letter["offset"], letter["stage"]) == (6, "decode")


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("mysql_adaptive", "mysql_adaptive.shop.items"),
        ("mariadb_adaptive", "mariadb_adaptive.shop.items"),
        ("pg_adaptive", "pg_adaptive.public.items"),
    ],
)
def test_the_statements_run_over_a_recording_that_lacks_a_column(
    name: str, topic: str, tmp_path: Path
) -> None:
    # Each record gives its row: user_id, which the topic has not, is NULL and matches no user.
    script = (
        STATEMENTS.replace("updated_at BIGINT", "updated_at STRING")
        .replace("created_at BIGINT", "created_at TIMESTAMP_LTZ(6)")
        .replace(
            "TO_TIMESTAMP(FROM_UNIXTIME(t1.created_at))", "CAST(t1.created_at AS TIMESTAMP(3))"
        )
        .replace("TO_TIMESTAMP(FROM_UNIXTIME(t1.updated_at))", "CAST(NULL AS TIMESTAMP(3))")
        .replace("AS t1 JOIN", "AS t1 LEFT JOIN")
    )
    if name != "pg_adaptive":
        script = script.replace("TIMESTAMP_LTZ(6)", "TIMESTAMP(6)")
    recording = f"--variable=RECORDING={RECORDINGS / name}"
    code, summary = run_script(script, tmp_path, recording, f"--variable=TOPIC={topic}")
    assert code == 0
    assert summary["records"] == summary["events"] + summary["tombstones"]
    written = json_lines(tmp_path / "out" / "events.jsonl")
    assert len(written) == summary["events"] > 200
    assert {row["event"]["name"] for row in written} == {None}


@pytest.mark.usefixtures("users")
def test_a_topic_with_another_type_gives_dead_letters_that_name_the_column(tmp_path: Path) -> None:
    # updated_at of this topic is text, and the statement declares BIGINT.
    recording = f"--variable=RECORDING={RECORDINGS / 'mysql_adaptive'}"
    topic = "--variable=TOPIC=mysql_adaptive.shop.items"
    code, summary = run_script(STATEMENTS, tmp_path, recording, topic)
    assert code == 0
    assert summary["records"] == summary["dead_letters"] + summary["tombstones"]
    letters = json_lines(tmp_path / "out" / "dead_letters.jsonl")
    assert len(letters) == summary["dead_letters"] > 200
    assert {letter["error_class"] for letter in letters} == {"SchemaMismatch"}
    told = "'updated_at' is declared BIGINT, and the topic has string"
    assert all(told in letter["message"] for letter in letters)
