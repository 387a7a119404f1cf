"""Dead letters written to the place that --dead_letters names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import orjson
import pyarrow as pa
from apache_beam.pvalue import PCollection

from pipeline_io.append_lines import AppendLines, check_store
from pipeline_io.bigquery_errors import BigQueryError
from pipeline_io.bigquery_log import RefusedRows, TableRows, WriteBigQueryLog
from pipeline_io.bigquery_log_sink import BigQueryLogSink
from pipeline_io.files import WriteLines, is_remote
from pipeline_io.pubsub import WriteMessages
from pipeline_io.pubsub_check import check as check_pubsub
from pipeline_io.pubsub_dataflow import dataflow_writer
from pipelines.dead_letter_place import FilePlace, Place, TablePlace, TopicPlace
from pipelines.dead_letter_table import LAYOUT, letter_of_row, table_rows
from pipelines.runners import PubSubWriter, Runner
from transforms.dead_letters import DEAD_LETTER_SCHEMA
from transforms.records import RECORD_SCHEMA
from transforms.sink_rows import sink_rows

Batches = PCollection[pa.RecordBatch]


def check_place(place: Place) -> None:
    """Asks whether dead letters can be written there, before a record is read.

    Raises PubsubError, BigQueryError, FileWriteError.
    """
    if isinstance(place, FilePlace) and is_remote(place.path):
        check_store(place.path)
    elif isinstance(place, TopicPlace):
        check_pubsub(place.config)
    elif isinstance(place, TablePlace):
        sink = BigQueryLogSink.of(place.config)
        try:
            sink.ensure_table(
                place.table,
                LAYOUT.columns,
                partition_by=LAYOUT.partition_by,
                cluster_by=LAYOUT.cluster_by,
            )
        except BigQueryError as error:
            error.args = (f"--dead_letters: {error}", *error.args[1:])
            raise
        finally:
            sink.close()


def write_dead_letters(
    letters: tuple[Batches, ...],
    place: Place,
    refused_to: str | None,
    runner: Runner,
    *,
    ends: bool,
) -> None:
    """Writes batches of DEAD_LETTER_SCHEMA.

    A letter that the place refuses (over Pub/Sub's size) goes to the file `refused_to`: nothing is
    lost for its size. Where there is no such file its bundle fails, and comes again.

    ends: whether the collections do, so that a file can be made whole at their end.
    """
    match place:
        case FilePlace(path):
            _ = letters | "Write dead letters" >> (WriteLines(path) if ends else AppendLines(path))
            return
        case TopicPlace(config):
            by_runner = runner.pubsub_writer is PubSubWriter.RUNNER
            refused = tuple(
                batches
                | f"Dead letters as messages {number}" >> beam.Map(letter_messages)
                | f"Publish dead letters {number}"
                >> (dataflow_writer(config) if by_runner else WriteMessages(config, _name(number)))
                | f"Refused dead letters {number}" >> beam.Map(letters_of_refused)
                for number, batches in enumerate(letters, start=1)
            )
        case TablePlace(config, table):
            refused = tuple(
                (
                    batches
                    | f"Dead letters as rows {number}" >> beam.ParDo(_ToRows(table))
                    | f"Append dead letters {number}"
                    >> WriteBigQueryLog(config, LAYOUT, sink=_name(number))
                ).refused
                | f"Refused dead letters {number}" >> beam.Map(letters_of_rows)
                for number, batches in enumerate(letters, start=1)
            )
    if refused_to is not None:
        _ = refused | "Write refused dead letters" >> AppendLines(refused_to)
        return
    for number, batches in enumerate(refused, start=1):
        _ = batches | f"Keep refused dead letters {number}" >> beam.Map(_refuse, str(place))


def _name(number: int) -> str:
    """What the metrics of a writer are called: Flink keeps one of a name in a stage."""
    return f"dead_letters{number if number > 1 else ''}"


class LetterRefusedError(Exception):
    """A dead letter that its place refuses, and that no other place can keep."""


def _refuse(letters: pa.RecordBatch, place: str) -> None:
    if letters.num_rows:
        message = (
            f"{place} refuses {letters.num_rows} dead letters, and a worker's disk does not stay: "
            "give a bucket for such letters, --output_dir=gs://BUCKET/PATH. Until then their "
            "records come again and again"
        )
        raise LetterRefusedError(message)


def letter_messages(letters: pa.RecordBatch) -> pa.RecordBatch:
    """SINK_ROWS of dead letters. What is refused comes back as its record: so that is the letter
    itself, and not the record that it is about."""
    payload: Any = letters.column(0)
    fields = []
    for field in RECORD_SCHEMA:
        column = payload if field.name == "value" else _same(field, len(payload))
        fields.append(column)
    record = pa.StructArray.from_arrays(fields, fields=list(RECORD_SCHEMA))
    return sink_rows(payload.cast(pa.large_binary()), record=record)


def letters_of_refused(refused: pa.RecordBatch) -> pa.RecordBatch:
    """The dead letters of REFUSED_ROWS that letter_messages made."""
    record: Any = refused.column("record")
    values = record.field(RECORD_SCHEMA.get_field_index("value"))
    return pa.RecordBatch.from_arrays([values], schema=DEAD_LETTER_SCHEMA)


def letters_of_rows(refused: RefusedRows) -> pa.RecordBatch:
    """The dead letters of rows that BigQuery refused."""
    letters = [orjson.dumps(letter_of_row(row)) for row in refused.rows.to_pylist()]
    return pa.RecordBatch.from_arrays([pa.array(letters, pa.binary())], schema=DEAD_LETTER_SCHEMA)


def _same(field: pa.Field[Any], count: int) -> pa.Array[Any]:
    empty: Any = None if field.nullable else "" if pa.types.is_string(field.type) else 0
    column: pa.Array[Any] = pa.repeat(pa.scalar(empty, field.type), count)
    return column


@dataclasses.dataclass
class _ToRows(beam.DoFn):
    table: str

    def process(self, element: pa.RecordBatch) -> Iterator[TableRows]:
        if element.num_rows:
            yield TableRows(self.table, table_rows(element))
