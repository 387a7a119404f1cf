"""Whether bytes are a valid record, quickly: yes, or ask `avro_strict`.

Almost every record is valid. So a schema becomes one flat row of steps, which a single loop
follows without a call a field, and nothing is kept to say why a record is refused: the strict
check reads the refused ones again, says why, and has the last word. A yes here must mean a yes
there; the other way round only costs time.
"""

import itertools
from collections.abc import Callable, Iterable
from typing import TypeAlias

from transforms.avro_strict import SIZES, CorruptRecord, read_long
from transforms.avro_types import AvroType

# One value: what it is, the bytes of a union's null and value branch (-1: none), a number that
# depends on what it is, and the steps within it. A plain tuple is the quickest to unpack.
_Step: TypeAlias = "tuple[str, int, int, int, tuple[_Step, ...]]"

# Bytes that may go before the last one of a number.
_LONGEST = {"int": 4, "long": 9}


class _Refused(ValueError):
    """Bytes for the strict check to judge."""


def quick_check(record: AvroType) -> Callable[[bytes, int], bool]:
    """A function that is true where the bytes from a position on are surely one valid record."""
    steps = _fields(record)

    def check(data: bytes, start: int) -> bool:
        try:
            return _end(data, start, steps) == len(data)
        except (IndexError, _Refused, CorruptRecord, UnicodeDecodeError):
            return False

    return check


def _fields(record: AvroType) -> tuple[_Step, ...]:
    return tuple(_step(item) for _, item in record.fields)


def _step(avro: AvroType) -> _Step:
    what, number, inner = _value(avro)
    if not avro.branches:
        return what, -1, -1, number, inner
    null_byte = -1 if avro.null_branch is None else 2 * avro.null_branch
    # Of two branches the other one, and an only branch is the value's, if only of null.
    return what, null_byte, 2 - null_byte if avro.branches == 2 else 0, number, inner


def _value(avro: AvroType) -> tuple[str, int, tuple[_Step, ...]]:
    if avro.kind == "record":
        return "record", 0, _fields(avro)
    if avro.items is not None:
        if avro.kind == "map":
            return "blocks", 0, (("string", -1, -1, 0, ()), _step(avro.items))
        # Items that take no bytes are rare: the strict check counts them over the whole record.
        return "blocks", 0, () if avro.items.takes_no_bytes else (_step(avro.items),)
    if avro.digits is not None:
        # Without a step within it says its size itself.
        fixed: _Step = ("fixed", -1, -1, avro.size, ())
        return "decimal", 10 ** avro.digits[0], (fixed,) if avro.kind == "fixed" else ()
    if avro.kind in _LONGEST:
        return "number", _LONGEST[avro.kind], ()
    if avro.kind == "enum":
        return "enum", len(avro.symbols), ()
    if avro.kind in ("string", "bytes", "boolean"):
        return avro.kind, 0, ()
    return "fixed", avro.size if avro.kind == "fixed" else SIZES[avro.kind], ()


def _end(data: bytes, position: int, steps: Iterable[_Step]) -> int:
    """The position behind the values, which may be beyond the end of the data."""
    # The commonest first: this loop is all that the check of a record costs.
    for what, null_byte, value_byte, number, inner in steps:
        if value_byte >= 0:
            byte = data[position]
            position += 1
            if byte != value_byte:
                if byte == null_byte:
                    continue
                raise _Refused
        if what == "string":
            size = data[position]
            if size & 0x81:
                size, position = _size(data, position)
            else:
                size >>= 1
                position += 1
            text = data[position : position + size]
            position += size
            if not text.isascii():
                # A text that the end of the data cuts is refused by its end.
                text.decode()
        elif what == "number":
            if data[position] >= 0x80:
                start = position
                position += 1
                while data[position] >= 0x80:
                    position += 1
                more, last = position - start, data[position]
                # The last byte that there may be holds 4 bits of an int, 1 bit of a long.
                if more >= number and (more > number or last >> (4 if number == 4 else 1)):
                    raise _Refused
                # No encoder writes more bytes than it needs.
                if last == 0:
                    raise _Refused
            position += 1
        elif what == "record":
            position = _end(data, position, inner)
        elif what == "decimal":
            position = _decimal_end(data, position, number, inner)
        elif what == "boolean":
            if data[position] > 1:
                raise _Refused
            position += 1
        elif what == "bytes":
            size, position = _size(data, position)
            position += size
        elif what == "enum":
            value, position = read_long(data, position, 5)
            if not 0 <= value < number:
                raise _Refused
        elif what == "blocks":
            position = _blocks_end(data, position, inner)
        else:
            position += number
            # Else a large count of large items is followed far beyond the end.
            if position > len(data):
                raise _Refused
    return position


def _size(data: bytes, position: int) -> tuple[int, int]:
    size, position = read_long(data, position, 10)
    if size < 0:
        raise _Refused
    return size, position


def _decimal_end(data: bytes, position: int, limit: int, fixed: tuple[_Step, ...]) -> int:
    start = position
    if fixed:
        position = _end(data, position, fixed)
    else:
        size, start = _size(data, position)
        position = start + size
    digits = data[start:position]
    if not digits or not -limit < int.from_bytes(digits, "big", signed=True) < limit:
        raise _Refused
    return position


def _blocks_end(data: bytes, position: int, item: tuple[_Step, ...]) -> int:
    while True:
        count, position = read_long(data, position, 10)
        if count == 0:
            return position
        size = None
        if count < 0:
            count = -count
            size, position = read_long(data, position, 10)
        start = position
        # Each item takes at least one byte.
        if not item or count > len(data) - position:
            raise _Refused
        items = itertools.chain.from_iterable(itertools.repeat(item, count))
        position = _end(data, position, items)
        if size is not None and size != position - start:
            raise _Refused
