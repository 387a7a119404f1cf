"""What a Beam worker hands to its runner: messages that tell job, pipeline and table."""

from __future__ import annotations

import concurrent.futures
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions
from apache_beam.portability.api import beam_fn_api_pb2_grpc

from pipelines import logs
from pipelines.worker_logs import WithSubjects, fields_of

ROOT = Path(__file__).parents[2]


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    return logging.getLogger("test").makeRecord(
        "test", logging.WARNING, "", 1, message, args, None, extra=extra
    )


@pytest.mark.parametrize(
    ("fields", "extra", "expected"),
    [
        ({}, {}, "7 rows wait"),
        ({"pipeline": "aml"}, {}, "7 rows wait [pipeline=aml]"),
        (
            {"pipeline": "aml", "job": "aml-prod"},
            {"table": "transfers", "number": 3},
            "7 rows wait [pipeline=aml job=aml-prod table=transfers]",
        ),
        ({}, {"topic": "t", "statement": "s"}, "7 rows wait [statement=s topic=t]"),
    ],
)
def test_what_a_message_is_about_stands_behind_it(
    fields: dict[str, str], extra: dict[str, object], expected: str
) -> None:
    assert WithSubjects(fields).format(record("%d rows wait", 7, **extra)) == expected


def test_the_job_is_known_by_its_options() -> None:
    options = {"log_pipeline": "aml", "job_name": "aml-prod", "runner": "FlinkRunner"}
    assert fields_of(options) == {"pipeline": "aml", "job": "aml-prod"}
    assert fields_of({"log_pipeline": None}) == {}


def test_workers_import_it_beside_the_plugins_that_were_given() -> None:
    options = PipelineOptions(["--beam_plugins=json"])
    logs.begin(logs.TEXT, "aml")
    try:
        logs.for_workers(options)
    finally:
        logs.begin(logs.TEXT)
    assert options.view_as(SetupOptions).beam_plugins == ["json", "pipelines.worker_logs"]
    assert options.get_all_options()["log_pipeline"] == "aml"


class LogService(beam_fn_api_pb2_grpc.BeamFnLoggingServicer):
    """A runner's side of the log."""

    def __init__(self) -> None:
        self.entries: list[Any] = []

    def Logging(self, request_iterator: Any, context: Any) -> Any:  # gRPC's name
        for request in request_iterator:
            self.entries += request.log_entries
        return iter(())


WORKER = """
import logging, os
from apache_beam.runners.worker.sdk_worker_main import create_harness
create_harness(dict(os.environ), dry_run=True)
logger = logging.getLogger("pipeline_io.somewhere")
try:
    raise OSError("gone")
except OSError:
    logger.exception("%d rows wait", 7, extra={"table": "orders"})
for handler in logging.getLogger().handlers:
    handler.close()
"""


def test_a_worker_of_beam_hands_over_its_messages_so() -> None:
    service = LogService()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    beam_fn_api_pb2_grpc.add_BeamFnLoggingServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    logs.begin(logs.TEXT, "aml")
    options = PipelineOptions(["--job_name=aml-prod"])
    logs.for_workers(options)
    logs.begin(logs.TEXT)
    given = options.get_all_options(drop_default=True)
    environment = {
        **os.environ,
        "LOGGING_API_SERVICE_DESCRIPTOR": f'url: "127.0.0.1:{port}"',
        "CONTROL_API_SERVICE_DESCRIPTOR": 'url: "127.0.0.1:1"',
        "PIPELINE_OPTIONS": json.dumps({f"beam:option:{name}:v1": given[name] for name in given}),
    }
    command = [sys.executable, "-c", WORKER]
    try:
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    finally:
        server.stop(0)
    (entry,) = [entry for entry in service.entries if "rows wait" in entry.message]
    assert entry.message == "7 rows wait [pipeline=aml job=aml-prod table=orders]"
    assert "OSError: gone" in entry.trace
