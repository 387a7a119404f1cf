"""What snapshots of every source do in the warehouse: the bookkeeping around the rows."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from kami.duckdb_dialect import translated
from kami.tables import BOOKKEEPING
from pipeline_io.snapshot_file import SnapshotFile, SnapshotRecord
from pipelines.options import FlagError
from transforms.anchor import AnchorPosition, anchor_position
from transforms.incarnation import Incarnation

Tell = Callable[[str], None]
"""Says a sentence to who started the pipeline."""

_ADDED_BY = "snapshot"


class SnapshotStore(Protocol):
    """The snapshot tables of one dataset, wherever they are. It pickles."""

    @property
    def dataset(self) -> str: ...

    def create(self, tables: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        """Makes the dataset and the tables that are missing, columns in BigQuery's types."""

    def begin(self, table: str, columns: Sequence[tuple[str, str]]) -> None:
        """Makes an empty table beside the snapshot of `table`; what an earlier run left goes."""

    def append(self, table: str, rows: pa.Table, select: str | None = None) -> None:
        """Adds rows to the table that `begin` made, all or none; see SnapshotFile."""

    def finish(self, table: str, record: SnapshotRecord) -> None:
        """Puts the new table in the old one's place. Raises SnapshotError for missing rows."""

    def write_rows(self, table: str, rows: pa.Table, record: SnapshotRecord) -> None:
        """Puts rows as JSON in `_snapshot_rows`, in place of those that the table has there."""

    def record(self, record: SnapshotRecord) -> None:
        """Notes a snapshot that is being read; the one that is in place stays noted."""

    def records(self) -> list[SnapshotRecord]:
        """The rows of `_snapshots`."""

    def incarnations(self) -> list[tuple[int, str]]:
        """(ordinal, identity) of the incarnations that are stored."""

    def add_incarnations(
        self,
        source: str,
        new: Sequence[tuple[int, str]],
        seen: datetime.datetime,
        added_by: str,
    ) -> None:
        """Stores incarnations (ordinal, identity) of the source."""

    def oldest_log_key(self, table: str) -> str | None:
        """The lowest order key in the table's change log; None where it has no rows."""


def open_store(address: str, dataset: str) -> SnapshotStore:
    """The dataset of `duckdb:FILE` or `bigquery:PROJECT`, with its tables of bookkeeping.

    Raises FlagError for another address.
    """
    kind, _, place = address.partition(":")
    store: SnapshotStore
    if kind == "duckdb" and place:
        store = SnapshotFile(place, dataset, duckdb_statement)
    elif kind == "bigquery" and place:
        store = _in_bigquery(address, place, dataset)
    else:
        message = f"--warehouse={address}: expected duckdb:FILE or bigquery:PROJECT"
        raise FlagError(message)
    store.create(BOOKKEEPING)
    return store


def _in_bigquery(address: str, project: str, dataset: str) -> SnapshotStore:
    # Its client is slow to import, and a file needs none of it.
    from pipeline_io.bigquery_config import BigQueryConfig
    from pipeline_io.snapshot_bigquery import SnapshotBigQuery

    try:
        return SnapshotBigQuery(BigQueryConfig(project, dataset))
    except ValueError as error:
        message = f"--warehouse={address}: {error}"
        raise FlagError(message) from error


def duckdb_statement(bigquery_sql: str) -> str:
    """One statement in DuckDB's dialect."""
    (statement,) = translated(bigquery_sql)
    return statement


def store_anchor(
    store: SnapshotStore,
    anchor: Mapping[str, object],
    source_name: str,
    now: datetime.datetime,
    tell: Tell,
) -> AnchorPosition:
    """The anchor's order key; servers that it brings are stored, warnings are told.

    Raises AnchorError.
    """
    # A dataset is one source, whatever name the log's incarnations were stored under.
    known = [Incarnation(source_name, *row) for row in store.incarnations()]
    position = anchor_position(anchor, source_name, known)
    new = [(one.ordinal, one.identity) for one in position.new]
    store.add_incarnations(source_name, new, now, _ADDED_BY)
    for warning in position.warnings:
        tell(f"warning: {warning}")
    return position


def warn_of_gap(store: SnapshotStore, table: str, order_key: str, tell: Tell) -> None:
    """Tells when the table's change log begins after the snapshot's anchor."""
    oldest = store.oldest_log_key(table)
    if oldest is not None and oldest > order_key:
        tell(
            f"warning: the oldest row of {store.dataset}.{table}_change_log has order key "
            f"{oldest}, and the snapshot's anchor is {order_key}: changes between them are lost "
            "unless there were none; take the snapshot again, now that the log is written, or "
            "load the older records with pipelines.change_log"
        )
