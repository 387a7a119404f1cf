"""Runs `pipelines.sql_job`, and notes when it was in what: `live_profile` reads it.

    python -m tests.benchmarks.live_traced --job=... --follow

The job runs as ever, with a clock around some of its functions; the spans, in seconds of one clock,
go to the file of KAMIFLOW_SPANS when the process ends. A worker has to be in this process:
DirectRunner, or Prism and Flink with LOOPBACK.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from apache_beam.runners.worker.bundle_processor import BundleProcessor
from apache_beam.runners.worker.statesampler import StateSampler

from pipeline_io.kafka_partitions import PartitionReader
from pipeline_io.kafka_write_producer import TopicProducer
from transforms.sql.source_run import SourceRun

SPANS = "KAMIFLOW_SPANS"
BUNDLE, FINAL = "bundle", "made final: offsets committed"
READ, SQL = "read: waits for records, fills a batch", "decoded, and the statement"
SEND, CONFIRM, SAMPLER = "handed to the client library", "confirmed", "Beam's state sampler"

_TRACED: tuple[tuple[Any, str, str], ...] = (
    (BundleProcessor, "process_bundle", BUNDLE),
    (BundleProcessor, "finalize_bundle", FINAL),
    (PartitionReader, "read", READ),
    (SourceRun, "process", SQL),
    (TopicProducer, "send", SEND),
    (TopicProducer, "confirm", CONFIRM),
    (StateSampler, "stop", SAMPLER),
)

_found: list[tuple[str, float, float]] = []


def _traced(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*args: Any, **given: Any) -> Any:
        began = time.monotonic()
        try:
            return function(*args, **given)
        finally:
            _found.append((name, began, time.monotonic()))

    return run


def _write(path: str) -> None:
    Path(path).write_text(json.dumps(_found), encoding="utf-8")


def main() -> None:
    for owner, function, name in _TRACED:
        setattr(owner, function, _traced(getattr(owner, function), name))
    atexit.register(_write, os.environ[SPANS])
    sys.argv[0] = "pipelines.sql_job"
    runpy.run_module("pipelines.sql_job", run_name="__main__")


if __name__ == "__main__":
    main()
