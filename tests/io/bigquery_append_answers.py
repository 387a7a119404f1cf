"""What a stand-in of the Storage Write API answers to an append."""

from __future__ import annotations

import dataclasses
from typing import Any

import grpc
from google.cloud.bigquery_storage_v1 import types

_Response: Any = types.AppendRowsResponse.pb()
_StorageError: Any = types.StorageError.pb()
_Status: Any = type(_Response().error)


@dataclasses.dataclass(frozen=True)
class Scripted:
    """An answer to one append.

    stored: whether its rows are stored all the same. ends: whether the call ends with it.
    """

    code: grpc.StatusCode
    details: str = "scripted"
    stored: bool = False
    ends: bool = False
    storage: int | None = None


def result(offset: int | None) -> Any:
    answer = _Response()
    answer.append_result.SetInParent()
    if offset is not None:
        answer.append_result.offset.value = offset
    return answer


def refused(code: grpc.StatusCode, details: str, storage: int | None = None) -> Any:
    answer = _Response(error=_Status(code=code.value[0], message=details))
    if storage is not None:
        answer.error.details.add().Pack(_StorageError(code=int(storage), error_message=details))
    return answer
