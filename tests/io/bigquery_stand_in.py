"""A strict BigQuery in this process: the Storage Write API, which answers by a script."""

from __future__ import annotations

import dataclasses
import datetime
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent import futures
from types import TracebackType
from typing import Any

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types

from tests.io.bigquery_append_answers import Scripted as Scripted
from tests.io.bigquery_append_answers import refused, result
from tests.io.bigquery_changes import CHANGE_TYPE, SEQUENCE, Changed, Messages, refusal

Code = grpc.StatusCode
StorageCode = types.StorageError.StorageErrorCode
Rows = list[dict[str, Any]]

_Request: Any = types.AppendRowsRequest.pb()
_Response: Any = types.AppendRowsResponse.pb()
_Type = types.WriteStream.Type
_READ: Any = pa.ipc
_CODES = {code.value[0]: code for code in Code}
_SERVICE = "google.cloud.bigquery.storage.v1.BigQueryWrite"
_LIMIT = 10_000_000


@dataclasses.dataclass
class Stream:
    """A stream and what it has."""

    table: str
    kind: int
    rows: Rows = dataclasses.field(default_factory=list)
    is_ended: bool = False
    is_committed: bool = False


class StandIn:
    """Keeps what is appended to its tables, and refuses what BigQuery refuses.

    columns: by table, in the form `projects/../datasets/../tables/..`; keys: their primary keys.
    changed: the tables whose rows are changes. script: answers for the
    appends that come next, in their order; None for the usual one. judge: why a row is refused.
    hides_row_errors: bad rows are told of by the status of their request alone. ends_calls: such a
    status ends the call. news: columns that
    the next answer tells of. on_request: called before each append is looked at.
    """

    def __init__(self, port: int = 0) -> None:
        self.columns: dict[str, set[str]] = defaultdict(set)
        self.stored: dict[str, Rows] = defaultdict(list)
        self.keys: dict[str, tuple[str, ...]] = {}
        self.changed: dict[str, Changed] = {}
        self.streams: dict[str, Stream] = {}
        self.script: list[Scripted | None] = []
        self.judge: Callable[[dict[str, Any]], str | None] = lambda row: None
        self.hides_row_errors = False
        self.ends_calls = False
        self.news: list[str] = []
        self.on_request: Callable[[Any], None] = lambda request: None
        self.requests: list[Any] = []
        self.calls = 0
        self.methods: list[str] = []
        self.unary_script: list[grpc.StatusCode | None] = []
        self.metadata: list[dict[str, str]] = []
        self._lock = threading.Lock()
        self.port = port
        self._server: grpc.Server | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def numbers(self, table: str = "orders") -> list[int]:
        """The column `n` of what is stored in a table, in its order."""
        return [row["n"] for row in self.stored[path_of(table)]]

    def __enter__(self) -> StandIn:
        return self.start()

    def start(self) -> StandIn:
        """Listens on a port, the same again after `stop`."""
        options = [("grpc.max_receive_message_length", -1)]
        server = grpc.server(futures.ThreadPoolExecutor(32), options=options)
        unary: dict[str, tuple[Any, Any, Any]] = {
            "CreateWriteStream": (self._create, types.CreateWriteStreamRequest, types.WriteStream),
            "FinalizeWriteStream": (
                self._finalize,
                types.FinalizeWriteStreamRequest,
                types.FinalizeWriteStreamResponse,
            ),
            "BatchCommitWriteStreams": (
                self._commit,
                types.BatchCommitWriteStreamsRequest,
                types.BatchCommitWriteStreamsResponse,
            ),
        }
        handlers: dict[str, Any] = {
            name: grpc.unary_unary_rpc_method_handler(
                self._scripted(name, call), read.deserialize, write.serialize
            )
            for name, (call, read, write) in unary.items()
        }
        handlers["AppendRows"] = grpc.stream_stream_rpc_method_handler(
            self._append_rows, _Request.FromString, _Response.SerializeToString
        )
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
        self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
        server.start()
        self._server = server
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(grace=None).wait()
            self._server = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _append_rows(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        with self._lock:
            self.calls += 1
            self.metadata.append({key: str(value) for key, value in context.invocation_metadata()})
        name, schema = "", None
        for request in requests:
            self.on_request(request)
            with self._lock:
                self.requests.append(request)
                scripted = self.script.pop(0) if self.script else None
            name = request.write_stream or name
            if request.proto_rows.writer_schema.ByteSize():
                schema = Messages(request.proto_rows.writer_schema.proto_descriptor)
            if request.arrow_rows.writer_schema.serialized_schema:
                schema = _READ.read_schema(
                    pa.py_buffer(request.arrow_rows.writer_schema.serialized_schema)
                )
            answer = self._scripted_answer(request, name, schema, scripted)
            refused = self.ends_calls and answer.error.code == Code.INVALID_ARGUMENT.value[0]
            if refused or (scripted is not None and scripted.ends):
                status = answer.error
                details = (("grpc-status-details-bin", status.SerializeToString()),)
                context.set_trailing_metadata(details)
                context.abort(_CODES[status.code], status.message)
            yield answer

    def _scripted_answer(
        self, request: Any, name: str, schema: Any, scripted: Scripted | None
    ) -> Any:
        if scripted is None or scripted.stored:
            with self._lock:
                answer = self._append(request, name, schema)
        if scripted is not None:
            answer = refused(scripted.code, scripted.details, scripted.storage)
        if self.news:
            for column in self.news:
                answer.updated_schema.fields.add(name=column)
            self.news = []
        return answer

    def _append(self, request: Any, name: str, schema: Any) -> Any:
        table, separator, stream_id = name.partition("/streams/")
        if not separator or table not in self.columns:
            return refused(Code.NOT_FOUND, f"Requested entity was not found. Entity: {name}")
        if schema is None:
            return refused(Code.INVALID_ARGUMENT, "The first request has no schema.")
        if request.ByteSize() > _LIMIT:
            return refused(Code.INVALID_ARGUMENT, f"{request.ByteSize()} bytes are too many.")
        if set(schema.names) - {CHANGE_TYPE, SEQUENCE} - self.columns[table]:
            details = f"Input schema has more fields than BigQuery schema. Entity: {name}"
            return refused(Code.INVALID_ARGUMENT, details, StorageCode.SCHEMA_MISMATCH_EXTRA_FIELDS)
        if isinstance(schema, Messages):
            rows = schema.rows(request.proto_rows.rows.serialized_rows)
        else:
            data = pa.py_buffer(request.arrow_rows.rows.serialized_record_batch)
            rows = _READ.read_record_batch(data, schema).to_pylist()
        is_arrow = not isinstance(schema, Messages)
        key = self.keys.get(table, ())
        if said := refusal(rows, key, stream_id, is_arrow=is_arrow):
            return refused(Code.INVALID_ARGUMENT, said)
        has_offset = request.HasField("offset")
        if stream_id == "_default":
            if has_offset:
                return refused(Code.INVALID_ARGUMENT, "The default stream has no offsets.")
            return self._row_errors(rows) or self._store(table, rows, None)
        stream = self.streams.get(name)
        if stream is None:
            return refused(Code.NOT_FOUND, f"{name} is gone", StorageCode.STREAM_NOT_FOUND)
        if stream.is_ended:
            return refused(Code.INVALID_ARGUMENT, "It has ended", StorageCode.STREAM_FINALIZED)
        offset = request.offset.value if has_offset else len(stream.rows)
        if offset < len(stream.rows):
            return refused(Code.ALREADY_EXISTS, f"Offset {offset} is there")
        if offset > len(stream.rows):
            return refused(Code.OUT_OF_RANGE, f"Offset {offset}: {len(stream.rows)} rows")
        if errors := self._row_errors(rows):
            return errors
        stream.rows += rows
        if stream.kind == _Type.PENDING:
            return result(offset)
        return self._store(table, rows, offset)

    def _row_errors(self, rows: Rows) -> Any:
        errors = [(index, why) for index, row in enumerate(rows) if (why := self.judge(row))]
        if not errors:
            return None
        answer = refused(Code.INVALID_ARGUMENT, "Errors found while processing rows.")
        if not self.hides_row_errors:
            for index, why in errors:
                answer.row_errors.add(index=index, code=1, message=why)
        return answer

    def _store(self, table: str, rows: Rows, offset: int | None) -> Any:
        self.stored[table] += rows
        if rows and CHANGE_TYPE in rows[0]:
            self.changed.setdefault(table, Changed(self.keys[table])).apply(rows)
        return result(offset)

    def _scripted(self, name: str, call: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            with self._lock:
                self.methods.append(name)
                scripted = self.unary_script.pop(0) if self.unary_script else None
                try:
                    done = call(request)
                except KeyError as missing:
                    context.abort(Code.NOT_FOUND, f"{missing} is gone")
            if scripted is not None:
                # Done, and the answer is lost.
                context.abort(scripted, "scripted")
            return done

        return answer

    def _create(self, request: types.CreateWriteStreamRequest) -> types.WriteStream:
        name = f"{request.parent}/streams/s{len(self.streams)}"
        self.streams[name] = Stream(request.parent, request.write_stream.type_)
        return types.WriteStream(name=name, type_=request.write_stream.type_)

    def _finalize(self, request: types.FinalizeWriteStreamRequest) -> Any:
        stream = self.streams[request.name]
        stream.is_ended = True
        return types.FinalizeWriteStreamResponse(row_count=len(stream.rows))

    def _commit(self, request: types.BatchCommitWriteStreamsRequest) -> Any:
        response = types.BatchCommitWriteStreamsResponse()
        for name in request.write_streams:
            stream = self.streams[name]
            code = StorageCode.STREAM_ALREADY_COMMITTED if stream.is_committed else None
            if not stream.is_ended:
                code = StorageCode.INVALID_STREAM_STATE
            if code is not None:
                response.stream_errors.append(types.StorageError(code=code, entity=name))
        if not response.stream_errors:
            for name in request.write_streams:
                self.streams[name].is_committed = True
                self.stored[request.parent] += self.streams[name].rows
            response.commit_time = datetime.datetime.now(datetime.timezone.utc)  # type: ignore[assignment]
        return response


def path_of(table: str) -> str:
    return f"projects/shop-1/datasets/shop/tables/{table}"
