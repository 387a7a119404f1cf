"""A source's tables, as its information schema or its DDL has them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

Dialect = Literal["mysql", "postgresql", "spanner"]
"""Whose types a table has; MariaDB's are MySQL's."""


@dataclasses.dataclass(frozen=True)
class SourceColumn:
    """A column of a source table.

    Args:
        name: as the source has it, case kept.
        source_type: the source's whole type in lower case with its parameters, such as
            `decimal(10,2) unsigned`, `enum('a','b')`, `timestamp(3) with time zone`, `integer[]`.
            For a type that a user made in PostgreSQL: what it stands for (a domain's base type),
            or `enum`.
        default: the literal value that rows older than the column have, as text (`0`, `new`), or
            None when it has none, or one that is computed.
        generated: computed by the source; Debezium sends it for MySQL's stored columns only.
        absent_value_known: `default` is what PostgreSQL's pg_attribute.attmissingval says.
    """

    name: str
    source_type: str
    nullable: bool = True
    default: str | None = None
    generated: bool = False
    absent_value_known: bool = False


@dataclasses.dataclass(frozen=True)
class SourceTable:
    """A table of a source.

    Args:
        schema: PostgreSQL's schema; Spanner's, "" for the default one; in MySQL the database, or ""
            where a DDL file says none.
        primary_key: the columns' names in the key's order; empty for a table without one.
        dialect: whose types the columns have.
        replica_identity: PostgreSQL's, where live: d (default), n (nothing), f (full), i (index).
        renamed: new name -> the name before it, as the statements of a DDL file say.
    """

    schema: str
    name: str
    columns: tuple[SourceColumn, ...]
    primary_key: tuple[str, ...] = ()
    dialect: Dialect = "mysql"
    replica_identity: str | None = None
    renamed: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def column(self, name: str) -> SourceColumn:
        """The column of this name; raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def warehouse_name(self) -> str:
        """The table's name in its dataset: with its schema, unless that is `public` or MySQL's."""
        if self.dialect == "mysql" or self.schema in ("", "public"):
            return self.name
        return f"{self.schema}_{self.name}"
