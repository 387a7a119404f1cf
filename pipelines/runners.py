"""What each of Beam's runners can do for a job, and the flags that it needs to do it safely.

Each rule here was met in a run: a job that hangs without a word, loses records after a restart, or
restarts for ever is refused before it starts.
"""

from __future__ import annotations

import dataclasses
import enum
import os
import re
from collections.abc import Mapping

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
    PrismRunnerOptions,
    StandardOptions,
)

from pipelines.options import FlagError
from pipelines.runner_flags import (
    CHECKPOINTING_MILLIS,
    LEAST_CHECKPOINTING_MILLIS,
    MAX_BUNDLE_MILLIS,
    PYTHON_WORKER_POOL,
    KafkaReader,
    RunnerOptions,
)

_LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")


class Kind(enum.Enum):
    """A runner, by what matters to a job."""

    LOCAL = "DirectRunner"
    PRISM = "PrismRunner"
    FLINK = "FlinkRunner"
    DATAFLOW = "DataflowRunner"


class PubSubWriter(enum.Enum):
    """Who writes to Pub/Sub: this project's own writer, or the runner's (Beam's WriteToPubSub)."""

    NATIVE = "native"
    RUNNER = "runner"


_KINDS = {
    "directrunner": Kind.LOCAL,
    "switchingdirectrunner": Kind.LOCAL,
    "bundlebaseddirectrunner": Kind.LOCAL,
    "fnapirunner": Kind.LOCAL,
    "prismrunner": Kind.PRISM,
    "flinkrunner": Kind.FLINK,
    # A job server of another kind than Flink's is none that was ever tried.
    "portablerunner": Kind.FLINK,
    "dataflowrunner": Kind.DATAFLOW,
}


@dataclasses.dataclass(frozen=True)
class Runner:
    """What a job takes on a runner.

    streams: whether a read without an end runs on it as one pipeline, whatever the job. Where it
        does not, --follow is a row of runs that end, or a read that is told when to (follow_here).
    """

    kind: Kind
    kafka_reader: KafkaReader
    pubsub_writer: PubSubWriter
    streams: bool


DEFAULTS = {
    # Java's readers deliver nothing on it, without a word (SwitchingDirectRunner blocks in run).
    Kind.LOCAL: Runner(Kind.LOCAL, KafkaReader.NATIVE, PubSubWriter.NATIVE, streams=False),
    # The native reader needs no Java there, starts in 3 s, and is 0.05 s behind, not 0.5.
    Kind.PRISM: Runner(Kind.PRISM, KafkaReader.NATIVE, PubSubWriter.NATIVE, streams=True),
    Kind.FLINK: Runner(Kind.FLINK, KafkaReader.JAVA, PubSubWriter.NATIVE, streams=True),
    Kind.DATAFLOW: Runner(Kind.DATAFLOW, KafkaReader.JAVA, PubSubWriter.RUNNER, streams=True),
}


def kind_of(options: PipelineOptions) -> Kind:
    """The runner that --runner names. Raises FlagError for one that no job was tried on."""
    given = options.view_as(StandardOptions).runner or Kind.LOCAL.value
    kind = _KINDS.get(str(given).rpartition(".")[2].lower())
    if kind is None:
        names = ", ".join(kind.value for kind in Kind)
        message = f"--runner={given}: jobs run on {names} and PortableRunner (a Flink job server)"
        raise FlagError(message)
    return kind


def choose_runner(options: PipelineOptions) -> Runner:
    """The runner that the flags name, with the Kafka reader that they choose. Raises FlagError."""
    runner = DEFAULTS[kind_of(options)]
    service = options.view_as(RunnerOptions).expansion_service
    if service and not re.fullmatch(r"[^\s/]+:\d+", service):
        message = (
            f"--expansion_service is {service!r}; expected HOST:PORT of a service that runs: a "
            "jar is started by `java -jar JAR PORT`"
        )
        raise FlagError(message)
    wanted = options.view_as(RunnerOptions).kafka_reader
    if wanted == "auto":
        return runner
    runner = dataclasses.replace(runner, kafka_reader=KafkaReader(wanted))
    if runner.kind is Kind.LOCAL and runner.kafka_reader is KafkaReader.JAVA:
        message = (
            "--kafka_reader=java with DirectRunner: it never delivers a record of KafkaIO, which "
            "has no end, and does not say so; use --kafka_reader=native, or "
            "--runner=PrismRunner with --prism_location"
        )
        raise FlagError(message)
    if runner.kind is Kind.DATAFLOW and runner.kafka_reader is KafkaReader.NATIVE:
        message = (
            "--kafka_reader=native with DataflowRunner was never tried: it holds its offsets in "
            "a group of Kafka, not in Dataflow's own state; use --kafka_reader=java"
        )
        raise FlagError(message)
    return runner


def prepare_options(options: PipelineOptions, *, follow: bool, writes_jar: bool = False) -> Runner:
    """Sets the flags that a live job needs and that were not given, and refuses those that do it
    harm. Returns what the job takes on the runner. Raises FlagError.

    Args:
        follow: whether the job reads without an end.
        writes_jar: whether the pipeline can be written as a jar.
    """
    runner = choose_runner(options)
    if runner.kafka_reader is KafkaReader.JAVA and not follow:
        message = (
            f"KafkaIO on {runner.kind.value} does not stop at the end of a topic; give --follow "
            "to go on for ever, or leave out --runner to read up to now on DirectRunner"
        )
        raise FlagError(message)
    if follow and runner.streams:
        options.view_as(StandardOptions).streaming = True
    _check_batches(options, runner)
    _check_jar(options, runner, writes_jar=writes_jar)
    match runner.kind:
        case Kind.PRISM:
            _prepare_prism(options)
        case Kind.FLINK:
            _prepare_flink(options, follow=follow)
        case _:
            pass
    return runner


