"""What statements hand to sinks of messages: payloads, keys, attributes and records."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from pipeline_io import record_schema
from tests.transforms.sql.job_runs import NOW, RECORDINGS, Recorded, Tables, recorded
from transforms import sink_rows
from transforms.avro import choose_decoder, decode
from transforms.records import RECORD_SCHEMA
from transforms.sql.errors import Script, SqlError
from transforms.sql.in_process import BranchRun
from transforms.sql.run import JobText
from transforms.sql.source_run import SourceBatch, SourceRun

SOURCE = """
CREATE TABLE items (id BIGINT, name STRING, price DECIMAL(10, 2), status STRING, op STRING METADATA,
  event_id STRING METADATA, order_key STRING METADATA, `table` STRING METADATA)
WITH ('connector' = 'recording', 'path' = 'recorded');
"""
KAFKA = "'connector' = 'kafka', 'topic' = 'out', 'properties.bootstrap.servers' = 'b:1'"


class Registrar:
    """Gives the ids 41, 42, ... and remembers what was filed."""

    def __init__(self) -> None:
        self.filed: list[tuple[str, str]] = []

    def register(self, sink: Any, subject: str, schema: str) -> int:
        self.filed.append((subject, schema))
        return 40 + len(self.filed)


def run(
    sink: str, select: str, options: str, registrar: Registrar | None = None, of: str = "items"
) -> tuple[SourceBatch, Recorded]:
    text = f"{SOURCE} CREATE TABLE o ({sink}) WITH ({options}); INSERT INTO o {select};"
    job, plan = JobText(Script("job.sql", text), {}).compile()
    source = recorded("mysql_adaptive", of)
    branches = [BranchRun(one, Tables(), job.where, registrar) for one in plan.branches]
    with SourceRun(
        job.tables["items"], branches, source.schemas, choose_decoder("fastavro"), lambda: NOW
    ) as opened:
        return opened.process(source.records), source


def rows_of(batch: SourceBatch) -> list[dict[str, Any]]:
    (share,) = batch.branches.values()
    assert share.rows.schema == sink_rows.SINK_ROWS
    return share.rows.to_pylist()


def test_both_sides_of_the_pipeline_know_the_same_columns() -> None:
    assert sink_rows.SINK_ROWS == record_schema.SINK_ROWS
    assert sink_rows.REFUSED_ROWS == record_schema.REFUSED_ROWS
    assert RECORD_SCHEMA == record_schema.RECORD_SCHEMA
    assert sink_rows.ATTRIBUTES == record_schema.ATTRIBUTES


def test_a_message_says_of_which_event_it_came_and_has_its_record() -> None:
    batch, source = run(
        "id BIGINT, e STRING, k STRING, t STRING, o STRING",
        "SELECT id, event_id, order_key, `table`, op FROM items WHERE op <> 'c'",
        f"{KAFKA}, 'value.format' = 'json'",
    )
    rows = rows_of(batch)
    by_offset = {record["offset"]: record for record in source.records.to_pylist()}
    assert len(rows) > 20
    for row in rows:
        payload = json.loads(row["payload"])
        assert list(row["attributes"].values()) == [payload[name] for name in "ekto"]
        assert row["record"] == by_offset[row["record"]["offset"]]
        assert row["key"] is None
    assert len({row["attributes"]["event_id"] for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("option", "expected"), [("", []), ("op", ["op"]), ("table; event_id", ["event_id", "table"])]
)
def test_headers_are_those_that_the_sink_names(option: str, expected: Sequence[str]) -> None:
    options = f"{KAFKA}, 'value.format' = 'json', 'sink.headers' = '{option}'"
    batch, _ = run("id BIGINT", "SELECT id FROM items", options)
    for row in rows_of(batch):
        given = [name for name, value in (row["attributes"] or {}).items() if value is not None]
        assert given == expected


def test_a_line_of_a_file_has_nothing_beside_it() -> None:
    options = "'connector' = 'filesystem', 'path' = 'o', 'format' = 'json'"
    batch, _ = run("id BIGINT", "SELECT id FROM items", options)
    for row in rows_of(batch):
        assert [row[name] for name in ("key", "attributes", "record")] == [None] * 3


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("'key.fields' = 'id', 'key.format' = 'raw'", (b"1", {"id": 1, "op": "r"})),
        ("'key.fields' = 'op;id', 'key.format' = 'json'", (b'{"op":"r","id":1}', None)),
        (
            "'key.fields' = 'id', 'key.format' = 'raw', 'value.fields-include' = 'EXCEPT_KEY'",
            (b"1", {"op": "r"}),
        ),
    ],
)
def test_a_key_is_made_of_columns_of_the_sink(options: str, expected: tuple[bytes, Any]) -> None:
    options = f"{KAFKA}, 'value.format' = 'json', {options}"
    batch, _ = run("id BIGINT, op STRING", "SELECT id, op FROM items", options)
    first = rows_of(batch)[0]
    assert first["key"] == expected[0]
    if expected[1] is not None:
        assert json.loads(first["payload"]) == expected[1]


def test_avro_is_framed_with_the_id_of_the_schema_that_was_filed_once() -> None:
    registrar = Registrar()
    options = (
        f"{KAFKA}, 'value.format' = 'avro-confluent', 'schema-registry.url' = 'http://r', "
        "'key.fields' = 'id', 'key.format' = 'avro-confluent'"
    )
    batch, _ = run(
        "id BIGINT, price DECIMAL(10, 2)", "SELECT id, price FROM items", options, registrar
    )
    assert [subject for subject, _ in registrar.filed] == ["out-value", "out-key"]
    rows = rows_of(batch)
    assert {struct.unpack(">bI", row["payload"][:5]) for row in rows} == {(0, 41)}
    assert {struct.unpack(">bI", row["key"][:5]) for row in rows} == {(0, 42)}

    class Filed:
        def schema(self, schema_id: int) -> str:
            return registrar.filed[schema_id - 41][1]

    values = pa.array([row["payload"] for row in rows], pa.binary())
    decoded = decode(values, Filed(), choose_decoder("fastavro"))
    assert not decoded.failures
    (group,) = decoded.groups
    assert group.rows.column("id").to_pylist()[0] == 1
    assert group.rows.schema.names == ["id", "price"]


def test_a_row_that_the_format_cannot_hold_is_refused_alone() -> None:
    registrar = Registrar()
    options = f"{KAFKA}, 'value.format' = 'avro-confluent', 'schema-registry.url' = 'http://r'"
    batch, source = run(
        "id BIGINT, name STRING NOT NULL",
        "SELECT id, name FROM items",
        options,
        registrar,
    )
    (share,) = batch.branches.values()
    refused = [one for one in batch.refusals if one.stage == "project"]
    assert refused
    assert share.counts.events + share.counts.dead_letters + share.counts.tombstones == len(
        source.records
    )
    assert all("name" in one.message for one in refused)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("'key.fields' = 'nix', 'key.format' = 'raw'", "'key.fields' names 'nix'"),
        ("'key.fields' = 'id'", "belong together"),
        ("'key.format' = 'raw'", "belong together"),
        (
            "'key.fields' = 'id', 'key.format' = 'raw', 'value.fields-include' = 'EXCEPT_KEY'",
            "leaves no column",
        ),
    ],
)
def test_a_key_that_cannot_be_made_is_told(options: str, message: str) -> None:
    with pytest.raises(SqlError, match=message):
        run("id BIGINT", "SELECT id FROM items", f"{KAFKA}, 'value.format' = 'json', {options}")


def test_the_recordings_that_these_tests_read_are_there() -> None:
    assert (RECORDINGS / "mysql_adaptive" / "records.jsonl").is_file()
