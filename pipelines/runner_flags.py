"""Flags about Beam's runners that Beam does not have, or takes from a job server alone."""

from __future__ import annotations

import argparse
import enum

from apache_beam.options.pipeline_options import PipelineOptions

CHECKPOINTING_MILLIS = 10_000
"""A job that fails goes back by this much, and sends those events once more. With each checkpoint
the state of an unbounded read grows by 2 KB on Flink (apache/beam issue 27648)."""
LEAST_CHECKPOINTING_MILLIS = 100
PYTHON_WORKER_POOL = "localhost:50000"
"""Where a task manager of a job's jar finds the Python workers: in its own pod."""
JAVA_WORKER_POOL = "localhost:50001"
"""Where it finds the Java workers."""
MAX_BUNDLE_MILLIS = 20
"""Beam's own default is 1,000: with it records are 8 to 13 s old when they arrive."""


class KafkaReader(enum.Enum):
    """Who reads Kafka: this project's own reader, or Beam's KafkaIO in Java."""

    NATIVE = "native"
    JAVA = "java"


class RunnerOptions(PipelineOptions):
    """Flags about runners that Beam does not have, or takes from a job server alone."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--kafka_reader",
            choices=["auto", *(reader.value for reader in KafkaReader)],
            default="auto",
            help="Who reads Kafka: native (confluent-kafka) or java (Beam's KafkaIO). "
            "auto is java on Flink and Dataflow.",
        )
        parser.add_argument(
            "--expansion_service",
            help="HOST:PORT of a Java expansion service that runs, for KafkaIO and Beam SQL. "
            "Default: Beam's own, which it fetches and starts.",
        )
        parser.add_argument(
            "--java_batches",
            action="store_true",
            help="The expansion service has this project's Java classes: records cross from "
            "KafkaIO to Python in batches, for a tenth of the work.",
        )
        parser.add_argument(
            "--java_reads_secrets",
            action="store_true",
            help="KafkaIO's Java workers read Kafka's passwords themselves (env://NAME, "
            "file:///PATH), so that the job holds none. Default: they are read at the start.",
        )
        parser.add_argument(
            "--job_holds_secrets",
            action="store_true",
            help="Flink and Dataflow may keep Kafka's passwords with the job, and the jar of a job "
            "those in addresses, where everybody sees them who may look at it. Default: such a job "
            "is refused.",
        )
        parser.add_argument(
            "--java_worker_pool",
            default=JAVA_WORKER_POOL,
            help="HOST:PORT of the Java workers as each Flink task manager sees them, for "
            f"--output_executable_path. Default: {JAVA_WORKER_POOL}.",
        )
        for name, kind, text in FLINK_FLAGS:
            if kind is bool:
                parser.add_argument(f"--{name}", action="store_true", default=None, help=text)
            else:
                parser.add_argument(f"--{name}", type=kind, help=text)


# Flink's job server knows them, Beam's Python does not before it has asked it.
FLINK_FLAGS: tuple[tuple[str, type, str], ...] = (
    (
        "checkpointing_interval",
        int,
        f"Flink: milliseconds between checkpoints. Default: {CHECKPOINTING_MILLIS}.",
    ),
    (
        "max_bundle_time_mills",
        int,
        f"Flink: milliseconds after which a bundle ends. Default: {MAX_BUNDLE_MILLIS}.",
    ),
    ("max_bundle_size", int, "Flink: elements after which a bundle ends."),
    ("checkpoint_timeout_millis", int, "Flink: milliseconds after which a checkpoint is given up."),
    ("number_of_execution_retries", int, "Flink: how often a failed job is started again."),
    (
        "finish_bundle_before_checkpointing",
        bool,
        "Flink: hand on what a step has made before a checkpoint. Always set: else it waits for "
        "the step's next bundle, and the first one may have none.",
    ),
    ("savepoint_path", str, "Flink: the checkpoint or savepoint to go on from."),
    ("state_backend_storage_path", str, "Flink: where checkpoints are kept."),
    ("externalized_checkpoints_enabled", bool, "Flink: keep checkpoints. Always set."),
    (
        "retain_externalized_checkpoints_on_cancellation",
        bool,
        "Flink: keep checkpoints of a cancelled job. Always set.",
    ),
)
