"""The bytes of a schema told to an Avro library, without names, defaults and logical types.

Avro libraries differ in what they do with those (a uuid that is normalised, a timestamp beyond
year 9999, a name with a dash), and none of it changes how a record is written. So a library reads
the wire schema, and `avro_columns` gives the values their meaning.
"""

import dataclasses
from typing import Any

import pyarrow as pa

from transforms.avro_types import PRIMITIVES, AvroType


def wire_schema(record: AvroType, decimals: bool) -> dict[str, Any]:
    """An Avro schema of the same bytes, whose fields are f0, f1, ... and named types t1, t2, ...

    - an enum is an int, whose number of `symbols` is for `native/src/strict.rs`;
    - a map is an array of records of a key (f0) and a value (f1);
    - decimals keep their logical type where `decimals` says so, else they are bytes.
    """
    schema: dict[str, Any] = _Writer(decimals).write(record)
    return schema


def wire_type(avro: AvroType) -> pa.DataType:
    """The Arrow type of values read by the wire schema, with decimals as their bytes."""
    if avro.kind == "record":
        return pa.struct([_wire_field(f"f{i}", item) for i, (_, item) in enumerate(avro.fields)])
    if avro.kind == "enum":
        return pa.int32()
    if avro.items is not None:
        item = _wire_field("item", avro.items)
        if avro.kind == "map":
            key = pa.field("f0", pa.string(), nullable=False)
            entry = pa.struct([key, _wire_field("f1", avro.items)])
            item = pa.field("item", entry, nullable=False)
        return pa.list_(item)
    return pa.binary() if avro.kind == "fixed" else PRIMITIVES[avro.kind][1]


def _wire_field(name: str, avro: AvroType) -> "pa.Field[Any]":
    return pa.field(name, wire_type(avro), nullable=avro.nullable)


@dataclasses.dataclass
class _Writer:
    decimals: bool
    defined: set[str] = dataclasses.field(default_factory=set)

    def write(self, avro: AvroType) -> Any:
        value = self._value(avro)
        if not avro.branches:
            return value
        if avro.branches == 1:
            return [value]
        return ["null", value] if avro.null_branch == 0 else [value, "null"]

    def _value(self, avro: AvroType) -> Any:
        if avro.named in self.defined:
            return avro.named
        if avro.kind == "record":
            return self._record(avro.named or "root", [item for _, item in avro.fields])
        if avro.items is not None:
            item = self.write(avro.items) if avro.kind == "array" else self._entry(avro.items)
            return {"type": "array", "items": item}
        schema: dict[str, Any] = {"type": "int" if avro.kind == "enum" else avro.kind}
        if avro.kind == "enum":
            schema["symbols"] = len(avro.symbols)
        if avro.kind == "fixed":
            self.defined.add(avro.named)
            schema |= {"name": avro.named, "size": avro.size}
        if self.decimals and avro.digits is not None:
            precision, scale = avro.digits
            schema |= {"logicalType": "decimal", "precision": precision, "scale": scale}
        return schema if len(schema) > 1 else schema["type"]

    def _entry(self, value: AvroType) -> dict[str, Any]:
        return self._record(f"m{len(self.defined)}", [AvroType(*PRIMITIVES["string"]), value])

    def _record(self, name: str, items: list[AvroType]) -> dict[str, Any]:
        self.defined.add(name)
        fields = [{"name": f"f{index}", "type": self.write(it)} for index, it in enumerate(items)]
        return {"type": "record", "name": name, "fields": fields}
