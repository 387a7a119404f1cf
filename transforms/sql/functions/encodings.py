"""Functions of bytes, codes and hashes."""

from __future__ import annotations

import codecs
import hashlib
import os
from collections.abc import Callable

import polars as pl
import pyarrow as pa

from transforms.sql.expression import NOW, Call, Expression
from transforms.sql.functions.arguments import (
    binary,
    expect_count,
    literal_text,
    literal_whole,
    null_result,
    of_kinds,
    per_distinct_value,
    refusal,
    result,
    text,
    whole,
)
from transforms.sql.functions.registration import function
from transforms.sql.types import BINARIES, BYTES, INT, INTEGERS, STRING, STRINGS

Digest = Callable[[bytes], str]

_DIGESTS: dict[str, Digest] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA1": lambda data: hashlib.sha1(data, usedforsecurity=False).hexdigest(),
    "SHA224": lambda data: hashlib.sha224(data).hexdigest(),
    "SHA256": lambda data: hashlib.sha256(data).hexdigest(),
    "SHA384": lambda data: hashlib.sha384(data).hexdigest(),
    "SHA512": lambda data: hashlib.sha512(data).hexdigest(),
}


def _hashed(call: Call, digest: Digest) -> Expression:
    hashed = per_distinct_value(binary(call, 0), digest, pl.String())
    return result(call, hashed, STRING)


def _register_digest(name: str, digest: Digest) -> None:
    @function(name)
    def of_bytes(call: Call) -> Expression:
        expect_count(call, 1)
        return _hashed(call, digest)


for _name, _digest in _DIGESTS.items():
    _register_digest(_name, _digest)


@function("SHA2")
def sha2(call: Call) -> Expression:
    expect_count(call, 2)
    bits = literal_whole(call, 1, "the length of the hash in bits")
    if bits is None:
        return null_result(call, STRING)
    digest = _DIGESTS.get(f"SHA{bits}")
    if digest is None or bits == 1:
        message = f"the length of the hash is {bits}, expected 224, 256, 384 or 512"
        raise call.error(message, 1)
    return _hashed(call, digest)


@function("TO_BASE64")
def to_base64(call: Call) -> Expression:
    expect_count(call, 1)
    return result(call, binary(call, 0).bin.encode("base64"), STRING)


@function("FROM_BASE64")
def from_base64(call: Call) -> Expression:
    expect_count(call, 1)
    value = text(call, 0)
    # The padding at the end may be left out, as in Java.
    missing = (4 - value.str.len_bytes().cast(pl.Int64()) % 4) % 4
    padding = pl.lit("=").repeat_by(missing).list.join("")
    decoded = pl.concat_str([value, padding]).str.decode("base64", strict=False)
    refused = value.is_not_null() & (decoded.is_null() | ~_is_utf8(decoded))
    message = "the value is not base64 of a text in UTF-8; correct it in the source"
    readable = _decoded(pl.when(~refused).then(decoded), "utf-8")
    return result(call, readable, STRING, [refusal(call, refused, message, value)])


def _is_utf8(value: pl.Expr) -> pl.Expr:
    def readable(data: bytes) -> bool:
        try:
            data.decode()
        except UnicodeDecodeError:
            return False
        return True

    return per_distinct_value(value, readable, pl.Boolean())


def _decoded(value: pl.Expr, charset: str) -> pl.Expr:
    def decode(data: bytes) -> str:
        return data.decode(charset, errors="replace")

    return per_distinct_value(value, decode, pl.String())


def _charset(call: Call) -> str | None:
    name = literal_text(call, 1, "the character set")
    if name is None:
        return None
    try:
        return codecs.lookup(name).name
    except LookupError:
        message = (
            f"unknown character set {name!r}; there is: US-ASCII, ISO-8859-1, UTF-8, UTF-16BE, "
            "UTF-16LE, UTF-16"
        )
        raise call.error(message, 1) from None


