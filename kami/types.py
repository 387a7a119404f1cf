"""What a source's column is in the warehouse: its type there, and how it comes out of the JSON.

A view must not end in an error for one value: what a type cannot hold is NULL, or the nearest
value it has, and the type's notes say so.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Literal, NamedTuple

from kami.errors import ConfigurationError
from kami.schema import Dialect, SourceColumn

Form = Literal[
    "text",
    "number",
    "integer",
    "tiny",
    "unsigned",
    "decimal",
    "float",
    "boolean",
    "date",
    "datetime",
    "timestamp",
    "time",
    "bytes",
    "json",
    "nested",
    "array",
]
"""How a value stands in the canonical JSON; `nested` is an object, or a text that holds one, and
`number` a decimal that stays text."""

NUMERIC_DIGITS, NUMERIC_SCALE = 29, 9
"""BigQuery's NUMERIC: digits before the point, and after it."""
BIGNUMERIC_DIGITS, BIGNUMERIC_SCALE = 38, 38
_MICROSECOND_TEXT = len("2026-01-01T00:00:00.000000")
DUCKDB_DIGITS = 38
"""Of a decimal in DuckDB."""


class UnsupportedTypeError(ConfigurationError):
    """A type of which Debezium sends nothing."""


@dataclasses.dataclass(frozen=True)
class WarehouseType:
    """A column in the warehouse.

    Args:
        bigquery: the column's type as BigQuery's DDL has it, such as `NUMERIC(10, 2)`.
        notes: what differs from the source, one sentence each.
        scale: digits after the point, of a decimal.
        out_of_line: PostgreSQL may store it outside of the row, and then Debezium may send a
            placeholder for a value that an update left as it was.
        infinite: a date or time that may be the text infinity.
        nanoseconds: a time whose text may have more digits than the warehouse reads.
    """

    bigquery: str
    form: Form
    notes: tuple[str, ...] = ()
    scale: int | None = None
    out_of_line: bool = False
    infinite: bool = False
    nanoseconds: bool = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """The notes, under the name that people look for."""
        return self.notes

    def extract(self, json_sql: str) -> str:
        """BigQuery SQL of the value, from SQL of its JSON member such as `after['id']`."""
        if self.form == "array":
            return f"NULLIF(TO_JSON_STRING({json_sql}), 'null')"
        if self.form == "nested":
            return _parsed(
                f"COALESCE(JSON_VALUE({json_sql}), NULLIF(TO_JSON_STRING({json_sql}), 'null'))"
            )
        return self.from_text(f"JSON_VALUE({json_sql})")

    def from_text(self, text_sql: str) -> str:
        """BigQuery SQL of the value, from SQL of its canonical text; a default is given so too."""
        if self.form == "decimal":
            return cast_sql(text_sql, self.bigquery, safe=True)
        if self.infinite:
            last, first = _BOUNDS[self.form]
            text_sql = (
                f"CASE {text_sql} WHEN 'infinity' THEN '{last}' WHEN '-infinity' THEN '{first}' "
                f"ELSE {text_sql} END"
            )
        if self.nanoseconds:
            text_sql = f"CONCAT(RTRIM(SUBSTR({text_sql}, 1, {_MICROSECOND_TEXT}), 'Z'), 'Z')"
        return _FROM_TEXT[self.form].format(text=text_sql)

    def key_text(self, json_sql: str) -> str:
        """BigQuery SQL of the value's text in a canonical key, from SQL of its JSON member."""
        text = f"JSON_VALUE({json_sql})"
        if self.form in ("boolean", "tiny"):
            return f"CASE {text} WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE {text} END"
        if self.form in ("number", "decimal"):
            return f"IF(STRPOS({text}, '.') > 0, RTRIM(RTRIM({text}, '0'), '.'), {text})"
        return text


def cast_sql(value_sql: str, bigquery_type: str, *, safe: bool = False) -> str:
    """BigQuery SQL of a value as a column's type; safe: NULL where it cannot be that.

    A cast knows no digits, so that a view that is older than a wider column still shows its values;
    the scale comes by rounding, as at the source.
    """
    kind, _, parameters = bigquery_type.partition("(")
    cast = f"{'SAFE_' if safe else ''}CAST({value_sql} AS {kind})"
    if "NUMERIC" not in kind or not parameters:
        return cast
    digits, scale = (int(number) for number in re.findall(r"\d+", parameters))
    # NUMERIC has this scale without rounding. DuckDB keeps the text of more than 38 digits, and a
    # text is not rounded.
    if scale == (NUMERIC_SCALE if kind == "NUMERIC" else None) or digits > DUCKDB_DIGITS:
        return cast
    return f"{'SAFE.' if safe else ''}ROUND({cast}, {scale})"