def _check_batches(options: PipelineOptions, runner: Runner) -> None:
    flags = options.view_as(RunnerOptions)
    if not flags.java_batches:
        return
    if runner.kafka_reader is not KafkaReader.JAVA:
        message = "--java_batches is for --kafka_reader=java; leave it out"
        raise FlagError(message)
    if not flags.expansion_service:
        message = (
            "--java_batches needs --expansion_service: Beam's own service does not have this "
            "project's Java classes"
        )
        raise FlagError(message)


def _check_jar(options: PipelineOptions, runner: Runner, *, writes_jar: bool) -> None:
    path = options.view_as(PortableOptions).output_executable_path
    if path and runner.kind is not Kind.FLINK:
        message = (
            f"--output_executable_path={path} with {runner.kind.value}: a jar is for Flink; give "
            "--runner=FlinkRunner --follow, or leave it out"
        )
        raise FlagError(message)
    if path and not writes_jar:
        message = (
            f"--output_executable_path={path}: SQL jobs and change_log are written as jars, and "
            "this pipeline is neither; leave it out"
        )
        raise FlagError(message)


def _prepare_prism(options: PipelineOptions) -> None:
    location = options.view_as(PrismRunnerOptions).prism_location
    if location and "://" not in location and not os.access(location, os.X_OK):
        message = (
            f"--prism_location={location}: no such program; build one by "
            "`go install github.com/apache/beam/sdks/v2/go/cmd/prism@v2.77.0`"
        )
        raise FlagError(message)
    prism = options.view_as(PrismRunnerOptions)
    if prism.prism_log_level == "info":
        # Its default: it warns of each step of Beam's own that it makes nothing of.
        prism.prism_log_level = "error"
    portable = options.view_as(PortableOptions)
    if portable.environment_type is None:
        # Its own default is a container, which would lack this project.
        portable.environment_type = "LOOPBACK"


def _prepare_flink(options: PipelineOptions, *, follow: bool) -> None:
    portable, flags = options.view_as(PortableOptions), options.view_as(RunnerOptions)
    name = str(options.view_as(StandardOptions).runner).rpartition(".")[2]
    if name.lower() == "portablerunner" and not portable.job_endpoint:
        message = "--runner=PortableRunner needs --job_endpoint=HOST:PORT of Flink's job server"
        raise FlagError(message)
    if portable.output_executable_path:
        _prepare_jar(options)
    elif portable.environment_type is None:
        _choose_environment(options)
    if not follow:
        return
    interval = flags.checkpointing_interval
    if interval is not None and interval < LEAST_CHECKPOINTING_MILLIS:
        message = (
            f"--checkpointing_interval={interval}: without checkpoints nobody keeps KafkaIO's "
            "offsets, and a job that fails loses records or begins anew; expected "
            f"{LEAST_CHECKPOINTING_MILLIS} ms or more, {CHECKPOINTING_MILLIS} if left out"
        )
        raise FlagError(message)
    master = options.view_as(FlinkRunnerOptions).flink_master
    if flags.savepoint_path and master == "[local]":
        message = (
            f"--savepoint_path={flags.savepoint_path} does nothing on a local Flink; put "
            f"`execution.savepoint.path: {flags.savepoint_path}` into the flink-conf.yaml of the "
            "job server (--flink-conf-dir)"
        )
        raise FlagError(message)
    _set_missing(
        flags,
        {
            "checkpointing_interval": CHECKPOINTING_MILLIS,
            "max_bundle_time_mills": MAX_BUNDLE_MILLIS,
            # A checkpoint ends the bundle that is open, and keeps what it has made for the next
            # one. The step that begins the read has no next one: the job would stand still.
            "finish_bundle_before_checkpointing": True,
            "externalized_checkpoints_enabled": True,
            "retain_externalized_checkpoints_on_cancellation": True,
        },
    )


def _prepare_jar(options: PipelineOptions) -> None:
    """The jar is run by others, later: nothing of this process can be a part of its job."""
    portable = options.view_as(PortableOptions)
    if portable.environment_type is None:
        portable.environment_type = "EXTERNAL"
        portable.environment_config = portable.environment_config or PYTHON_WORKER_POOL
    if portable.environment_type == "LOOPBACK":
        message = (
            "--environment_type=LOOPBACK with --output_executable_path: the job of a jar runs "
            "without this process; leave it out for a worker pool beside each task manager "
            f"({PYTHON_WORKER_POOL}), or give --environment_config=HOST:PORT of another"
        )
        raise FlagError(message)
    if portable.job_endpoint:
        message = (
            f"--job_endpoint={portable.job_endpoint} with --output_executable_path: a jar is "
            "written and not run; leave one of them out"
        )
        raise FlagError(message)


def _choose_environment(options: PipelineOptions) -> None:
    portable = options.view_as(PortableOptions)
    endpoint = portable.job_endpoint
    here = (
        endpoint.rpartition(":")[0] in _LOOPBACK_HOSTS
        if endpoint
        else options.view_as(FlinkRunnerOptions).flink_master in ("[local]", "[auto]")
    )
    if not here:
        message = (
            "--environment_type is missing: a Flink on other machines must know where Python "
            "runs; DOCKER or PROCESS with --environment_config, or EXTERNAL with the address of a "
            "worker pool"
        )
        raise FlagError(message)
    portable.environment_type = "LOOPBACK"


def _set_missing(flags: RunnerOptions, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        if getattr(flags, name) is None:
            setattr(flags, name, value)
