"""Topics of polled tables as flat rows of a job."""

from __future__ import annotations

import base64
import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines import sql_job
from tests.pipelines.polled_events import TOPIC, source_of, table_of
from tests.pipelines.recorded import json_lines
from transforms.envelope_records import EnvelopeEncoder

SCRIPT = """
CREATE TABLE items (id BIGINT, word STRING, op STRING METADATA, event_id STRING METADATA,
  read_at TIMESTAMP_LTZ(3) METADATA FROM 'ts_ms',
  updated_us BIGINT METADATA FROM 'source.updated_us')
WITH ('connector' = 'recording', 'path' = '{folder}', 'topic' = '{topic}',
      'value.format' = 'debezium-avro-confluent');
CREATE TABLE log (event_id STRING, op STRING, read_at TIMESTAMP_LTZ(3), updated_us BIGINT,
  id BIGINT, word STRING)
WITH ('connector' = 'filesystem', 'path' = '{folder}/log.jsonl', 'format' = 'json');
CREATE TABLE now (id BIGINT, word STRING, PRIMARY KEY (id) NOT ENFORCED)
WITH ('connector' = 'jdbc', 'url' = 'sqlite:///{folder}/now.db', 'table-name' = 'now',
      'sink.order-key-column' = 'order_key');
INSERT INTO log SELECT event_id, op, read_at, updated_us, id, word FROM items;
INSERT INTO now SELECT id, word FROM items;
"""
# id, op, word, updated_us, revision: the last one comes after what has followed it.
ROWS: list[tuple[int, str, str | None, int, int]] = [
    (1, "r", "a", 10, 0),
    (2, "r", "b", 10, 0),
    (1, "u", "c", 20, 0),
    (2, "d", None, 10, 1),
    (3, "c", "d", 30, 0),
    (1, "u", "late", 20 - 5, 0),
]


class Schemas:
    """The schemas that were registered, by id."""

    def __init__(self) -> None:
        self.known: dict[int, str] = {}

    def register(self, subject: str, schema: str) -> int:
        self.known[len(self.known) + 1] = schema
        return len(self.known)


def record(folder: Path) -> None:
    """Writes ROWS as a recording."""
    schemas = Schemas()
    of_rows = pa.struct([pa.field("id", pa.int64()), pa.field("word", pa.string())])
    rows = [{"id": number, "word": word} for number, _, word, *_ in ROWS]
    gone = [op == "d" for _, op, *_ in ROWS]
    before: Any = pa.array([r if g else None for r, g in zip(rows, gone, strict=True)], of_rows)
    after: Any = pa.array([None if g else r for r, g in zip(rows, gone, strict=True)], of_rows)
    times = pa.array([1_700_000_000_000] * len(ROWS), pa.int64())
    ops = pa.array([op for _, op, *_ in ROWS])
    encoder = EnvelopeEncoder(table_of(), schemas)
    found = encoder.encode(before, after, ops, times, source_of(ROWS), 0)
    with (folder / "records.jsonl").open("w", encoding="utf-8") as file:
        for number, one in enumerate(found.records.to_pylist()):
            file.write(
                json.dumps(
                    {
                        "topic": TOPIC,
                        "partition": 0,
                        "offset": number,
                        "timestamp": 0,
                        "timestamp_type": 1,
                        "headers": [],
                        "key": base64.b64encode(one["key"]).decode(),
                        "value": base64.b64encode(one["value"]).decode(),
                    }
                )
                + "\n"
            )
    texts = {
        str(number): {"schemaType": "AVRO", "schema": json.loads(text)}
        for number, text in schemas.known.items()
    }
    (folder / "schemas.json").write_text(json.dumps(texts), encoding="utf-8")


def test_rows_of_a_polled_table_are_logged_and_kept_in_their_order(tmp_path: Path) -> None:
    record(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "now.db")) as connection:
        connection.execute("CREATE TABLE now (id BIGINT PRIMARY KEY, word TEXT, order_key TEXT)")
        connection.commit()
        path = tmp_path / "job.sql"
        path.write_text(SCRIPT.format(folder=tmp_path, topic=TOPIC), encoding="utf-8")
        assert sql_job.main([f"--job={path}", f"--output_dir={tmp_path}"]) == 0
        assert connection.execute("SELECT id, word FROM now ORDER BY id").fetchall() == [
            (1, "c"),
            (3, "d"),
        ]
    log = json_lines(tmp_path / "log.jsonl")
    assert [(one["id"], one["op"], one["word"], one["updated_us"]) for one in log] == [
        (number, op, word, updated) for number, op, word, updated, _ in ROWS
    ]
    assert len({one["event_id"] for one in log}) == len(ROWS)
    assert {one["read_at"] for one in log} == {"2023-11-14 22:13:20Z"}
