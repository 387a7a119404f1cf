"""Both decoders for tests: the native one is skipped where it is not built, but never in CI."""

from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.native_module import skip_without_native
from transforms.avro import Decoded, Decoder, choose_decoder

Array: TypeAlias = "pa.Array[Any]"


def decoder_or_skip(name: str) -> Decoder:
    if name == "native":
        skip_without_native()
    return choose_decoder(name)


both_decoders = pytest.mark.parametrize("name", ["fastavro", "native"])


def assert_same(left: Decoded, right: Decoded) -> None:
    """The same groups, positions, rows, types and metadata, and the same failures."""
    assert left.failures == right.failures
    assert [group.schema_id for group in left.groups] == [g.schema_id for g in right.groups]
    for one, other in zip(left.groups, right.groups, strict=True):
        assert one.positions.tolist() == other.positions.tolist()
        assert_same_rows(one.rows, other.rows)


def assert_same_rows(left: pa.RecordBatch, right: pa.RecordBatch) -> None:
    left.validate()
    right.validate()
    assert left.schema.equals(right.schema, check_metadata=True)
    assert left.num_rows == right.num_rows
    if left.equals(right, check_metadata=True):
        return
    # NaN equals no NaN in Arrow.
    for name, one, other in zip(left.schema.names, left.columns, right.columns, strict=True):
        assert _same(one, other), f"{name}: {one} against {other}"


def _same(left: Array, right: Array) -> bool:
    if left.type != right.type or not left.is_valid().equals(right.is_valid()):
        return False
    if isinstance(left, pa.StructArray) and isinstance(right, pa.StructArray):
        pairs = zip(left.flatten(), right.flatten(), strict=True)
        return all(_same(one, other) for one, other in pairs)
    if isinstance(left, pa.MapArray) and isinstance(right, pa.MapArray):
        same_shape = left.offsets.equals(right.offsets) and left.keys.equals(right.keys)
        return same_shape and _same(left.items, right.items)
    if isinstance(left, pa.ListArray) and isinstance(right, pa.ListArray):
        return left.offsets.equals(right.offsets) and _same(left.values, right.values)
    if pa.types.is_floating(left.type):
        return _bits(left).equals(_bits(right))
    return left.equals(right)


def _bits(floats: Array) -> Array:
    whole = pa.int32() if pa.types.is_float32(floats.type) else pa.int64()
    bits: Array = pc.if_else(pc.is_nan(floats), pa.scalar(0, whole), floats.view(whole))
    return bits
