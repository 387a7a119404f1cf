"""Bytes, codes and hashes. The expected values are those of Flink SQL 2.3."""

from __future__ import annotations

import re

import pytest

from tests.transforms.sql.functions.calls import Check, Evaluate
from transforms.sql.errors import SqlError


@pytest.mark.parametrize(
    ("sql", "kind", "value", "result", "expected"),
    [
        ("MD5(v)", "STRING", "abc", "STRING", "900150983cd24fb0d6963f7d28e17f72"),
        ("SHA1(v)", "STRING", "abc", "STRING", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            "SHA224(v)",
            "STRING",
            "abc",
            "STRING",
            "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
        ),
        (
            "SHA256(v)",
            "STRING",
            "é",
            "STRING",
            "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c",
        ),
        (
            "SHA2(v, 256)",
            "STRING",
            "abc",
            "STRING",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        ("LEFT(SHA384(v), 8)", "STRING", "abc", "STRING", "cb00753f"),
        ("LEFT(SHA512(v), 8)", "STRING", "abc", "STRING", "ddaf35a1"),
        ("TO_BASE64(v)", "STRING", "é", "STRING", "w6k="),
        ("TO_BASE64(v)", "BYTES", b"\x00\xff", "STRING", "AP8="),
        ("FROM_BASE64(v)", "STRING", "aGVsbG8gd29ybGQ=", "STRING", "hello world"),
        ("FROM_BASE64(v)", "STRING", "aGVsbG8", "STRING", "hello"),
        ("FROM_BASE64(v)", "STRING", "", "STRING", ""),
        ("FROM_BASE64(v)", "STRING", "!!", "STRING", ...),
        ("FROM_BASE64(v)", "STRING", "/w==", "STRING", ...),
        ("ENCODE(v, 'UTF-8')", "STRING", "é", "BYTES", b"\xc3\xa9"),
        ("ENCODE(v, 'ISO-8859-1')", "STRING", "é", "BYTES", b"\xe9"),
        ("ENCODE(v, 'UTF-16')", "STRING", "é", "BYTES", b"\xfe\xff\x00\xe9"),
        ("ENCODE(v, 'US-ASCII')", "STRING", "€", "BYTES", b"?"),
        ("DECODE(v, 'UTF-8')", "BYTES", b"\xc3\xa9", "STRING", "é"),
        ("DECODE(v, 'UTF-8')", "BYTES", b"\xff", "STRING", "\ufffd"),
        ("DECODE(v, 'ISO-8859-1')", "BYTES", b"\xe9", "STRING", "é"),
        ("HEX(v)", "INT", 20, "STRING", "14"),
        ("HEX(v)", "TINYINT", -1, "STRING", "FFFFFFFFFFFFFFFF"),
        ("HEX(v)", "STRING", "é", "STRING", "C3A9"),
        ("UNHEX(v)", "STRING", "48", "BYTES", b"H"),
        ("UNHEX(v)", "STRING", "zz", "BYTES", None),
        ("BIN(v)", "INT", 12, "STRING", "1100"),
        ("BIN(v)", "BIGINT", -1, "STRING", "1" * 64),
        ("BIN(v)", "INT", 0, "STRING", "0"),
        ("ASCII(v)", "STRING", "abc", "INT", 97),
        ("ASCII(v)", "STRING", "", "INT", 0),
        ("ASCII(v)", "STRING", "€", "INT", -30),
        ("CHR(v)", "INT", 97, "STRING", "a"),
        ("CHR(v)", "INT", 353, "STRING", "a"),
        ("CHR(v)", "INT", -1, "STRING", ""),
        ("CHR(v)", "INT", 233, "STRING", "é"),
        ("CHR(v)", "BIGINT", 256, "STRING", "\x00"),
    ],
)
def test_an_encoding(
    check: Check, sql: str, kind: str, value: object, result: str, expected: object
) -> None:
    check(sql, kind, value, result, expected)


def test_a_uuid_is_random_of_version_4_in_every_row(evaluate: Evaluate) -> None:
    ids = evaluate("UUID()", rows=50).values
    assert len(set(ids)) == 50
    form = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    assert all(form.fullmatch(str(one)) for one in ids)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SHA2('a', 1)", "expected 224, 256, 384 or 512"),
        ("ENCODE('a', 'nope')", "unknown character set 'nope'"),
        ("DECODE('a', 'UTF-8')", "argument 1 is CHAR(1), expected BYTES"),
        ("HEX(1.5)", "argument 1 is DECIMAL(2, 1)"),
    ],
)
def test_what_cannot_be_encoded_is_an_error_of_the_script(
    evaluate: Evaluate, sql: str, message: str
) -> None:
    with pytest.raises(SqlError) as raised:
        evaluate(sql)
    assert message in str(raised.value)
