import io
import json
from decimal import Context, Decimal
from typing import Any

import fastavro
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.transforms.avro_decoders import both_decoders, decoder_or_skip
from tests.transforms.avro_framing import decoded, only_rows
from tests.transforms.sql.avro_row_strategies import columns, frame_of, in_avro, values
from transforms.sql.avro_rows import AvroRows
from transforms.sql.types import Field


def encoder(fields: list[Field]) -> AvroRows:
    not_null = [field.name for field in fields if not field.nullable]
    return AvroRows([(field.name, field.type) for field in fields], not_null=not_null)


def drawn(data: st.DataObject) -> tuple[list[Field], list[tuple[Any, ...]]]:
    fields = data.draw(columns())
    rows = data.draw(st.lists(st.tuples(*(values(field) for field in fields)), max_size=4))
    return fields, rows


def for_fastavro(value: Any) -> Any:
    """fastavro takes more bytes than it needs for some decimals; Java, and so Flink, the fewest."""
    match value:
        case Decimal():
            unscaled = int(value.scaleb(-int(value.as_tuple().exponent), Context(prec=60)))
            size = (unscaled if unscaled >= 0 else ~unscaled).bit_length() // 8 + 1
            return unscaled.to_bytes(size, "big", signed=True)
        case dict():
            return {name: for_fastavro(part) for name, part in value.items()}
        case list():
            return [for_fastavro(part) for part in value]
    return value


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_rows_of_any_types_are_the_bytes_that_fastavro_writes(data: st.DataObject) -> None:
    fields, rows = drawn(data)
    avro = encoder(fields)
    encoded = avro.encode(frame_of(fields, rows), schema_id=None)
    assert encoded.failures == []
    schema = fastavro.parse_schema(json.loads(avro.schema_text))
    for payload, row in zip(encoded.payload.to_list(), rows, strict=True):
        record = {
            field.name: for_fastavro(in_avro(value, field.type))
            for field, value in zip(fields, row, strict=True)
        }
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, record)
        assert payload == out.getvalue()


@both_decoders
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_rows_of_any_types_are_decoded_to_the_same_values(
    name: str, data: st.DataObject
) -> None:
    fields, rows = drawn(data)
    avro = encoder(fields)
    payload = avro.encode(frame_of(fields, rows), schema_id=2**32 - 1).payload
    decoder = decoder_or_skip(name)
    result = decoded(avro.schema_text, payload.to_list(), decoder, schema_id=2**32 - 1)
    if not rows:
        assert result.groups == []
        return
    read = only_rows(result)
    assert read.num_rows == len(rows)
    for place, field in enumerate(fields):
        expected = [in_avro(row[place], field.type) for row in rows]
        assert _plain(read.column(place)) == expected


@pytest.mark.parametrize("start", [1, 3])
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_slice_of_a_frame_is_encoded_as_its_rows_alone(start: int, data: st.DataObject) -> None:
    fields, rows = drawn(data)
    avro = encoder(fields)
    frame = frame_of(fields, rows)
    whole = avro.encode(frame, schema_id=1).payload.to_list()
    assert avro.encode(frame[start:], schema_id=1).payload.to_list() == whole[start:]


def _plain(column: Any) -> Any:
    return [_value(value) for value in column]


def _value(value: Any) -> Any:
    if not value.is_valid:
        return None
    # As Any: the stubs have scalars without values.
    inside: Any = getattr(value, "values", None)
    if isinstance(value, pa.MapScalar):
        keys, items = inside.flatten()
        return {str(key): _value(item) for key, item in zip(keys, items, strict=True)}
    if isinstance(value, pa.StructScalar):
        return {name: _value(part) for name, part in value.items()}
    if isinstance(value, pa.ListScalar):
        return [_value(part) for part in inside]
    return value.as_py()
