"""The wire format: headers, schema ids, positions, and one failure for each value that is none."""

import json

import numpy as np
import pyarrow as pa
import pytest

from tests.transforms.avro_decoders import assert_same, both_decoders, decoder_or_skip
from tests.transforms.avro_framing import framed, record_of, written
from tests.transforms.avro_recordings import Schemas
from transforms import avro
from transforms.avro import choose_decoder, decode
from transforms.avro_reference import BinaryValues

ONE, TWO = record_of("int"), record_of("string")


def value(number: int) -> bytes:
    return written(ONE, {"a": number}, 1)


def text(letters: str) -> bytes:
    return written(TWO, {"a": letters}, 2)


def column(cells: list[bytes | None], arrow: pa.DataType) -> BinaryValues:
    if arrow == pa.large_binary():
        return pa.array(cells, pa.large_binary())
    return pa.array(cells, pa.binary())


def sources() -> Schemas:
    return Schemas({1: json.dumps(ONE), 2: json.dumps(TWO), 9: '["int", "string"]', 8: "{"})


@both_decoders
@pytest.mark.parametrize("arrow", [pa.binary(), pa.large_binary()])
def test_values_of_several_schemas_are_grouped_with_their_positions(
    arrow: pa.DataType, name: str
) -> None:
    values = column([text("x"), value(1), None, value(2), text("y")], arrow)
    decoded = decode(values, sources(), decoder_or_skip(name))
    assert decoded.failures == []
    outcome = [(g.schema_id, g.positions.tolist(), g.rows.to_pylist()) for g in decoded.groups]
    assert outcome == [
        (1, [1, 3], [{"a": 1}, {"a": 2}]),
        (2, [0, 4], [{"a": "x"}, {"a": "y"}]),
    ]
    assert all(group.positions.dtype == np.int64 for group in decoded.groups)


@both_decoders
@pytest.mark.parametrize("arrow", [pa.binary(), pa.large_binary()])
def test_a_slice_is_decoded_as_a_copy_of_it_is(arrow: pa.DataType, name: str) -> None:
    decoder = decoder_or_skip(name)
    cells = [None, text("a"), b"", value(1), None, value(2), text("é"), b"\x01", value(3), None]
    values = column(cells * 3, arrow)
    for start in range(0, 20, 3):
        for size in (0, 1, 7, 10):
            copied = column(values.slice(start, size).to_pylist(), arrow)
            sliced = decode(values.slice(start, size), sources(), decoder)
            assert_same(sliced, decode(copied, sources(), decoder))


@both_decoders
def test_each_value_that_is_no_record_is_a_failure_of_its_own(name: str) -> None:
    cells = {
        b"": ("NotConfluentAvro", "the value has 0 bytes, expected at least 5", None),
        b"\x00\x00\x00\x00": ("NotConfluentAvro", "the value has 4 bytes", None),
        b'{"a": 1}': ("NotConfluentAvro", "the value starts with byte 0x7b, expected 0x00", None),
        framed(b"\x02", 77): ("UnknownSchemaId", "schema id 77 is unknown to the schema", 77),
        framed(b"\x02", 2**32 - 1): ("UnknownSchemaId", "schema id 4294967295", 2**32 - 1),
        framed(b"\x02", 9): ("UnsupportedSchema", "schema id 9 cannot be decoded: the sch", 9),
        framed(b"\x02", 8): ("UnsupportedSchema", "schema id 8 cannot be decoded: the sch", 8),
        framed(b"", 1): ("CorruptRecord", "a: the bytes end before the value does", 1),
        value(5) + b"\x00": ("CorruptRecord", "1 bytes are left over after the record", 1),
        text("abc")[:-1]: ("CorruptRecord", "a: a length of 3 bytes, 2 are left", 2),
    }
    good = value(5)
    values = pa.array([good, *(cell for bad in cells for cell in (bad, good))], pa.binary())
    decoded = decode(values, sources(), decoder_or_skip(name))
    [group] = decoded.groups
    assert group.positions.tolist() == list(range(0, 2 * len(cells) + 1, 2))
    assert group.rows.column("a").to_pylist() == [5] * (len(cells) + 1)
    assert [failure.position for failure in decoded.failures] == list(range(1, len(values), 2))
    for failure, (error_class, message, schema_id) in zip(
        decoded.failures, cells.values(), strict=True
    ):
        assert failure.error_class == error_class
        assert failure.message.startswith(message)
        assert failure.schema_id == schema_id


@both_decoders
def test_an_unknown_schema_id_is_asked_for_again_in_the_next_batch(name: str) -> None:
    decoder, source = decoder_or_skip(name), Schemas({})
    values = pa.array([value(1), value(2)], pa.binary())
    assert len(decode(values, source, decoder).failures) == 2
    assert source.asked == [1]
    source.texts[1] = json.dumps(ONE)
    assert decode(values, source, decoder).failures == []


@both_decoders
def test_two_sources_may_mean_different_schemas_by_one_id(name: str) -> None:
    decoder = decoder_or_skip(name)
    values = pa.array([framed(b"\x02", 1)], pa.binary())
    [ints] = decode(values, Schemas({1: json.dumps(ONE)}), decoder).groups
    [flags] = decode(values, Schemas({1: json.dumps(record_of("long"))}), decoder).groups
    assert ints.rows.schema.field("a").type == pa.int32()
    assert flags.rows.schema.field("a").type == pa.int64()


class _GoneSource:
    def schema(self, schema_id: int) -> str:
        message = f"no route to the registry for {schema_id}"
        raise ConnectionError(message)


def test_a_schema_source_that_is_gone_ends_the_batch_and_loses_nothing() -> None:
    with pytest.raises(ConnectionError, match="no route"):
        decode(pa.array([value(1)], pa.binary()), _GoneSource(), choose_decoder("fastavro"))


@both_decoders
def test_a_batch_of_nothing_has_no_groups_and_no_failures(name: str) -> None:
    for cells in ([], [None], [None, None]):
        values = pa.array(cells, pa.binary())
        assert decode(values, sources(), decoder_or_skip(name)) == ([], [])


@both_decoders
def test_values_beyond_arrows_string_size_are_in_several_groups(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(avro, "MAX_GROUP_BYTES", 20)
    cells = [text("x" * size) for size in (1, 1, 1, 50, 1)]
    decoded = decode(pa.array(cells, pa.binary()), sources(), decoder_or_skip(name))
    assert len(decoded.groups) > 1
    assert [at for group in decoded.groups for at in group.positions.tolist()] == [0, 1, 2, 3, 4]
    rows = [row["a"] for group in decoded.groups for row in group.rows.to_pylist()]
    assert rows == ["x", "x", "x", "x" * 50, "x"]


def test_values_that_are_not_binary_are_refused() -> None:
    with pytest.raises(TypeError, match="values are StringArray, expected BinaryArray"):
        decode(pa.array(["x"]), sources(), choose_decoder("fastavro"))  # type: ignore[arg-type] # what is tested


def test_the_decoder_is_chosen_by_name() -> None:
    assert choose_decoder("fastavro").name == "fastavro"
    assert choose_decoder("auto").name in ("fastavro", "native")
    with pytest.raises(ValueError, match="'avro' is unknown, expected one of auto, native"):
        choose_decoder("avro")
