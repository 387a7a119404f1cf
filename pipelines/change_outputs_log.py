"""Change events written to the change log of their source, without a broker in between."""

from __future__ import annotations

import os
import threading
from typing import Any

import pyarrow as pa

from kami.tables import archive_of, change_log_of
from pipelines.change_log_run import LogTarget
from pipelines.change_log_sink import open_log
from pipelines.change_log_step import RUNS
from pipelines.change_outputs_schemas import SCHEMAS
from transforms.dead_letters import Refusal
from transforms.sink_rows import REFUSED_ROWS

HELD_BYTES = 64 * 2**20
"""Records that a thread holds before it writes: meanwhile others read on."""

Places = dict[tuple[str, int], int]
"""Next offsets by topic and partition."""


class _Offsets:
    """Where the partitions of this process's runs go on, by the run's token."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.lock = threading.Lock()
        self.by_token: dict[str, Places] = {}


_OFFSETS = _Offsets()
os.register_at_fork(after_in_child=_OFFSETS.forget)


class LogOutput:
    """Appends the rows of records to the log's tables.

    Records are held until they are flushed, or are many: the log has one writer at a time in a
    process, and readers are not to wait for each other.
    """

    registrar = SCHEMAS

    def __init__(self, warehouse: str, source_name: str, token: str) -> None:
        self.target = LogTarget(warehouse, source_name)
        self.token = token
        self._held: list[pa.RecordBatch] = []
        self._bytes = 0
        self._next: Places = {}
        self._refused: list[pa.RecordBatch] = []

    def next_offset(self, topic: str, partition: int) -> int:
        place = (topic, partition)
        if place not in self._next:
            self._next[place] = self._stored_offsets().get(place, 0)
        return self._next[place]

    def write(self, records: pa.RecordBatch) -> None:
        if not records.num_rows:
            return
        place = (records.column("topic")[0].as_py(), records.column("partition")[0].as_py())
        self._next[place] = records.column("offset")[records.num_rows - 1].as_py() + 1
        self._held.append(records)
        self._bytes += records.nbytes
        if self._bytes >= HELD_BYTES:
            self._store()

    def flush(self) -> list[pa.RecordBatch]:
        self._store()
        refused, self._refused = self._refused, []
        return refused

    def close(self) -> None:
        self._held, self._bytes, self._next, self._refused = [], 0, {}, []

    def _store(self) -> None:
        if not self._held:
            return
        run = RUNS.get(self.token, self.target, SCHEMAS)
        run.take(self)
        try:
            run.roll_back()
            for records in self._held:
                found = run.process(records)
                if found.refusals:
                    self._refused.append(_refused_rows(records, found.refusals))
            # Rows that the warehouse refuses are dead letters of the log by now.
            run.flush()
        except BaseException:
            with _OFFSETS.lock:
                # Some of them may be stored: the warehouse is asked again.
                _OFFSETS.by_token.pop(self.token, None)
            raise
        finally:
            run.give(self)
        with _OFFSETS.lock:
            _OFFSETS.by_token.setdefault(self.token, {}).update(self._next)
        # The next records of a partition may be another thread's.
        self._held, self._bytes, self._next = [], 0, {}

    def _stored_offsets(self) -> Places:
        with _OFFSETS.lock:
            known = _OFFSETS.by_token.get(self.token)
        if known is not None:
            return known
        run = RUNS.get(self.token, self.target, SCHEMAS)
        # The file is not asked while another thread writes.
        run.take(self)
        try:
            with _OFFSETS.lock:
                if self.token not in _OFFSETS.by_token:
                    _OFFSETS.by_token[self.token] = stored_offsets(self.target)
                return _OFFSETS.by_token[self.token]
        finally:
            run.give(self)


def stored_offsets(target: LogTarget) -> Places:
    """The offset behind the last record that a log has, or had, of each partition."""
    log = open_log(target.warehouse, target.source_name)
    try:
        there = set(log.tables())
        names = {name.removesuffix(change_log_of("")) for name in there}
        wanted = {of(name) for name in names for of in (change_log_of, archive_of)} & there
        if not wanted:
            return {}
        parts = [
            "SELECT _topic AS topic, _topic_partition AS place, MAX(_offset) AS newest "  # noqa: S608
            f"FROM {{dataset}}.{log.quote(table)} WHERE _offset IS NOT NULL GROUP BY 1, 2"
            for table in sorted(wanted)
        ]
        rows = log.query(" UNION ALL ".join(parts)).to_pylist()
    finally:
        log.close()
    found: Places = {}
    for row in rows:
        place = (row["topic"], row["place"])
        found[place] = max(found.get(place, 0), row["newest"] + 1)
    return found


def _refused_rows(records: pa.RecordBatch, refusals: list[Refusal]) -> pa.RecordBatch:
    places = pa.array([one.position for one in refusals], pa.int64())
    columns: list[Any] = [
        records.to_struct_array().take(places),
        pa.array([one.error_class for one in refusals], pa.string()),
        pa.array([one.message for one in refusals], pa.string()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=REFUSED_ROWS)
