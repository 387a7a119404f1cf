"""What BigQuery answers to an append: one meaning, whether it came in the call or ended it."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence
from typing import Any

import grpc
from google.cloud.bigquery_storage_v1 import types

from pipeline_io.bigquery_config import BigQueryConfig
from pipeline_io.bigquery_errors import (
    BigQueryError,
    Recovery,
    columns_error,
    recovery,
    shown,
    unavailable_error,
)
from pipeline_io.bigquery_upsert import PSEUDO

_Response: Any = types.AppendRowsResponse.pb()
# google.rpc.Status.
_Status: Any = type(_Response().error)
_StorageError: Any = types.StorageError.pb()
_Code = types.StorageError.StorageErrorCode
_CODES = {code.value[0]: code for code in grpc.StatusCode}

# Where gRPC's servers put a google.rpc.Status with its details.
_DETAILS = "grpc-status-details-bin"
_LOST_STREAM = "invalid stream name"


class Verdict(enum.Enum):
    """What is to be done about the rows of a request."""

    STORED = "stored"
    ROWS_REFUSED = "rows refused"
    REFUSED = "refused"
    AGAIN = "again"
    COLUMNS_UNSEEN = "columns unseen"
    OFFSET_STORED = "offset stored"
    OFFSET_GAP = "offset gap"
    STREAM_ENDED = "stream ended"
    STREAM_LOST = "stream lost"
    STOP = "stop"


_VERDICTS = {
    Recovery.RETRY: Verdict.AGAIN,
    Recovery.BISECT: Verdict.REFUSED,
    Recovery.STORED: Verdict.OFFSET_STORED,
    Recovery.GAP: Verdict.OFFSET_GAP,
    Recovery.STOP: Verdict.STOP,
}
_OF_STORAGE = {
    _Code.STREAM_NOT_FOUND: Verdict.STREAM_LOST,
    _Code.STREAM_FINALIZED: Verdict.STREAM_ENDED,
    _Code.STREAM_ALREADY_COMMITTED: Verdict.STREAM_ENDED,
    _Code.SCHEMA_MISMATCH_EXTRA_FIELDS: Verdict.COLUMNS_UNSEEN,
    _Code.OFFSET_ALREADY_EXISTS: Verdict.OFFSET_STORED,
    _Code.OFFSET_OUT_OF_RANGE: Verdict.OFFSET_GAP,
}


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer to the request that was sent first and not answered.

    row_errors: messages by position of the row in its request. columns: the table's column names
    now, in lower case, where BigQuery says that they have changed. ended: whether the call is over.
    """

    verdict: Verdict
    code: grpc.StatusCode = grpc.StatusCode.OK
    details: str = ""
    row_errors: tuple[tuple[int, str], ...] = ()
    columns: frozenset[str] | None = None
    ended: bool = False

    def __str__(self) -> str:
        return shown(self.code, self.details)


class Again(Exception):
    """The request that is next was not stored, and is to be tried again."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer))
        self.answer = answer


def answer_of(body: bytes) -> Answer:
    """What a serialised AppendRowsResponse says."""
    response = _Response.FromString(body)
    columns = None
    if response.HasField("updated_schema"):
        columns = frozenset(field.name.casefold() for field in response.updated_schema.fields)
    if response.HasField("append_result") or not response.HasField("error"):
        return Answer(Verdict.STORED, columns=columns)
    rows = tuple((int(error.index), str(error.message)) for error in response.row_errors)
    found = _of_status(response.error)
    verdict = Verdict.ROWS_REFUSED if rows else found.verdict
    return dataclasses.replace(found, verdict=verdict, row_errors=rows, columns=columns)


def answer_of_end(error: grpc.RpcError) -> Answer:
    """What the error that a call has ended with says of the request that was next."""
    call: Any = error
    for name, value in call.trailing_metadata() or ():
        if name == _DETAILS:
            return dataclasses.replace(_of_status(_Status.FromString(value)), ended=True)
    status = _Status(code=call.code().value[0], message=call.details() or "")
    return dataclasses.replace(_of_status(status), ended=True)


def broken(details: str) -> Answer:
    """Of a call that has ended without a word, or does not answer."""
    return Answer(Verdict.AGAIN, grpc.StatusCode.UNAVAILABLE, details, ended=True)


def gave_up(config: BigQueryConfig, table: str, what: str, answer: Answer) -> BigQueryError:
    """The error when the time to try again is over; `answer` is the last one."""
    if answer.verdict is Verdict.COLUMNS_UNSEEN:
        return columns_error(table, str(answer))
    return unavailable_error(config, what, config.retry_seconds, str(answer))


def check_columns(table: str, names: Sequence[str], columns: frozenset[str]) -> None:
    """BigQuery told of a table's columns: new ones are no matter of rows that are written, and
    pseudo columns are none.

    Raises BigQuerySchemaError for one that the rows have and the table has no more.
    """
    own = [name for name in names if name not in PSEUDO]
    if lacking := [name for name in own if name.casefold() not in columns]:
        said = f"no {', '.join(map(repr, lacking))} any more"
        raise columns_error(table, said)


def storage_codes(status: Any) -> list[int]:
    """The codes of BigQuery's own errors that a status carries."""
    found = []
    for detail in status.details:
        error = _StorageError()
        if detail.Is(_StorageError.DESCRIPTOR) and detail.Unpack(error):
            found.append(int(error.code))
    return found


def _of_status(status: Any) -> Answer:
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    details = str(status.message)
    verdict = _VERDICTS[recovery(code, details)]
    for number in storage_codes(status):
        verdict = _OF_STORAGE.get(_Code(number), verdict)
    if verdict is Verdict.REFUSED:
        # Not every server adds details.
        words = details.lower()
        if "finalized" in words:
            verdict = Verdict.STREAM_ENDED
        elif _LOST_STREAM in words:
            verdict = Verdict.STREAM_LOST
    return Answer(verdict, code, details)
