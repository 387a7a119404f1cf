"""The Avro schema of a sink's rows, as Flink's avro-confluent format makes it.

| SQL | Avro |
|---|---|
| BOOLEAN; TINYINT, SMALLINT, INT; BIGINT; FLOAT; DOUBLE | boolean; int; long; float; double |
| CHAR, VARCHAR, STRING; BINARY, VARBINARY, BYTES | string; bytes |
| DECIMAL(p, s) | bytes, decimal |
| DATE; TIME(p) up to 3 | int, date; int, time-millis |
| TIMESTAMP(p) and TIMESTAMP_LTZ(p) up to 3, up to 6 | long, timestamp-millis, timestamp-micros |
| ROW; ARRAY; MAP of STRING | record; array; map |

A TIMESTAMP is a timestamp and no local-timestamp: Flink's avro-confluent, unlike its plain avro
since 1.19, has the legacy mapping alone, in every version up to 2.3. Flink refuses to write
TIMESTAMP(4) and more and TIMESTAMP_LTZ by it; here they are what Flink reads as TIMESTAMP(6) and,
by the newer mapping, as TIMESTAMP_LTZ.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from transforms.sql.errors import SqlError
from transforms.sql.types import Field, Kind, SqlType, element_type, key_type

NAMESPACE = "org.apache.flink.avro.generated"
RECORD_NAME = "record"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SIMPLE = {
    Kind.NULL: "null",
    Kind.BOOLEAN: "boolean",
    Kind.TINYINT: "int",
    Kind.SMALLINT: "int",
    Kind.INT: "int",
    Kind.BIGINT: "long",
    Kind.FLOAT: "float",
    Kind.DOUBLE: "double",
    Kind.DATE: {"type": "int", "logicalType": "date"},
}


def avro_schema(
    fields: tuple[Field, ...], record_name: str = RECORD_NAME, namespace: str = NAMESPACE
) -> dict[str, Any]:
    """The schema of rows with these columns, with its members in the order that Java writes.

    Raises SqlError: a type or a name that Avro has not.
    """
    for name in (record_name, *(part for part in namespace.split(".") if namespace)):
        if not _NAME.fullmatch(name):
            message = f"the Avro record's name has the part {name!r}; {_EXPECTED_NAME}"
            raise SqlError(message)
    record = _Schemas().record(fields, record_name, "the sink")
    if not namespace:
        return record
    return {"type": "record", "name": record_name, "namespace": namespace, **record}


_EXPECTED_NAME = "expected letters, digits and _, not a digit first"


@dataclasses.dataclass
class _Schemas:
    names: dict[str, str] = dataclasses.field(default_factory=dict)

    def record(self, fields: tuple[Field, ...], name: str, place: str) -> dict[str, Any]:
        if name in self.names:
            message = (
                f"{place} and {self.names[name]} would both be the Avro record {name!r}: a record "
                "is named by its path; rename a column with AS"
            )
            raise SqlError(message)
        self.names[name] = place
        seen: set[str] = set()
        for field in fields:
            if not _NAME.fullmatch(field.name):
                message = (
                    f"{place}: {field.name!r} is no name in Avro: {_EXPECTED_NAME}; "
                    "rename the column"
                )
                raise SqlError(message)
            if field.name in seen:
                message = f"{place} has the name {field.name!r} twice; rename one"
                raise SqlError(message)
            seen.add(field.name)
        return {
            "type": "record",
            "name": name,
            "fields": [self.field(field, name, place) for field in fields],
        }

    def field(self, field: Field, record: str, place: str) -> dict[str, Any]:
        part = f"column {field.name!r}" if place == "the sink" else f"{place}, field {field.name!r}"
        written = self.nullable(field.type, field.nullable, f"{record}_{field.name}", part)
        default = {"default": None} if field.nullable else {}
        return {"name": field.name, "type": written, **default}

    def nullable(self, sql_type: SqlType, nullable: bool, name: str, place: str) -> Any:
        written = self.type(sql_type, name, place)
        return ["null", written] if nullable and written != "null" else written

    def type(self, sql_type: SqlType, name: str, place: str) -> Any:
        match sql_type.kind:
            case Kind.ROW:
                return self.record(sql_type.fields, name, place)
            case Kind.ARRAY:
                items = self.nullable(
                    element_type(sql_type), True, name, f"the elements of {place}"
                )
                return {"type": "array", "items": items}
            case Kind.MAP:
                if not key_type(sql_type).is_string:
                    message = (
                        f"{place} is a {sql_type}, and the keys of an Avro map are texts: "
                        "expected a MAP with a STRING key; CAST the keys"
                    )
                    raise SqlError(message)
                values = self.nullable(element_type(sql_type), True, name, f"the values of {place}")
                return {"type": "map", "values": values}
            case Kind.DECIMAL:
                return {
                    "type": "bytes",
                    "logicalType": "decimal",
                    "precision": sql_type.precision,
                    "scale": sql_type.scale,
                }
            case Kind.TIME if (sql_type.precision or 0) <= 3:
                return {"type": "int", "logicalType": "time-millis"}
            case Kind.TIMESTAMP | Kind.TIMESTAMP_LTZ if (sql_type.precision or 0) <= 6:
                unit = "millis" if (sql_type.precision or 0) <= 3 else "micros"
                return {"type": "long", "logicalType": f"timestamp-{unit}"}
        if sql_type.is_string:
            return "string"
        if sql_type.is_binary:
            return "bytes"
        if sql_type.kind in _SIMPLE:
            return _SIMPLE[sql_type.kind]
        raise SqlError(_unsupported(sql_type, place))


def _unsupported(sql_type: SqlType, place: str) -> str:
    if sql_type.kind is Kind.TIME:
        return f"{place} is a {sql_type}, and Flink's Avro has milliseconds; CAST it AS TIME(3)"
    if sql_type.is_timestamp:
        return (
            f"{place} is a {sql_type}, and Flink's Avro has microseconds; "
            f"CAST it AS {sql_type.kind.value}(6)"
        )
    return f"{place} is an {sql_type}, which Avro has no type for; CAST it AS BIGINT or STRING"
