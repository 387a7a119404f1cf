"""Snapshot tables in BigQuery: filled beside the old ones, and put in their place at once."""

from __future__ import annotations

import contextlib
import datetime
import io
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import google.api_core.exceptions
import google.auth.exceptions
import pyarrow as pa
import pyarrow.parquet
from google.cloud import bigquery

from pipeline_io.bigquery_channel import open_client
from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.snapshot_errors import SnapshotError
from pipeline_io.snapshot_file import DONE, READING, SnapshotRecord, new_of

_DECIMALS = ("NUMERIC", "BIGNUMERIC", "STRING")
_STANDARD = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}


class SnapshotBigQuery:
    """The snapshot tables of one dataset in BigQuery; the methods are those of SnapshotFile.

    Rows come by load jobs into a table of their own and by one INSERT from there: all or none.
    Pickles. All methods raise SnapshotError with BigQuery's words, and BigQueryAccessError where
    there are no credentials.
    """

    def __init__(self, config: BigQueryConfig) -> None:
        self.config = config

    @property
    def path(self) -> str:
        """Where it is, for messages."""
        return f"bigquery:{self.config.project}"

    @property
    def dataset(self) -> str:
        return self.config.dataset

    def create(self, tables: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        """Makes the dataset and the tables that are missing, columns in BigQuery's types."""
        with self._open() as client:
            dataset = bigquery.Dataset(f"{self.config.project}.{self.dataset}")
            dataset.location = self.config.location or None
            client.create_dataset(dataset, exists_ok=True)
            there = {table.table_id for table in client.list_tables(dataset.reference)}
            made = [
                self._create("CREATE TABLE IF NOT EXISTS", name, columns)
                for name, columns in tables.items()
                if name not in there
            ]
            if made:
                client.query("; ".join(made)).result()

    def begin(self, table: str, columns: Sequence[tuple[str, str]]) -> None:
        """Makes an empty table beside the snapshot of `table`; what an earlier run left goes."""
        made = self._create("CREATE OR REPLACE TABLE", new_of(table), columns)
        self._run(f"{made} CLUSTER BY `_key`")

    def append(self, table: str, rows: pa.Table, select: str | None = None) -> None:
        """Adds rows to the table that `begin` made, all or none.

        select: BigQuery's SQL that makes the table's columns of those of `incoming`, which are the
            rows; None: they have the table's columns.
        """
        if rows.num_rows:
            self._insert(new_of(table), rows, select)

    def finish(self, table: str, record: SnapshotRecord) -> None:
        """Puts the new table in the old one's place, and says so in `_snapshots`.

        The anchor is noted before the rows are seen, and that they are in place after it.

        Raises:
            SnapshotError: the new table has not the rows that the record counts.
        """
        new, old = self._name(new_of(table)), self._name(f"{table}_snapshot")
        (counted,) = self._run(f"SELECT COUNT(*) AS n FROM {new}")  # noqa: S608
        if counted["n"] != record.row_count:
            message = (
                f"{self.path}: {new} has {counted['n']} rows, and the source has "
                f"{record.row_count}; the old snapshot stays, run the command again"
            )
            raise SnapshotError(message)
        self._run(
            *self._noting(record._replace(state=READING)),
            # One statement, so that a reader finds the old rows or the new ones.
            f"CREATE OR REPLACE TABLE {old} CLUSTER BY `_key` AS SELECT * FROM {new}",  # noqa: S608
            *self._noting(record),
            self._deletion("_snapshot_rows", table),
            f"DROP TABLE {new}",
        )

    def write_rows(self, table: str, rows: pa.Table, record: SnapshotRecord) -> None:
        """Puts rows as JSON in `_snapshot_rows`, in place of those that the table has there."""
        noted = self._noting(record)
        self._run(self._deletion("_snapshot_rows", table))
        if rows.num_rows:
            self._insert("_snapshot_rows", rows, None)
        self._run(*noted)

    def record(self, record: SnapshotRecord) -> None:
        """Notes a snapshot that is being read; the one that is in place stays noted."""
        self._run(*self._noting(record))

    def records(self) -> list[SnapshotRecord]:
        """The rows of `_snapshots`."""
        # The client reads a column of JSON as Python has it.
        columns = ", ".join(
            "TO_JSON_STRING(anchor) AS anchor" if name == "anchor" else name
            for name in SnapshotRecord._fields
        )
        found = self._run(
            f"SELECT {columns} FROM {self._name('_snapshots')} ORDER BY table_name"  # noqa: S608
        )
        return [SnapshotRecord(**{**row, "in_progress": row["in_progress"] or []}) for row in found]

    def incarnations(self) -> list[tuple[int, str]]:
        """(ordinal, identity) of the incarnations that are stored."""
        name = self._name("_incarnations")
        found = self._run(f"SELECT ordinal, identity FROM {name} ORDER BY ordinal")  # noqa: S608
        return [(row["ordinal"], row["identity"] or "") for row in found]

    def add_incarnations(
        self,
        source: str,
        new: Sequence[tuple[int, str]],
        seen: datetime.datetime,
        added_by: str,
    ) -> None:
        """Stores incarnations (ordinal, identity) of the source."""
        if not new:
            return
        rows = ", ".join(
            f"({', '.join(map(_literal, (source, ordinal, identity, seen, added_by)))})"
            for ordinal, identity in new
        )
        self._run(
            f"INSERT INTO {self._name('_incarnations')} "  # noqa: S608
            f"(source, ordinal, identity, first_seen, added_by) VALUES {rows}"
        )

    def oldest_log_key(self, table: str) -> str | None:
        """The lowest order key in the table's change log; None where it has no rows."""
        name = f"{table}_change_log"
        with self._open() as client:
            try:
                client.get_table(f"{self.config.project}.{self.dataset}.{name}")
            except google.api_core.exceptions.NotFound:
                return None
        (found,) = self._run(f"SELECT MIN(_order_key) AS k FROM {self._name(name)}")  # noqa: S608
        return None if found["k"] is None else str(found["k"])

    def _insert(self, table: str, rows: pa.Table, select: str | None) -> None:
        """Loads rows beside the table, and takes them from there in one statement."""
        # Several readers write at a time; what a run leaves that was killed goes by itself.
        loaded = f"_{table}_{uuid.uuid4().hex[:12]}"
        file = io.BytesIO()
        pyarrow.parquet.write_table(rows, file)
        file.seek(0)
        options = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.PARQUET,
            write_disposition="WRITE_TRUNCATE",
            decimal_target_types=list(_DECIMALS),
        )
        with self._open() as client:
            place = f"{self.config.project}.{self.dataset}"
            client.load_table_from_file(file, f"{place}.{loaded}", job_config=options).result()
            try:
                columns = client.get_table(f"{place}.{table}").schema
                names = rows.column_names if select is None else [one.name for one in columns]
                listed = ", ".join(f"`{name}`" for name in names)
                made = select or _as_columns(columns, names)
                client.query(
                    f"INSERT INTO {self._name(table)} ({listed}) "  # noqa: S608
                    f"WITH incoming AS (SELECT * FROM {self._name(loaded)}) {made}"
                ).result()
            finally:
                client.delete_table(f"{place}.{loaded}", not_found_ok=True)

    def _noting(self, record: SnapshotRecord) -> tuple[str, str]:
        """Statements that put a row in `_snapshots`, in place of those that it takes over from."""
        table = self._name("_snapshots")
        # One that is in place replaces all; one that is being read only others of its kind.
        states = [READING] if record.state == READING else [READING, DONE]
        values = ", ".join(
            f"PARSE_JSON({_literal(value)})" if name == "anchor" else _literal(value)
            for name, value in record._asdict().items()
        )
        return (
            f"DELETE FROM {table} WHERE table_name = {_literal(record.table_name)} "  # noqa: S608
            f"AND state IN ({', '.join(map(_literal, states))})",
            f"INSERT INTO {table} ({', '.join(record._fields)}) VALUES ({values})",  # noqa: S608
        )

    def _deletion(self, name: str, table: str) -> str:
        return f"DELETE FROM {self._name(name)} WHERE table_name = {_literal(table)}"  # noqa: S608

    def _create(self, how: str, name: str, columns: Sequence[tuple[str, str]]) -> str:
        listed = ", ".join(f"`{column}` {kind}" for column, kind in columns)
        return f"{how} {self._name(name)} ({listed})"

    def _name(self, name: str) -> str:
        return f"`{self.dataset}`.`{name}`"

    def _run(self, *statements: str) -> list[dict[str, Any]]:
        """Runs statements in order, as one job; the rows of the last."""
        with self._open() as client:
            found = client.query(";\n".join(statements)).result()
            return [dict(row.items()) for row in found]

    @contextlib.contextmanager
    def _open(self) -> Iterator[bigquery.Client]:
        client = open_client(self.config)
        try:
            yield client
        except (
            google.api_core.exceptions.GoogleAPIError,
            google.auth.exceptions.GoogleAuthError,
            ConnectionError,
        ) as error:
            message = f"{self.config}: {error}; the old snapshot stays, run the command again"
            raise SnapshotError(message) from error
        finally:
            client.close()  # type: ignore[no-untyped-call]


