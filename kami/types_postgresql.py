"""Every type of PostgreSQL 15, and of its common extensions, in the warehouse."""

from __future__ import annotations

from kami.types import WarehouseType, decimal_type, parsed_type

INFINITY = "infinity is 9999-12-31 and -infinity 0001-01-01; a year BC or beyond 9999 is NULL"
MIDNIGHT = "24:00:00 is 23:59:59.999999"
ZONED_TIME = "text in UTC: the zone it was written with is lost"
ANY_SCALE = "text, since it has no declared scale; NaN is NULL, as Debezium sends it"
NAN = "NaN is NULL, as Debezium sends it"
INTERVAL = "text as Debezium sends it: microseconds, a month of 30.4375 days, or ISO 8601"
MONEY = "Debezium's snapshot has 15 digits of MONEY, its stream all"
ARRAY = "a JSON array, as text"
BITS = "bytes as Debezium sends them, the lowest first"
JSON = "BigQuery rounds numbers beyond 64 bits, and keeps one of two members of the same name"

_INTEGERS = {"smallint", "integer", "bigint", "int", "int2", "int4", "int8"}
_INTEGERS |= {"smallserial", "serial", "bigserial", "serial2", "serial4", "serial8", "oid"}
_SHORT_TEXTS = {"uuid", "inet", "cidr", "macaddr", "macaddr8", "enum", "pg_lsn", "name", '"char"'}
_SHORT_TEXTS |= {"isbn", "issn", "ean13", "ismn", "upc"}
_LONG_TEXTS = {"text", "varchar", "character varying", "char", "character", "bpchar", "citext"}
_LONG_TEXTS |= {"xml", "tsvector", "tsquery", "ltree", "lquery", "jsonpath"}
_RANGES = {"int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"}
_RANGES |= {name.replace("range", "multirange") for name in _RANGES}
_GEOMETRIES = {"point", "geometry", "geography"}
_VECTORS = {"vector", "halfvec"}


def postgresql_type(source_type: str) -> WarehouseType | None:
    """The type in the warehouse; None for one that Debezium does not send."""
    text = source_type.lower().strip()
    if text.endswith("]") or text.endswith(" array"):
        return WarehouseType("STRING", "array", (ARRAY,), out_of_line=True)
    name, parameters, rest = parsed_type(text)
    name = f"{name} {rest}".strip()
    if name in _INTEGERS:
        return WarehouseType("INT64", "integer")
    if name in ("numeric", "decimal", "dec"):
        if not parameters:
            return WarehouseType("STRING", "number", (ANY_SCALE,), out_of_line=True)
        digits, scale = (*parameters, 0)[:2]
        return decimal_type(digits, scale, NAN)
    if name in _SHORT_TEXTS:
        return WarehouseType("STRING", "text")
    if name in _LONG_TEXTS or name in _RANGES:
        return WarehouseType("STRING", "text", out_of_line=True)
    if name in _GEOMETRIES:
        return WarehouseType("JSON", "nested", out_of_line=name != "point")
    if name in _VECTORS:
        return WarehouseType("STRING", "array", (ARRAY,), out_of_line=True)
    if name in ("bit", "bit varying", "varbit"):
        if name == "bit" and parameters[:1] in ((), (1,)):
            return WarehouseType("BOOL", "boolean")
        return WarehouseType("BYTES", "bytes", (BITS,), out_of_line=True)
    return _OTHERS.get(name)


_OTHERS = {
    "real": WarehouseType("FLOAT64", "float"),
    "float4": WarehouseType("FLOAT64", "float"),
    "float": WarehouseType("FLOAT64", "float"),
    "float8": WarehouseType("FLOAT64", "float"),
    "double precision": WarehouseType("FLOAT64", "float"),
    "money": WarehouseType("NUMERIC(19, 2)", "decimal", (MONEY,), 2),
    "boolean": WarehouseType("BOOL", "boolean"),
    "bool": WarehouseType("BOOL", "boolean"),
    "date": WarehouseType("DATE", "date", (INFINITY,), infinite=True),
    "time": WarehouseType("TIME", "time", (MIDNIGHT,)),
    "time without time zone": WarehouseType("TIME", "time", (MIDNIGHT,)),
    "timetz": WarehouseType("STRING", "text", (ZONED_TIME,)),
    "time with time zone": WarehouseType("STRING", "text", (ZONED_TIME,)),
    "timestamp": WarehouseType("DATETIME", "datetime", (INFINITY,), infinite=True),
    "timestamp without time zone": WarehouseType(
        "DATETIME", "datetime", (INFINITY,), infinite=True
    ),
    "timestamptz": WarehouseType("TIMESTAMP", "timestamp", (INFINITY,), infinite=True),
    "timestamp with time zone": WarehouseType("TIMESTAMP", "timestamp", (INFINITY,), infinite=True),
    "interval": WarehouseType("STRING", "text", (INTERVAL,)),
    "bytea": WarehouseType("BYTES", "bytes", out_of_line=True),
    "json": WarehouseType("JSON", "json", (JSON,), out_of_line=True),
    "jsonb": WarehouseType("JSON", "json", (JSON,), out_of_line=True),
    "hstore": WarehouseType("JSON", "nested", out_of_line=True),
    "sparsevec": WarehouseType("JSON", "nested", out_of_line=True),
}
