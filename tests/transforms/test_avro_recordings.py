"""Both decoders over everything that Debezium wrote."""

import pyarrow as pa
import pytest

from tests.transforms.avro_decoders import assert_same, both_decoders, decoder_or_skip
from tests.transforms.avro_recordings import NAMES, recording
from transforms.avro import choose_decoder, decode


@both_decoders
@pytest.mark.parametrize("recorded", NAMES)
def test_every_recorded_key_and_value_is_a_row(recorded: str, name: str) -> None:
    keys, values, schemas = recording(recorded)
    for column in (keys, values):
        decoded = decode(column, schemas, decoder_or_skip(name))
        assert decoded.failures == []
        positions = sorted(at for group in decoded.groups for at in group.positions.tolist())
        assert positions == [at for at, value in enumerate(column.to_pylist()) if value is not None]
        assert [len(group.positions) for group in decoded.groups] == [
            group.rows.num_rows for group in decoded.groups
        ]


@pytest.mark.parametrize("recorded", NAMES)
def test_the_native_decoder_equals_the_reference(recorded: str) -> None:
    native = decoder_or_skip("native")
    keys, values, schemas = recording(recorded)
    for column in (keys, values):
        reference = decode(column, schemas, choose_decoder("fastavro"))
        assert_same(decode(column, schemas, native), reference)


@both_decoders
def test_a_change_has_the_values_types_and_semantic_names_that_debezium_gave_it(name: str) -> None:
    _, values, schemas = recording("pg_connect")
    group = next(
        group
        for group in decode(values, schemas, decoder_or_skip(name)).groups
        if 0 in group.positions
    )
    first = group.rows.slice(0, 1).to_pylist()[0]
    assert first["op"] == "r"
    assert first["before"] is None
    assert first["source"]["table"] == "items"
    after = group.rows.schema.field("after").type
    assert isinstance(after, pa.StructType)
    assert after.field("price").type == pa.decimal128(10, 2)
    assert after.field("price").metadata == {
        b"connect.name": b"org.apache.kafka.connect.data.Decimal",
        b"connect.parameters": b'{"connect.decimal.precision": "10", "scale": "2"}',
    }
    assert after.field("updated_at").type == pa.timestamp("ms", "UTC")
    assert not after.field("id").nullable
    assert after.field("price").nullable
    assert group.rows.schema.field("after").nullable
