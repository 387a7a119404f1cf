"""Values in the Confluent wire format, made by hand or by fastavro's writer."""

import io
import json
from collections.abc import Sequence
from typing import Any

import fastavro
import pyarrow as pa

from tests.transforms.avro_recordings import Schemas
from transforms.avro import Decoded, Decoder, decode


def framed(body: bytes, schema_id: int = 1) -> bytes:
    return b"\x00" + schema_id.to_bytes(4, "big") + body


def written(schema: Any, row: Any, schema_id: int = 1) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), row)
    return framed(out.getvalue(), schema_id)


def record_of(*types: Any) -> dict[str, Any]:
    """A record schema R with the fields a, b, c ... of these types."""
    fields = [{"name": name, "type": it} for name, it in zip("abcdefgh", types, strict=False)]
    return {"type": "record", "name": "R", "fields": fields}


def decoded(
    schema: Any, values: Sequence[bytes | None], decoder: Decoder, schema_id: int = 1
) -> Decoded:
    source = Schemas({schema_id: schema if isinstance(schema, str) else json.dumps(schema)})
    return decode(pa.array(values, pa.binary()), source, decoder)


def only_rows(result: Decoded) -> pa.RecordBatch:
    assert result.failures == []
    assert len(result.groups) == 1
    return result.groups[0].rows


def varint(number: int) -> bytes:
    raw = (number << 1) ^ (number >> 63)
    out = bytearray()
    while raw >= 0x80:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    return bytes([*out, raw])
