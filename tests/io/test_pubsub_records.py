"""Messages as records: what each column holds."""

from __future__ import annotations

import datetime

from apache_beam.io.gcp.pubsub import PubsubMessage

from pipeline_io.pubsub_reader_dataflow import batch_of_messages
from pipeline_io.pubsub_records import MESSAGE_ID, NO_OFFSET, message_batch
from pipeline_io.record_schema import RECORD_SCHEMA
from transforms.records import check_records
from transforms.sql import source_messages

PATH = "projects/shop-1/subscriptions/items"
PUBLISHED = datetime.datetime(2026, 1, 31, 12, 0, 0, 123_000, datetime.timezone.utc)


def test_a_message_is_a_record_with_its_id_and_attributes_as_headers() -> None:
    millis = int(PUBLISHED.timestamp() * 1_000)
    batch = message_batch(
        PATH, ["11", "12"], [b"one", b""], [millis, 0], ["key", ""], [{"op": "c", "ü": "é"}, {}]
    )

    check_records(batch)
    first, second = batch.to_pylist()
    assert first == {
        "topic": PATH,
        "partition": 0,
        "offset": 11,
        "timestamp": PUBLISHED,
        "headers": [
            {"key": MESSAGE_ID, "value": b"11"},
            {"key": "op", "value": b"c"},
            {"key": "ü", "value": "é".encode()},
        ],
        "key": b"key",
        "value": b"one",
    }
    assert second["headers"] == [{"key": MESSAGE_ID, "value": b"12"}]
    assert (second["key"], second["value"]) == (None, b"")


def test_ids_that_are_no_numbers_leave_the_offset_out() -> None:
    batch = message_batch(PATH, ["a-1", "12"], [b"", b""], [0, 0], ["", ""], [{}, {}])
    assert batch.column("offset").to_pylist() == [NO_OFFSET, NO_OFFSET]
    assert batch.column("headers")[0].as_py() == [{"key": MESSAGE_ID, "value": b"a-1"}]


def test_no_messages_are_a_batch_of_no_rows() -> None:
    batch = message_batch(PATH, [], [], [], [], [])
    assert (batch.num_rows, batch.schema) == (0, RECORD_SCHEMA)


def test_beams_messages_give_the_same_columns() -> None:
    message = PubsubMessage(b"one", {"op": "c"}, "11", PUBLISHED, "key")
    bare = PubsubMessage(b"two", {}, "12")
    millis = int(PUBLISHED.timestamp() * 1_000)
    expected = message_batch(
        PATH, ["11", "12"], [b"one", b"two"], [millis, 0], ["key", ""], [{"op": "c"}, {}]
    )
    # Beam types its own fields as None.
    assert batch_of_messages(PATH, [message, bare]).equals(expected)


def test_reader_and_statements_name_the_header_of_the_id_alike() -> None:
    assert source_messages.MESSAGE_ID == MESSAGE_ID
