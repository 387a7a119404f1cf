"""Kryo's bytes of one primitive value, and of the few classes that encrypted fields hold.

Kryo writes a class's number before each value; what has none has its name there. Strict: bytes
left over, a class that is not listed here and a text that is no Unicode are refused.
"""

from __future__ import annotations

import datetime
import struct
from typing import NamedTuple

from transforms.encryption_kryo_versions import (
    BYTE_ARRAY,
    DATE,
    DEFAULT,
    DIFFERING_LENGTHS,
    MARK,
    NUMBERS,
    PLAIN,
    KryoClass,
    KryoError,
    KryoForm,
    OtherKryoError,
)

Value = str | int | float | bool | bytes | datetime.datetime | None
"""What a field holds. A time is UTC, in milliseconds."""

_MARKED_TEXT = bytes([KryoClass.STRING, MARK])
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
MILLISECOND = datetime.timedelta(milliseconds=1)
_INT_BITS, LONG_BITS = 32, 64


class EncryptedField(NamedTuple):
    """kryptonite-for-kafka's first envelope ("k1")."""

    ciphertext: bytes
    algorithm: str
    key: str
    version: str


def read_value(data: bytes, form: KryoForm = DEFAULT) -> Value:
    """The value of the bytes that `Kryo.writeClassAndObject` wrote.

    Raises KryoError; OtherKryoError where Kryo's other version, or the other setting of
    references, has written them.
    """
    head = form.text_head
    body = data[len(head) : -1]
    if (
        # Most fields are short texts, which this reads in half the time.
        data.startswith(head)
        and 0 < len(body) < form.ascii_at_most
        and body.isascii()
        and data[-1] >= 0x80
        and not (body[0] == MARK and form.refuses_marks)
    ):
        return (body + bytes([data[-1] & 0x7F])).decode("ascii")
    try:
        value = _whole_value(data, form)
    except KryoError:
        if form.refuses_marks:
            _refuse_marks(data)
        raise
    if form.refuses_marks and data.startswith(_MARKED_TEXT):
        # A text that begins with the character U+0001, or any text behind a mark.
        _refuse_marks(data)
    return value


def _whole_value(data: bytes, form: KryoForm) -> Value:
    reader = _Reader(data, form)
    value = reader.value()
    reader.finish()
    return value


def _refuse_marks(data: bytes) -> None:
    """Raises OtherKryoError where the bytes are a value with a mark."""
    for number in NUMBERS:
        try:
            _whole_value(data, KryoForm(number, references=True))
        except KryoError:
            continue
        message = "its value has the mark of a reference (01), as Kryo 4 writes it"
        raise OtherKryoError(message)


def read_field(data: bytes) -> EncryptedField:
    """The envelope of an encrypted field. Raises KryoError."""
    reader = _Reader(data, PLAIN)
    reader.expect(KryoClass.FIELD, "EncryptedField")
    ciphertext = reader.byte_array()
    reader.expect(KryoClass.METADATA, "PayloadMetaData")
    algorithm, key, version = reader.text(), reader.text(), reader.text()
    reader.finish()
    return EncryptedField(ciphertext, algorithm, key, version)