@function("ENCODE")
def encode(call: Call) -> Expression:
    expect_count(call, 2)
    value, charset = text(call, 0), _charset(call)
    if charset is None:
        return null_result(call, BYTES)
    if charset == "utf-8":
        return result(call, value.cast(pl.Binary()), BYTES)
    # Java writes UTF-16 as big endian with its mark.
    mark, name = (b"\xfe\xff", "utf-16-be") if charset == "utf-16" else (b"", charset)

    def of_text(item: str) -> bytes:
        return mark + item.encode(name, errors="replace")

    return result(call, per_distinct_value(value, of_text, pl.Binary()), BYTES)


@function("DECODE")
def decode(call: Call) -> Expression:
    expect_count(call, 2)
    of_kinds(call, 0, BINARIES, "BYTES")
    value, charset = binary(call, 0), _charset(call)
    if charset is None:
        return null_result(call, STRING)
    return result(call, _decoded(value, charset), STRING)


@function("HEX")
def hexadecimal(call: Call) -> Expression:
    expect_count(call, 1)
    argument = of_kinds(call, 0, (*INTEGERS, *STRINGS, *BINARIES), "an integer, STRING or BYTES")
    if argument.is_integer:
        digits = per_distinct_value(whole(call, 0), _unsigned_digits("X"), pl.String())
    else:
        digits = binary(call, 0).bin.encode("hex").str.to_uppercase()
    return result(call, digits, STRING)


@function("UNHEX")
def unhex(call: Call) -> Expression:
    expect_count(call, 1)
    return result(call, text(call, 0).str.decode("hex", strict=False), BYTES)


@function("BIN")
def binary_digits(call: Call) -> Expression:
    expect_count(call, 1)
    digits = per_distinct_value(whole(call, 0), _unsigned_digits("b"), pl.String())
    return result(call, digits, STRING)


def _unsigned_digits(base: str) -> Callable[[int], str]:
    # A negative number shows the 64 bits of its two's complement, as in Java.
    return lambda number: format(number & 0xFFFF_FFFF_FFFF_FFFF, base)


@function("ASCII")
def ascii_code(call: Call) -> Expression:
    expect_count(call, 1)
    value = binary(call, 0)
    # Flink gives the first byte, signed, and 0 for the empty text.
    first = value.bin.slice(0, 1).bin.reinterpret(dtype=pl.Int8()).cast(pl.Int32())
    return result(call, pl.when(value.is_not_null()).then(first.fill_null(0)), INT)


@function("CHR")
def character_of(call: Call) -> Expression:
    expect_count(call, 1)
    code = whole(call, 0)
    characters = [chr(number) for number in range(256)]
    found = (code & 0xFF).replace_strict(
        list(range(256)), characters, default=None, return_dtype=pl.String()
    )
    return result(call, pl.when(code < 0).then(pl.lit("")).otherwise(found), STRING)


@function("UUID")
def uuid(call: Call) -> Expression:
    expect_count(call, 0)

    def random_ids(rows: pl.Series) -> pl.Series:
        count = len(rows)
        noise = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(16), count, [None, pa.py_buffer(os.urandom(16 * count))]
        )
        ids = pl.DataFrame({"hex": pl.Series(noise.cast(pa.binary()))}).select(
            pl.col("hex").bin.encode("hex")
        )
        digits = pl.col("hex")
        # Version 4 and the variant of RFC 9562, in the digits that it gives them.
        variant = digits.str.slice(16, 1).replace_strict(
            list("0123456789abcdef"), list("89ab" * 4), return_dtype=pl.String()
        )
        return ids.select(
            pl.concat_str(
                [
                    digits.str.slice(0, 8),
                    pl.lit("-"),
                    digits.str.slice(8, 4),
                    pl.lit("-4"),
                    digits.str.slice(13, 3),
                    pl.lit("-"),
                    variant,
                    digits.str.slice(17, 3),
                    pl.lit("-"),
                    digits.str.slice(20, 12),
                ]
            )
        ).to_series()

    # The column of the present time is there in every batch, with as many rows.
    ids = pl.col(NOW).map_batches(random_ids, return_dtype=pl.String(), is_elementwise=True)
    return result(call, ids, STRING)
