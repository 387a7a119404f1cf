"""The reference decoder: fastavro, a record at a time, for every schema and without a compiler."""

import functools
import io
from typing import Any, NamedTuple

import fastavro
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from fastavro.types import Schema

from transforms.avro_check import quick_check
from transforms.avro_columns import finished_rows
from transforms.avro_schema import parse_schema
from transforms.avro_strict import CorruptRecord, record_check
from transforms.avro_types import AvroSchema
from transforms.avro_wire import wire_schema, wire_type

# The Confluent wire format's magic byte and schema id.
HEADER_BYTES = 5

BinaryValues = pa.BinaryArray | pa.LargeBinaryArray


class BodyFailure(NamedTuple):
    """A value that is no record of its schema, by its place among the values."""

    place: int
    message: str


class DecodedBodies(NamedTuple):
    """Rows of the valid values, in order, with the place of each among the values."""

    rows: pa.RecordBatch
    places: npt.NDArray[np.int64]
    failures: list[BodyFailure]


class ReferenceDecoder:
    """Decodes with fastavro; for one thread at a time."""

    name = "fastavro"

    def __init__(self) -> None:
        self._reader = functools.lru_cache(maxsize=1024)(_Reader)

    def decode_bodies(self, writer_schema: str, values: BinaryValues) -> DecodedBodies:
        """Decodes non-null values of one writer schema, each behind its header of 5 bytes.

        Raises:
            UnsupportedSchema: no value of the schema can be decoded.
        """
        return self._reader(writer_schema).read(values)


class _Reader:
    def __init__(self, writer_schema: str) -> None:
        self._schema: AvroSchema = parse_schema(writer_schema)
        self._is_record = quick_check(self._schema.root)
        self._check = record_check(self._schema.root)
        self._type = wire_type(self._schema.root)
        wire = wire_schema(self._schema.root, decimals=False)
        self._fastavro: Schema = fastavro.parse_schema(wire)

    def read(self, values: BinaryValues) -> DecodedBodies:
        records: list[Any] = []
        places: list[int] = []
        failures: list[BodyFailure] = []
        for place, value in enumerate(values.to_pylist()):
            if value is None:
                message = f"value {place} of {len(values)} is null, expected bytes"
                raise TypeError(message)
            # fastavro itself reads on over most corrupt bytes, or allocates what they say.
            if not self._is_record(value, HEADER_BYTES):
                try:
                    self._check(value, HEADER_BYTES)
                except CorruptRecord as error:
                    failures.append(BodyFailure(place, str(error)))
                    continue
            body = io.BytesIO(value)
            body.seek(HEADER_BYTES)
            records.append(fastavro.schemaless_reader(body, self._fastavro, None))
            places.append(place)
        rows = finished_rows(pa.array(records, self._type), self._schema)
        return DecodedBodies(rows, np.array(places, np.int64), failures)
