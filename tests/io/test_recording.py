import base64
import json
import pickle
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that, equal_to

from pipeline_io import recording
from pipeline_io.record_schema import RECORD_SCHEMA
from pipeline_io.recording import ReadRecording, Recording, RecordingError, RecordingSchemas
from transforms import records

SHIPPED = Path(__file__).parents[1] / "data" / "recordings" / "mysql_adaptive"
SCHEMA = {"type": "record", "name": "R", "fields": []}


def line(number: int = 0, topic: str = "a", **other: Any) -> str:
    record = {
        "topic": topic,
        "partition": 0,
        "offset": number,
        "timestamp": 1_700_000_000_123 + number,
        "timestamp_type": 1,
        "headers": [["h", base64.b64encode(b"\xff\x00").decode()], ["none", None]],
        "key": base64.b64encode(f"key {number}".encode()).decode(),
        "value": None if number % 3 == 2 else base64.b64encode(bytes([number % 256])).decode(),
    }
    return json.dumps({**record, **other}, ensure_ascii=False)


def folder(path: Path, lines: Iterable[str] | bytes, schemas: Any = None) -> str:
    path.mkdir(exist_ok=True)
    if not isinstance(lines, bytes):
        lines = "".join(f"{one}\n" for one in lines).encode()
    (path / "records.jsonl").write_bytes(lines)
    (path / "schemas.json").write_text(json.dumps(schemas or {}), encoding="utf-8")
    return str(path)


def rows(path: str, batch_size: int = 100, topic: str | None = None) -> list[dict[str, Any]]:
    batches = Recording(path, topic).batches(batch_size)
    return [row for batch in batches for row in batch.to_pylist()]


def test_the_columns_are_those_that_jobs_take() -> None:
    assert RECORD_SCHEMA.equals(records.RECORD_SCHEMA, check_metadata=True)


def test_a_record_is_read_with_its_bytes_headers_and_time(tmp_path: Path) -> None:
    (row,) = rows(folder(tmp_path, [line(1, "töpic")]))
    assert row == {
        "topic": "töpic",
        "partition": 0,
        "offset": 1,
        "timestamp": datetime(2023, 11, 14, 22, 13, 20, 124_000, timezone.utc),
        "headers": [{"key": "h", "value": b"\xff\x00"}, {"key": "none", "value": None}],
        "key": b"key 1",
        "value": b"\x01",
    }


def test_a_tombstone_has_no_bytes_and_an_empty_value_none_to_read(tmp_path: Path) -> None:
    path = folder(tmp_path, [line(value=None, key=None), line(value="", key="")])
    assert [(row["key"], row["value"]) for row in rows(path)] == [(None, None), (b"", b"")]


@pytest.mark.parametrize("headers", [[], None])
def test_a_record_may_have_no_headers(tmp_path: Path, headers: list[Any] | None) -> None:
    (row,) = rows(folder(tmp_path, [line(headers=headers)]))
    assert row["headers"] == headers


def test_a_record_may_have_no_timestamp(tmp_path: Path) -> None:
    assert rows(folder(tmp_path, [line(timestamp=None)]))[0]["timestamp"] is None


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 10, 11])
@pytest.mark.parametrize("topic", [None, "a", "b"])
def test_batches_have_the_size_asked_for_and_keep_the_order(
    tmp_path: Path, batch_size: int, topic: str | None
) -> None:
    path = folder(tmp_path, [line(number, "ab"[number % 4 == 3]) for number in range(10)])
    batches = list(Recording(path, topic).batches(batch_size))
    sizes = [batch.num_rows for batch in batches]
    assert all(size == batch_size for size in sizes[:-1])
    assert all(0 < size <= batch_size for size in sizes)
    expected = [n for n in range(10) if topic in (None, "ab"[n % 4 == 3])]
    assert [offset for batch in batches for offset in batch["offset"].to_pylist()] == expected
    for batch in batches:
        batch.validate(full=True)
        assert batch.schema == RECORD_SCHEMA


