"""Rows stored in a table of Spanner, commit by commit: a bad row is refused alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from google.cloud.spanner_v1.types import KeySet, Mutation, StructType, Type, TypeCode
from google.protobuf.struct_pb2 import ListValue, Value

from pipeline_io import database_sink_rows
from pipeline_io.database_sink_rows import DELETES, PLACE, RefusedRow
from pipeline_io.spanner_columns import values_of
from pipeline_io.spanner_errors import RefusedRows
from pipeline_io.spanner_row_table import Present, SpannerTable, look
from pipeline_io.spanner_session import Parameters, SpannerSession, Transaction

# A commit may have 100 MB in Spanner's own form; Base64 and texts of numbers are longer than Arrow.
_MOST_BYTES = 25_000_000

# They ask a table for its key, its order key and its columns, whatever database it is of.
_ROWS: Any = database_sink_rows
_COMPUTE: Any = pc


class SpannerStore:
    """Stores rows of one table; not for several threads.

    A commit is one read-write transaction: with an order key it reads the order keys that are
    stored of its keys, and leaves out what is older; nobody else writes these rows meanwhile.

    counts: rows, deletes, older, commits, refused, since they were taken last.
    """

    def __init__(self, table: SpannerTable, session: SpannerSession | None = None) -> None:
        self.table = table
        self.counts: Counter[str] = Counter()
        self._session = session or SpannerSession(table.config)
        self._present: Present | None = None

    def open(self) -> Present:
        """Holds the table against the rows. Raises SpannerError."""
        if self._present is None:
            self._present = look(self._session, self.table)
        return self._present

    def close(self) -> None:
        self._session.close()

    def write(self, rows: Any) -> list[RefusedRow]:
        """Stores rows (`database_sink_rows.stored_rows`); gives those that are refused, by their
        PLACE. Raises SpannerError: Spanner is away, or refuses all rows."""
        present = self.open()
        refused: list[RefusedRow] = _ROWS.unfit_rows(rows, self.table, takes_no_nan=False)
        if refused:
            places = pa.array([one.place for one in refused], pa.int64())
            rows = rows.filter(_COMPUTE.invert(_COMPUTE.is_in(rows[PLACE], places)))
        rows = _ROWS.newest(rows, self.table)
        late: list[Any] = []
        for first in range(0, rows.num_rows, present.max_rows):
            part = rows.slice(first, present.max_rows)
            late += [row for row, _ in self._stored(part)]
        # Another row may have been in the way that has gone since, or the parent may have come.
        for row in late:
            for one, error in self._stored(row):
                (place,) = one[PLACE].to_pylist()
                refused.append(RefusedRow(place, error.error_class, str(error)))
        self.counts["refused"] += len(refused)
        return refused

    def _stored(self, rows: Any) -> list[tuple[Any, RefusedRows]]:
        """Stores rows in one commit, or in two halves; gives single rows that are refused."""
        if not rows.num_rows:
            return []
        what = f"rows are not taken by the table {self.table.name}"
        if rows.num_rows > 1 and rows.nbytes > _MOST_BYTES:
            return self._halves(rows)
        try:
            written, older = self._session.transact(what, self._work(rows))
        except RefusedRows as error:
            return [(rows, error)] if rows.num_rows == 1 else self._halves(rows)
        deleted = int(_COMPUTE.sum(written[DELETES]).as_py() or 0)
        self.counts.update(
            {
                "rows": written.num_rows - deleted,
                "deletes": deleted,
                "older": older,
                "commits": 1,
            }
        )
        return []

    def _halves(self, rows: Any) -> list[tuple[Any, RefusedRows]]:
        middle = rows.num_rows // 2
        return [
            one
            for half in (rows.slice(0, middle), rows.slice(middle))
            for one in self._stored(half)
        ]

    def _work(self, rows: Any) -> Any:
        def work(transaction: Transaction) -> tuple[Any, int]:
            kept = rows
            if self.table.order_key_column is not None:
                sql, parameters = self._older(rows)
                older = transaction.read(sql, parameters).texts("place")
                places = pa.array([int(place or 0) for place in older], pa.int64())
                number = pa.array(range(rows.num_rows), pa.int64())
                kept = rows.filter(_COMPUTE.invert(_COMPUTE.is_in(number, places)))
            # Deletes first: what they free may be taken by the rows that come.
            transaction.mutations.extend(self._mutations(kept.filter(kept[DELETES])))
            stores = kept.filter(_COMPUTE.invert(kept[DELETES]))
            transaction.mutations.extend(self._mutations(stores))
            return kept, rows.num_rows - kept.num_rows

        return work

    def _older(self, rows: Any) -> tuple[str, Parameters]:
        """The query for the rows, by their number, that are older than what is stored."""
        table, present = self.table, self.open()
        order = str(table.order_key_column)
        names = [*table.key, order]
        fields = [
            StructType.Field(name=f"v{place}", type_=present.types[name].proto)
            for place, name in enumerate(names)
        ]
        struct = Type(code=TypeCode.STRUCT, struct_type=StructType(fields=fields))
        array = Type(code=TypeCode.ARRAY, array_element_type=struct)
        lists = [Value(list_value=row) for row in self._lists(rows, names)]
        matches = " AND ".join(
            f"t.{_quoted(name)} = w.v{place}" for place, name in enumerate(table.key)
        )
        path = ".".join(map(_quoted, table.name.split(".")))
        sql = (
            f"SELECT place FROM UNNEST(@rows) AS w WITH OFFSET AS place JOIN {path} AS t "  # noqa: S608
            f"ON {matches} WHERE t.{_quoted(order)} > w.v{len(table.key)}"
        )
        return sql, {"rows": (array, Value(list_value=ListValue(values=lists)))}

    def _mutations(self, rows: Any) -> list[Mutation]:
        """The writes of rows that all delete, or all do not."""
        if not rows.num_rows:
            return []
        table = self.table
        deletes = rows[DELETES][0].as_py()
        if deletes and table.deleted_column is None:
            keys = KeySet(keys=self._lists(rows, table.key))
            return [Mutation(delete=Mutation.Delete(table=table.name, key_set=keys))]
        names = [column.name for column in table.stored_columns()]
        if deletes:
            # The row keeps its values.
            order = [table.order_key_column] if table.order_key_column else []
            names = [*table.key, *(name for name in order if name not in table.key)]
        values = self._lists(rows, names)
        if table.deleted_column is not None:
            names = [*names, table.deleted_column]
            for row in values:
                row.values.append(Value(bool_value=deletes))
        write = Mutation.Write(table=table.name, columns=names, values=values)
        return [Mutation(insert_or_update=write)]

    def _lists(self, rows: Any, names: Sequence[str]) -> list[ListValue]:
        types = self.open().types
        columns = [values_of(rows[name], types[name]) for name in names]
        return [ListValue(values=row) for row in zip(*columns, strict=True)]


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
