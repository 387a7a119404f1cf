"""Decodes values in the Confluent wire format (0x00, schema id, Avro) to Arrow columns."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms.avro_native import AVAILABLE, NativeDecoder
from transforms.avro_reference import (
    HEADER_BYTES,
    BinaryValues,
    DecodedBodies,
    ReferenceDecoder,
)
from transforms.avro_types import UnsupportedSchema

DECODERS = ("auto", "native", "fastavro")

# Arrow's strings have 32-bit offsets; a uuid takes more bytes as text than in Avro (16 to 36).
MAX_GROUP_BYTES = 2**29

_Positions = npt.NDArray[np.int64]


class UnknownSchemaId(LookupError):
    """The schema source has no schema of that id."""


class SchemaSource(Protocol):
    """Writer schemas by id."""

    def schema(self, schema_id: int) -> str:
        """The writer schema as JSON text.

        It is asked once a batch for each id in the batch, so that an id that was unknown is asked
        for again: an implementation keeps the schemas that it has fetched.

        Raises:
            LookupError: there is no such id (UnknownSchemaId says it best). Any other exception
                ends the decoding: the source is gone, and the batch can be tried again.
        """


class DecodeFailure(NamedTuple):
    """One value that could not be decoded: its position in the input, and why."""

    position: int
    error_class: str
    message: str
    schema_id: int | None


class DecodedGroup(NamedTuple):
    """Rows of one schema id, with the ascending position of each in the input."""

    schema_id: int
    positions: _Positions
    rows: pa.RecordBatch


class Decoded(NamedTuple):
    """Every non-null value, in exactly one group or one failure (in ascending position)."""

    groups: list[DecodedGroup]
    failures: list[DecodeFailure]


class Decoder(Protocol):
    """Decodes values of one writer schema; an instance serves one thread at a time."""

    @property
    def name(self) -> str: ...

    def decode_bodies(self, writer_schema: str, values: BinaryValues) -> DecodedBodies: ...


def choose_decoder(name: str = "auto") -> Decoder:
    """The decoder of that name; `auto` is the native one where it is built.

    Raises:
        ValueError: the name is none of DECODERS.
        NativeMissing: `native` was asked for and is not built.
    """
    if name not in DECODERS:
        message = f"decoder {name!r} is unknown, expected one of {', '.join(DECODERS)}"
        raise ValueError(message)
    if name == "native" or (name == "auto" and AVAILABLE):
        return NativeDecoder()
    return ReferenceDecoder()


def decode(values: BinaryValues, schemas: SchemaSource, decoder: Decoder) -> Decoded:
    """Decodes Kafka keys or values; nulls (tombstones) are in no group and no failure.

    A schema id has one group, or several when its values are larger than MAX_GROUP_BYTES.
    """
    headers = _headers(values)
    groups: list[DecodedGroup] = []
    failures = headers.failures
    for schema_id, positions in _by_schema(headers):
        try:
            writer_schema = schemas.schema(schema_id)
        except LookupError as error:
            message = f"schema id {schema_id} is unknown to the schema source: {error}"
            failures += _all_failed(positions, UnknownSchemaId.__name__, message, schema_id)
            continue
        for part in _parts(positions, headers.sizes):
            try:
                bodies = decoder.decode_bodies(writer_schema, _taken(values, part))
            except UnsupportedSchema as error:
                message = f"schema id {schema_id} cannot be decoded: {error}"
                failures += _all_failed(part, UnsupportedSchema.__name__, message, schema_id)
                continue
            if bodies.rows.num_rows:
                groups.append(DecodedGroup(schema_id, part[bodies.places], bodies.rows))
            failures += [
                DecodeFailure(int(part[place]), "CorruptRecord", message, schema_id)
                for place, message in bodies.failures
            ]
    return Decoded(groups, sorted(failures))


class _Headers(NamedTuple):
    positions: _Positions
    schema_ids: _Positions
    # Bytes of every value of the input, by position.
    sizes: _Positions
    failures: list[DecodeFailure]


def _by_schema(headers: _Headers) -> Iterator[tuple[int, _Positions]]:
    """The positions of each schema id, by ascending id."""
    ids = headers.schema_ids
    if len(ids) and ids.min() == ids.max():
        # One, as a rule; sorting thousands of numbers to find that out takes longer.
        yield int(ids[0]), headers.positions
        return
    for schema_id in np.unique(ids).tolist():
        yield schema_id, headers.positions[ids == schema_id]


def _headers(values: BinaryValues) -> _Headers:
    wide = isinstance(values, pa.LargeBinaryArray)
    if not wide and not isinstance(values, pa.BinaryArray):
        message = f"values are {type(values).__name__}, expected BinaryArray or LargeBinaryArray"
        raise TypeError(message)
    if not len(values):
        none = np.empty(0, np.int64)
        return _Headers(none, none, none, [])
    _, offset_buffer, data_buffer = values.buffers()
    # A slice shares its buffers: its offsets start in their midst.
    offsets = np.frombuffer(
        memoryview(offset_buffer or pa.py_buffer(b"")),
        np.int64 if wide else np.int32,
        count=len(values) + 1,
        offset=values.offset * (8 if wide else 4),
    ).astype(np.int64)
    data = np.frombuffer(memoryview(data_buffer or pa.py_buffer(b"")), np.uint8)
    starts, sizes = offsets[:-1], np.diff(offsets)
    present = values.is_valid().to_numpy(zero_copy_only=False)
    long_enough = np.flatnonzero(present & (sizes >= HEADER_BYTES))
    header = data[starts[long_enough, None] + np.arange(HEADER_BYTES)]
    framed = header[:, 0] == 0
    schema_ids = np.ascontiguousarray(header[:, 1:]).view(">u4")[:, 0].astype(np.int64)
    failures = [
        DecodeFailure(position, "NotConfluentAvro", _too_short(size), None)
        for position, size in _numbered(np.flatnonzero(present & (sizes < HEADER_BYTES)), sizes)
    ]
    failures += [
        DecodeFailure(position, "NotConfluentAvro", _wrong_magic(first), None)
        for position, first in zip(
            long_enough[~framed].tolist(), header[~framed, 0].tolist(), strict=True
        )
    ]
    return _Headers(long_enough[framed], schema_ids[framed], sizes, failures)


def _numbered(positions: _Positions, sizes: _Positions) -> Iterator[tuple[int, int]]:
    return zip(positions.tolist(), sizes[positions].tolist(), strict=True)


def _too_short(size: int) -> str:
    return (
        f"the value has {size} bytes, expected at least {HEADER_BYTES}: "
        "0x00 and a schema id of 4 bytes"
    )


def _wrong_magic(first: int) -> str:
    return (
        f"the value starts with byte 0x{first:02x}, expected 0x00 of the Confluent wire format; "
        "check that the topic's converter is AvroConverter"
    )


def _all_failed(
    positions: _Positions, error_class: str, message: str, schema_id: int
) -> list[DecodeFailure]:
    return [
        DecodeFailure(position, error_class, message, schema_id) for position in positions.tolist()
    ]


def _parts(positions: _Positions, sizes: _Positions) -> list[_Positions]:
    bucket = np.cumsum(sizes[positions]) // MAX_GROUP_BYTES
    return np.split(positions, np.flatnonzero(np.diff(bucket)) + 1)


def _taken(values: BinaryValues, positions: _Positions) -> BinaryValues:
    if len(positions) == len(values):
        return values
    return values.take(pa.array(positions, pa.int64()))
