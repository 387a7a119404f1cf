"""The update column of a table: its SQL, and its values as microseconds and as parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_io.audit_clock import UTC, time_text, utc_us, wall_range, wall_us
from pipeline_io.audit_errors import AuditError
from pipeline_io.audit_readings import Reading
from pipeline_io.audit_sql import SqlColumn
from pipeline_io.audit_tables import UNITS, TableRequest
from pipeline_io.audit_types_postgresql import INFINITE_US
from pipeline_io.audit_types_sqlite import SECONDS_FUNCTION


@dataclasses.dataclass(frozen=True)
class UpdateColumn:
    """How update times are asked for and compared.

    Args:
        sql: what is selected are integers in `unit_us`, or timestamps where `is_ticks` is not set.
        zone: whose clocks a column without a zone shows.
        as_text: parameters are texts of times; else integers in `unit_us`, or timestamps.
        day: SQL that sorts by the day, for SQLite's texts.
    """

    sql: SqlColumn
    unit_us: int = 1
    zone: str = UTC
    as_text: bool = False
    is_ticks: bool = True
    has_zone: bool = False
    day: str | None = None

    @property
    def zero_times(self) -> bool:
        """Whether it may hold MySQL's zero dates."""
        return self.as_text and self.sql.cast is None

    def range_of(self, after_us: int | None, upto_us: int) -> tuple[int | None, int]:
        """The instants as times of the column, in microseconds."""
        if self.zone == UTC:
            return after_us, upto_us
        return wall_range(after_us, upto_us, self.zone)

    def wall(self, us: int) -> int:
        return wall_us(us, self.zone)

    def lower(self, us: int) -> object:
        """A parameter: nothing below it is at `us` or later."""
        return self._parameter(us, -(-us // self.unit_us))

    def upper(self, us: int) -> object:
        """A parameter: nothing above it is at `us` or earlier."""
        return self._parameter(us, us // self.unit_us)

    def _parameter(self, us: int, number: int) -> object:
        if self.as_text:
            if us <= INFINITE_US[1] and self.sql.cast is not None:
                return "-infinity"
            return time_text(us) + ("+00" if self.has_zone else "")
        if self.is_ticks:
            return number
        kind = pa.timestamp("us", UTC) if self.has_zone else pa.timestamp("us")
        return pa.scalar(us, pa.int64()).cast(kind).as_py()

    def wall_times(self, values: Sequence[object]) -> pa.Array[Any]:
        """The driver's values as INT64 microseconds of the column's own clock."""
        if self.is_ticks:
            return pc.multiply(pa.array(values, pa.int64()), pa.scalar(self.unit_us, pa.int64()))
        return pa.array(values, pa.timestamp("us", UTC if self.has_zone else None)).cast(pa.int64())

    def instants(self, wall: pa.Array[Any]) -> pa.Array[Any]:
        """Microseconds in UTC of the column's own times."""
        return utc_us(wall, self.zone)


def update_column(
    request: TableRequest, reading: Reading, quoted: str, kind: str, zone: str
) -> UpdateColumn:
    """How the update column is used.

    Args:
        quoted: the column's name in SQL.
        kind: SQLAlchemy's name of the dialect.
        zone: whose clocks a column without a zone shows.

    Raises AuditError for a column whose type is no time.
    """
    arrow, unit = reading.field.type, request.updated_unit
    name = request.updated
    if pa.types.is_integer(arrow):
        if unit is None:
            message = (
                f"{request.name}: column {name!r} is {reading.source_type!r}; say in which unit it "
                "counts since 1970: updated_unit 's', 'ms' or 'us'"
            )
            raise AuditError(message)
        return UpdateColumn(SqlColumn(name, quoted, quoted), UNITS[unit])
    if unit is not None:
        message = (
            f"{request.name}: updated_unit {unit!r} is for integers, and column {name!r} is "
            f"{reading.source_type!r}; leave it out"
        )
        raise AuditError(message)
    if kind == "sqlite" and (pa.types.is_timestamp(arrow) or pa.types.is_string(arrow)):
        time = f"{SECONDS_FUNCTION}({quoted})"
        return UpdateColumn(SqlColumn(name, time, time), zone=zone, day=quoted)
    if not pa.types.is_timestamp(arrow):
        message = (
            f"{request.name}: column {name!r} is {reading.source_type!r}; expected a timestamp, or "
            "integers with an updated_unit; a DATE does not tell two changes of a day apart"
        )
        raise AuditError(message)
    has_zone = arrow.tz is not None
    column_zone = UTC if has_zone else zone
    expression = (reading.expression or "{value}").format(value=quoted)
    if kind == "postgresql":
        # Without the column's precision: a bound must not be rounded up to the next second.
        whole = f"timestamp {'with' if has_zone else 'without'} time zone"
        sql = SqlColumn(name, expression, quoted, whole)
        return UpdateColumn(sql, zone=column_zone, as_text=True, has_zone=has_zone)
    sql = SqlColumn(name, expression, quoted)
    if kind in ("mysql", "mariadb"):
        return UpdateColumn(sql, zone=column_zone, as_text=True)
    return UpdateColumn(sql, zone=column_zone, is_ticks=False, has_zone=has_zone)
