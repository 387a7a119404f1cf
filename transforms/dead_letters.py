"""The one record of what could not be processed, whatever the stage."""

from __future__ import annotations

import base64
import dataclasses
import datetime
from collections.abc import Iterable
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from transforms.replay_headers import failures_of

MESSAGE_LIMIT = 2_000
"""Characters of a message that are kept: enough for a schema's name and a value, and small beside
the payload."""


@dataclasses.dataclass(frozen=True)
class Origin:
    """What made a dead letter, the same for all of a job: the pipeline's name and version."""

    pipeline: str
    version: str


@dataclasses.dataclass(frozen=True)
class Refusal:
    """Why one record was refused.

    position: its row in the batch of records. stage: decode, source, filter, lookup, project.
    statement: the INSERT it was refused for; None where it was refused for all of them.
    error_class: a word to count and filter by. message: for a person; it may show one value.
    """

    position: int
    stage: str
    error_class: str
    message: str
    schema_id: int | None = None
    statement: str | None = None


DEAD_LETTER_SCHEMA = pa.schema([pa.field("payload", pa.binary(), nullable=False)])
"""Columns of a batch of dead letters: one JSON object a row, as `dead_letter_json` writes it."""


def dead_letter_json(
    record: dict[str, object], refusal: Refusal, origin: Origin, failed_at: datetime.datetime
) -> bytes:
    """The dead letter of a record as JSON.

    `record` is a row of RECORD_SCHEMA with its timestamp as text. Its bytes are kept whole, in
    base64, so that a replay sends what Kafka had.
    """
    # A database's message may hold what no UTF-8 has, and orjson takes nothing else.
    message = refusal.message.encode(errors="replace").decode()
    if len(message) > MESSAGE_LIMIT:
        message = message[: MESSAGE_LIMIT - 1] + "…"
    at = time_text(failed_at)
    headers: Any = record["headers"] or ()
    before = failures_of((header["key"], header["value"]) for header in headers)
    return orjson.dumps(
        {
            "payload": _base64(record["value"]),
            "key": _base64(record["key"]),
            "headers": [[name, _base64(value)] for name, value in before.headers],
            "topic": record["topic"],
            "partition": record["partition"],
            "offset": record["offset"],
            "timestamp": record["timestamp"],
            "stage": refusal.stage,
            "statement": refusal.statement,
            "error_class": refusal.error_class,
            "message": message,
            "schema_id": refusal.schema_id,
            "attempts": before.attempts + 1,
            "first_failed_at": before.first_failed_at or at,
            "last_failed_at": at,
            "pipeline": origin.pipeline,
            "version": origin.version,
        }
    )


def time_text(at: datetime.datetime) -> str:
    """A time of a dead letter: ISO 8601 in UTC, milliseconds."""
    utc = at.astimezone(datetime.timezone.utc)
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dead_letters(
    records: pa.RecordBatch,
    refusals: Iterable[Refusal],
    origin: Origin,
    failed_at: datetime.datetime,
) -> pa.RecordBatch:
    """The dead letters (DEAD_LETTER_SCHEMA) of the refused rows of a batch, in their order."""
    ordered = sorted(refusals, key=lambda refusal: refusal.position)
    rows = records.take(pa.array([refusal.position for refusal in ordered], pa.int64()))
    place = rows.schema.get_field_index("timestamp")
    rows = rows.set_column(place, "timestamp", _iso(rows.column(place)))
    payloads = [
        dead_letter_json(row, refusal, origin, failed_at)
        for row, refusal in zip(rows.to_pylist(), ordered, strict=True)
    ]
    return pa.record_batch([pa.array(payloads, pa.binary())], schema=DEAD_LETTER_SCHEMA)


def _base64(value: object) -> str | None:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else None


def _iso(timestamps: pa.Array[Any]) -> pa.Array[Any]:
    """ISO 8601 text. Producers write any number, and Python's years end with 9999: numpy's not."""
    milliseconds = timestamps.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    texts = np.datetime_as_string(milliseconds.astype("datetime64[ms]"), unit="ms", timezone="UTC")
    missing = timestamps.is_null().to_numpy(zero_copy_only=False)
    return pa.array(texts.tolist(), pa.string(), mask=missing)