def test_a_shipped_recording_is_read_whole(tmp_path: Path) -> None:
    written = [json.loads(one) for one in (SHIPPED / "records.jsonl").read_text().splitlines()]
    found = rows(str(SHIPPED), 64)
    assert [row["offset"] for row in found] == [one["offset"] for one in written]
    assert [row["value"] for row in found] == [
        one["value"] and base64.b64decode(one["value"]) for one in written
    ]
    assert [[header["key"] for header in row["headers"]] for row in found] == [
        [key for key, _ in one["headers"]] for one in written
    ]


def test_an_empty_file_and_blank_lines_are_no_records(tmp_path: Path) -> None:
    assert rows(folder(tmp_path, b"")) == []
    assert rows(folder(tmp_path, b"\n  \n\r\n")) == []
    path = folder(tmp_path, ["", line(0), " ", "", line(1), ""])
    for batch_size in (1, 2, 100):
        assert [row["offset"] for row in rows(path, batch_size)] == [0, 1]


def test_windows_line_ends_and_a_last_line_without_end_are_fine(tmp_path: Path) -> None:
    path = folder(tmp_path, f"{line(0)}\r\n{line(1)}".encode())
    assert [row["offset"] for row in rows(path)] == [0, 1]


DAMAGED: list[tuple[str | bytes, str]] = [
    (line(4)[:-20], "JSONDecodeError"),
    (line(4)[:30], "JSONDecodeError"),
    ("not json", "JSONDecodeError"),
    ("[1, 2]", "list instead of an object"),
    ('"text"', "str instead of an object"),
    ("7", "int instead of an object"),
    ("null", "NoneType instead of an object"),
    ("{}", "topic"),
    (line(4, topic=None), "topic is None, expected str"),  # type: ignore[arg-type]  # damaged
    (line(4, partition=None), "partition is None, expected int"),
    (line(4, partition="0"), "partition is '0', expected int"),
    (line(4, partition=2**31), "partition is 2147483648"),
    (line(4, offset=None), "offset is None, expected int"),
    (line(4, offset=1.5), "offset is 1.5, expected int"),
    (line(4, offset=2**63), "offset is 9223372036854775808"),
    (line(4, offset=True), "offset is True, expected int"),
    (line(4, value="AAA"), "value"),
    (line(4, value="!!!!"), "value"),
    (line(4, value="AA==AA=="), "value"),
    (line(4, value=17), "value"),
    (line(4, key="%"), "key"),
    (line(4, key={"a": 1}), "key"),
    (line(4, timestamp="today"), "timestamp"),
    (line(4, timestamp=1.5), "timestamp"),
    (line(4, headers="h"), "headers"),
    (line(4, headers=["h"]), "headers"),
    (line(4, headers=[["h"]]), "headers"),
    (line(4, headers=[["h", "%%"]]), "headers"),
    (line(4, headers=[{"h": "AA=="}]), "headers"),
    (line(4) + line(5), "JSONDecodeError"),
    (b'{"topic": "\xff"}', "JSONDecodeError"),
]


@pytest.mark.parametrize(("damage", "what"), DAMAGED)
@pytest.mark.parametrize("batch_size", [2, 100])
def test_a_damaged_line_stops_with_its_number_and_what_is_wrong(
    tmp_path: Path, damage: str | bytes, what: str, batch_size: int
) -> None:
    damaged = damage if isinstance(damage, bytes) else damage.encode()
    good = [line(number).encode() for number in range(3)]
    path = folder(tmp_path, b"\n".join([good[0], b"", good[1], damaged, good[2], b""]))
    with pytest.raises(RecordingError) as stopped:
        rows(path, batch_size)
    message = str(stopped.value)
    assert f"{path}/records.jsonl, line 4: " in message
    assert what in message
    assert "record it again" in message
    assert len(message) < 1_000


def test_a_line_lacks_a_member(tmp_path: Path) -> None:
    for name in ("topic", "partition", "offset", "key", "value"):
        record = json.loads(line(0))
        del record[name]
        with pytest.raises(RecordingError, match=f"line 2: .*{name}"):
            rows(folder(tmp_path, [line(0), json.dumps(record)]))


