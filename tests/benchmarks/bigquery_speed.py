"""Speed of the native BigQuery sink: rows of a change log to a server that stores nothing.

    python -m tests.benchmarks.bigquery_speed [--rows 1000000] [--repeats 3]

The server is a process of its own, confirms every append and reads none, so that what is measured
is the sink alone: fitting, cutting, Arrow's serialisation, gRPC. CPU is of the sink's process, its
start left out. Never measure against an emulator: it stores some thousand rows a second.
"""

from __future__ import annotations

import argparse
import datetime
import multiprocessing
import resource
import statistics
import time
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types

from kami.tables import MYSQL_SOURCE, change_log_columns
from pipeline_io.bigquery_channel import SERVICE
from pipeline_io.bigquery_log_sink import BigQueryLogSink
from pipeline_io.bigquery_types import arrow_schema, parse_type
from tests.io.bigquery_rest_stand_in import RestStandIn
from tests.io.bigquery_stand_in import StandIn

COLUMNS = change_log_columns(MYSQL_SOURCE)
# Name of the measurement: rows a batch, options of the sink.
ROUTES: dict[str, tuple[int, dict[str, Any]]] = {
    "batches of 500": (500, {}),
    "batches of 5,000": (5_000, {}),
    "batches of 5,000, exactly once": (5_000, {"exactly_once": True}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    rest, storage = ours.recv()
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ROUTES}
    for _ in range(arguments.repeats):
        for name in ROUTES:
            found[name].append(measured(name, arguments.rows, rest, storage))
    server.terminate()
    size = log_rows(1_000).nbytes / 1_000
    lines = [f"{arguments.rows:,} rows of a change log, {size:.0f} bytes each as Arrow"]
    for name, runs in found.items():
        wall, cpu = (statistics.median(values) for values in zip(*runs, strict=True))
        million = arguments.rows / 1e6
        lines.append(
            f"{name:32} {arguments.rows / wall:9,.0f} rows/s  {cpu / million:5.2f} CPU s/M"
        )
    print("\n".join(lines))  # noqa: T201


def measured(name: str, rows: int, rest: str, storage: str) -> tuple[float, float]:
    """Seconds of the clock and of the CPU, from the first append to the end of the flush."""
    batch_size, options = ROUTES[name]
    batch = log_rows(batch_size)
    sink = BigQueryLogSink(
        "shop-1", "shop", rest_endpoint=rest, storage_endpoint=storage, **options
    )
    sink.ensure_table("orders_change_log", COLUMNS, partition_by="_ingested_at")
    sink.append("orders_change_log", batch)
    sink.flush()
    since, cpu = time.monotonic(), cpu_seconds()
    for _ in range(rows // batch_size):
        sink.append("orders_change_log", batch)
    sink.flush()
    spent = time.monotonic() - since, cpu_seconds() - cpu
    if sink.take_refused() or sink.take_counts()["rows"] < rows // batch_size * batch_size:
        message = "rows were refused, or not stored"
        raise RuntimeError(message)
    sink.close()
    return spent


def log_rows(count: int) -> pa.RecordBatch:
    """Rows of a change log, about as Debezium's records of a small table give them."""
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    body = (
        '{{"id":{n},"name":"item {n}","price":"12.50","status":"open","updated_at":"2026-01-01"}}'
    )
    rows = [
        {
            "_key": f'["{number}"]',
            "key": f'{{"id":{number}}}',
            "before": body.format(n=number),
            "after": body.format(n=number),
            "op": "u",
            "ts_ms": at,
            "source": {
                **{"version": "3.5.0.Final", "connector": "mysql", "name": "shop", "db": "shop"},
                **{"table": "items", "server_id": 1, "file": "binlog.000001", "pos": number},
                **{"row": 0, "ts_ms": 1_767_225_600_000, "snapshot": "false"},
            },
            "_order_key": f"00000001/00000001/{number:016x}/00000000",
            "_event_id": f"{number:032x}",
            "_ingested_at": at,
            "_topic": "shop.shop.items",
            "_topic_partition": 0,
            "_offset": number,
            "_missing_columns": [],
        }
        for number in range(count)
    ]
    schema = arrow_schema([(name, parse_type(text)) for name, text in COLUMNS])
    return pa.RecordBatch.from_pylist(rows, schema=schema)


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def serve(answers: Any) -> None:
    """Confirms appends until the process ends; sends the addresses of REST and Storage API."""
    confirmed = types.AppendRowsResponse.serialize(
        types.AppendRowsResponse(append_result=types.AppendRowsResponse.AppendResult())
    )
    stream = types.WriteStream.serialize(types.WriteStream(name="projects/p/streams/s"))

    def append(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        for _ in requests:
            yield confirmed

    class Handlers(grpc.GenericRpcHandler):
        def service(self, details: Any) -> Any:
            if details.method == SERVICE + "AppendRows":
                return grpc.stream_stream_rpc_method_handler(append)
            return grpc.unary_unary_rpc_method_handler(lambda request, context: stream)

    options = [("grpc.max_receive_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(8), [Handlers()], options=options)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with RestStandIn(StandIn()) as rest:
        answers.send((rest.endpoint, f"http://127.0.0.1:{port}"))
        server.wait_for_termination()


if __name__ == "__main__":
    main()
