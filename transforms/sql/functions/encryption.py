"""DECRYPT and ENCRYPT: fields that are encrypted on their own, by the keys that the script names.

`DECRYPT(field, 'BIGINT', 'items.card_number')`: the type of what comes out is known when the job
is planned, so it is a literal; STRING without it. The last argument is the place that a Tink
keyset's field was bound to.
"""

from __future__ import annotations

import dataclasses
import datetime

import polars as pl

from transforms.encryption import decrypted, encrypted
from transforms.encryption_ring import KeyRing, KeySource, ring_of
from transforms.encryption_values import Value, text_of
from transforms.sql.casts import cast
from transforms.sql.compile_batches import on_batches
from transforms.sql.dialect import parse_type
from transforms.sql.errors import SqlError
from transforms.sql.expression import Call, Expression, Failure
from transforms.sql.functions.arguments import (
    expect_count,
    is_null,
    literal_text,
    null_result,
    of_kinds,
    text,
)
from transforms.sql.functions.registration import function
from transforms.sql.type_rules import sql_type
from transforms.sql.types import BYTES, STRING, TIMESTAMPS, Kind, SqlType

_ANSWER = pl.Struct({"value": pl.String(), "bytes": pl.Binary(), "error": pl.String()})
_SEALED = pl.Struct({"value": pl.String(), "error": pl.String()})
_NO_RESULT = (
    *(Kind.ROW, Kind.ARRAY, Kind.MAP, Kind.INTERVAL, Kind.INTERVAL_MONTH),
    *(Kind.BINARY, Kind.NULL),
)
_ENCRYPTED_KINDS = (
    *(Kind.BOOLEAN, Kind.TINYINT, Kind.SMALLINT, Kind.INT, Kind.BIGINT, Kind.FLOAT, Kind.DOUBLE),
    *(Kind.DECIMAL, Kind.CHAR, Kind.VARCHAR, Kind.STRING, Kind.BINARY, Kind.VARBINARY, Kind.BYTES),
    *(Kind.DATE, *TIMESTAMPS),
)


@function("DECRYPT")
def decrypt(call: Call) -> Expression:
    """The value of an encrypted field, as the type that the second argument names."""
    expect_count(call, 1, 3)
    fields = text(call, 0)
    target = _result_type(call)
    associated = _associated(call, 2)
    keys = _keys(call)
    if is_null(call, 0):
        return null_result(call, target)
    batches = _Batches(ring_of(keys), associated, target)
    answer = on_batches(batches.run, [fields], _ANSWER)
    refused = _refusal(call, answer)
    if target.is_binary:
        return Expression(answer.struct.field("bytes"), target, (*call.failures, refused))
    found = Expression(answer.struct.field("value"), STRING, (*call.failures, refused))
    typed = cast(found, target, call.node, session=call.session)
    hidden = tuple(
        failure if failure.tells_why else dataclasses.replace(failure, value=None)
        for failure in typed.failures
    )
    return dataclasses.replace(typed, failures=hidden)


@function("ENCRYPT")
def encrypt(call: Call) -> Expression:
    """The encrypted field (STRING) of a value."""
    expect_count(call, 1, 2)
    kind = of_kinds(call, 0, _ENCRYPTED_KINDS, "a text, number, boolean, DATE, TIMESTAMP or BYTES")
    associated = _associated(call, 1)
    ring = ring_of(_keys(call))
    if kind.kind is Kind.NULL:
        return null_result(call, STRING)
    value = call.arguments[0].value
    if kind.kind is Kind.DATE:
        value = value.cast(pl.Datetime("ms")).dt.replace_time_zone("UTC")
    elif kind.kind is Kind.TIMESTAMP:
        value = value.dt.replace_time_zone("UTC")
    elif kind.kind is Kind.DECIMAL:
        value = value.cast(pl.String())

    def of_batch(batch: pl.DataFrame) -> pl.Series:
        values: list[Value] = batch.get_column("0").to_list()
        texts, refused = encrypted(values, ring, associated)
        errors = [refused.get(row) for row in range(len(texts))]
        frame = pl.DataFrame({"value": texts, "error": errors}, schema=dict(_SEALED))
        return frame.to_struct("sealed")

    sealed = on_batches(of_batch, [value], _SEALED)
    refused = _refusal(call, sealed)
    return Expression(sealed.struct.field("value"), STRING, (*call.failures, refused))


class _Batches:
    """Decrypts batches. The last one and its answer are kept, since the value and the failure ask
    for the same."""

    def __init__(self, ring: KeyRing, associated: bytes, target: SqlType) -> None:
        self._ring = ring
        self._associated = associated
        self._target = target
        self._last: tuple[pl.Series, pl.Series] | None = None

    def run(self, batch: pl.DataFrame) -> pl.Series:
        fields = batch.get_column("0")
        last = self._last
        if last is not None and last[0].equals(fields):
            return last[1]
        values, refused = decrypted(fields.to_list(), self._ring, self._associated)
        column = self._as_bytes if self._target.is_binary else self._as_text
        found = [column(value, row, refused) for row, value in enumerate(values)]
        name = "bytes" if self._target.is_binary else "value"
        errors = [refused.get(row) for row in range(len(found))]
        empty = {each: [None] * len(found) for each in ("value", "bytes")}
        frame = pl.DataFrame({**empty, name: found, "error": errors}, schema=dict(_ANSWER))
        answer = frame.to_struct("answer")
        self._last = (fields, answer)
        return answer

    def _as_text(self, value: Value, row: int, refused: dict[int, str]) -> str | None:
        if isinstance(value, bytes):
            refused[row] = "it holds bytes; write DECRYPT(field, 'BYTES')"
            return None
        if self._target.kind is Kind.DATE and isinstance(value, datetime.datetime):
            return value.date().isoformat()
        return text_of(value)

    def _as_bytes(self, value: Value, row: int, refused: dict[int, str]) -> bytes | None:
        if value is None or isinstance(value, bytes):
            return value
        if isinstance(value, str):
            return value.encode()
        refused[row] = f"it holds a {type(value).__name__} and no bytes"
        return None


def _refusal(call: Call, answer: pl.Expr) -> Failure:
    error = answer.struct.field("error")
    argument = call.node.args["expressions"][0].sql()
    done = "decrypt" if call.name == "DECRYPT" else "encrypt"
    message = f"{call.name}: {argument} does not {done}"
    return Failure(error.is_not_null(), message, call.node, error, "FieldRefused", tells_why=True)


def _result_type(call: Call) -> SqlType:
    if len(call.arguments) < 2 or is_null(call, 1):
        return STRING
    written = literal_text(call, 1, "the type of the result")
    try:
        found = sql_type(parse_type(written or ""))
    except SqlError as error:
        raise call.error(error.message, 1) from error
    if found.kind in _NO_RESULT:
        message = f"a field holds one value, and {found} is no type of one; CAST what comes out"
        raise call.error(message, 1)
    return BYTES if found.is_binary else found


def _associated(call: Call, index: int) -> bytes:
    if len(call.arguments) <= index:
        return b""
    written = literal_text(call, index, "the place that the field is bound to")
    return (written or "").encode()


def _keys(call: Call) -> KeySource:
    if call.session.keys is None:
        message = "there are no keys; write SET 'encryption.keys' = 'secret://...' above"
        raise call.error(message)
    return call.session.keys
