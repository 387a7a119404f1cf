"""What a command works with: the configuration, the warehouse and the sources' tables."""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kami import tables
from kami.config import Config, Source, TableOptions
from kami.errors import UnknownTableError
from kami.schema import SourceTable
from kami.warehouse import Warehouse, open_warehouse

DEFAULT_PATH = Path("kami.yaml")


@dataclasses.dataclass(frozen=True)
class ConfiguredTable:
    """A table of a source, with what the configuration says of it."""

    source: Source
    table: SourceTable
    options: TableOptions

    @property
    def dataset(self) -> str:
        return self.source.name

    @property
    def name(self) -> str:
        """The table's name in its dataset; the god view has it."""
        return self.table.warehouse_name

    @property
    def full_name(self) -> str:
        """As commands take and print it: shop.orders."""
        return f"{self.dataset}.{self.name}"

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that identify a row; empty when nothing does."""
        return self.table.primary_key or self.options.key

    @property
    def source_columns(self) -> tuple[tables.Column, ...]:
        """The fields of the log's `source`."""
        return tables.SOURCE_LAYOUTS[self.source.connector]


class Context:
    """One run of a command; the warehouse is opened when it is first asked for."""

    def __init__(self, path: Path = DEFAULT_PATH, *, output: str = "table") -> None:
        self.path = path
        self.output = output
        self._warehouse: Warehouse | None = None
        self._read_only = False
        self._may_be_missing = False

    @functools.cached_property
    def config(self) -> Config:
        from kami.config_file import read_config

        return read_config(self.path)

    @functools.cached_property
    def tables(self) -> tuple[ConfiguredTable, ...]:
        """All tables of all sources, from the live databases or DDL files."""
        from kami.source_tables import configured_tables

        return configured_tables(self.config)

    def read_only(self) -> None:
        """Says, before the warehouse is asked for, that this command writes nothing."""
        self._read_only = True

    def may_be_missing(self) -> None:
        """Says the same, and that a DuckDB file that is not there yet counts as an empty one."""
        self._read_only = True
        self._may_be_missing = True

    @property
    def warehouse(self) -> Warehouse:
        if self._warehouse is None:
            kind, _, place = self.config.warehouse.partition(":")
            if self._may_be_missing and kind == "duckdb" and not Path(place).exists():
                self._warehouse = open_warehouse("duckdb::memory:")
            else:
                self._warehouse = open_warehouse(self.config.warehouse, read_only=self._read_only)
        return self._warehouse

    def close(self) -> None:
        if self._warehouse is not None:
            self._warehouse.close()

    def for_each_table(self, patterns: Sequence[str]) -> Iterator[ConfiguredTable]:
        """The tables whose `dataset.table`, or `table`, a pattern matches; all without patterns.

        Raises:
            UnknownTableError: a pattern matches none.
        """
        for pattern in patterns:
            if not any(_matches(pattern, table) for table in self.tables):
                known = ", ".join(table.full_name for table in self.tables) or "none"
                message = (
                    f"{pattern!r} is no table of {self.path}; it has: {known}; name one of these, "
                    "or add it to `tables` of its source"
                )
                raise UnknownTableError(message)
        for table in self.tables:
            if not patterns or any(_matches(pattern, table) for pattern in patterns):
                yield table

    def print_rows(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Prints rows of one shape as `--output` says."""
        from kami.printed_rows import print_rows

        print_rows(rows, self.output)


def _matches(pattern: str, table: ConfiguredTable) -> bool:
    """Case counts, as it does for the names of tables."""
    return fnmatch.fnmatchcase(table.full_name, pattern) or fnmatch.fnmatchcase(table.name, pattern)
