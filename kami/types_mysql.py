"""Every type of MySQL 8 and MariaDB, in the warehouse."""

from __future__ import annotations

from kami.types import WarehouseType, decimal_type, parsed_type

ZERO_DATE = "a zero date is NULL; a streamed TIMESTAMP of zero is 1970-01-01, as Debezium sends it"
LONG_TIME = "text, since it may be below zero or beyond 24 hours; with time.precision.mode=connect Debezium sends NULL for those"  # noqa: E501
YEAR = "the year 0000 is 2000 in Debezium's snapshot and 1900 in its stream"
FLOAT = "Debezium's snapshot has six digits of a FLOAT, its stream all"
BITS = "bytes as Debezium sends them, the lowest first"
UNSIGNED = "in a key it needs Debezium's bigint.unsigned.handling.mode=precise"
ENUM = "a comma in a member is `\\,` in Debezium's stream"
JSON = "MySQL prints JSON anew; BigQuery rounds numbers beyond 64 bits"

_TINY = {"tinyint", "bool", "boolean", "int1"}
_INTEGERS = {
    "smallint",
    "mediumint",
    "int",
    "integer",
    "int2",
    "int3",
    "int4",
    "middleint",
}
_TEXTS = {
    "char",
    "varchar",
    "character",
    "character varying",
    "nchar",
    "nvarchar",
    "national char",
    "national varchar",
    "tinytext",
    "text",
    "mediumtext",
    "longtext",
    "long",
    "long varchar",
    "uuid",
    "inet4",
    "inet6",
}
_BYTES = {
    "binary",
    "varbinary",
    "tinyblob",
    "blob",
    "mediumblob",
    "longblob",
    "char byte",
    "long varbinary",
}
_GEOMETRIES = {
    "geometry",
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "multilinestring",
    "multipolygon",
    "geometrycollection",
    "geomcollection",
}


def mysql_type(source_type: str) -> WarehouseType | None:
    """The type in the warehouse; None for one that Debezium does not send."""
    name, parameters, rest = parsed_type(source_type)
    words = f"{name} {rest}".split()
    unsigned = "unsigned" in words or "zerofill" in words or name == "serial"
    name = " ".join(word for word in name.split() if word not in ("unsigned", "zerofill", "signed"))
    if name in _TINY:
        return WarehouseType("INT64", "tiny")
    if name in _INTEGERS:
        return WarehouseType("INT64", "integer")
    if name in ("bigint", "int8", "serial"):
        if unsigned:
            return WarehouseType("NUMERIC(20, 0)", "unsigned", (UNSIGNED,), 0)
        return WarehouseType("INT64", "integer")
    if name in ("decimal", "dec", "numeric", "fixed"):
        digits, scale = (*parameters, *(10, 0)[len(parameters) :])[:2]
        return decimal_type(digits, scale)
    if name in _TEXTS:
        return WarehouseType("STRING", "text")
    if name in _BYTES:
        return WarehouseType("BYTES", "bytes")
    if name in _GEOMETRIES:
        return WarehouseType("JSON", "nested")
    if name == "bit":
        if parameters[:1] in ((), (1,)):
            return WarehouseType("BOOL", "boolean")
        return WarehouseType("BYTES", "bytes", (BITS,))
    return _OTHERS.get(name)


_OTHERS = {
    "float": WarehouseType("FLOAT64", "float", (FLOAT,)),
    "float4": WarehouseType("FLOAT64", "float", (FLOAT,)),
    "float8": WarehouseType("FLOAT64", "float"),
    "double": WarehouseType("FLOAT64", "float"),
    "double precision": WarehouseType("FLOAT64", "float"),
    "real": WarehouseType("FLOAT64", "float"),
    "date": WarehouseType("DATE", "date", (ZERO_DATE,)),
    "datetime": WarehouseType("DATETIME", "datetime", (ZERO_DATE,)),
    "timestamp": WarehouseType("TIMESTAMP", "timestamp", (ZERO_DATE,)),
    "time": WarehouseType("STRING", "text", (LONG_TIME,)),
    "year": WarehouseType("INT64", "integer", (YEAR,)),
    "enum": WarehouseType("STRING", "text", (ENUM,)),
    "set": WarehouseType("STRING", "text"),
    "json": WarehouseType("JSON", "json", (JSON,)),
    # MySQL 9: Debezium sends an array of numbers.
    "vector": WarehouseType("STRING", "array", ("a JSON array, as text",)),
}
