"""T_materialised: the god view as a table, rebuilt whole or by the keys that changed.

Which rows of the log are new is told by `_ingested_at`. A row may become readable after younger
ones; so the rows of the last `margin` count as new again, and of those before it the number is
kept: where it has changed, the table is rebuilt whole.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from kami import tables
from kami.compaction_sql import Relations, render, sql
from kami.compaction_state import create_table_sql
from kami.context import ConfiguredTable
from kami.errors import RefusedError
from kami.history_versions import anchor_of, old_key_sql
from kami.tables import Column
from kami.views import newest_rows_sql, view_columns
from kami.warehouse import Warehouse, table_sql

MATERIALISATIONS = "_materialisations"
COLUMNS = (
    Column("table_name", "STRING"),
    Column("materialised_at", "TIMESTAMP"),
    Column("how", "STRING"),
    Column("log_rows", "INT64"),
    Column("newest_ingested_at", "TIMESTAMP"),
    Column("newest_order_key", "STRING"),
    Column("settled_before", "TIMESTAMP"),
    Column("settled_rows", "INT64"),
    Column("snapshot_state", "STRING"),
    Column("view_hash", "STRING"),
)
"""The newest row of a table says what its T_materialised was made of."""

DEFAULT_MARGIN = datetime.timedelta(hours=1)
"""Longer than a writer keeps a batch back before it is readable; a longer delay costs a rebuild."""

FULL, INCREMENTAL, UNCHANGED = "full", "incremental", "unchanged"


class LogState(NamedTuple):
    """What the log and the snapshot table look like."""

    log_rows: int
    newest_ingested_at: datetime.datetime | None
    newest_order_key: str | None
    oldest_ingested_at: datetime.datetime | None
    snapshot_state: str


class MaterialiseResult(NamedTuple):
    """What was done, and why not less."""

    table: str
    how: str
    rows: int
    touched_keys: int | None
    reason: str


@dataclasses.dataclass
class Materialiser:
    """Materialises one table.

    Args:
        full: rebuild it whatever changed.
        renamed: new name -> old name of columns, from the source's DDL events.
    """

    warehouse: Warehouse
    table: ConfiguredTable
    now: datetime.datetime
    full: bool = False
    margin: datetime.timedelta = DEFAULT_MARGIN
    renamed: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        self.relations = Relations.of(self.table)
        self.place = table_sql(self.relations.dataset, MATERIALISATIONS)

    def run(self) -> MaterialiseResult:
        """Raises RefusedError for a table without a key, log or snapshot table."""
        self._check()
        self.warehouse.run(create_table_sql(self.place, COLUMNS))
        view = newest_rows_sql(self.table, self.renamed, bookkeeping=True)
        self.view_hash = hashlib.sha256(view.encode()).hexdigest()[:16]
        # Read before the view is: what comes in between is new the next time.
        state = self._state()
        settled_before = (state.newest_ingested_at or self.now) - self.margin
        settled_rows = self._rows_before(settled_before)
        last = self._last()
        reason = self._reason_for_full(last, state)
        touched: int | None = None
        if reason:
            how = FULL
            self._rebuild(view)
        elif last is not None and self._is_same(last, state):
            how, reason = UNCHANGED, "the log has not moved"
        else:
            assert last is not None  # noqa: S101 - else there is a reason
            how = INCREMENTAL
            touched = self._merge(view, last["settled_before"])
        if how != UNCHANGED:
            self._write_down(how, state, settled_before, settled_rows)
        (found,) = self.warehouse.query(
            sql("SELECT COUNT(*) AS `n` FROM {{ r.materialised }}", r=self.relations)
        ).to_pylist()
        return MaterialiseResult(self.relations.full_name, how, found["n"], touched, reason)

    def _check(self) -> None:
        there = self.warehouse.tables(self.relations.dataset)
        if not self.table.key:
            message = (
                f"{self.relations.full_name} has no primary key and so no god view to materialise; "
                "name `key` for it in the configuration"
            )
            raise RefusedError(message)
        for name in (
            tables.change_log_of(self.table.name),
            tables.snapshot_of(self.table.name),
        ):
            if name not in there:
                message = (
                    f"{self.relations.full_name} cannot be materialised: there is no table "
                    f"{self.relations.dataset}.{name}; run `kami apply`"
                )
                raise RefusedError(message)

    def _state(self) -> LogState:
        (row,) = self.warehouse.query(
            render("materialise_state.sql.jinja", self.relations)
        ).to_pylist()
        return LogState(**row)

    def _rows_before(self, time: datetime.datetime) -> int:
        (row,) = self.warehouse.query(
            sql(
                "SELECT COUNT(*) AS `n` FROM {{ r.log }} "
                "WHERE `_ingested_at` < {{ time | timestamp }}",
                r=self.relations,
                time=time,
            )
        ).to_pylist()
        return int(row["n"])

    def _last(self) -> dict[str, object] | None:
        rows: list[dict[str, object]] = self.warehouse.query(
            sql(
                "SELECT * FROM {{ place }} WHERE `table_name` = {{ table | literal }} "
                "ORDER BY `materialised_at` DESC LIMIT 1",
                place=self.place,
                table=self.relations.table,
            )
        ).to_pylist()
        return rows[0] if rows else None

    def _reason_for_full(self, last: dict[str, object] | None, state: LogState) -> str:
        """Why keys that changed do not suffice; '' when they do."""
        there = self.warehouse.tables(self.relations.dataset)
        if self.full:
            return "asked for"
        if last is None or tables.materialised_of(self.table.name) not in there:
            return "it was never materialised"
        if last["view_hash"] != self.view_hash:
            return "the god view has changed"
        if last["snapshot_state"] != state.snapshot_state:
            return "the snapshot table has changed"
        if self._is_same(last, state):
            return ""
        before = last["settled_before"]
        assert isinstance(before, datetime.datetime)  # noqa: S101 - tells mypy
        if self._rows_before(before) != last["settled_rows"]:
            return "rows of the log came or went that are older than the margin"
        return self._reason_in_new_rows(before)

    def _reason_in_new_rows(self, since: datetime.datetime) -> str:
        has_transactions = self.table.source.has_postgresql_log
        anchor = anchor_of(self.warehouse, self.relations) if has_transactions else None
        (row,) = self.warehouse.query(
            render(
                "materialise_reasons.sql.jinja",
                self.relations,
                since=since,
                anchor=None if anchor is None else anchor.order_key,
                toast=self._has_toast(),
            )
        ).to_pylist()
        if row["truncates"]:
            return "the table was truncated"
        if row["below_anchor"]:
            return "changes came that are older than the snapshot's anchor"
        if row["moved_with_gaps"]:
            return "values of rows depend on the rows under the keys that they had before"
        return ""

    def _has_toast(self) -> bool:
        return any(column.toast for column in view_columns(self.table, self.renamed))

    @staticmethod
    def _is_same(last: dict[str, object], state: LogState) -> bool:
        return (
            last["log_rows"] == state.log_rows
            and last["newest_ingested_at"] == state.newest_ingested_at
            and last["newest_order_key"] == state.newest_order_key
            and last["snapshot_state"] == state.snapshot_state
        )

    def _names(self) -> list[str]:
        return [column.name for column in self.table.table.columns]

    def _rebuild(self, view: str) -> None:
        """One statement: readers see the old table until the new one is there."""
        self.warehouse.run(
            render("materialise_full.sql.jinja", self.relations, names=self._names(), view=view)
        )

    def _merge(self, view: str, since: object) -> int:
        touched = render(
            "materialise_touched.sql.jinja",
            self.relations,
            since=since,
            old_key=old_key_sql(self.table) if self._has_toast() else None,
        )
        (row,) = self.warehouse.query(
            sql("SELECT COUNT(*) AS `n` FROM ({{ touched }}) AS touched", touched=touched)
        ).to_pylist()
        if row["n"]:
            self.warehouse.run(
                render(
                    "materialise_merge.sql.jinja",
                    self.relations,
                    names=self._names(),
                    touched=touched,
                    view=view,
                )
            )
        return int(row["n"])

    def _write_down(
        self, how: str, state: LogState, settled_before: datetime.datetime, settled_rows: int
    ) -> None:
        self.warehouse.run(
            render(
                "materialise_done.sql.jinja",
                self.relations,
                place=self.place,
                at=self.now,
                how=how,
                state=state,
                settled_before=settled_before,
                settled_rows=settled_rows,
                view_hash=self.view_hash,
            )
        )
