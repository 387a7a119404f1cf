"""The tables that the configuration names, read from the live databases or DDL files."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Iterable

from kami.config import Config, Source, TableOptions
from kami.context import ConfiguredTable
from kami.errors import ConfigurationError
from kami.schema import SourceTable


def configured_tables(config: Config) -> tuple[ConfiguredTable, ...]:
    """All tables of all sources, by source and name.

    Raises:
        ConfigurationError: a name or pattern matches no table, or two tables would have one name.
        UnreachableError: a database does not answer.
    """
    return tuple(table for source in config.sources for table in source_tables(source))


def source_tables(source: Source) -> list[ConfiguredTable]:
    """The tables of one source, by name."""
    chosen = [_without_excluded_columns(table, source) for table in _chosen(source)]
    by_name: dict[str, SourceTable] = {}
    for table in chosen:
        other = by_name.setdefault(table.warehouse_name, table)
        if other is not table:
            message = (
                f"source {source.name!r}: the tables {_full(other)!r} and {_full(table)!r} would "
                f"both be {source.name}.{table.warehouse_name}; leave one out with `exclude`, or "
                "make a second source for it"
            )
            raise ConfigurationError(message)
    for name in source.options:
        if name not in by_name:
            message = (
                f"source {source.name!r}: `options` names the table {name!r}, which is none of its "
                f"tables: {', '.join(sorted(by_name))}"
            )
            raise ConfigurationError(message)
    return [
        ConfiguredTable(source, table, _checked_options(source, table))
        for _, table in sorted(by_name.items())
    ]


def _read(source: Source) -> Iterable[SourceTable]:
    if source.url is not None:
        from kami.information_schema import read_live

        return read_live(source.url, source.tables, source.database)
    assert source.ddl is not None  # noqa: S101
    from kami.ddl import read_ddl

    try:
        text = source.ddl.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = (
            f"source {source.name!r}: the DDL file {str(source.ddl)!r} cannot be read "
            f"({type(error).__name__}); `ddl` is relative to the configuration's folder"
        )
        raise ConfigurationError(message) from error
    return read_ddl(text, source.dialect)


def _chosen(source: Source) -> list[SourceTable]:
    found = list(_read(source))
    for pattern in source.tables:
        if not any(matches(table, pattern) for table in found):
            known = ", ".join(sorted(_full(table) for table in found)) or "none"
            message = (
                f"source {source.name!r}: no table matches {pattern!r}; found: {known}; "
                "mend `tables`"
            )
            raise ConfigurationError(message)
    return [
        table
        for table in found
        if any(matches(table, pattern) for pattern in source.tables)
        and not any(matches(table, pattern) for pattern in source.exclude)
    ]


def matches(table: SourceTable, pattern: str) -> bool:
    """True when a name or pattern means this table.

    A pattern without a schema means PostgreSQL's `public`, and the one schema that a MySQL source
    has.
    """
    if fnmatch.fnmatchcase(_full(table), pattern):
        return True
    return table.warehouse_name == table.name and fnmatch.fnmatchcase(table.name, pattern)


def _full(table: SourceTable) -> str:
    return f"{table.schema}.{table.name}" if table.schema else table.name


def _without_excluded_columns(table: SourceTable, source: Source) -> SourceTable:
    """Without the columns that `exclude` names as table.column."""
    left = tuple(
        column
        for column in table.columns
        if not any(
            fnmatch.fnmatchcase(f"{name}.{column.name}", pattern)
            for pattern in source.exclude
            for name in (_full(table), table.name)
            if "." in pattern
        )
    )
    gone = {column.name for column in table.columns} - {column.name for column in left}
    if gone & set(table.primary_key):
        message = (
            f"source {source.name!r}: `exclude` leaves out {sorted(gone & set(table.primary_key))} "
            f"of the primary key of {_full(table)!r}; rows cannot be told apart without it"
        )
        raise ConfigurationError(message)
    return dataclasses.replace(table, columns=left)


def _checked_options(source: Source, table: SourceTable) -> TableOptions:
    options = source.table_options(table.warehouse_name)
    names = {column.name for column in table.columns}
    for what, named in (("key", options.key), ("renamed", tuple(options.renamed))):
        for name in named:
            if name not in names:
                message = (
                    f"source {source.name!r}: `{what}` of {table.warehouse_name!r} names the "
                    f"column {name!r}, which the table does not have: {', '.join(sorted(names))}"
                )
                raise ConfigurationError(message)
    return options
