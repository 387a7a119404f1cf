"""Rows of a PostgreSQL table by COPY, from a snapshot that another session exported."""

from __future__ import annotations

import functools
import io
import itertools
import operator
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv

from pipeline_io.database import Database
from pipeline_io.snapshot_errors import SnapshotError
from pipeline_io.snapshot_postgres_columns import select_expression
from pipeline_io.snapshot_postgres_session import connect, errors
from pipeline_io.snapshot_ranges import KeyRange, ReadTable

_PIECE_ROWS = 2_000
_BATCH_ROWS = 50_000
_BATCH_BYTES = 16 << 20
"""A batch ends at whichever comes first: wide rows must not fill the memory."""


class PostgresReader:
    """Reads ranges in one exported snapshot. Pickles; connects at its first `read`."""

    def __init__(self, database: Database, snapshot: str) -> None:
        self.database = database
        self.snapshot = snapshot
        self._connection: Any = None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_connection": None}

    def read(self, key_range: KeyRange) -> Iterator[pa.Table]:
        """The rows in tables of texts. Raises SnapshotError."""
        if self._connection is None:
            self._connection = self._joined()
        names = [column.name for column in key_range.table.columns]
        with errors(self.database, f"reading {relation(key_range.table)}"):
            for lines in self._copied(copy_statement(key_range)):
                yield text_table(lines, names)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _joined(self) -> Any:
        connection = connect(self.database)
        with errors(self.database, "joining the snapshot"):
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            # The id is the server's, of digits and dashes.
            connection.execute(f"SET TRANSACTION SNAPSHOT '{self.snapshot}'")
        return connection

    def _copied(self, statement: str) -> Iterator[bytes]:
        """COPY's lines in pieces. By libpq itself: psycopg's own COPY runs Python for each row."""
        import psycopg

        session = self._connection.pgconn
        result = session.exec_(statement.encode())
        if result.status != psycopg.pq.ExecStatus.COPY_OUT:
            raise _server_error(result)
        rows = map(
            operator.itemgetter(1),
            iter(functools.partial(session.get_copy_data, 0), (-1, b"")),
        )
        pieces: list[bytes] = []
        row_count = byte_count = 0
        while piece := b"".join(itertools.islice(rows, _PIECE_ROWS)):
            pieces.append(piece)
            row_count, byte_count = row_count + _PIECE_ROWS, byte_count + len(piece)
            if row_count >= _BATCH_ROWS or byte_count >= _BATCH_BYTES:
                yield b"".join(pieces)
                pieces, row_count, byte_count = [], 0, 0
        if pieces:
            yield b"".join(pieces)
        while ended := session.get_result():
            if ended.status != psycopg.pq.ExecStatus.COMMAND_OK:
                raise _server_error(ended)


def _server_error(result: Any) -> Exception:
    """psycopg's exception of a result with an error, its SQLSTATE in its class."""
    import psycopg

    told = result.error_message.decode(errors="replace")
    state = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE)
    return psycopg.errors.lookup(state.decode())(told) if state else psycopg.OperationalError(told)


def copy_statement(key_range: KeyRange) -> str:
    """The COPY of a range's rows, each value in the text that the columns' forms expect."""
    table = key_range.table
    columns = ", ".join(
        select_expression(identifier(column.name), column.source_type) for column in table.columns
    )
    keys = key_list(table)
    bounds = [
        f"({keys}) {sign} ({', '.join(literal(value) for value in bound)})"
        for sign, bound in ((">", key_range.low), ("<=", key_range.high))
        if bound is not None
    ]
    where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
    return f"COPY (SELECT {columns} FROM {relation(table)}{where}) TO STDOUT (FORMAT csv)"  # noqa: S608


def text_table(lines: bytes, names: list[str]) -> pa.Table:
    """CSV as PostgreSQL writes it, as columns of texts: nothing is NULL, "" is empty."""
    try:
        table = pyarrow.csv.read_csv(
            io.BytesIO(lines),
            pyarrow.csv.ReadOptions(
                column_names=[str(number) for number in range(len(names))],
                use_threads=False,
                block_size=len(lines) + 1,
            ),
            pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            pyarrow.csv.ConvertOptions(
                column_types={str(number): pa.string() for number in range(len(names))},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        message = f"what the server sent is no CSV of {len(names)} columns: {error}"
        raise SnapshotError(message) from error
    return table.rename_columns(names)


def relation(table: ReadTable) -> str:
    schema = f"{identifier(table.schema)}." if table.schema else ""
    return f"{schema}{identifier(table.source_table)}"


def key_list(table: ReadTable) -> str:
    return ", ".join(identifier(name) for name in table.key)


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a literal whose type the server takes from what it is compared with."""
    escaped = text.replace("'", "''").replace("\\", "\\\\")
    return f" E'{escaped}'" if "\\" in text else f"'{escaped}'"
