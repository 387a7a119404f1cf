"""The configuration of kami: what its YAML file says, checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from kami.schema import Dialect

DEFAULT_PRICE_PER_TIB = 6.25
"""US dollars for a TiB that BigQuery reads on demand; regions differ, so it is a key."""
DEFAULT_KEEP_DELETED_DAYS = 30


@dataclasses.dataclass(frozen=True)
class TableOptions:
    """What the configuration says of one table.

    Args:
        key: the columns that identify a row, where the source declares no primary key.
        renamed: new name -> the name under which older changes hold the column.
        fresh_within_minutes: how old the newest change may be for `kami check`; None: any age.
    """

    key: tuple[str, ...] = ()
    renamed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    fresh_within_minutes: float | None = None


@dataclasses.dataclass(frozen=True)
class Source:
    """A database, and the dataset of the same name that its tables are in.

    Args:
        url: SQLAlchemy's address of the live database; None where `ddl` is given. It may hold a
            password: never print it, `masked_url` is for messages.
        ddl: a file of CREATE TABLE statements.
        tables: names or patterns (`*`, `?`); PostgreSQL's may be `schema.name`.
        exclude: the same, for what is left out; `table.column` leaves a column out.
        database: the database's name, where `url` does not say it.
        polled: its changes are polled by pipelines.audit_columns, and not read from its log.
    """

    name: str
    type: str
    url: str | None = dataclasses.field(default=None, repr=False)
    ddl: Path | None = None
    tables: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    database: str | None = None
    options: Mapping[str, TableOptions] = dataclasses.field(default_factory=dict)
    keep_deleted_days: int = DEFAULT_KEEP_DELETED_DAYS
    polled: bool = False

    @property
    def connector(self) -> str:
        """Who wrote the change log, as `kami.tables.SOURCE_LAYOUTS` calls them."""
        return "audit_columns" if self.polled else self.dialect

    @property
    def has_postgresql_log(self) -> bool:
        """Whether changes have PostgreSQL's coordinates, and lack what it does not send."""
        return self.connector == "postgresql"

    @property
    def dialect(self) -> Dialect:
        if self.type == "spanner":
            return "spanner"
        return "postgresql" if self.type == "postgresql" else "mysql"

    def table_options(self, table: str) -> TableOptions:
        """The options of a table by its name in the warehouse."""
        return self.options.get(table, TableOptions())


@dataclasses.dataclass(frozen=True)
class Config:
    """The whole configuration.

    Args:
        warehouse: `duckdb:PATH`, the path absolute, or `bigquery:PROJECT`.
        path: the YAML file.
    """

    warehouse: str
    sources: tuple[Source, ...]
    path: Path
    price_per_tib: float = DEFAULT_PRICE_PER_TIB
