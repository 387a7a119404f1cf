"""What Kryo writes of a value; `transforms.encryption_kryo` reads it."""

from __future__ import annotations

import struct

from transforms.encryption_kryo import (
    EPOCH,
    LONG_BITS,
    MILLISECOND,
    EncryptedField,
    Value,
)
from transforms.encryption_kryo_versions import (
    ASCII_AT_LEAST,
    BYTE_ARRAY,
    DATE,
    DEFAULT,
    MARK,
    PLAIN,
    KryoClass,
    KryoError,
    KryoForm,
)


def write_value(value: Value, form: KryoForm = DEFAULT, *, has_byte_class: bool = False) -> bytes:
    """What `Kryo.writeClassAndObject` writes; Python's int is a Java long, its float a double.

    has_byte_class: byte[] is registered, as kryptonite-for-kafka does.
    """
    mark = bytes([MARK]) if form.has_marks else b""
    match value:
        case None:
            return bytes([KryoClass.NULL])
        case bool():
            return bytes([KryoClass.BOOLEAN, value])
        case int():
            return bytes([KryoClass.LONG]) + _zigzag(value)
        case float():
            return bytes([KryoClass.DOUBLE]) + struct.pack(form.order + "d", value)
        case str():
            return bytes([KryoClass.STRING]) + mark + _text(value, form)
        case bytes():
            named = bytes([KryoClass.BYTES]) if has_byte_class else _named(BYTE_ARRAY)
            return named + mark + _varint(len(value) + 1) + value
    milliseconds = (value - EPOCH) // MILLISECOND
    return _named(DATE) + mark + _varint(milliseconds % 2**LONG_BITS)


def write_field(field: EncryptedField) -> bytes:
    """The bytes of `read_field`."""
    return (
        bytes([KryoClass.FIELD])
        + _varint(len(field.ciphertext) + 1)
        + field.ciphertext
        + bytes([KryoClass.METADATA])
        + b"".join(_text(text, PLAIN) for text in (field.algorithm, field.key, field.version))
    )


def _varint(number: int) -> bytes:
    found = bytearray()
    while number >= 0x80 and len(found) < 8:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _zigzag(number: int) -> bytes:
    if not -(2**63) <= number < 2**63:
        message = "the number is longer than a Java long"
        raise KryoError(message)
    return _varint(((number << 1) ^ (number >> 63)) & (2**LONG_BITS - 1))


def _named(name: str) -> bytes:
    return bytes([KryoClass.NAMED, 0]) + _text(name, PLAIN)


def _text(text: str, form: KryoForm) -> bytes:
    is_short = ASCII_AT_LEAST <= len(text) <= form.ascii_at_most and text.isascii()
    if is_short and not (form.refuses_marks and _fits_behind_mark(text)):
        data = text.encode("ascii")
        return data[:-1] + bytes([data[-1] | 0x80])
    try:
        units = text.encode("utf-16-le")
    except UnicodeEncodeError as error:
        message = f"the text has half a surrogate pair, which is no Unicode ({error.reason})"
        raise KryoError(message) from None
    split = "".join(
        chr(int.from_bytes(units[n : n + 2], "little")) for n in range(0, len(units), 2)
    )
    size = len(units) // 2 + 1
    # The first byte: a flag for UTF-8, one for more bytes, and six bits.
    head = bytes([0x80 | size]) if size < 0x40 else bytes([0xC0 | size & 0x3F]) + _varint(size >> 6)
    return head + split.encode("utf-8", "surrogatepass")


def _fits_behind_mark(text: str) -> bool:
    """Whether the short form of the text is as well a mark with another text: U+0001 and one. Java
    reads the long form of it too, which is no such."""
    return text[0] == chr(MARK) and (len(text) > ASCII_AT_LEAST or text[1] == chr(MARK))
