"""One reader of a change log: records to rows, with what has to be stored before them."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from kami.tables import (
    BOOKKEEPING,
    SOURCE_LAYOUTS,
    archive_of,
    change_log_columns,
    change_log_of,
    warehouse_name,
)
from pipeline_io.incarnation_table import IncarnationTable, StoredIncarnation
from pipelines.change_log_letters import LETTER_SCHEMA, letters_of_refused
from pipelines.change_log_options import BigQueryMethod
from pipelines.change_log_sink import open_log
from pipelines.change_log_stored import StoredRows
from transforms.avro import SchemaSource, choose_decoder
from transforms.change_log_lives import Life, OneSource
from transforms.change_log_order import EventOrder, Partition
from transforms.change_log_rows import ChangeLog, LogBatch
from transforms.change_log_tables import TableNames
from transforms.change_log_write import connector_of_log
from transforms.dead_letters import Refusal
from transforms.encryption_events import EventFields
from transforms.encryption_rules import FieldRules

ADDED_BY = "change_log"
PARTITION_BY, CLUSTER_BY = "_ingested_at", ("_key", "_order_key")
_DEAD_LETTERS = "_dead_letters"


@dataclasses.dataclass(frozen=True)
class LogTarget:
    """What a reader writes to; travels to the workers.

    exactly_once: a record whose row the log has already is passed over, as long as the native
        method writes; with another one this is the matter of who writes.
    fields: those that are decrypted or encrypted on their way; None where there are none.
    """

    warehouse: str
    source_name: str
    database: str | None = None
    decoder: str = "auto"
    bigquery_method: BigQueryMethod = BigQueryMethod.NATIVE
    exactly_once: bool = False
    fields: FieldRules | None = None

    @property
    def writes_rows(self) -> bool:
        """Whether the reader appends the rows itself, and not a later step."""
        return self.bigquery_method is BigQueryMethod.NATIVE

    @property
    def compares(self) -> bool:
        """Whether records are compared with what the log has."""
        return self.exactly_once and self.writes_rows


class LogRun:
    """Processes the batches of a reader and appends their rows, a bundle after the other.

    Raises WarehouseError, and what the schemas raise.
    """

    def __init__(
        self,
        target: LogTarget,
        schemas: SchemaSource,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._target = target
        self._now = now
        self._turns = threading.Condition()
        self._owner: object | None = None
        self._flushed: dict[Partition, str | None] = {}
        self._unstored: list[Life] = []
        self._open()
        lives = [Life(*stored) for stored in self._incarnations.read()]
        self.sink.flush()
        self.order = EventOrder(OneSource(target.source_name, lives), self._stored)
        names = TableNames(warehouse_name, target.database)
        decoder = choose_decoder(target.decoder)
        fields = None if target.fields is None else EventFields(target.fields)
        self._change_log = ChangeLog(schemas, decoder, self.order, names, now, fields)

    def _open(self) -> None:
        target = self._target
        self._log = open_log(target.warehouse, target.source_name, exactly_once=target.compares)
        self.sink = self._log.sink
        for name, columns in BOOKKEEPING.items():
            self.sink.ensure_table(name, columns, partition_by=None, cluster_by=())
        self.sink.flush()
        self._log.claim()
        self._already = StoredRows(self._log) if target.compares else None
        self._incarnations = IncarnationTable(self.sink, self._log.query, target.source_name)
        self._ensured: set[str] = set()
        self._is_dirty = False

    def take(self, owner: object) -> None:
        """Waits until nobody else has the run: a bundle of another thread would take its rows along
        or drop them."""
        with self._turns:
            self._turns.wait_for(lambda: self._owner is None or self._owner is owner)
            self._owner = owner

    def give(self, owner: object) -> None:
        """Lets the next one have it, if it is the owner's."""
        with self._turns:
            if self._owner is owner:
                self._owner = None
                self._turns.notify_all()

    def register(self, servers: Sequence[tuple[str, datetime.datetime]]) -> None:
        """Counts servers that are known before their events are read, in this order."""
        source = self.order.incarnations
        for identity, first_seen in servers:
            source.register(identity, first_seen)
        self._store(source.take_lives(_NO_KEYS, _NO_TIMES))

    def process(self, records: pa.RecordBatch) -> LogBatch:
        """Appends the rows of a batch; they are durable after `flush`. What comes back are the rows
        that were appended, or that have to be where somebody else writes."""
        self._is_dirty = True
        found = self._change_log.process(records)
        # An ordinal that is lost in a crash would be given to another server by the next run.
        self._store(self.order.take_new_lives())
        if self._already is not None:
            self._pass_over(found, self._already)
        if self._target.writes_rows:
            for table, batches in found.rows.items():
                for batch in batches:
                    self._append(table, batch)
        if found.refusals:
            rows = self._letters(records, found.refusals)
            self.sink.append(_DEAD_LETTERS, rows)
        return found

    def flush(self) -> Counter[str]:
        """All rows are durable when it returns, or are dead letters that are; {table: letters}.

        Raises WarehouseError for rows that are refused without which the log would be wrong.
        """
        self.sink.flush()
        refused = self._take_refused()
        if refused:
            hides = self._target.fields is not None
            letters = letters_of_refused(refused, self._now(), hides_rows=hides)
            self.sink.append(_DEAD_LETTERS, letters)
            self.sink.flush()
            # A letter that is refused too cannot be kept anywhere.
            letters_of_refused(self._take_refused(), self._now())
        self._flushed = dict(self.order.newest)
        self._is_dirty = False
        return Counter(one.table.removesuffix(change_log_of("")) for one in refused)

    def roll_back(self) -> None:
        """Goes back to the last flush: what comes next are the records behind it, again."""
        self.order.newest = dict(self._flushed)
        # What a bundle that failed has appended may be stored or not; nobody else writes here where
        # rows are compared, so that its remains cannot be another thread's work.
        if self._log.has_failed or (self._already is not None and self._is_dirty):
            self._log.close()
            self._open()

    def rest(self) -> None:
        """Between pipelines of one process: what is open stays so, but for what a bundle that
        failed has left."""
        with self._turns:
            if self._is_dirty and self._owner is None:
                self._log.close()

    def close(self) -> None:
        self._log.close()

    def _take_refused(self) -> list[Any]:
        """What a warehouse that takes rows by itself has refused since this was asked last."""
        take_refused: Any = getattr(self.sink, "take_refused", list)
        return list(take_refused())

    def _append(self, table: str, batch: pa.RecordBatch) -> None:
        source = SOURCE_LAYOUTS[connector_of_log(batch.schema)]
        name = change_log_of(table)
        if name not in self._ensured:
            self.sink.ensure_table(
                name, change_log_columns(source), partition_by=PARTITION_BY, cluster_by=CLUSTER_BY
            )
            self._ensured.add(name)
        self.sink.append(name, batch)

    def _pass_over(self, found: LogBatch, already: StoredRows) -> None:
        """Takes out rows that the log has; their records count as skipped."""
        for table, batches in list(found.rows.items()):
            found.rows[table] = already.without(table, batches)
        rows = sum(batch.num_rows for batches in found.rows.values() for batch in batches)
        found.counts.skipped += found.counts.rows - rows
        found.counts.rows = rows

    def _store(self, lives: Sequence[Life]) -> None:
        # Those of a try that failed are stored by the next one.
        self._unstored += lives
        self._incarnations.add([StoredIncarnation(*life) for life in self._unstored], ADDED_BY)
        self._unstored = []

    def _stored(self, partition: Partition, offset: int) -> str | None:
        """The newest order key that the log has of the records before an offset."""
        self.sink.flush()
        # Kafka's names of topics have nothing that SQL would take for the end of a text.
        topic = partition[0].replace("'", "''")
        tables = set(self._log.tables())
        logs = {table for table in tables if table.endswith(change_log_of(""))}
        # Compaction moves rows out of the log, and a partition may rest for long.
        archives = {archive_of(table.removesuffix(change_log_of(""))) for table in logs}
        newest = [
            f"SELECT MAX(_order_key) AS k FROM {{dataset}}.{self._log.quote(table)} "  # noqa: S608
            f"WHERE _topic = '{topic}' AND _topic_partition = {partition[1]} "
            f"AND _offset < {offset}"
            for table in sorted(logs | archives & tables)
        ]
        if not newest:
            return None
        found = self._log.query(" UNION ALL ".join(newest))
        self.sink.flush()
        return max((key for key in found.column(0).to_pylist() if key is not None), default=None)

    def _letters(self, records: pa.RecordBatch, refusals: Sequence[Refusal]) -> pa.RecordBatch:
        """Rows of `_dead_letters`: their order key is unknown, so that no cut is above them."""
        at = pa.array([refusal.position for refusal in refusals], pa.int64())
        rows = records.select(["topic", "partition", "offset", "value"]).take(at).to_pylist()
        now = self._now()
        letters: list[Mapping[str, Any]] = [
            {
                "table_name": self._change_log.names.of_topic(row["topic"]),
                "topic": row["topic"],
                "topic_partition": row["partition"],
                "topic_offset": row["offset"],
                "order_key": None,
                "stage": refusal.stage,
                "error": f"{refusal.error_class}: {refusal.message}",
                "payload": None
                if row["value"] is None
                else base64.b64encode(row["value"]).decode(),
                "at": now,
            }
            for row, refusal in zip(rows, refusals, strict=True)
        ]
        return pa.RecordBatch.from_pylist(letters, schema=LETTER_SCHEMA)


_NO_KEYS = pl.Series("", [], dtype=pl.String)
_NO_TIMES = pl.Series("", [], dtype=pl.Int64)
