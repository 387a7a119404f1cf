"""Compaction: the log up to a cut becomes a new snapshot table, and moves to the archive.

Nothing is deleted before the archive was compared with it, and each step leaves the god view as it
was: a run that is broken off anywhere goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import NamedTuple

from kami import compaction_checks as checks
from kami import compaction_state as states
from kami import tables
from kami.compaction_archive import archive
from kami.compaction_held import hold, may_hold
from kami.compaction_purge import Purge, gone_up_to, purge_of
from kami.compaction_sql import Relations, render, sql
from kami.compaction_stage import stage_once
from kami.compaction_state import Compaction, create_table_sql
from kami.compaction_superseded import keep_superseded
from kami.context import ConfiguredTable
from kami.errors import RefusedError
from kami.history_versions import (
    Anchor,
    ColumnSql,
    anchor_of,
    columns_sql,
    old_key_sql,
    snapshot_columns,
)
from kami.warehouse import Warehouse

DEFAULT_KEEP = datetime.timedelta(hours=24)
"""What the log keeps of the newest rows: people look there first."""

PARTITIONED = "PARTITION BY DATE(`_ingested_at`) CLUSTER BY `_key`, `_order_key`"


class CompactionResult(NamedTuple):
    """What was done. `held_keys` stay in the log, since a value of theirs has not come yet."""

    table: str
    state: str
    cut: str | None
    archived_rows: int
    snapshot_rows: int
    held_keys: int
    quarantined_rows: int
    message: str = ""


@dataclasses.dataclass
class Compactor:
    """Compacts one table.

    Args:
        renamed: new name -> old name of columns, from the source's DDL events.
        purge_after: deleted rows that a compaction wrote longer ago are forgotten.
    """

    warehouse: Warehouse
    table: ConfiguredTable
    now: datetime.datetime
    keep: datetime.timedelta = DEFAULT_KEEP
    cut: str | None = None
    accept_gaps: bool = False
    purge_after: datetime.timedelta | None = None
    renamed: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        self.relations = Relations.of(self.table)
        if self.purge_after is None:
            self.purge_after = datetime.timedelta(days=self.table.source.keep_deleted_days)

    def run(self) -> CompactionResult:
        """Goes on with a compaction that was broken off, or begins one.

        Raises:
            RefusedError: something is in the way; the message says what to do about it.
        """
        checks.check_tables(self.warehouse, self.relations, self.table.key)
        states.create_bookkeeping(self.warehouse, self.relations.dataset)
        compaction = states.unfinished(self.warehouse, self.relations)
        if compaction is not None and self.cut not in (None, compaction.cut):
            message = (
                f"a compaction of {self.relations.full_name} up to {compaction.cut} was broken off "
                f"({compaction.state}); expected to go on with it, and not --cut {self.cut}: run "
                "`kami compact` without --cut first"
            )
            raise RefusedError(message)
        if compaction is None:
            begun = self._begin()
            if isinstance(begun, str):
                name = self.relations.full_name
                return CompactionResult(name, "nothing to do", None, 0, 0, 0, 0, begun)
            compaction = begun
        elif compaction.state == "started":
            # Of rows and dead letters that came since that run looked.
            self._check(compaction.cut)
        if compaction.state == "started":
            compaction = self._stage(compaction)
        if compaction.state == "staged":
            compaction = self._swap(compaction)
        if compaction.state == "swapped":
            compaction = self._archive(compaction)
        return self._delete(compaction)

    def _begin(self) -> Compaction | str:
        """A compaction, or why there is nothing to do."""
        cut = self.cut
        if cut is not None:
            checks.check_cut(cut)
        else:
            cut = checks.default_cut(self.warehouse, self.relations, self.now, self.keep)
        if cut is None:
            return f"no row came in longer than {self.keep} ago"
        anchor = self._anchor()
        if anchor is not None and cut < anchor.order_key and may_hold(self._columns()):
            # A row of the snapshot would take the place of an older change, and values that a
            # change below the anchor did not send could be filled from it, though it is newer.
            return (
                f"the cut {cut} is below the snapshot's anchor {anchor.order_key}; it is above "
                f"once changes from after the snapshot are older than {self.keep}"
            )
        self._check(cut)
        compaction = Compaction(self.relations, cut, self.now, "started")
        states.start(self.warehouse, compaction)
        return compaction

    def _check(self, cut: str) -> None:
        checks.check_snapshot_is_whole(self.warehouse, self.relations)
        checks.check_dead_letters(self.warehouse, self.relations, cut)
        if not self.accept_gaps:
            checks.check_gaps(self.warehouse, self.relations, cut)

    def _stage(self, compaction: Compaction) -> Compaction:
        """Chooses the rows that will be moved. What comes later, however old, waits for the next
        compaction: it is not in the snapshot that this one makes."""
        for place in (self.relations.archive, self.relations.quarantine):
            self.warehouse.run(create_table_sql(place, self._log_columns(), PARTITIONED))
        self.warehouse.run(
            render("compact_quarantine.sql.jinja", self.relations, columns=self._log_names())
        )
        hold(
            self.warehouse,
            self.relations,
            self._columns(),
            old_key_sql(self.table),
            self._below(compaction.cut),
            self._anchor(),
        )
        stage_once(self.warehouse, self.relations, compaction.cut)
        return states.advance(self.warehouse, compaction, "staged")

    def _swap(self, compaction: Compaction) -> Compaction:
        columns = self._columns()
        anchor = self._anchor()
        filled = may_hold(columns)
        logs = [self.relations.staging]
        if filled:
            # Rows of keys that are held back fill those of others.
            logs.append(
                sql(
                    "(SELECT * FROM {{ r.log }} WHERE `_order_key` <= {{ cut | literal }} "
                    "AND `_key` IN (SELECT `_key` FROM {{ r.held }}))",
                    r=self.relations,
                    cut=compaction.cut,
                )
            )
        self.warehouse.run(
            render(
                "compact_snapshot.sql.jinja",
                self.relations,
                columns=columns,
                old_key=old_key_sql(self.table),
                logs=logs,
                anchor=anchor,
                gone_up_to=gone_up_to(self.relations, has_anchor=anchor is not None),
                has_held=filled,
                newest_truncate=self._newest_truncate(),
                started_at=compaction.started_at,
                purge=self._purge(),
            )
        )
        self._verify_next()
        keep_superseded(self.warehouse, self.relations)
        self.warehouse.run(
            sql(
                "CREATE OR REPLACE TABLE {{ r.snapshot }} CLUSTER BY `_key` AS "
                "SELECT * FROM {{ r.next_snapshot }}",
                r=self.relations,
            )
        )
        return states.advance(self.warehouse, compaction, "swapped")

    def _archive(self, compaction: Compaction) -> Compaction:
        archive(self.warehouse, self.relations, self._log_names())
        return states.advance(self.warehouse, compaction, "archived")

    def _delete(self, compaction: Compaction) -> CompactionResult:
        self.warehouse.run(
            render(
                "compact_delete.sql.jinja",
                self.relations,
                cut=compaction.cut,
                newest_truncate=self._newest_truncate(),
            )
        )
        self.warehouse.run(
            render("compact_quarantined.sql.jinja", self.relations, columns=self._log_names())
        )
        (counts,) = self.warehouse.query(
            sql(
                "SELECT (SELECT COUNT(*) FROM {{ r.staging }}) AS `archived`, "
                "(SELECT COUNT(`_key`) FROM {{ r.snapshot }}) AS `snapshot`, "
                "(SELECT COUNT(*) FROM {{ r.held }}) AS `held`, "
                "(SELECT COUNT(*) FROM {{ r.quarantine }}) AS `quarantined`",
                r=self.relations,
            )
        ).to_pylist()
        states.finish(self.warehouse, compaction, self.now, counts["archived"])
        for place in (self.relations.staging, self.relations.next_snapshot, self.relations.held):
            self.warehouse.run(sql("DROP TABLE IF EXISTS {{ place }}", place=place))
        return CompactionResult(
            self.relations.full_name,
            "done",
            compaction.cut,
            counts["archived"],
            counts["snapshot"],
            counts["held"],
            counts["quarantined"],
        )

    def _verify_next(self) -> None:
        (found,) = self.warehouse.query(
            sql(
                "SELECT COUNT(`_key`) AS `rows`, COUNT(DISTINCT `_key`) AS `keys` "
                "FROM {{ r.next_snapshot }}",
                r=self.relations,
            )
        ).to_pylist()
        if found["rows"] != found["keys"]:
            message = (
                f"the new snapshot of {self.relations.full_name} has {found['rows']} rows of "
                f"{found['keys']} keys: nothing was changed; look for keys that are there twice in "
                f"{self.relations.snapshot}, and take the snapshot again"
            )
            raise RefusedError(message)

    def _newest_truncate(self) -> str:
        """Of the staged rows: '' is below every order key."""
        (found,) = self.warehouse.query(
            sql(
                "SELECT MAX(`_order_key`) AS `newest` FROM {{ r.staging }} WHERE `op` = 't'",
                r=self.relations,
            )
        ).to_pylist()
        return str(found["newest"] or "")

    def _purge(self) -> Purge | None:
        assert self.purge_after is not None  # noqa: S101 - tells mypy
        return purge_of(self.warehouse, self.relations, self.now - self.purge_after)

    def _below(self, cut: str) -> str:
        text = "(SELECT * FROM {{ log }} WHERE `_order_key` <= {{ cut | literal }})"
        return sql(text, log=self.relations.log, cut=cut)

    def _columns(self) -> tuple[ColumnSql, ...]:
        there = list(snapshot_columns(self.warehouse, self.relations))
        return columns_sql(self.table, there, self.renamed)

    def _anchor(self) -> Anchor | None:
        has_transactions = self.table.source.has_postgresql_log
        return anchor_of(self.warehouse, self.relations) if has_transactions else None

    def _log_columns(self) -> tuple[tables.Column, ...]:
        return tables.change_log_columns(self.table.source_columns)

    def _log_names(self) -> list[str]:
        return [column.name for column in self._log_columns()]
