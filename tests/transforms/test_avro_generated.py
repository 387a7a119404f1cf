"""Over generated schemas and rows: the native decoder equals the reference, value by value."""

import json
import random

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.transforms.avro_decoders import assert_same, both_decoders, decoder_or_skip
from tests.transforms.avro_framing import written
from tests.transforms.avro_recordings import Schemas
from tests.transforms.avro_strategies import Generated, generated
from transforms.avro import Decoded, choose_decoder, decode

GENERATED = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def column(case: Generated) -> pa.BinaryArray:
    return pa.array([written(case.schema, row) for row in case.rows], pa.binary())


@both_decoders
@GENERATED
@given(case=generated())
def test_every_written_row_is_decoded_and_by_both_decoders_to_the_same(
    name: str, case: Generated
) -> None:
    decoder, values = decoder_or_skip(name), column(case)
    decoded = decode(values, Schemas({1: json.dumps(case.schema)}), decoder)
    assert decoded.failures == []
    assert sum(group.rows.num_rows for group in decoded.groups) == len(case.rows)
    for group in decoded.groups:
        group.rows.validate(full=True)
    assert_as_the_reference(decoded, values, case)


@both_decoders
@GENERATED
@given(case=generated(), chance=st.randoms(use_true_random=False))
def test_of_corrupt_rows_both_decoders_refuse_the_same_for_the_same_reason(
    name: str, case: Generated, chance: random.Random
) -> None:
    cells = [bytearray(written(case.schema, row)) for row in case.rows]
    for cell in cells:
        for _ in range(chance.randrange(3)):
            if len(cell) > 5:
                cell[chance.randrange(5, len(cell))] ^= 1 << chance.randrange(8)
    values = pa.array([bytes(cell) for cell in cells], pa.binary())
    decoded = decode(values, Schemas({1: json.dumps(case.schema)}), decoder_or_skip(name))
    positions = [at for group in decoded.groups for at in group.positions.tolist()]
    positions += [failure.position for failure in decoded.failures]
    assert sorted(positions) == list(range(len(cells)))
    assert_as_the_reference(decoded, values, case)


def assert_as_the_reference(decoded: Decoded, values: pa.BinaryArray, case: Generated) -> None:
    source = Schemas({1: json.dumps(case.schema)})
    assert_same(decoded, decode(values, source, choose_decoder("fastavro")))