def _parsed(text_sql: str) -> str:
    return f"SAFE.PARSE_JSON({text_sql}, wide_number_mode=>'round')"


_BOUNDS: dict[Form, tuple[str, str]] = {
    "date": ("9999-12-31", "0001-01-01"),
    "datetime": ("9999-12-31T23:59:59.999999", "0001-01-01T00:00:00"),
    "timestamp": ("9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"),
}
"""The last and the first time of a type, which infinity and -infinity become."""

_FROM_TEXT: dict[Form, str] = {
    "text": "{text}",
    # Debezium's names for what is no number, with decimal.handling.mode=string.
    "number": "CASE {text} WHEN 'NAN' THEN 'NaN' WHEN 'POSITIVE_INFINITY' THEN 'Infinity' "
    "WHEN 'NEGATIVE_INFINITY' THEN '-Infinity' ELSE {text} END",
    "array": "{text}",
    "integer": "SAFE_CAST({text} AS INT64)",
    # Debezium sends MySQL's TINYINT(1) as a boolean where a converter says so.
    "tiny": "CASE {text} WHEN 'true' THEN 1 WHEN 'false' THEN 0 "
    "ELSE SAFE_CAST({text} AS INT64) END",
    # A value of 2^63 and more comes as a negative one unless bigint.unsigned.handling.mode=precise.
    "unsigned": "SAFE.ROUND(SAFE_CAST({text} AS NUMERIC), 0) + IF(STARTS_WITH({text}, '-'), "
    "ROUND(CAST('18446744073709551616' AS NUMERIC), 0), ROUND(CAST('0' AS NUMERIC), 0))",
    "float": "SAFE_CAST({text} AS FLOAT64)",
    "boolean": "CASE WHEN {text} IN ('true', '1', 't') THEN TRUE "
    "WHEN {text} IN ('false', '0', 'f') THEN FALSE END",
    "date": "SAFE_CAST({text} AS DATE)",
    "datetime": "SAFE_CAST({text} AS DATETIME)",
    "timestamp": "SAFE_CAST({text} AS TIMESTAMP)",
    "time": "SAFE_CAST(IF({text} = '24:00:00', '23:59:59.999999', {text}) AS TIME)",
    "bytes": "SAFE.FROM_BASE64({text})",
    "json": _parsed("{text}"),
    "nested": _parsed("{text}"),
}


class ParsedType(NamedTuple):
    """A source's type, taken apart: `decimal(10,2) unsigned` is decimal, (10, 2), unsigned."""

    name: str
    parameters: tuple[int, ...]
    rest: str


def parsed_type(text: str) -> ParsedType:
    """Takes a type apart; the name is in lower case, without the numbers in parentheses."""
    found = re.fullmatch(r"\s*([^()]*?)\s*(?:\((.*)\)\s*([^()]*))?", text.lower(), re.DOTALL)
    if found is None:
        return ParsedType(text.lower().strip(), (), "")
    numbers = tuple(int(part) for part in re.findall(r"-?\d+", found[2] or ""))
    return ParsedType(found[1], numbers, (found[3] or "").strip())


def decimal_type(digits: int, scale: int, *notes: str) -> WarehouseType:
    """The narrowest type that holds every value of so many digits, `scale` after the point."""
    # PostgreSQL allows a scale below zero and one beyond the digits.
    digits, scale = max(digits - min(scale, 0), scale), max(scale, 0)
    before = digits - scale
    if before <= NUMERIC_DIGITS and scale <= NUMERIC_SCALE:
        return WarehouseType(f"NUMERIC({digits}, {scale})", "decimal", notes, scale)
    if before <= BIGNUMERIC_DIGITS and scale <= BIGNUMERIC_SCALE:
        return WarehouseType(f"BIGNUMERIC({digits}, {scale})", "decimal", notes, scale)
    note = f"{digits} digits are more than BIGNUMERIC has: it is text, with all of them"
    return WarehouseType("STRING", "number", (*notes, note), scale)


def warehouse_type(column: SourceColumn, dialect: Dialect) -> WarehouseType:
    """The type of a source's column in the warehouse.

    Raises:
        UnsupportedTypeError: Debezium sends nothing for this type.
    """
    from kami.types_mysql import mysql_type
    from kami.types_postgresql import postgresql_type
    from kami.types_spanner import spanner_type

    of = {"mysql": mysql_type, "postgresql": postgresql_type, "spanner": spanner_type}
    found = of[dialect](column.source_type)
    if found is None:
        message = (
            f"the column {column.name!r} has the type {column.source_type!r}, of which Debezium "
            "sends nothing that kami knows; leave it out with `exclude: [table.column]`"
        )
        raise UnsupportedTypeError(message)
    return found
