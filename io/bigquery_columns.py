"""The columns that a table has and those that its rows need, put together."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from google.cloud import bigquery
from google.cloud.bigquery import SchemaField

from pipeline_io.bigquery_errors import BigQuerySchemaError
from pipeline_io.bigquery_types import ColumnType, type_of

_LOGGER = logging.getLogger(__name__)

_MOST_CLUSTERED = 4
_PARTITIONED = ("DATE", "DATETIME", "TIMESTAMP")


def merged(
    table: str, present: Sequence[SchemaField], wanted: Sequence[tuple[str, ColumnType]]
) -> list[SchemaField]:
    """The table's columns, and behind them the wanted ones that it lacks; in structs the same.

    Raises BigQuerySchemaError: a column of another type, or one that must be written and is not
    wanted.
    """
    return _merged(table, "", present, wanted)


def check_layout(
    table: str,
    columns: Sequence[tuple[str, ColumnType]],
    partition_by: str | None,
    cluster_by: Sequence[str],
) -> None:
    """Raises ValueError where BigQuery has no such table."""
    types = dict(columns)
    if len({name.casefold() for name in types}) < len(columns):
        message = f"the table {table!r} has two columns of one name: {[n for n, _ in columns]}"
        raise ValueError(message)
    if partition_by is not None:
        of = types.get(partition_by)
        if of is None or of.kind not in _PARTITIONED or of.repeated:
            message = (
                f"the table {table!r} cannot be partitioned by {partition_by!r}; expected one of "
                f"its columns that is a {', '.join(_PARTITIONED)}"
            )
            raise ValueError(message)
    unknown = [name for name in cluster_by if name not in types]
    if unknown or len(cluster_by) > _MOST_CLUSTERED:
        message = (
            f"the table {table!r} cannot be clustered by {list(cluster_by)!r}; expected up to "
            f"{_MOST_CLUSTERED} of its columns"
        )
        raise ValueError(message)


def check_key(name: str, present: bigquery.Table, key: Sequence[str]) -> None:
    """Raises BigQuerySchemaError where a table that was there has another primary key, or none."""
    constraints = present.table_constraints
    found = constraints.primary_key if constraints is not None else None
    has = list(found.columns) if found is not None else []
    if {each.casefold() for each in has} == {each.casefold() for each in key}:
        return
    columns = ", ".join(f"`{each}`" for each in key)
    if has:
        message = (
            f"the BigQuery table {name} has the primary key ({', '.join(has)}), and its rows are "
            f"changed by ({', '.join(key)}): declare the same PRIMARY KEY, or ALTER TABLE `{name}` "
            f"DROP PRIMARY KEY, ADD PRIMARY KEY ({columns}) NOT ENFORCED"
        )
    else:
        message = (
            f"the BigQuery table {name} has no primary key to change rows by; run ALTER TABLE "
            f"`{name}` ADD PRIMARY KEY ({columns}) NOT ENFORCED"
        )
    raise BigQuerySchemaError(message)


def tell_of_layout(wanted: bigquery.Table, present: bigquery.Table) -> None:
    """Warns where a table that was there has another layout: rows are right, queries cost more."""
    partitioning = present.time_partitioning
    field = partitioning.field if partitioning is not None else None
    if wanted.time_partitioning is not None and field != wanted.time_partitioning.field:
        _LOGGER.warning(
            "the BigQuery table %s is partitioned by %s and not by %s, so that queries read more; "
            "to change that, copy it into a new table that is partitioned so, and rename both",
            wanted.reference,
            field or "nothing",
            wanted.time_partitioning.field,
            extra={"table": wanted.table_id},
        )
    if wanted.clustering_fields and present.clustering_fields != wanted.clustering_fields:
        _LOGGER.warning(
            "the BigQuery table %s is clustered by %s and not by %s, so that queries read more; to "
            "change that for new rows: bq update --clustering_fields=%s %s",
            wanted.reference,
            ", ".join(present.clustering_fields or ["nothing"]),
            ", ".join(wanted.clustering_fields),
            ",".join(wanted.clustering_fields),
            f"{wanted.project}:{wanted.dataset_id}.{wanted.table_id}",
            extra={"table": wanted.table_id},
        )


def _merged(
    table: str,
    prefix: str,
    present: Sequence[SchemaField],
    wanted: Sequence[tuple[str, ColumnType]],
) -> list[SchemaField]:
    lacking = {name.casefold(): (name, of) for name, of in wanted}
    found = []
    for field in present:
        pair = lacking.pop(field.name.casefold(), None)
        path = f"{prefix}{field.name}"
        if pair is None:
            if field.mode == "REQUIRED":
                message = (
                    f"the BigQuery table {table} has the column {path!r}, which must not be NULL "
                    f"and is not written: ALTER TABLE `{table}` ALTER COLUMN {path} DROP NOT NULL"
                )
                raise BigQuerySchemaError(message)
            found.append(field)
            continue
        _check_type(table, path, type_of(field), pair[1])
        if pair[1].fields:
            of = _merged(table, f"{path}.", field.fields, pair[1].fields)
            if of != list(field.fields):
                changed = {**field.to_api_repr(), "fields": [each.to_api_repr() for each in of]}
                field = SchemaField.from_api_repr(changed)
        found.append(field)
    return [*found, *(of.field(name) for name, of in lacking.values())]


def _check_type(table: str, path: str, has: ColumnType, wanted: ColumnType) -> None:
    if has.kind != wanted.kind or has.repeated != wanted.repeated:
        message = (
            f"the BigQuery table {table} has {has} in the column {path!r}, and its rows have "
            f"{wanted}; a type is never changed here: rename the column (ALTER TABLE `{table}` "
            f"RENAME COLUMN), or rename the table, and start again"
        )
        raise BigQuerySchemaError(message)
    if has.parameters and not _holds(has, wanted):
        message = (
            f"the BigQuery table {table} has {has} in the column {path!r}, too narrow for "
            f"{wanted}: ALTER TABLE `{table}` ALTER COLUMN {path} SET DATA TYPE {wanted}"
        )
        raise BigQuerySchemaError(message)


def _holds(has: ColumnType, wanted: ColumnType) -> bool:
    """Whether a column with parameters takes each value of a wanted type of the same kind."""
    if not wanted.parameters:
        return False
    digits, scale = (*has.parameters, 0)[:2]
    wanted_digits, wanted_scale = (*wanted.parameters, 0)[:2]
    return wanted_scale <= scale and wanted_digits - wanted_scale <= digits - scale
