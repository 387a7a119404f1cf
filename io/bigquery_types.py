"""BigQuery's column types: as its DDL writes them, as its API has them, and as Arrow columns."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import NoReturn

import pyarrow as pa
from google.cloud.bigquery import SchemaField

_ALIASES = {
    "INTEGER": "INT64",
    "INT": "INT64",
    "BIGINT": "INT64",
    "FLOAT": "FLOAT64",
    "BOOLEAN": "BOOL",
    "DECIMAL": "NUMERIC",
    "BIGDECIMAL": "BIGNUMERIC",
    "RECORD": "STRUCT",
}

_ARROW: dict[str, pa.DataType] = {
    "STRING": pa.string(),
    "BYTES": pa.binary(),
    "INT64": pa.int64(),
    "FLOAT64": pa.float64(),
    "BOOL": pa.bool_(),
    # BigQuery checks a column's own precision and scale itself.
    "NUMERIC": pa.decimal128(38, 9),
    "BIGNUMERIC": pa.decimal256(76, 38),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "DATETIME": pa.timestamp("us"),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
    "JSON": pa.string(),
    "GEOGRAPHY": pa.string(),
}

_TOKEN = re.compile(r"`[^`]+`|\w+|[<>(),]")


@dataclasses.dataclass(frozen=True)
class ColumnType:
    """A column's type. Text of it is BigQuery's DDL.

    kind: such as "INT64"; "STRUCT" with `fields`. parameters: `(10, 2)` of NUMERIC(10, 2).
    """

    kind: str
    parameters: tuple[int, ...] = ()
    fields: tuple[tuple[str, ColumnType], ...] = ()
    repeated: bool = False

    def __str__(self) -> str:
        text = self.kind
        if self.parameters:
            text += f"({', '.join(map(str, self.parameters))})"
        if self.kind == "STRUCT":
            text += f"<{', '.join(f'`{name}` {of}' for name, of in self.fields)}>"
        return f"ARRAY<{text}>" if self.repeated else text

    @property
    def arrow(self) -> pa.DataType:
        """What rows of the column are sent as."""
        if self.kind == "STRUCT":
            one: pa.DataType = pa.struct([pa.field(name, of.arrow) for name, of in self.fields])
        else:
            one = _ARROW[self.kind]
        return pa.list_(one) if self.repeated else one

    def field(self, name: str) -> SchemaField:
        """The column as the API declares it."""
        numbers = self.parameters
        return SchemaField(
            name,
            self.kind,
            mode="REPEATED" if self.repeated else "NULLABLE",
            fields=[of.field(each) for each, of in self.fields],
            **(
                {"max_length": numbers[0]}
                if numbers and self.kind in ("STRING", "BYTES")
                else {"precision": numbers[0], "scale": numbers[1] if numbers[1:] else None}
                if numbers
                else {}
            ),
        )


def parse_type(text: str) -> ColumnType:
    """The type that BigQuery's DDL writes as `text`; ValueError that says what it is not."""
    return _Parser(text).whole()


def type_of(field: SchemaField) -> ColumnType:
    """The type of a column of the API; a kind that no column here can have keeps its name."""
    kind = str(field.field_type).upper()
    numbers = (field.max_length, field.precision, field.scale)
    return ColumnType(
        _ALIASES.get(kind, kind),
        tuple(number for number in numbers if number is not None),
        tuple((each.name, type_of(each)) for each in field.fields),
        field.mode == "REPEATED",
    )


def arrow_schema(columns: Sequence[tuple[str, ColumnType]]) -> pa.Schema:
    """The columns as rows are sent."""
    return pa.schema([pa.field(name, of.arrow) for name, of in columns])


class _Parser:
    """Reads one column type."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _TOKEN.findall(text)
        self._next = 0
        if "".join("".join(self._tokens).split()) != "".join(text.split()):
            self._refuse("is not made of names, numbers and <>(),")

    def whole(self) -> ColumnType:
        found = self._type()
        if self._next < len(self._tokens):
            self._refuse(f"goes on with {self._tokens[self._next]!r}, where it should end")
        return found

    def _type(self) -> ColumnType:
        name = self._take().upper()
        kind = _ALIASES.get(name, name)
        if kind == "ARRAY":
            self._take("<")
            of = self._type()
            self._take(">")
            if of.repeated:
                self._refuse("is an array of arrays, which BigQuery does not have")
            return dataclasses.replace(of, repeated=True)
        if kind == "STRUCT":
            self._take("<")
            fields = [self._field()]
            while self._take(",", ">") == ",":
                fields.append(self._field())
            return ColumnType(kind, fields=tuple(fields))
        if kind not in _ARROW:
            self._refuse(f"has {name!r}; expected ARRAY, STRUCT or one of {', '.join(_ARROW)}")
        return ColumnType(kind, self._parameters())

    def _field(self) -> tuple[str, ColumnType]:
        return self._take().strip("`"), self._type()

    def _parameters(self) -> tuple[int, ...]:
        numbers: list[int] = []
        if self._tokens[self._next : self._next + 1] == ["("]:
            while self._take("(", ",", ")") != ")":
                number = self._take()
                if not number.isdigit():
                    self._refuse(f"has {number!r} where a number was expected")
                numbers.append(int(number))
        return tuple(numbers)

    def _take(self, *wanted: str) -> str:
        found = self._tokens[self._next] if self._next < len(self._tokens) else "the end"
        self._next += 1
        if wanted and found not in wanted:
            self._refuse(f"has {found!r} where {' or '.join(wanted)} was expected")
        return found

    def _refuse(self, what: str) -> NoReturn:
        message = f"the column type {self._text!r} {what}"
        raise ValueError(message)
