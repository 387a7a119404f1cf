"""The native decoder: the arrow-avro crate, a batch at a time, with the reference's meaning."""

import functools
import json
import logging

import numpy as np
import pyarrow as pa

from transforms.avro_columns import finished_rows
from transforms.avro_reference import (
    HEADER_BYTES,
    BinaryValues,
    BodyFailure,
    DecodedBodies,
    ReferenceDecoder,
)
from transforms.avro_schema import parse_schema
from transforms.avro_types import AvroType
from transforms.avro_wire import wire_schema

try:
    from native import kamiflow_native
except ImportError:
    AVAILABLE = False
else:
    AVAILABLE = True

# arrow-avro gives a null of a fixed type its full size, and Rust ends the process without memory.
MAX_FIXED_BYTES = 4096

_logger = logging.getLogger(__name__)


class NativeMissing(RuntimeError):
    """The native decoder was asked for and is not built."""


class NativeDecoder:
    """Decodes with arrow-avro, and with the reference what arrow-avro refuses; for one thread.

    Raises:
        NativeMissing: the extension module is not built.
    """

    name = "native"

    def __init__(self) -> None:
        if not AVAILABLE:
            message = (
                "decoder 'native' needs the module native.kamiflow_native, which is "
                "not built: run `make native` (needs Rust), or take decoder 'fastavro'"
            )
            raise NativeMissing(message)
        self._reference = ReferenceDecoder()
        self._bodies = functools.lru_cache(maxsize=1024)(_body_decoder)

    def decode_bodies(self, writer_schema: str, values: BinaryValues) -> DecodedBodies:
        """Decodes non-null values of one writer schema, each behind its header of 5 bytes.

        Raises:
            UnsupportedSchema: no value of the schema can be decoded.
        """
        schema = parse_schema(writer_schema)
        bodies = self._bodies(writer_schema)
        if bodies is None:
            return self._reference.decode_bodies(writer_schema, values)
        try:
            wire, refused = bodies.decode(values, HEADER_BYTES)
            if wire is None:
                return self._reference.decode_bodies(writer_schema, values)
            rows = finished_rows(wire.to_struct_array(), schema)
        except (kamiflow_native.NativeError, pa.ArrowException) as error:
            _logger.debug("arrow-avro gave up on a batch, the reference decodes it: %s", error)
            return self._reference.decode_bodies(writer_schema, values)
        if not refused:
            return DecodedBodies(rows, np.arange(len(values), dtype=np.int64), [])
        places = np.delete(np.arange(len(values), dtype=np.int64), refused)
        judged = self._reference.decode_bodies(writer_schema, _taken(values, refused))
        if judged.rows.num_rows:
            # The two disagree on what is valid: the reference has the last word on all.
            _logger.warning("the native decoder refused records that the reference accepts")
            return self._reference.decode_bodies(writer_schema, values)
        failures = [BodyFailure(refused[place], message) for place, message in judged.failures]
        return DecodedBodies(rows, places, failures)


def _body_decoder(writer_schema: str) -> "kamiflow_native.BodyDecoder | None":
    schema = parse_schema(writer_schema)
    if _fixed_bytes(schema.root) > MAX_FIXED_BYTES:
        _logger.debug("the reference decodes a schema of large fixed types: %.200s", writer_schema)
        return None
    try:
        return kamiflow_native.BodyDecoder(json.dumps(wire_schema(schema.root, decimals=True)))
    except kamiflow_native.NativeError as error:
        _logger.debug("arrow-avro refuses a schema, the reference decodes it: %s", error)
        return None


def _fixed_bytes(avro: AvroType) -> int:
    inner = [item for _, item in avro.fields] + ([avro.items] if avro.items else [])
    return avro.size + sum(_fixed_bytes(item) for item in inner)


def _taken(values: BinaryValues, places: list[int]) -> BinaryValues:
    return values.take(pa.array(places, pa.int64()))
