"""The native decoder leans on the reference where it must, and nowhere else."""

import importlib
import logging

import pyarrow as pa
import pytest

from tests.transforms.avro_decoders import assert_same, decoder_or_skip
from tests.transforms.avro_framing import decoded, framed, record_of, written
from tests.transforms.avro_recordings import NAMES, recording
from transforms import avro_native
from transforms.avro import choose_decoder, decode
from transforms.avro_native import NativeMissing
from transforms.avro_reference import BinaryValues, DecodedBodies, ReferenceDecoder


@pytest.fixture(autouse=True)
def _native() -> None:
    decoder_or_skip("native")


@pytest.fixture
def referred(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of values of each call of the reference."""
    sizes: list[int] = []
    genuine = ReferenceDecoder.decode_bodies

    def spy(self: ReferenceDecoder, schema: str, values: BinaryValues) -> DecodedBodies:
        sizes.append(len(values))
        return genuine(self, schema, values)

    monkeypatch.setattr(ReferenceDecoder, "decode_bodies", spy)
    return sizes


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_schema_is_decoded_natively(name: str, referred: list[int]) -> None:
    keys, values, schemas = recording(name)
    for column in (keys, values):
        assert decode(column, schemas, choose_decoder("native")).failures == []
    assert referred == []


def test_the_reference_judges_the_refused_values_alone(referred: list[int]) -> None:
    schema = record_of("boolean")
    values = [framed(bytes([at % 2])) for at in range(100)]
    values[7], values[70] = framed(b"\x02"), framed(b"\x01\x01")
    result = decoded(schema, values, choose_decoder("native"))
    assert [failure.position for failure in result.failures] == [7, 70]
    assert referred == [2]


def test_a_schema_that_the_crate_refuses_is_decoded_by_the_reference(
    referred: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger=avro_native.__name__)
    decoder, schema = choose_decoder("native"), record_of(["int"])
    for _ in range(2):
        result = decoded(schema, [written(schema, {"a": 3})], decoder)
        assert result.groups[0].rows.to_pylist() == [{"a": 3}]
    assert referred == [1, 1]
    assert caplog.text.count("arrow-avro refuses a schema") == 1


def test_the_extension_refuses_what_it_does_not_know_and_works_on() -> None:
    native = importlib.import_module("native.kamiflow_native")
    bodies = native.BodyDecoder('{"type": "record", "name": "t1", "fields": []}')
    rows, refused = bodies.decode(pa.array([b"", b"x", None], pa.binary()), 0)
    assert rows is not None
    assert (rows.num_rows, refused) == (1, [1, 2])
    with pytest.raises(native.NativeError):
        native.BodyDecoder("{")
    with pytest.raises(native.NativeError):
        native.BodyDecoder('{"type": "record", "name": "t1", "fields": [{"name": "f0"}]}')
    with pytest.raises(TypeError, match="values are Utf8, expected binary or large_binary"):
        bodies.decode(pa.array(["x"]), 0)
    rows, refused = bodies.decode(pa.array([b"", b""], pa.large_binary()), 0)
    assert rows is not None
    assert (rows.num_rows, refused) == (2, [])


def test_a_large_fixed_is_left_to_the_reference_for_a_null_would_take_its_full_size(
    referred: list[int],
) -> None:
    large = {"type": "fixed", "name": "F", "size": 2**31 - 1}
    schema = record_of(["null", large])
    result = decoded(schema, [framed(b"\x00")] * 1000, choose_decoder("native"))
    assert result.groups[0].rows.column("a").null_count == 1000
    assert referred == [1000]


def test_rows_that_the_crate_gives_in_other_types_are_decoded_by_the_reference(
    monkeypatch: pytest.MonkeyPatch, referred: list[int]
) -> None:
    def other_types(*_: object) -> pa.RecordBatch:
        message = "no such cast"
        raise pa.ArrowNotImplementedError(message)

    monkeypatch.setattr(avro_native, "finished_rows", other_types)
    schema = record_of("int")
    values = [written(schema, {"a": 1}), framed(b""), written(schema, {"a": 2})]
    result = decoded(schema, values, choose_decoder("native"))
    assert_same(result, decoded(schema, values, choose_decoder("fastavro")))
    assert referred[0] == 3


def test_asking_for_a_decoder_that_is_not_built_says_how_to_build_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(avro_native, "AVAILABLE", False)
    with pytest.raises(NativeMissing, match=r"run `make native` \(needs Rust\), or take decoder"):
        choose_decoder("native")
