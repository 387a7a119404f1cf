"""A job for Flink as a jar, which a Flink cluster in application mode runs without Python.

The jar holds the pipeline and its artifacts alone: Beam's runner (templates/flink/pom.xml) lies in
`usrlib` of the cluster's own installation, so that a start moves no hundred megabytes about.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.flink_runner import FlinkRunner
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.runners.runner import PipelineResult, PipelineState
from google.protobuf import json_format

from pipelines.options import FlagError
from pipelines.runner_flags import FLINK_FLAGS, RunnerOptions

ENTRY_CLASS = "org.apache.beam.runners.flink.FlinkPipelineRunner"
"""What Flink starts: a class of the runner, which finds the pipeline in the jar."""

# These names are the runner's (PortablePipelineJarUtils.java).
_FOLDER = "BEAM-PIPELINE"
_JOB = "job"
_MANIFEST = f"Manifest-Version: 1.0\r\nMain-Class: {ENTRY_CLASS}\r\n\r\n"

_JAVA = "beam:version:sdk_base:apache/beam_java"
"""How the capabilities of Java's workers begin, and no others'."""


class JobJarRunner(FlinkRunner):
    """Writes a pipeline to a jar in place of running it.

    Args:
        path: of the jar, which is replaced in one piece.
        java_workers: HOST:PORT of the Java worker pool, as each task manager sees it.
        job_name: of the job on Flink, and the label of its metrics.
    """

    def __init__(self, path: Path, java_workers: str, job_name: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._path = path
        self._java_workers = java_workers
        self._job_name = job_name

    def run_portable_pipeline(
        self, pipeline: beam_runner_api_pb2.Pipeline, options: PipelineOptions
    ) -> PipelineResult:
        """Writes the jar. Raises FlagError where it cannot be written."""
        made = beam_runner_api_pb2.Pipeline()
        made.CopyFrom(self._optimize_pipeline(pipeline, options))
        _use_worker_pool(made, self._java_workers)
        try:
            _write(self._path, made, _options(options, self._job_name))
        except OSError as error:
            message = f"--output_executable_path={self._path}: {error}; name a file to be written"
            raise FlagError(message) from error
        return PipelineResult(PipelineState.DONE)


def job_jar_path(options: PipelineOptions) -> Path | None:
    """Where a jar is wanted in place of a run; None where none is."""
    path = options.view_as(PortableOptions).output_executable_path
    return Path(path) if path else None


def check_jar_goes_on(path: Path | None, *, live: bool) -> None:
    """Raises FlagError where a jar is wanted of a job that reads files alone."""
    if path is not None and not live:
        message = (
            f"--output_executable_path={path}: a jar is for a job that goes on with Kafka or "
            "Pub/Sub (--kafka_brokers, --follow), and this one reads files alone; leave it out"
        )
        raise FlagError(message)


def write_job_jar(
    pipeline: beam.Pipeline, options: PipelineOptions, path: Path, job_name: str
) -> None:
    """Writes the pipeline as a jar whose entry class is ENTRY_CLASS. Raises FlagError."""
    java_workers = options.view_as(RunnerOptions).java_worker_pool
    JobJarRunner(path, java_workers, job_name).run_pipeline(pipeline, options)


def told_of_jar(path: Path) -> str:
    """What a person does with a jar."""
    return (
        f"the job is in {path}; a job manager starts it by "
        f"--job-classname {ENTRY_CLASS} --jars local://{path.absolute()}"
    )


def _use_worker_pool(pipeline: beam_runner_api_pb2.Pipeline, address: str) -> None:
    """Lets Java's steps run in the pool, whatever the expansion service says of a container.

    The pool has its classes itself: what the service would have it load stays out of the jar.
    """
    payload = beam_runner_api_pb2.ExternalPayload()
    payload.endpoint.url = address
    for environment in pipeline.components.environments.values():
        if any(capability.startswith(_JAVA) for capability in environment.capabilities):
            environment.urn = common_urns.environments.EXTERNAL.urn
            environment.payload = payload.SerializeToString()
            del environment.dependencies[:]


def _options(options: PipelineOptions, job_name: str) -> Mapping[str, Any]:
    """What Flink and the workers need to know, by the names of Beam's model.

    The project's own flags are in the steps already; here everybody would see them who may look
    at the job, an address with a password among them.
    """
    own = {
        name
        for kind in PipelineOptions.__subclasses__()
        if not kind.__module__.startswith("apache_beam.")
        for name in _flags_of(kind)
    }
    kept = own - {name for name, _, _ in FLINK_FLAGS}
    values = {
        name: value
        for name, value in options.get_all_options(drop_default=True).items()
        if name not in kept
    }
    # Of the machine that writes the jar, and nothing to the cluster.
    for name in ("runner", "output_executable_path", "job_endpoint", "flink_job_server_jar"):
        values.pop(name, None)
    values |= {"job_name": job_name, "flink_master": "[auto]"}
    return json_format.MessageToDict(JobServiceHandle.encode_pipeline_options(values))


def _flags_of(kind: type[PipelineOptions]) -> list[str]:
    parser = argparse.ArgumentParser(add_help=False)
    kind._add_argparse_args(parser)  # type: ignore[arg-type]  # noqa: SLF001  (Beam's own hook)
    return list(vars(parser.parse_args([])))


def _write(path: Path, pipeline: beam_runner_api_pb2.Pipeline, options: Mapping[str, Any]) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    made = Path(name)
    try:
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as jar:
            jar.writestr("META-INF/MANIFEST.MF", _MANIFEST)
            _add_artifacts(jar, pipeline)
            jar.writestr(f"{_FOLDER}/pipeline-manifest.json", json.dumps({"defaultJobName": _JOB}))
            jar.writestr(f"{_FOLDER}/{_JOB}/pipeline.json", json_format.MessageToJson(pipeline))
            jar.writestr(f"{_FOLDER}/{_JOB}/pipeline-options.json", json.dumps(options))
        # Another user starts Flink.
        made.chmod(0o644)
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)


def _add_artifacts(jar: zipfile.ZipFile, pipeline: beam_runner_api_pb2.Pipeline) -> None:
    """Puts the files that workers are to have into the jar, and says that they are there."""
    number = 0
    for environment in pipeline.components.environments.values():
        for artifact in environment.dependencies:
            if artifact.type_urn != common_urns.artifact_types.FILE.urn:
                continue
            file = beam_runner_api_pb2.ArtifactFilePayload.FromString(artifact.type_payload)
            number += 1
            place = f"{_FOLDER}/{_JOB}/artifacts/{number}-{Path(file.path).name}"
            # What is compressed stays so: a package is a .tar.gz.
            with FileSystems.open(
                file.path, compression_type=CompressionTypes.UNCOMPRESSED
            ) as source:
                jar.writestr(place, source.read())
            file.path = f"classpath://{place}"
            artifact.type_payload = file.SerializeToString()
