import datetime
import json

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that

from transforms.dead_letters import Origin
from transforms.records import RECORD_SCHEMA
from transforms.refused import RefusedToDeadLetters, refused_letters
from transforms.sink_rows import REFUSED_ROWS

NOW = datetime.datetime(2026, 5, 1, tzinfo=datetime.timezone.utc)
ORIGIN = Origin("aml", "1.0")


def refused(count: int) -> pa.RecordBatch:
    rows = [
        {
            "record": {
                "topic": "t",
                "partition": 3,
                "offset": offset,
                "timestamp": NOW,
                "headers": [{"key": "h", "value": b"\x01"}],
                "key": b"k",
                "value": bytes([offset]),
            },
            "error_class": "MessageTooLarge",
            "message": f"too large {offset}",
        }
        for offset in range(count)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=REFUSED_ROWS)


def test_what_a_sink_refused_becomes_the_dead_letter_of_its_record() -> None:
    letters = refused_letters(refused(2), "events", ORIGIN, NOW)
    found = [json.loads(letter or b"") for letter in letters.column("payload").to_pylist()]
    assert [letter["offset"] for letter in found] == [0, 1]
    assert found[1] | {"headers": None} == found[1] | {
        "payload": "AQ==",
        "key": "aw==",
        "topic": "t",
        "partition": 3,
        "stage": "publish",
        "statement": "events",
        "error_class": "MessageTooLarge",
        "message": "too large 1",
        "headers": None,
    }


def test_a_sink_that_may_quote_decrypted_values_is_not_quoted() -> None:
    letters = refused_letters(refused(2), "events", ORIGIN, NOW, hides_values=True)
    found = [json.loads(letter or b"") for letter in letters.column("payload").to_pylist()]
    assert {letter["error_class"] for letter in found} == {"MessageTooLarge"}
    for letter in found:
        assert "too large" not in letter["message"]
        assert "since the job decrypts" in letter["message"]
        assert "'connector' = 'print'" in letter["message"]


def test_other_columns_are_no_refusals() -> None:
    batch = pa.RecordBatch.from_pylist([], schema=RECORD_SCHEMA)
    with pytest.raises(TypeError, match="columns"):
        refused_letters(batch, "events", ORIGIN, NOW)


def test_the_step_gives_a_letter_a_message_and_counts_them() -> None:
    def are_three(batches: list[pa.RecordBatch]) -> None:
        assert sum(batch.num_rows for batch in batches) == 3

    pipeline = beam.Pipeline()
    letters = (
        pipeline
        | beam.Create([refused(1), refused(2)])
        | beam.ParDo(RefusedToDeadLetters("events", ORIGIN, lambda: NOW))
    )
    assert_that(letters, are_three)
    result = pipeline.run()
    result.wait_until_finish()
    (counter,) = [
        one
        for one in result.metrics().query()["counters"]
        if one.key.metric.name.endswith("refused")
    ]
    assert counter.result == 3
    assert counter.key.metric.name == "events/refused"
