"""Which bytes are a valid record of a schema: one strict meaning for both decoders.

Avro libraries read on where a corrupt record shows first: a union branch or enum symbol out of
range, a boolean of 2, a negative length, padded numbers, bytes left over. `avro_check` (whether,
quickly) and `native/src/strict.rs` hold the same rules; here is said which one is broken.
"""

from collections.abc import Callable

from transforms.avro_types import AvroType

# Items that take no bytes (an array of null) could be counted in without end.
MAX_EMPTY_ITEMS = 1000

# From the bytes and the position of a value to the position behind it.
Skip = Callable[[bytes, int], int]


class CorruptRecord(ValueError):
    """Bytes that are no record of the schema; the message starts with the field's path."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what
        self.path: list[str] = []

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: {self.what}" if self.path else self.what


def record_check(record: AvroType) -> Callable[[bytes, int], None]:
    """A function that raises CorruptRecord unless the bytes from a position on are one record."""
    empty_items = [0]
    skip = _skip(record, empty_items)

    def check(data: bytes, start: int) -> None:
        empty_items[0] = 0
        end = skip(data, start)
        if end != len(data):
            message = f"{len(data) - end} bytes are left over after the record, expected none"
            raise CorruptRecord(message)

    return check


def _skip(avro: AvroType, empty_items: list[int]) -> Skip:
    skip = _value(avro, empty_items)
    return _union(avro, skip) if avro.branches else skip


def _value(avro: AvroType, empty_items: list[int]) -> Skip:
    if avro.kind == "record":
        return _record([(name, _skip(item, empty_items)) for name, item in avro.fields])
    if avro.kind in ("array", "map"):
        return _blocks(avro, empty_items)
    if avro.digits is not None:
        return _decimal(avro, avro.digits[0])
    if avro.kind == "fixed" or avro.kind in SIZES:
        return _fixed(avro.size if avro.kind == "fixed" else SIZES[avro.kind])
    if avro.kind == "enum":
        return _enum(len(avro.symbols))
    return _PLAIN[avro.kind]


def _record(fields: list[tuple[str, Skip]]) -> Skip:
    def skip(data: bytes, position: int) -> int:
        for name, skip_field in fields:
            try:
                position = skip_field(data, position)
            except IndexError:
                error = CorruptRecord("the bytes end before the value does")
                error.path.insert(0, name)
                raise error from None
            except CorruptRecord as error:
                error.path.insert(0, name)
                raise
        return position

    return skip


def _union(avro: AvroType, skip_value: Skip) -> Skip:
    null_byte = -1 if avro.null_branch is None else 2 * avro.null_branch
    branches = avro.branches

    def skip(data: bytes, position: int) -> int:
        byte = data[position]
        if byte == null_byte:
            return position + 1
        if byte & 1 or byte >= 2 * branches:
            branch, _ = read_long(data, position, 10)
            message = f"union branch {branch}, the schema has {branches} branches"
            raise CorruptRecord(message)
        return skip_value(data, position + 1)

    return skip


def _blocks(avro: AvroType, empty_items: list[int]) -> Skip:
    if avro.items is None:
        message = f"{avro.kind} has no item type"
        raise TypeError(message)
    skip_item = _skip(avro.items, empty_items)
    if avro.kind == "map":
        skip_item = _record([("key", _text), ("value", skip_item)])
    empty = avro.kind == "array" and avro.items.takes_no_bytes

    def skip(data: bytes, position: int) -> int:
        while True:
            count, position = read_long(data, position, 10)
            if count == 0:
                return position
            size = None
            if count < 0:
                count = -count
                size, position = read_long(data, position, 10)
            start = position
            if empty:
                empty_items[0] += count
                if empty_items[0] > MAX_EMPTY_ITEMS:
                    message = f"more than {MAX_EMPTY_ITEMS:,} array items that take no bytes"
                    raise CorruptRecord(message)
            else:
                # A huge count ends with the bytes: each item takes at least one.
                for _ in range(count):
                    position = skip_item(data, position)
            if size is not None and size != position - start:
                message = f"a block of {position - start} bytes says that it has {size}"
                raise CorruptRecord(message)

    return skip


def read_long(data: bytes, position: int, longest: int) -> tuple[int, int]:
    byte = data[position]
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), position + 1
    raw = byte & 0x7F
    for index in range(1, longest):
        byte = data[position + index]
        raw |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            # A padded number is a flipped bit: no encoder writes more bytes than it needs.
            if byte == 0 or raw >> (32 if longest == 5 else 64):
                break
            return (raw >> 1) ^ -(raw & 1), position + index + 1
    message = f"a number that is padded or has more than {32 if longest == 5 else 64} bits"
    raise CorruptRecord(message)


def _int(data: bytes, position: int) -> int:
    return position + 1 if data[position] < 0x80 else read_long(data, position, 5)[1]


def _any_long(data: bytes, position: int) -> int:
    return position + 1 if data[position] < 0x80 else read_long(data, position, 10)[1]


def _enum(symbols: int) -> Skip:
    def skip(data: bytes, position: int) -> int:
        value, position = read_long(data, position, 5)
        if not 0 <= value < symbols:
            message = f"enum symbol {value}, the schema has {symbols} symbols"
            raise CorruptRecord(message)
        return position

    return skip


def _boolean(data: bytes, position: int) -> int:
    if data[position] > 1:
        message = f"boolean byte {data[position]}, expected 0 or 1"
        raise CorruptRecord(message)
    return position + 1


def _sized(data: bytes, position: int, size: int) -> int:
    end = position + size
    if size < 0 or end > len(data):
        message = f"a length of {size} bytes, {len(data) - position} are left"
        raise CorruptRecord(message)
    return end


def _bytes(data: bytes, position: int) -> int:
    size, position = read_long(data, position, 10)
    return _sized(data, position, size)


def _text(data: bytes, position: int) -> int:
    size, position = read_long(data, position, 10)
    end = _sized(data, position, size)
    try:
        data[position:end].decode()
    except UnicodeDecodeError as error:
        message = f"a string that is not UTF-8 ({error.reason} at byte {error.start})"
        raise CorruptRecord(message) from None
    return end


def _fixed(size: int) -> Skip:
    def skip(data: bytes, position: int) -> int:
        return _sized(data, position, size)

    return skip


def _decimal(avro: AvroType, precision: int) -> Skip:
    limit = 10**precision
    skip_raw = _bytes if avro.kind == "bytes" else _fixed(avro.size)

    def skip(data: bytes, position: int) -> int:
        start = position if avro.kind == "fixed" else read_long(data, position, 10)[1]
        end = skip_raw(data, position)
        if start == end:
            message = "a decimal of no bytes, expected at least one"
            raise CorruptRecord(message)
        if abs(int.from_bytes(data[start:end], "big", signed=True)) >= limit:
            message = f"a decimal of more than {precision} digits"
            raise CorruptRecord(message)
        return end

    return skip


SIZES = {"null": 0, "float": 4, "double": 8}
_PLAIN: dict[str, Skip] = {
    "boolean": _boolean,
    "int": _int,
    "long": _any_long,
    "bytes": _bytes,
    "string": _text,
}
