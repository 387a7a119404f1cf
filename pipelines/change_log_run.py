"""One reader of a change log: records to rows, with what has to be stored before them."""

from __future__ import annotations

import base64
import dataclasses
import datetime
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from kami.tables import (
    BOOKKEEPING,
    MYSQL_SOURCE,
    POSTGRESQL_SOURCE,
    change_log_columns,
    change_log_of,
    warehouse_name,
)
from pipeline_io.incarnation_table import IncarnationTable, StoredIncarnation
from pipelines.change_log_letters import LETTER_SCHEMA, letters_of_refused
from pipelines.change_log_sink import OpenLog, open_log
from transforms.avro import SchemaSource, choose_decoder
from transforms.change_log_lives import Life, OneSource
from transforms.change_log_order import EventOrder, Partition
from transforms.change_log_rows import ChangeLog, LogBatch
from transforms.change_log_tables import TableNames
from transforms.change_log_write import POSTGRESQL_LOG
from transforms.dead_letters import Refusal

ADDED_BY = "change_log"
PARTITION_BY, CLUSTER_BY = "_ingested_at", ("_key", "_order_key")
_DEAD_LETTERS = "_dead_letters"


@dataclasses.dataclass(frozen=True)
class LogTarget:
    """What a reader writes to; travels to the workers."""

    warehouse: str
    source_name: str
    database: str | None = None
    decoder: str = "auto"


class LogRun:
    """Processes the batches of a reader and appends their rows; for one thread.

    Raises WarehouseError, and what the schemas raise.
    """

    def __init__(
        self,
        target: LogTarget,
        schemas: SchemaSource,
        now: Callable[[], datetime.datetime],
        log: OpenLog | None = None,
    ) -> None:
        self._target = target
        self._log = open_log(target.warehouse, target.source_name) if log is None else log
        self.sink = self._log.sink
        for name, columns in BOOKKEEPING.items():
            self.sink.ensure_table(name, columns, partition_by=None, cluster_by=())
        self.sink.flush()
        self._incarnations = IncarnationTable(self.sink, self._log.query, target.source_name)
        lives = [Life(*stored) for stored in self._incarnations.read()]
        self.sink.flush()
        self.order = EventOrder(OneSource(target.source_name, lives), self._stored)
        names = TableNames(warehouse_name, target.database)
        decoder = choose_decoder(target.decoder)
        self._change_log = ChangeLog(schemas, decoder, self.order, names, now)
        self._now = now
        self._flushed: dict[Partition, str | None] = {}
        self._ensured: set[str] = set()

    def register(self, servers: Sequence[tuple[str, datetime.datetime]]) -> None:
        """Counts servers that are known before their events are read, in this order."""
        source = self.order.incarnations
        for identity, first_seen in servers:
            source.register(identity, first_seen)
        self._store(source.take_lives(_NO_KEYS, _NO_TIMES))

    def process(self, records: pa.RecordBatch) -> LogBatch:
        """Appends the rows of a batch; they are durable after `flush`."""
        found = self._change_log.process(records)
        # An ordinal that is lost in a crash would be given to another server by the next run.
        self._store(self.order.take_new_lives())
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
            self.sink.append(_DEAD_LETTERS, letters_of_refused(refused, self._now()))
            self.sink.flush()
            # A letter that is refused too cannot be kept anywhere.
            letters_of_refused(self._take_refused(), self._now())
        self._flushed = dict(self.order.newest)
        return Counter(one.table.removesuffix(change_log_of("")) for one in refused)

    def roll_back(self) -> None:
        """Goes back to the last flush: what comes next are the records behind it, again."""
        self.order.newest = dict(self._flushed)

    def close(self) -> None:
        self.sink.close()

    def _take_refused(self) -> list[Any]:
        """What a warehouse that takes rows by itself has refused since this was asked last."""
        take_refused: Any = getattr(self.sink, "take_refused", list)
        return list(take_refused())

    def _append(self, table: str, batch: pa.RecordBatch) -> None:
        source = POSTGRESQL_SOURCE if batch.schema.equals(POSTGRESQL_LOG) else MYSQL_SOURCE
        name = change_log_of(table)
        if name not in self._ensured:
            self.sink.ensure_table(
                name, change_log_columns(source), partition_by=PARTITION_BY, cluster_by=CLUSTER_BY
            )
            self._ensured.add(name)
        self.sink.append(name, batch)

    def _store(self, lives: Sequence[Life]) -> None:
        self._incarnations.add([StoredIncarnation(*life) for life in lives], ADDED_BY)

    def _stored(self, partition: Partition, offset: int) -> str | None:
        """The newest order key that the log has of the records before an offset."""
        self.sink.flush()
        # Kafka's names of topics have nothing that SQL would take for the end of a text.
        topic = partition[0].replace("'", "''")
        newest = [
            f"SELECT MAX(_order_key) AS k FROM {{dataset}}.{self._log.quote(table)} "  # noqa: S608
            f"WHERE _topic = '{topic}' AND _topic_partition = {partition[1]} "
            f"AND _offset < {offset}"
            for table in self._log.tables()
            if table.endswith(change_log_of(""))
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
