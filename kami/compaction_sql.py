"""The statements of the operations: templates of kami/sql with a table's names filled in."""

from __future__ import annotations

import datetime
import functools
from typing import NamedTuple

import jinja2

from kami import tables
from kami.context import ConfiguredTable
from kami.warehouse import literal, quoted, table_sql


class Relations(NamedTuple):
    """The names of a table's relations, quoted for SQL but for `dataset` and `table`."""

    dataset: str
    table: str
    is_postgresql: bool = False
    """The log has PostgreSQL's `source`."""

    @classmethod
    def of(cls, table: ConfiguredTable) -> Relations:
        return cls(table.dataset, table.name, table.source.has_postgresql_log)

    @property
    def full_name(self) -> str:
        return f"{self.dataset}.{self.table}"

    def _named(self, name: str) -> str:
        return table_sql(self.dataset, name)

    @property
    def log(self) -> str:
        return self._named(tables.change_log_of(self.table))

    @property
    def snapshot(self) -> str:
        return self._named(tables.snapshot_of(self.table))

    @property
    def archive(self) -> str:
        return self._named(tables.archive_of(self.table))

    @property
    def materialised(self) -> str:
        return self._named(tables.materialised_of(self.table))

    @property
    def history(self) -> str:
        return self._named(tables.history_of(self.table))

    @property
    def staging(self) -> str:
        """The log rows that a compaction moves, chosen once."""
        return self._named(f"_compaction_{self.table}")

    @property
    def next_snapshot(self) -> str:
        return self._named(f"_compaction_next_{self.table}")

    @property
    def held(self) -> str:
        """The keys that a compaction leaves as they are."""
        return self._named(f"_compaction_held_{self.table}")

    @property
    def lineages(self) -> str:
        """Which keys a row has had, while a compaction chooses the keys that it leaves."""
        return self._named(f"_compaction_lineages_{self.table}")

    @property
    def superseded(self) -> str:
        """The snapshot rows that compactions replaced, for the history."""
        return self._named(f"{self.table}_snapshot_archive")

    @property
    def quarantine(self) -> str:
        """Log rows older than the deleted rows that were forgotten."""
        return self._named(f"{self.table}_quarantine")

    @property
    def snapshots(self) -> str:
        return self._named("_snapshots")

    @property
    def compactions(self) -> str:
        return self._named("_compactions")

    @property
    def dead_letters(self) -> str:
        return self._named("_dead_letters")


def render(template: str, relations: Relations, /, **values: object) -> str:
    """The SQL of a template of kami/sql; what it names and is not given is an error.

    `r` is `relations` in the template; the filters `literal` and `quoted` make SQL of texts.
    """
    text = _environment().get_template(template).render(r=relations, **values)
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"


def sql(text: str, /, **values: object) -> str:
    """The SQL of a template that is one line here; the filters are those of `render`."""
    return _environment().from_string(text).render(**values)


def timestamp(time: datetime.datetime) -> str:
    """The time as BigQuery's literal, to the microsecond."""
    in_utc = time.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return f"TIMESTAMP '{in_utc.isoformat(sep=' ', timespec='microseconds')}+00'"


@functools.cache
def _environment() -> jinja2.Environment:
    # The text is SQL: nothing is escaped for HTML, and literals go through the filter.
    environment = jinja2.Environment(  # noqa: S701
        loader=jinja2.PackageLoader("kami", "sql"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["literal"] = literal
    environment.filters["quoted"] = quoted
    environment.filters["timestamp"] = timestamp
    return environment