def _as_columns(columns: Sequence[bigquery.SchemaField], names: Sequence[str]) -> str:
    """A SELECT of rows from `incoming` in the types of these columns."""
    kinds = {one.name: _STANDARD.get(one.field_type, one.field_type) for one in columns}
    values = [
        # Parquet has no JSON that a load job knows.
        f"SAFE.PARSE_JSON(`{name}`, wide_number_mode=>'round')"
        if kinds[name] == "JSON"
        else f"CAST(`{name}` AS {kinds[name]})"
        for name in names
    ]
    return f"SELECT {', '.join(values)} FROM incoming"  # noqa: S608


def _literal(value: object) -> str:
    """BigQuery's SQL of a text, an integer, an instant, a list of integers or NULL."""
    write = next((write for of, write in _LITERALS if isinstance(value, of)), None)
    if write is None:
        message = f"{value!r} is no text, integer, instant or list, which SQL is written of"
        raise TypeError(message)
    return write(value)


_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r"})
_LITERALS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (type(None), lambda _: "NULL"),
    (str, lambda text: f"'{text.translate(_ESCAPES)}'"),
    (int, str),
    (datetime.datetime, lambda at: f"TIMESTAMP '{at.astimezone(datetime.timezone.utc)}'"),
    (list, lambda numbers: f"[{', '.join(map(str, numbers))}]" if numbers else "NULL"),
)