class _Reader:
    def __init__(self, data: bytes, form: KryoForm) -> None:
        self._data = data
        self._form = form
        self._at = 0

    def take(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) < count:
            message = "Kryo's bytes end within a value"
            raise KryoError(message)
        self._at += count
        return found

    def finish(self) -> None:
        left = len(self._data) - self._at
        if left:
            message = f"{left} bytes are left over behind Kryo's value"
            raise KryoError(message)

    def expect(self, number: int, name: str) -> None:
        found = self.varint(_INT_BITS)
        if found != number:
            message = f"Kryo's class number {found} is not that of {name}, {number}"
            raise KryoError(message)

    def value(self) -> Value:
        kind = self.varint(_INT_BITS)
        match kind:
            case KryoClass.NULL:
                return None
            case KryoClass.INT:
                return self._signed(_INT_BITS)
            case KryoClass.STRING:
                self._mark()
                return self.text()
            case KryoClass.FLOAT:
                return self._number("f", 4)
            case KryoClass.BOOLEAN:
                return self._boolean()
            case KryoClass.BYTE:
                return self._number("b", 1)
            case KryoClass.SHORT:
                return self._number("h", 2)
            case KryoClass.LONG:
                return self._signed(LONG_BITS)
            case KryoClass.DOUBLE:
                return self._number("d", 8)
            case KryoClass.BYTES:
                self._mark()
                return self.byte_array()
            case KryoClass.NAMED:
                return self._named_value()
        message = (
            f"Kryo's class number {kind} is not one of the primitives, byte[] and java.util.Date"
        )
        raise KryoError(message)

    def _mark(self) -> None:
        if self._form.has_marks and self.varint(_INT_BITS) != MARK:
            message = "its value has no mark of a reference, as Kryo 5 writes it"
            raise OtherKryoError(message)

    def _number(self, code: str, size: int) -> int | float:
        number: int | float = struct.unpack(self._form.order + code, self.take(size))[0]
        return number

    def varint(self, bits: int) -> int:
        """Seven bits a byte, the lowest first; the ninth byte of a long has eight."""
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            if shift == 56:
                number |= byte << shift
                break
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift >= bits:
                message = f"a number of Kryo's is longer than {bits} bits"
                raise KryoError(message)
        if number >> bits:
            message = f"a number of Kryo's is longer than {bits} bits"
            raise KryoError(message)
        return number

    def _signed(self, bits: int) -> int:
        number = self.varint(bits)
        return (number >> 1) ^ -(number & 1)

    def _boolean(self) -> bool:
        byte = self.take(1)[0]
        if byte > 1:
            message = f"Kryo's boolean is the byte {byte}, expected 0 or 1"
            raise KryoError(message)
        return bool(byte)

    def byte_array(self) -> bytes:
        size = self.varint(_INT_BITS)
        if not size:
            message = "Kryo's byte[] is null within its class, which is written otherwise"
            raise KryoError(message)
        return self.take(size - 1)

    def _named_value(self) -> Value:
        if self.varint(_INT_BITS):
            message = "Kryo's class refers to an earlier one, and there is none"
            raise KryoError(message)
        name = self.text()
        if name == BYTE_ARRAY:
            self._mark()
            return self.byte_array()
        if name == DATE:
            self._mark()
            return self._time()
        # The name may be a value's bytes, where these were no Kryo.
        message = "Kryo's class has another name than [B (byte[]) and java.util.Date"
        raise KryoError(message)

    def _time(self) -> datetime.datetime:
        milliseconds = self.varint(LONG_BITS)
        if milliseconds >= 2 ** (LONG_BITS - 1):
            milliseconds -= 2**LONG_BITS
        try:
            return EPOCH + milliseconds * MILLISECOND
        except OverflowError as error:
            message = "Kryo's java.util.Date is not of the years 1 to 9999"
            raise KryoError(message) from error

    def text(self) -> str:
        first = self.take(1)[0]
        if first < 0x80:
            return self._ascii(first)
        units = first & 0x3F
        if first & 0x40:
            units |= self.varint(_INT_BITS) << 6
        if not units:
            message = "Kryo's text is null within its class, which is written otherwise"
            raise KryoError(message)
        return self._utf(units - 1)

    def _ascii(self, first: int) -> str:
        """Until the byte with the high bit, which is the last."""
        found = bytearray([first])
        while True:
            byte = self.take(1)[0]
            found.append(byte & 0x7F)
            if byte >= 0x80:
                break
        self._check_length(len(found), self._form.number == 5)
        return found.decode("ascii")

    def _check_length(self, count: int, is_other: bool) -> None:
        if is_other and count in DIFFERING_LENGTHS:
            other = 9 - self._form.number
            message = f"its text of {count} characters is as Kryo {other} writes it"
            raise OtherKryoError(message)

    def _utf(self, units: int) -> str:
        """`units` UTF-16 units, each as a UTF-8 of its own, surrogates too."""
        data = self._data[self._at : self._at + units]
        if len(data) == units and data.isascii():
            self._at += units
            self._check_length(units, self._form.number == 4)
            return data.decode("ascii")
        end, left = self._at, units
        while left:
            if end >= len(self._data):
                message = "Kryo's bytes end within a text"
                raise KryoError(message)
            lead = self._data[end]
            end += 1 if lead < 0x80 else 2 if lead < 0xE0 else 3
            left -= 1
        try:
            split = self.take(end - self._at).decode("utf-8", "surrogatepass")
            return split.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            # The cause would show the bytes.
            message = "Kryo's text is no Unicode"
            raise KryoError(message) from None
