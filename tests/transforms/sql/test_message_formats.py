"""Messages of Pub/Sub in the formats that its tables may have."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from tests.transforms.sql.job_runs import NOW, Tables, recorded
from transforms.avro import choose_decoder
from transforms.sql.errors import Script, SqlError
from transforms.sql.in_process import BranchRun
from transforms.sql.run import JobText
from transforms.sql.source_run import SourceRun

JOB = """
CREATE TABLE items (id BIGINT, name STRING, status STRING)
WITH ('connector' = 'recording', 'path' = 'recorded', 'debezium.deletes' = 'before');
CREATE TABLE o (id BIGINT, name STRING) WITH ('connector' = 'pubsub', 'project-name' = 'p1',
  'topic' = 'events', OPTIONS);
INSERT INTO o SELECT id, name FROM items;
"""


def messages(options: str) -> list[dict[str, Any]]:
    job, plan = JobText(Script("job.sql", JOB.replace("OPTIONS", options)), {}).compile()
    source = recorded("mysql_adaptive", "items")
    branches = [BranchRun(one, Tables(), job.where) for one in plan.branches]
    with SourceRun(
        job.tables["items"], branches, source.schemas, choose_decoder("fastavro"), lambda: NOW
    ) as opened:
        (share,) = opened.process(source.records).branches.values()
    return share.rows.to_pylist()


@pytest.fixture(scope="module")
def expected() -> list[dict[str, Any]]:
    rows = [json.loads(row["payload"]) for row in messages("'format' = 'json'")]
    assert len(rows) > 50
    return rows


def test_avro_is_not_framed(expected: list[dict[str, Any]]) -> None:
    schema = {
        "type": "record",
        "name": "r",
        "fields": [
            {"name": "id", "type": ["null", "long"]},
            {"name": "name", "type": ["null", "string"]},
        ],
    }
    found = [
        fastavro.schemaless_reader(io.BytesIO(row["payload"]), schema, None)
        for row in messages("'format' = 'avro'")
    ]
    assert found == expected


def test_protobuf_is_of_the_message_that_the_table_names(
    tmp_path: Path, expected: list[dict[str, Any]]
) -> None:
    file = descriptor_pb2.FileDescriptorProto(name="item.proto", package="shop", syntax="proto3")
    item = file.message_type.add(name="Item")
    field = descriptor_pb2.FieldDescriptorProto
    item.field.add(name="id", number=1, type=field.TYPE_INT64, label=field.LABEL_OPTIONAL)
    item.field.add(name="name", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    path = tmp_path / "item.desc"
    path.write_bytes(descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString())
    options = (
        f"'format' = 'protobuf', 'protobuf.message-class-name' = 'shop.Item', "
        f"'protobuf.descriptor-file' = '{path}'"
    )
    pool: Any = descriptor_pool.DescriptorPool()
    pool.Add(file)
    kind: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Item"))
    found = [kind.FromString(row["payload"]) for row in messages(options)]
    assert [(one.id, one.name) for one in found] == [
        (row["id"] or 0, row["name"] or "") for row in expected
    ]


def test_an_ordering_key_is_text(expected: list[dict[str, Any]]) -> None:
    options = "'format' = 'json', 'sink.ordering-key' = 'true', 'key.fields' = 'id'"
    found = [row["key"] for row in messages(options)]
    assert found == [None if row["id"] is None else str(row["id"]).encode() for row in expected]


def test_a_descriptor_file_that_is_not_there_is_told_with_how_to_make_it() -> None:
    options = (
        "'format' = 'protobuf', 'protobuf.message-class-name' = 'shop.Item', "
        "'protobuf.descriptor-file' = 'nowhere.desc'"
    )
    with pytest.raises(SqlError, match="protoc --include_imports"):
        messages(options)
