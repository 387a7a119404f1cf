"""Rows appended to the tables of a dataset by BigQuery's Storage Write API, as Arrow batches."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import grpc
import pyarrow as pa

from pipeline_io.bigquery_appender import Appender
from pipeline_io.bigquery_channel import open_channel, open_client
from pipeline_io.bigquery_chunks import Chunk, Piece, Refused, parts, request
from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_rows import Fitting
from pipeline_io.bigquery_streams import end_if_there
from pipeline_io.bigquery_tables import Tables
from pipeline_io.bigquery_types import ColumnType, arrow_schema
from pipeline_io.bigquery_upsert import CHANGE_FIELDS, Upserting

# The names of a stream and a few fields of a request, beside the rows.
_HEAD_BYTES = 1_000


@dataclasses.dataclass
class _Table:
    """A declared table: its columns as they are sent, and rows that wait for company."""

    columns: pa.Schema
    fitting: Fitting | None = None
    given: pa.Schema | None = None
    pieces: list[Piece] = dataclasses.field(default_factory=list)
    waiting_bytes: int = 0


class BigQueryLogSink:
    """Appends batches to tables, many requests at a time; not for several threads.

    Each row is stored at least once; with `exactly_once` or `pending` no retry of this sink stores
    one twice. While BigQuery is away, rows are sent again for `retry_seconds`. After an error
    nothing more is written: make another sink.

    project, dataset, options: those of BigQueryConfig. on_made: told of each stream of its own
    before a row goes there. Raises ValueError.
    """

    def __init__(
        self,
        project: str,
        dataset: str,
        *,
        on_made: Callable[[str], None] | None = None,
        **options: Any,
    ) -> None:
        self.config = BigQueryConfig(project, dataset, **options)
        self._on_made = on_made
        self._stopped = threading.Event()
        self._channel: grpc.Channel | None = None
        # Its close() has no types.
        self._client: Any = None
        self._tables: dict[str, _Table] = {}
        # The one used last is the last.
        self._appenders: OrderedDict[str, Appender] = OrderedDict()
        self._refused: list[Refused] = []
        self._counts: Counter[str] = Counter()
        self._ensured: Tables | None = None
        self._waiting_bytes = 0
        self._failed = False

    @classmethod
    def of(cls, config: BigQueryConfig) -> BigQueryLogSink:
        return cls(**dataclasses.asdict(config))

    @property
    def is_idle(self) -> bool:
        """Whether it can be used for another bundle: nothing is under way, nothing has failed."""
        busy = self._waiting_bytes or any(each.outstanding for each in self._appenders.values())
        return not (self._failed or busy or self._refused)

    @property
    def has_failed(self) -> bool:
        """Whether it writes nothing any more: after an error, or after close()."""
        return self._failed

    def ensure_table(
        self,
        name: str,
        columns: Sequence[tuple[str, str]],
        *,
        partition_by: str | None = None,
        cluster_by: Sequence[str] = (),
        upserting: Upserting | None = None,
    ) -> None:
        """Makes the dataset and the table where they are not there, and adds missing columns.

        columns: names with types as BigQuery's DDL writes them, `_key STRING`. partition_by: by the
        day of this column. cluster_by: up to four columns, the most important one first. upserting:
        rows are changes, with the columns CHANGE_TYPE and SEQUENCE besides.

        Raises BigQuerySchemaError for a column that is there with another type, other
        BigQueryErrors, and ValueError for a layout that BigQuery does not have.
        """
        if upserting is not None and self.config.has_offsets:
            message = (
                f"rows of {self.config.table_name(name)} are changes, which BigQuery takes in its "
                "default stream alone: leave out exactly_once and pending"
            )
            raise ValueError(message)
        parsed = self._api().ensure(name, columns, partition_by, cluster_by, upserting)
        self._send_waiting(name)
        fields = [*arrow_schema(parsed), *(CHANGE_FIELDS if upserting is not None else ())]
        self._tables[name] = _Table(pa.schema(fields))

    def table_columns(self, name: str) -> list[tuple[str, ColumnType]] | None:
        """The columns that a table has; None where it is not there. Raises BigQueryError."""
        return self._api().columns(name)

    def append(self, name: str, rows: pa.RecordBatch, mark: Any = None) -> None:
        """Appends rows soon; waits while too much is not confirmed yet.

        rows: columns of the declared table in any order; those left out are NULL. mark: comes back
        with rows that are refused.

        Raises BigQueryError, of whichever rows before.
        """
        table = self._declared(name)
        if table.fitting is None or rows.schema != table.given:
            fitting = Fitting(self.config.table_name(name), rows.schema, table.columns)
            # A request has rows of one schema.
            self._send_waiting(name)
            table.fitting, table.given = fitting, rows.schema
        fitted = table.fitting.fit(rows)
        for one in fitted.refused:
            self._refuse(name, rows, one.row, one.error_class, one.message, mark)
        if not fitted.rows.num_rows:
            return
        whole = Piece(fitted.rows, rows, fitted.places, mark)
        for piece in parts(whole, self.config.request_bytes):
            size = piece.rows.nbytes
            if table.waiting_bytes + size > self.config.request_bytes:
                self._send_waiting(name)
            table.pieces.append(piece)
            table.waiting_bytes += size
            self._waiting_bytes += size
        if self._waiting_bytes > self.config.outstanding_bytes // 2:
            self._send_waiting(max(self._tables, key=lambda n: self._tables[n].waiting_bytes))

    def flush(self) -> None:
        """Returns when all appended rows are durable, but for those of `take_refused`.

        Raises BigQueryError.
        """
        for name in self._tables:
            self._send_waiting(name)
        with self._failing():
            for appender in self._appenders.values():
                while appender.outstanding:
                    appender.settle()
            if self.config.pending:
                for appender in self._appenders.values():
                    appender.commit()

    def take_refused(self) -> list[Refused]:
        """The rows refused since this was asked last; after `flush`, all of them."""
        refused, self._refused = self._refused, []
        for appender in self._appenders.values():
            refused += appender.refused
            appender.refused = []
        return refused

    def take_counts(self) -> Counter[str]:
        """Requests, retries, rows and bytes stored, rows refused, since this was asked last."""
        counts, self._counts = self._counts, Counter()
        for appender in self._appenders.values():
            counts.update(appender.counts)
            appender.counts.clear()
        return counts

    def end_stream(self, stream: str) -> None:
        """Takes care that nothing is appended any more to a stream, whoever has made it.

        stream: its full name. One that is gone is as good. Raises BigQueryError.
        """
        if self._channel is None:
            self._channel = open_channel(self.config)
        end_if_there(self._channel, self.config, stream, self._stopped)

    def close(self) -> None:
        """Ends all calls; what is not flushed may be lost or may arrive."""
        self._failed = True
        self._stopped.set()
        for appender in self._appenders.values():
            appender.disconnect()
        if self._channel is not None:
            self._channel.close()
        if self._client is not None:
            self._client.close()

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """After an error in its block nothing more is written."""
        try:
            yield
        except BaseException:
            self._failed = True
            raise

    def _api(self) -> Tables:
        if self._ensured is None:
            self._client = open_client(self.config)
            self._ensured = Tables(self._client, self.config, self._stopped)
        return self._ensured

    def _declared(self, name: str) -> _Table:
        if self._failed:
            message = f"{self.config}: nothing is written after an error, or after close()"
            raise RuntimeError(message)
        if name not in self._tables:
            message = f"the table {name!r} was not declared; call ensure_table first"
            raise ValueError(message)
        return self._tables[name]

    def _send_waiting(self, name: str) -> None:
        """Sends the rows of a table that wait for company."""
        table = self._tables.get(name)
        if table is None or not table.pieces:
            return
        chunk = Chunk.of(table.pieces)
        self._waiting_bytes -= table.waiting_bytes
        table.pieces, table.waiting_bytes = [], 0
        with self._failing():
            self._send(name, chunk)

    def _send(self, name: str, chunk: Chunk) -> None:
        limit = self.config.max_request_bytes - _HEAD_BYTES
        if chunk.size > limit // 2 and len(request(chunk.rows, "", True, 0)) > limit:
            if chunk.count == 1:
                message = (
                    f"the row has {chunk.size:,} bytes, and BigQuery takes {limit:,} in a request; "
                    "leave columns out, or shorten them where the rows are made"
                )
                one = chunk.refused(name, 0, "RowTooLarge", message)
                self._refuse(*one)
                return
            for half in chunk.cut(chunk.count // 2):
                self._send(name, half)
            return
        appender = self._appender(name)
        while appender.is_answered:
            appender.settle()
        while not self._has_room(chunk):
            self._busiest().settle()
        appender.send(chunk)

    def _has_room(self, chunk: Chunk) -> bool:
        # A request over the limit goes alone.
        under_way = sum(each.outstanding for each in self._appenders.values())
        size = sum(each.outstanding_bytes for each in self._appenders.values())
        return not under_way or (
            under_way < self.config.outstanding_requests
            and size + chunk.size <= self.config.outstanding_bytes
        )

    def _busiest(self) -> Appender:
        return max(self._appenders.values(), key=lambda each: each.outstanding_bytes)

    def _appender(self, name: str) -> Appender:
        """The table's, with room for its call among those that are open."""
        if self._channel is None:
            self._channel = open_channel(self.config)
        if name not in self._appenders:
            self._appenders[name] = Appender(
                self._channel, self.config, name, self._stopped, self._on_made
            )
        self._appenders.move_to_end(name)
        appender = self._appenders[name]
        if not appender.is_connected:
            others = [each for each in self._appenders.values() if each.is_connected]
            for other in others[: max(0, len(others) - self.config.connections + 1)]:
                while other.outstanding:
                    other.settle()
                other.disconnect()
        return appender

    def _refuse(self, *words: Any) -> None:
        self._refused.append(Refused(*words))
        self._counts["refused"] += 1
