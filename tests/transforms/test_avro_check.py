"""The quick check and the strict one, side by side: a yes of the one is a yes of the other."""

import json
import random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.transforms.avro_framing import record_of, varint, written
from tests.transforms.avro_recordings import NAMES, recording
from tests.transforms.avro_strategies import Generated, generated
from transforms.avro import choose_decoder
from transforms.avro_check import quick_check
from transforms.avro_reference import HEADER_BYTES
from transforms.avro_schema import parse_schema
from transforms.avro_strict import CorruptRecord, record_check
from transforms.avro_types import AvroType

SEED = 11
PAYLOADS = 20_000


class Checks:
    """Both checks of one schema."""

    def __init__(self, text: str) -> None:
        root = parse_schema(text).root
        self._quick, self._strict = quick_check(root), record_check(root)

    def quick(self, value: bytes) -> bool:
        return self._quick(value, HEADER_BYTES)

    def strict(self, value: bytes) -> bool:
        try:
            self._strict(value, HEADER_BYTES)
        except CorruptRecord:
            return False
        return True

    def agreed(self, value: bytes) -> bool:
        """What both say of a value."""
        verdict = self.strict(value)
        assert self.quick(value) is verdict, value.hex()
        return verdict


def spoilt(value: bytes, chance: random.Random) -> bytes:
    """The value, its body changed in one to three places; it may still be valid."""
    cell = bytearray(value)
    for _ in range(chance.randrange(1, 4)):
        kind = chance.randrange(5)
        at = chance.randrange(HEADER_BYTES, len(cell) + 1)
        if kind == 0 and at < len(cell):
            cell[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del cell[at:]
        elif kind == 2:
            cell[at:at] = chance.randbytes(chance.randrange(1, 4))
        elif kind == 3:
            # A length, count or number of any size, that may be padded.
            number = varint(chance.choice((1, -1)) * chance.randrange(2 ** chance.randrange(1, 64)))
            cell[at : at + 1] = number
        else:
            cell[at : at + 1] = b"\xff" * chance.randrange(3, 10) + bytes([chance.randrange(32)])
    return bytes(cell)


def test_both_checks_agree_on_every_recorded_payload_and_on_spoilt_ones() -> None:
    chance = random.Random(SEED)
    checks: dict[str, Checks] = {}
    payloads: list[tuple[Checks, bytes]] = []
    for name in NAMES:
        keys, values, schemas = recording(name)
        for value in (*keys.to_pylist(), *values.to_pylist()):
            if value is not None:
                text = schemas.texts[int.from_bytes(value[1:5], "big")]
                payloads.append((checks.setdefault(text, Checks(text)), value))
    assert all(check.agreed(value) for check, value in payloads)
    verdicts = [
        check.agreed(spoilt(value, chance)) for check, value in chance.choices(payloads, k=PAYLOADS)
    ]
    assert 100 < sum(verdicts) < PAYLOADS // 2


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(case=generated(), chance=st.randoms(use_true_random=False))
def test_both_checks_agree_on_generated_rows_and_on_spoilt_ones(
    case: Generated, chance: random.Random
) -> None:
    text = json.dumps(case.schema)
    checks, left = Checks(text), leaves_items_to_the_strict_check(parse_schema(text).root)
    for row in case.rows:
        value = written(case.schema, row)
        assert checks.strict(value)
        for cell in (value, *(spoilt(value, chance) for _ in range(10))):
            if left:
                assert checks.strict(cell) or not checks.quick(cell), cell.hex()
            else:
                checks.agreed(cell)


def leaves_items_to_the_strict_check(avro: AvroType) -> bool:
    if avro.kind == "array" and avro.items is not None and avro.items.takes_no_bytes:
        return True
    inner = [item for _, item in avro.fields] + ([avro.items] if avro.items else [])
    return any(map(leaves_items_to_the_strict_check, inner))


def pair(first: Any, second: Any) -> dict[str, Any]:
    return {**record_of(first, second), "name": "Pair"}


EDGES: list[tuple[Any, bytes, bool]] = [
    ("int", b"\xff\xff\xff\xff\x0f", True),
    ("int", b"\xff\xff\xff\xff\x10", False),
    ("int", b"\x80\x80\x80\x80\x80\x01", False),
    ("int", b"\x80\x00", False),
    ("long", b"\xff" * 9 + b"\x01", True),
    ("long", b"\xff" * 9 + b"\x02", False),
    ("long", b"\x80" * 10 + b"\x01", False),
    ("long", b"\x80" * 8 + b"\x00", False),
    ("boolean", b"\x01", True),
    ("boolean", b"\x02", False),
    ("string", varint(64) + "é".encode() * 32, True),
    ("string", varint(63) + "é".encode() * 32, False),
    ("string", varint(1) + b"\xc3", False),
    ("string", varint(-64), False),
    ("string", varint(-65), False),
    ("string", varint(2**62), False),
    ("bytes", varint(65) + bytes(65), True),
    ("bytes", varint(-1), False),
    ("double", bytes(8), True),
    ("double", bytes(7), False),
    (["null"], b"\x00", True),
    (["null"], b"\x02", False),
    (["int"], b"\x00\x02", True),
    (["int"], b"\x02\x02", False),
    (["int", "null"], b"\x02", True),
    (["int", "null"], b"\x00\x02", True),
    (["int", "null"], b"\x04\x02", False),
    (["int", "null"], b"\x80\x00\x02", False),
    ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x02", True),
    ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x04", False),
    ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x01", False),
    ({"type": "fixed", "name": "F", "size": 0}, b"", True),
    ({"type": "array", "items": "int"}, varint(-1) + varint(1) + b"\x02\x00", True),
    ({"type": "array", "items": "int"}, varint(-1) + varint(2) + b"\x02\x00", False),
    ({"type": "array", "items": "double"}, varint(2**62) + bytes(64), False),
    ({"type": "array", "items": "double"}, varint(9) + bytes(64), False),
    ({"type": "array", "items": "int"}, varint(-(2**63)) + varint(0) + b"\x00", False),
    ({"type": "array", "items": "null"}, b"\x00", True),
    ({"type": "array", "items": "null"}, varint(1001) + b"\x00", False),
    # These would come out right at the end, were the length or the count believed.
    (pair("bytes", "double"), varint(-1) + bytes(7), False),
    (pair("string", "double"), varint(-1) + bytes(7), False),
    (
        pair({"type": "array", "items": "null"}, "bytes"),
        varint(1001) + b"\x00" + varint(1100) + bytes(1100),
        False,
    ),
    ({"type": "map", "values": "null"}, varint(1) + varint(1) + b"k\x00", True),
    ({"type": "map", "values": "null"}, varint(2**62) + b"\x00\x00", False),
]


@pytest.mark.parametrize(("avro", "body", "valid"), EDGES)
def test_both_checks_agree_at_the_edges_of_a_type(avro: Any, body: bytes, valid: bool) -> None:
    checks = Checks(json.dumps(record_of(avro, "int")))
    assert checks.agreed(bytes(HEADER_BYTES) + body + b"\x02") is valid
    if valid:
        assert not checks.agreed(bytes(HEADER_BYTES) + body)
        assert not checks.agreed(bytes(HEADER_BYTES) + body + b"\x02\x02")


@pytest.mark.parametrize("digits", [1, 4, 38, 76])
@pytest.mark.parametrize("kind", ["bytes", "fixed"])
def test_both_checks_agree_on_the_digits_of_a_decimal(kind: str, digits: int) -> None:
    avro = {"type": kind, "name": "F", "size": 40, "logicalType": "decimal", "precision": digits}
    checks = Checks(json.dumps(record_of(avro)))
    limit = 10**digits
    for number in (0, limit - 1, 1 - limit, limit, -limit):
        raw = number.to_bytes(40, "big", signed=True)
        value = bytes(HEADER_BYTES) + (varint(40) if kind == "bytes" else b"") + raw
        assert checks.agreed(value) is (abs(number) < limit)
    assert not checks.agreed(bytes(HEADER_BYTES) + b"\x00")


def test_items_that_take_no_bytes_are_left_to_the_strict_check_and_read() -> None:
    schema = json.dumps(record_of({"type": "array", "items": "null"}))
    value = bytes(HEADER_BYTES) + varint(3) + b"\x00"
    assert (Checks(schema).quick(value), Checks(schema).strict(value)) == (False, True)
    decoded = choose_decoder("fastavro").decode_bodies(schema, pa.array([value], pa.binary()))
    assert decoded.rows.to_pylist() == [{"a": [None] * 3}]
    assert decoded.failures == []
