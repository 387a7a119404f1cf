"""100,000 payloads of the recordings, flipped, cut and padded, through both decoders."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from tests.transforms.avro_decoders import (
    assert_same,
    assert_same_rows,
    both_decoders,
    decoder_or_skip,
)
from tests.transforms.avro_recordings import NAMES, Schemas, recording
from transforms.avro import Decoded, choose_decoder, decode

PAYLOADS = 100_000
BATCH = 5_000
SEED = 7


class Batch(NamedTuple):
    """Payloads, and for each that is untouched the position of its original, else -1."""

    payloads: pa.BinaryArray
    originals: list[int]


@pytest.fixture(scope="module")
def recorded() -> tuple[list[bytes], Schemas]:
    """The payloads of all recordings, their schema ids made unique, and all their schemas."""
    payloads: list[bytes] = []
    texts: dict[int, str] = {}
    for number, name in enumerate(NAMES, 1):
        keys, values, schemas = recording(name)
        texts |= {number * 1000 + at: text for at, text in schemas.texts.items()}
        for cell in (*keys.to_pylist(), *values.to_pylist()):
            if cell is not None:
                schema_id = number * 1000 + int.from_bytes(cell[1:5], "big")
                payloads.append(b"\x00" + schema_id.to_bytes(4, "big") + cell[5:])
    return payloads, Schemas(texts)


def corrupted(payload: bytes, chance: random.Random) -> bytes:
    kind, at = chance.randrange(4), chance.randrange(len(payload))
    if kind == 0:
        flipped = payload[at] ^ (1 << chance.randrange(8))
        return payload[:at] + bytes([flipped]) + payload[at + 1 :]
    if kind == 1:
        return payload[:at]
    if kind == 2:
        return payload + chance.randbytes(chance.randrange(1, 20))
    # A few random bytes in the midst: lengths, branches and block counts of any size.
    return payload[:at] + chance.randbytes(chance.randrange(1, 12)) + payload[at + 1 :]


def batches(payloads: list[bytes]) -> Iterator[Batch]:
    chance = random.Random(SEED)
    for _ in range(PAYLOADS // BATCH):
        chosen = [chance.randrange(len(payloads)) for _ in range(BATCH)]
        touched = [chance.random() < 0.8 for _ in range(BATCH)]
        cells = [
            corrupted(payloads[at], chance) if bad else payloads[at]
            for at, bad in zip(chosen, touched, strict=True)
        ]
        originals = [-1 if bad else at for at, bad in zip(chosen, touched, strict=True)]
        yield Batch(pa.array(cells, pa.binary()), originals)


@pytest.fixture(scope="module")
def referred(recorded: tuple[list[bytes], Schemas]) -> list[tuple[Batch, Decoded]]:
    """The batches, as the reference decodes them."""
    payloads, schemas = recorded
    reference = choose_decoder("fastavro")
    return [(batch, decode(batch.payloads, schemas, reference)) for batch in batches(payloads)]


@both_decoders
def test_corrupt_payloads_are_failures_and_their_neighbours_decode_as_they_do_alone(
    recorded: tuple[list[bytes], Schemas], referred: list[tuple[Batch, Decoded]], name: str
) -> None:
    payloads, schemas = recorded
    decoder = decoder_or_skip(name)
    own = decode(pa.array(payloads, pa.binary()), schemas, decoder)
    assert own.failures == []
    reasons: Counter[str] = Counter()
    for batch, reference in referred:
        decoded = reference
        if decoder.name != "fastavro":
            decoded = decode(batch.payloads, schemas, decoder)
            assert_same(decoded, reference)
        assert_each_in_one_place(decoded, BATCH)
        assert_neighbours_unharmed(decoded, own, np.array(batch.originals))
        reasons.update(failure.error_class for failure in decoded.failures)
    assert reasons.keys() == {"CorruptRecord", "NotConfluentAvro", "UnknownSchemaId"}
    assert reasons.total() > PAYLOADS // 2


def assert_each_in_one_place(decoded: Decoded, size: int) -> None:
    positions = [failure.position for failure in decoded.failures]
    for group in decoded.groups:
        positions += group.positions.tolist()
    assert sorted(positions) == list(range(size))


def assert_neighbours_unharmed(decoded: Decoded, own: Decoded, originals: np.ndarray) -> None:
    rows_of = {group.schema_id: group for group in own.groups}
    seen = 0
    for group in decoded.groups:
        untouched = np.flatnonzero(originals[group.positions] >= 0)
        if not len(untouched):
            continue
        seen += len(untouched)
        alone = rows_of[group.schema_id]
        places = np.searchsorted(alone.positions, originals[group.positions[untouched]])
        assert_same_rows(group.rows.take(untouched), alone.rows.take(places))
    assert seen == (originals >= 0).sum()
