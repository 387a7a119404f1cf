"""The tables of a snapshot: what they are in the source, and what in the warehouse."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Sequence
from pathlib import Path

from kami.config import Source
from kami.config_file import read_config
from kami.context import ConfiguredTable
from kami.source_tables import matches, source_tables
from kami.types import warehouse_type
from kami.views import view_columns
from kami.warehouse import literal, quoted
from pipeline_io.database import masked
from pipeline_io.snapshot_errors import SnapshotError
from pipeline_io.snapshot_ranges import ReadColumn, ReadTable
from pipelines.options import FlagError
from pipelines.snapshot_options import SnapshotConfig
from transforms.encryption_rules import FieldRules
from transforms.snapshot_key import KeyColumn

_DIALECTS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mariadb"}
_DECIMALS = ("numeric", "decimal", "dec", "fixed", "money")


@dataclasses.dataclass(frozen=True)
class Job:
    """What is read, and where it goes: flags and configuration together."""

    source: Source
    warehouse: str


def job_of(config: SnapshotConfig) -> Job:
    """The source and the warehouse. Raises FlagError, and kami's ConfigurationError."""
    if config.config is None:
        return Job(_source_of_flags(config), str(config.warehouse))
    configuration = read_config(Path(config.config))
    named = [one for one in configuration.sources if one.name == config.source_name]
    if not named:
        names = ", ".join(one.name for one in configuration.sources) or "none"
        message = f"--source_name={config.source_name}: {config.config} has the sources {names}"
        raise FlagError(message)
    source = named[0]
    if config.source is not None and config.json_file is None:
        source = dataclasses.replace(source, url=config.source, ddl=None)
    if source.url is None and config.json_file is None:
        message = (
            f"--config={config.config}: the source {source.name!r} has no url; give --source, the "
            "database's address, or --source=json:FILE"
        )
        raise FlagError(message)
    return Job(source, config.warehouse or configuration.warehouse)


def _source_of_flags(config: SnapshotConfig) -> Source:
    tables = config.tables or ("*",)
    if config.json_file is not None:
        ddl = Path(config.ddl) if config.ddl else None
        return Source(config.source_name, config.type or "mysql", ddl=ddl)
    address = str(config.source)
    kind = re.match(r"(?:jdbc:)?(\w+)", address)
    if kind is None or kind[1] not in _DIALECTS:
        message = (
            f"--source={masked(address)}: expected postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
            ", mysql+pymysql://USER:PASSWORD@HOST/DATABASE or json:FILE"
        )
        raise FlagError(message)
    return Source(config.source_name, _DIALECTS[kind[1]], url=address, tables=tables)


def chosen_tables(job: Job, config: SnapshotConfig) -> list[ConfiguredTable]:
    """The source's tables that --tables names, all without it.

    Raises:
        FlagError: a name or pattern of --tables means none of the configuration's tables.
        SnapshotError: nothing identifies the rows of one.
        ConfigurationError: a column's name or type cannot be had.
    """
    found = source_tables(job.source)
    for pattern in config.tables:
        if not any(matches(table.table, pattern) for table in found):
            names = ", ".join(table.name for table in found) or "none"
            message = f"--tables={pattern!r} means none of the tables of {job.source.name}: {names}"
            raise FlagError(message)
    chosen = [
        table
        for table in found
        if not config.tables or any(matches(table.table, one) for one in config.tables)
    ]
    for table in chosen:
        if not table.key:
            message = (
                f"the table {table.table.name!r} has no primary key, so that nothing tells its "
                "rows apart: leave it out of --tables, or name `key` for it in kami.yaml"
            )
            raise SnapshotError(message)
        # Columns that no warehouse can have are told of before anything is read.
        view_columns(table)
    return chosen


def check_fields(tables: Sequence[ConfiguredTable], rules: FieldRules) -> None:
    """Raises FlagError for a field whose column is missing, in a key, or no text in the warehouse.

    Tables that are not read now are not looked at.
    """
    for table in tables:
        for rule in rules.of_table(table.name):
            flag, names = f"--{rule.action.value}={rule}", [one.name for one in table.table.columns]
            if rule.column not in names:
                message = f"{flag}: {table.name} has no such column, but {', '.join(names)}"
                raise FlagError(message)
            if rule.column in table.key:
                message = (
                    f"{flag}: the column is in the table's key, which tells its rows apart as it "
                    "is; leave it out"
                )
                raise FlagError(message)
            column = table.table.column(rule.column)
            kind = warehouse_type(column, table.table.dialect).bigquery
            if kind != "STRING" and not (kind == "JSON" and len(rule.path) > 1):
                message = (
                    f"{flag}: the column is {kind} in the warehouse, and encrypted fields are "
                    "texts; leave it out"
                )
                raise FlagError(message)


def read_table(table: ConfiguredTable) -> ReadTable:
    """The table as readers take it."""
    columns = tuple(ReadColumn(one.name, one.source_type) for one in table.table.columns)
    schema = table.table.schema
    return ReadTable(table.name, schema, table.table.name, columns, table.key)


def key_columns(table: ConfiguredTable) -> tuple[KeyColumn, ...]:
    columns = [table.table.column(name) for name in table.key]
    return tuple(
        KeyColumn(
            column.name,
            # A decimal that the warehouse keeps as text has a decimal's key all the same.
            "decimal"
            if column.source_type.lower().startswith(_DECIMALS)
            else warehouse_type(column, table.table.dialect).form,
        )
        for column in columns
    )


def select_of_texts(table: ConfiguredTable, order_key: str, taken_at: datetime.datetime) -> str:
    """BigQuery's SQL of a snapshot's columns from `incoming`: `_key` and texts, `c0` and so on.

    Values are made by the same expressions as the god view makes those of the log's JSON.
    """
    moment = taken_at.astimezone(datetime.timezone.utc).isoformat(" ")
    values = [
        f"{column.type.from_text(f'c{number}')} AS {quoted(column.name)}"
        for number, column in enumerate(view_columns(table))
    ]
    fixed = [
        "_key AS `_key`",
        f"{literal(order_key)} AS `_order_key`",
        "FALSE AS `_deleted`",
        f"CAST({literal(moment)} AS TIMESTAMP) AS `_snapshot_at`",
    ]
    return f"SELECT {', '.join([*fixed, *values])} FROM incoming"  # noqa: S608
