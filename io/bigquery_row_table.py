"""The table that rows of one layout go to: made where it is not there, changed as it may be."""

from __future__ import annotations

import dataclasses
import enum
import logging
from collections.abc import Sequence

from pipeline_io.bigquery_columns import check_layout
from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_errors import BigQueryAccessError, BigQuerySchemaError
from pipeline_io.bigquery_log_sink import BigQueryLogSink
from pipeline_io.bigquery_types import ColumnType, parse_type
from pipeline_io.bigquery_upsert import Upserting, check_upserting

Columns = list[tuple[str, ColumnType]]

_LOGGER = logging.getLogger(__name__)

# Columns of a table that take each value of another type, as it is.
_TAKEN_BY = {"STRING": ("JSON", "GEOGRAPHY"), "NUMERIC": ("BIGNUMERIC",)}


class Evolution(enum.Enum):
    """What is done for columns that a table lacks."""

    ADD = "add"
    IGNORE = "ignore"
    FAIL = "fail"


@dataclasses.dataclass(frozen=True)
class RowTable:
    """A table and the columns that its rows have, with types as BigQuery's DDL writes them.

    create: whether it may be made. partition_by, cluster_by: BigQueryLogSink.ensure_table's; a
    table whose rows are changes is clustered by its key unless told otherwise. upserting: None
    appends rows.

    Raises ValueError: a type or a layout that BigQuery does not have.
    """

    config: BigQueryConfig
    name: str
    columns: tuple[tuple[str, str], ...]
    create: bool = True
    partition_by: str | None = None
    cluster_by: tuple[str, ...] = ()
    evolution: Evolution = Evolution.FAIL
    upserting: Upserting | None = None

    def __post_init__(self) -> None:
        if self.upserting is not None:
            check_upserting(self.name, self.types(), self.upserting)
            if not self.cluster_by:
                object.__setattr__(self, "cluster_by", self.upserting.clustering())
        check_layout(self.name, self.types(), self.partition_by, self.cluster_by)

    def __str__(self) -> str:
        return self.config.table_name(self.name)

    @property
    def path(self) -> str:
        """The table as SQL names it."""
        return f"{self.config.project}.{self.config.dataset}.{self.name}"

    def types(self) -> Columns:
        return [(name, parse_type(text)) for name, text in self.columns]

    def statement(self) -> str:
        """The CREATE TABLE statement of BigQuery that makes it."""
        types = dict(self.types())
        columns = ", ".join(f"`{name}` {of}" for name, of in types.items())
        if self.upserting is not None:
            key = ", ".join(f"`{name}`" for name in self.upserting.key)
            columns += f", PRIMARY KEY ({key}) NOT ENFORCED"
        made = f"CREATE TABLE `{self.path}` ({columns})"
        if self.partition_by is not None:
            kind = types[self.partition_by].kind
            by = f"`{self.partition_by}`"
            made += f" PARTITION BY {by if kind == 'DATE' else f'{kind}_TRUNC({by}, DAY)'}"
        if self.cluster_by:
            made += f" CLUSTER BY {', '.join(f'`{name}`' for name in self.cluster_by)}"
        if self.upserting is not None and self.upserting.staleness_seconds is not None:
            seconds = self.upserting.staleness_seconds
            made += f" OPTIONS (max_staleness = INTERVAL {seconds} SECOND)"
        return made


def open_table(sink: BigQueryLogSink, table: RowTable, *, tells: bool = False) -> Columns:
    """Declares a table to a sink, and gives the columns that are written, in their order.

    A STRING is written to a column that is JSON or GEOGRAPHY in the table as such, and NUMERIC to
    BIGNUMERIC. With Evolution.IGNORE columns, and fields of structs, that the table lacks are
    missing; tells: the log says so.

    Raises BigQueryAccessError: there is no such table, and it may not be made.
    BigQuerySchemaError: a column of another type, or with Evolution.FAIL one that the table lacks.
    """
    present = sink.table_columns(table.name)
    wanted = table.types()
    if present is None:
        if not table.create:
            message = (
                f"{table} does not exist, and is not made: 'create' is 'never'; make it by "
                f"{table.statement()}"
            )
            raise BigQueryAccessError(message)
    else:
        wanted, lacking = fitted(wanted, present)
        if lacking and table.evolution is Evolution.FAIL:
            raise BigQuerySchemaError(_lacking_error(table, lacking))
        if lacking and table.evolution is Evolution.IGNORE:
            wanted = _without(wanted, [path for path, _ in lacking])
            if tells:
                _LOGGER.warning(
                    "%s lacks %s, and rows are stored without: --schema_evolution=add adds them",
                    table,
                    _named(lacking),
                    extra={"table": table.name},
                )
            if not wanted:
                message = (
                    f"{table} has none of the columns of its rows; check the table's name, or let "
                    "--schema_evolution=add add them"
                )
                raise BigQuerySchemaError(message)
    sink.ensure_table(
        table.name,
        [(name, str(of)) for name, of in wanted],
        partition_by=_kept(table.partition_by, wanted),
        cluster_by=[name for name in table.cluster_by if _kept(name, wanted)],
        upserting=table.upserting,
    )
    return wanted


def fitted(wanted: Columns, present: Columns) -> tuple[Columns, list[tuple[str, ColumnType]]]:
    """The wanted columns as a table has them, and those that it lacks, with fields of structs as
    paths `column.field`."""
    return _fitted(wanted, present, "")


def _fitted(
    wanted: Sequence[tuple[str, ColumnType]], present: Sequence[tuple[str, ColumnType]], prefix: str
) -> tuple[Columns, list[tuple[str, ColumnType]]]:
    has = {name.casefold(): (name, of) for name, of in present}
    found: Columns = []
    lacking: list[tuple[str, ColumnType]] = []
    for name, of in wanted:
        if name.casefold() not in has:
            lacking.append((f"{prefix}{name}", of))
            found.append((name, of))
            continue
        # The table's spelling of a name.
        known, there = has[name.casefold()]
        if there.kind in _TAKEN_BY.get(of.kind, ()):
            of = dataclasses.replace(of, kind=there.kind)
        if of.fields and there.fields:
            fields, more = _fitted(of.fields, there.fields, f"{prefix}{known}.")
            of = dataclasses.replace(of, fields=tuple(fields))
            lacking += more
        found.append((known, of))
    return found, lacking


def _without(columns: Sequence[tuple[str, ColumnType]], paths: list[str]) -> Columns:
    found = []
    for name, of in columns:
        if name in paths:
            continue
        below = [path.removeprefix(f"{name}.") for path in paths if path.startswith(f"{name}.")]
        if below:
            of = dataclasses.replace(of, fields=tuple(_without(of.fields, below)))
        if of.kind != "STRUCT" or of.fields:
            found.append((name, of))
    return found


def _kept(name: str | None, columns: Columns) -> str | None:
    """The column's name as the table spells it; None where it is not written."""
    known = {each.casefold(): each for each, _ in columns}
    return None if name is None else known.get(name.casefold())


def _named(columns: Sequence[tuple[str, ColumnType]]) -> str:
    return ", ".join(f"the column {path!r} ({of})" for path, of in columns)


def _lacking_error(table: RowTable, lacking: list[tuple[str, ColumnType]]) -> str:
    added = [f"ADD COLUMN `{path}` {of}" for path, of in lacking if "." not in path]
    step = f"run ALTER TABLE `{table.path}` {', '.join(added)}, or " if added else ""
    return (
        f"{table} lacks {_named(lacking)}, and no record was read; {step}start with "
        "--schema_evolution=add, which adds all of them, or ignore, which stores rows without"
    )