@pytest.mark.parametrize("limit", [1, 100, 300])
def test_large_records_make_smaller_batches_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(recording, "BATCH_BYTES", limit)
    path = folder(tmp_path, [line(number, "ab"[number % 4 == 3]) for number in range(40)])
    batches = list(Recording(path, "a").batches(20))
    assert max(batch.num_rows for batch in batches) < 20
    expected = [number for number in range(40) if number % 4 != 3]
    assert [offset for batch in batches for offset in batch["offset"].to_pylist()] == expected


def test_batches_before_a_damaged_line_are_given(tmp_path: Path) -> None:
    batches = Recording(folder(tmp_path, [line(0), line(1), "x"])).batches(2)
    assert next(batches).num_rows == 2
    with pytest.raises(RecordingError, match="line 3"):
        next(batches)


@pytest.mark.parametrize("missing", ["records.jsonl", "schemas.json"])
def test_a_folder_without_a_file_is_no_recording(tmp_path: Path, missing: str) -> None:
    path = folder(tmp_path, [line()])
    (tmp_path / missing).unlink()
    with pytest.raises(RecordingError, match=f"is no recording: it has no file {missing}"):
        Recording(path).check()


def test_a_folder_that_is_not_there_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"nowhere' is no recording.*records\.jsonl"):
        Recording(str(tmp_path / "nowhere")).check()


def test_an_unknown_topic_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    path = folder(tmp_path, [line(0, "b"), line(1, "a"), line(2, "a")])
    Recording(path, "a").check()
    Recording(path).check()
    with pytest.raises(RecordingError, match="no records of the topic 'c'; its topics are a, b"):
        Recording(path, "c").check()
    with pytest.raises(RecordingError, match="its topics are none"):
        Recording(folder(tmp_path, []), "c").check()


def test_schemas_are_objects_or_texts(tmp_path: Path) -> None:
    text = json.dumps(SCHEMA, indent=2)
    forms = {"1": {"schemaType": "AVRO", "schema": SCHEMA}, "20": {"schema": text}}
    schemas = RecordingSchemas(folder(tmp_path, [], forms))
    assert json.loads(schemas.schema(1)) == SCHEMA
    assert schemas.schema(20) == text


def test_an_id_without_schema_is_a_lookup_error_that_lists_the_ids(tmp_path: Path) -> None:
    schemas = RecordingSchemas(folder(tmp_path, [], {"12": {"schema": "s"}, "3": {"schema": "s"}}))
    with pytest.raises(LookupError, match=r"has no id 4; it has 3, 12"):
        schemas.schema(4)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"x": {"schema": "s"}}', '{"1": {}}', '{"1": "s"}', '{"1": null}']
)
def test_schemas_of_another_form_stop_with_an_example(tmp_path: Path, text: str) -> None:
    path = folder(tmp_path, [])
    (tmp_path / "schemas.json").write_text(text)
    with pytest.raises(RecordingError, match=r'schemas\.json: .*expected .*"schemaType"'):
        RecordingSchemas(path).schema(1)


def test_schemas_that_are_gone_stop_and_are_no_unknown_id(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"schemas\.json"):
        RecordingSchemas(str(tmp_path / "nowhere")).schema(1)


def test_schemas_travel_to_workers_as_their_path(tmp_path: Path) -> None:
    schemas = RecordingSchemas(folder(tmp_path, [], {"1": {"schema": SCHEMA}}))
    schemas.schema(1)
    assert pickle.loads(pickle.dumps(schemas)) == schemas  # noqa: S301 (its own pickle)
    assert len(pickle.dumps(schemas)) < 300


def _offsets(batch: pa.RecordBatch) -> list[int | None]:
    return batch.column("offset").to_pylist()


def test_a_pipeline_reads_a_recording_in_batches(tmp_path: Path) -> None:
    path = folder(tmp_path, [line(number) for number in range(5)])
    with beam.Pipeline() as pipeline:
        read = pipeline | ReadRecording(Recording(path, "a"), batch_size=2)
        assert_that(read | beam.Map(_offsets), equal_to([[0, 1], [2, 3], [4]]))
